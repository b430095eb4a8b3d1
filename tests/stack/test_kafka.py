"""Kafka's jars: a cache that is not what the list says is not taken."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.failed import Failed
from stack.kafka_jars import SUMS, VERSION, jars

ROOT = Path(__file__).parents[2]
NAMES = [line.split()[1] for line in SUMS.read_text("ascii").splitlines()]


@pytest.fixture(scope="module")
def fetched() -> Path:
    """The jars that the whole suite runs on; made before the way out is closed."""
    return jars(ROOT / ".run/cache")


@pytest.fixture(autouse=True)
def _no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every address is behind a proxy that is not there."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
        monkeypatch.setenv(variable.lower(), "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("M2_REPO", "")  # the resolver sets it; afterwards it is as before


@pytest.fixture
def cache(fetched: Path, tmp_path: Path) -> Path:
    """A cache with every jar of the list."""
    folder = tmp_path / f"kafka-{VERSION}"
    folder.mkdir()
    for name in NAMES:
        (folder / name).symlink_to(fetched / name)
    return tmp_path


def test_a_cache_that_is_what_the_list_says_is_taken_without_asking_anybody(cache: Path) -> None:
    assert cache / f"kafka-{VERSION}" == jars(cache)


def _add(folder: Path) -> None:
    (folder / "stray.jar").touch()


def _lose(folder: Path) -> None:
    (folder / NAMES[0]).unlink()


def _rename(folder: Path) -> None:
    (folder / NAMES[0]).rename(folder / f"{NAMES[0]}.old")


def _change(folder: Path) -> None:
    (folder / NAMES[0]).unlink()
    (folder / NAMES[0]).write_bytes((folder / NAMES[1]).read_bytes())


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize("spoil", [_add, _lose, _rename, _change, _remove])
def test_a_cache_that_differs_from_the_list_is_not_taken(cache: Path, spoil: Callable[[Path], None]) -> None:
    folder = cache / f"kafka-{VERSION}"
    spoil(folder)
    before = sorted(cache.rglob("*"))
    with pytest.raises(Failed, match="cannot be resolved from Maven"):
        jars(cache)

    assert before == sorted(cache.rglob("*"))


def test_the_list_names_each_jar_once_with_its_sha256() -> None:
    lines = [line.split() for line in SUMS.read_text("ascii").splitlines()]

    assert len(lines) == len(set(NAMES))
    assert f"kafka_2.13-{VERSION}.jar" in NAMES
    assert {(64, 2)} == {(len(words[0]), len(words)) for words in lines}
