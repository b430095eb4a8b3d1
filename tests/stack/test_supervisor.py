"""The command line as an operator meets it, in a copy of the project where nothing runs."""

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stack import supervisor
from stack.prepare import ROOT

PATIENCE = 120
NOWHERE = {"KAFKA_BOOTSTRAP": "127.0.0.1:1", "DATABASE_URL": "postgresql://x@127.0.0.1:1/x?sslmode=misspelt"}
"""Addresses with which nothing can be started: the second is refused at once."""

HOLDS_THE_LOCK = """
import fcntl, os, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(str(os.getpid()))
file.flush()
input()
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The parts of the project that the command line needs; its `.run` is not the checkout's."""
    folder = tmp_path_factory.mktemp("project")
    for package in ("stack", "chassis", "schemas", "cities"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def stack(copy: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m stack …` in the copy."""
    clean = {name: value for name, value in os.environ.items() if name not in {"KAFKA_BOOTSTRAP", "DATABASE_URL"}}
    return subprocess.run(
        [sys.executable, "-m", "stack", *words],
        cwd=copy,
        env=clean | env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_when_nothing_runs_status_says_so_with_3_and_down_is_content(copy: Path) -> None:
    status, down = stack(copy, "status"), stack(copy, "down")

    assert (3, "Nothing runs.\n", "") == (status.returncode, status.stdout, status.stderr)
    assert (0, "Nothing runs.\n", "") == (down.returncode, down.stdout, down.stderr)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["stauts"], "invalid choice: 'stauts'"),
        ([], "the following arguments are required: VERB"),
        (["keys", "issue", "jinyang", "--kind", "citizen"], "invalid choice: 'citizen'"),
        (["keys", "issue", "jinyang", "--kind", "app", "--expires-at", "2099-01-01T00:00:00"], "--expires-at"),
        (["parked", "list", "everything"], "invalid choice: 'everything'"),
    ],
)
def test_a_misspelt_verb_is_refused_with_2_and_the_word_at_fault(copy: Path, words: list[str], why: str) -> None:
    done = stack(copy, *words)

    assert (2, "", True) == (done.returncode, done.stdout, "usage: python -m stack" in done.stderr)
    assert why in done.stderr


def test_keys_are_issued_listed_and_revoked(copy: Path, tmp_path: Path) -> None:
    file = ["--file", str(tmp_path / "clients.json")]
    issued = stack(copy, "keys", *file, "issue", "jinyang", "--kind", "app")
    listed = stack(copy, "keys", *file, "list")
    revoked = stack(copy, "keys", *file, "revoke", "jinyang")
    again = stack(copy, "keys", *file, "revoke", "jinyang")
    key = issued.stdout.strip()

    assert (0, "ssp_app_") == (issued.returncode, key[:8])
    assert (0, ["app", "jinyang"]) == (listed.returncode, listed.stdout.split()[:2])
    assert key not in listed.stdout
    assert (0, "1 key(s) revoked\n") == (revoked.returncode, revoked.stdout)
    assert (1, "no client is called jinyang\n", "") == (again.returncode, again.stdout, again.stderr)


def test_a_name_that_cannot_be_is_refused_in_one_line(copy: Path, tmp_path: Path) -> None:
    done = stack(copy, "keys", "--file", str(tmp_path / "clients.json"), "issue", "two words", "--kind", "app")

    assert (1, 1, "") == (done.returncode, len(done.stdout.splitlines()), done.stderr)
    assert "'two words' is no name for a client" in done.stdout
    assert [] == list(tmp_path.iterdir())


def test_parked_without_an_address_says_how_to_give_one(copy: Path) -> None:
    done = stack(copy, "parked", "list", "cases")

    assert (1, "Give the address, set KAFKA_BOOTSTRAP", "") == (done.returncode, done.stdout[:37], done.stderr)


def test_secrets_for_compose_are_made_once_in_a_closed_folder(copy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    first = stack(copy, "secrets", "--folder", str(folder))
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    second = stack(copy, "secrets", "--folder", str(folder))
    after = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert (0, 0) == (first.returncode, second.returncode)
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)
    assert {"contact.private", "router.password", "router.url", "clients.json", "keys.env"} <= {p.name for p in before}
    assert before == after


def test_what_a_killed_supervisor_left_is_not_taken_for_a_running_system(copy: Path) -> None:
    run = copy / ".run"
    run.mkdir(exist_ok=True)
    (run / "env").write_text("INTAKE_URL=http://127.0.0.1:1\n", "utf-8")
    (run / "supervisor.pid").write_text("999999999", "ascii")
    status = stack(copy, "status")
    up = stack(copy, "up", "--detach", **NOWHERE)

    assert (3, "Nothing runs.\n") == (status.returncode, status.stdout)
    assert 1 == up.returncode
    assert "It did not come up (exit code 1)." in up.stdout
    assert not (run / "env").exists()
    assert supervisor.running(run) is None


@pytest.mark.parametrize(
    ("env", "why"),
    [
        (NOWHERE, "`sslmode` parameter must be one of"),
        ({**NOWHERE, "KAFKA_PARTITIONS": "six"}, "invalid literal for int() with base 10: 'six'"),
        ({**NOWHERE, "INTAKE_PORT": "80l1"}, "INTAKE_PORT is '80l1', which is no TCP port."),
    ],
)
def test_wrong_settings_end_the_first_start_with_a_sentence(copy: Path, env: dict[str, str], why: str) -> None:
    up = stack(copy, "up", **env)

    assert (1, "") == (up.returncode, up.stderr)
    assert why in up.stdout


@pytest.mark.parametrize("text", ["", "not a number", "999999999", "{pid}"])
def test_a_file_that_names_no_supervisor_is_nobody(tmp_path: Path, text: str) -> None:
    words = [sys.executable, "-c", "input()", "--of", "the/fullstack", "stack"]
    living = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        until(lambda: b"fullstack" in Path(f"/proc/{living.pid}/cmdline").read_bytes())
        (tmp_path / "supervisor.pid").write_text(text.format(pid=living.pid), "ascii")
        found = supervisor.running(tmp_path)
        said = supervisor.down(tmp_path)
        still = living.poll()
    finally:
        living.communicate(b"\n", PATIENCE)

    assert (None, 0, None) == (found, said, still)


def test_while_one_supervisor_lives_no_second_one_is_started(copy: Path, tmp_path: Path) -> None:
    run = copy / ".run"
    run.mkdir(exist_ok=True)
    (run / "env").unlink(missing_ok=True)
    shutil.rmtree(run / "logs", ignore_errors=True)
    words = [sys.executable, "-c", HOLDS_THE_LOCK, str(run / "supervisor.pid")]
    living = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        until(lambda: supervisor.running(run) == living.pid)
        status = stack(copy, "status")
        second = stack(copy, "up", "--detach", **NOWHERE)
        still = living.poll()
    finally:
        living.communicate(b"\n", PATIENCE)
        (run / "supervisor.pid").unlink()

    assert (3, "It is starting. Log:") == (status.returncode, status.stdout[:20])
    assert f"It runs already (process {living.pid})." in second.stdout
    assert (None, False) == (still, (run / "logs/supervisor.log").exists())
