"""Making the environment: what cannot work is said in one sentence that says what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stack.prepare import ROOT

OLD = "import runpy, sys; sys.version_info = (3, 9, 2); runpy.run_module('stack.install', run_name='__main__')"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The installer and a lock with one package, in a folder with a space and Chinese characters."""
    folder = tmp_path / "检出 目录"
    (folder / "stack").mkdir(parents=True)
    (folder / "requirements").mkdir()
    for name in ("__init__.py", "install.py"):
        shutil.copy(ROOT / "stack" / name, folder / "stack")
    (folder / "requirements/dev.txt").write_text(f"jgo==3.2.0 --hash=sha256:{'0' * 64}\n", "ascii")
    return folder


def install(checkout: Path, *words: str, **env: str) -> tuple[int, list[str]]:
    """The exit code, and what was said."""
    done = subprocess.run(
        [sys.executable, *(words or ("-m", "stack.install"))], cwd=checkout, env={**os.environ, "LC_ALL": "C", **env},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False, timeout=120,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()


def test_an_old_python_is_told_which_one_is_needed(checkout: Path) -> None:
    code, [said] = install(checkout, "-c", OLD)

    assert (1, True) == (code, said.startswith("Python 3.11 or newer is needed, and "))
    assert said.endswith("is 3.9.2. Run: make PYTHON=python3.11 venv")


def test_a_python_without_venv_is_told_what_to_install(checkout: Path) -> None:
    (checkout / "broken").mkdir()
    (checkout / "broken/venv.py").write_text("raise SystemExit(1)", "ascii")
    code, [said] = install(checkout, PYTHONPATH=str(checkout / "broken"))

    assert 1 == code
    assert "apt install python3-venv" in said


def test_a_folder_whose_name_has_a_colon_is_refused(checkout: Path) -> None:
    code, [said] = install(checkout.rename(checkout.with_name("a:b")))

    assert (1, True) == (code, "has a colon" in said)


def test_without_a_network_it_says_what_to_check(checkout: Path) -> None:
    nowhere = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    code, said = install(checkout, **nowhere, NO_PROXY="127.0.0.1", PIP_NO_CACHE_DIR="1")

    assert (1, 2) == (code, len(said))
    assert said[0].startswith("Making .venv: 1 packages, ")
    assert said[1].startswith("The package index cannot be reached. Check the network, HTTPS_PROXY and pip's settings.")
