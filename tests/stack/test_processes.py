"""Children and ports: whose port it is, what a log says last, and with which rights a child writes."""

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from stack import processes
from stack.child import Supervised
from stack.environment import MARK, for_child, forget_own
from stack.private import private_folder, tighten

SERVER = """
import socket, sys, time
held = socket.create_server(("127.0.0.1", int(sys.argv[1])))
time.sleep(600)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    port = processes.free_port()
    process = processes.spawn([sys.executable, "-c", SERVER, str(port)], tmp_path / "log")
    yield port, process
    processes.stop(process)


def test_a_port_is_that_of_the_process_that_listens_and_of_no_other(
    server: tuple[int, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    port, process = server
    other = processes.spawn(["sleep", "600"], tmp_path / "other")
    deadline = time.monotonic() + 30
    while not processes.listens(port, process):
        assert time.monotonic() < deadline
    strangers = processes.listens(port, other)
    taken = processes.taken(port)
    processes.stop(other)
    processes.stop(process)

    assert (False, True) == (strangers, taken)
    assert (False, False) == (processes.listens(port, process), processes.taken(port))


def test_an_answer_of_another_checkouts_service_on_the_same_port_is_not_taken_for_our_own(tmp_path: Path) -> None:
    port = processes.free_port()
    page = tmp_path / "page/readyz"
    page.parent.mkdir()
    page.touch()
    words = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(page.parent)]
    other = processes.spawn(words, tmp_path / "other")
    ours = Supervised("intake", port, {}, tmp_path / "log", processes.spawn(["sleep", "600"], tmp_path / "log"))
    deadline = time.monotonic() + 30
    while not ours.answers():
        assert time.monotonic() < deadline
    ready = ours.ready()
    own = Supervised("intake", port, {}, tmp_path / "log", other).ready()
    for process in (other, ours.process):
        assert process is not None
        processes.stop(process)

    assert (False, True) == (ready, own)


def test_a_port_that_was_left_a_moment_ago_is_not_taken() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as held:
        port = held.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):
            held.accept()[0].close()
            during = processes.taken(port)

    assert (True, False) == (during, processes.taken(port))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("java.io.IOException: gone\n\tat kafka.Kafka\n\tat x\n", "java.io.IOException: gone"),
        ("Traceback\n  File x\n    y\nValueError: no\n", "ValueError: no"),
        ("java.net.BindException: in use\n\tat x\nWARNING: deprecated\n", "java.net.BindException: in use"),
        ("a" * 50_000 + "\nlast\n", "last"),
    ],
)
def test_the_last_words_of_a_log_are_no_part_of_a_stack_trace(tmp_path: Path, log: str, words: str) -> None:
    (tmp_path / "log").write_text(log, "utf-8")

    assert words == processes.last_words(tmp_path / "log")


def test_a_process_is_not_blamed_for_what_an_earlier_one_said(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("settings: wrong\n", "ascii")
    before = log.stat().st_size

    assert ("settings: wrong", "") == (processes.last_words(log), processes.last_words(log, before))


def test_the_last_words_of_no_log_are_none(tmp_path: Path) -> None:
    assert "" == processes.last_words(tmp_path / "log")


def test_what_a_child_writes_is_its_owners_alone(tmp_path: Path) -> None:
    program = "import pathlib; pathlib.Path('a/b').mkdir(parents=True); pathlib.Path('a/c').touch(); print('said')"
    log = tmp_path / "run/logs/child.log"
    processes.spawn([sys.executable, "-c", program], log, cwd=private_folder(tmp_path / "run")).wait(30)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "run", *(tmp_path / "run").rglob("*"))}

    assert {"run": 0o700, "logs": 0o700, "child.log": 0o600, "a": 0o700, "b": 0o700, "c": 0o600} == modes


def test_what_an_older_version_left_open_is_closed_and_nothing_outside_is_touched(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.touch(mode=0o644)
    outside.chmod(0o644)
    run = tmp_path / "run"
    (run / "kafka/data").mkdir(parents=True)
    (run / "kafka/data/0.log").touch()
    (run / "kafka/data/tight").touch(mode=0o400)
    for path, mode in (
        (run, 0o755),
        (run / "kafka", 0o755),
        (run / "kafka/data", 0o777),
        (run / "kafka/data/0.log", 0o664),
    ):
        path.chmod(mode)
    (run / "link").symlink_to(outside)
    tighten(run)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (run, *run.rglob("*"))}

    assert {"run": 0o700, "kafka": 0o700, "data": 0o700, "0.log": 0o600, "tight": 0o400, "link": 0o644} == modes


def test_a_child_is_told_nothing_that_may_be_a_secret() -> None:
    environ = {"PATH": "/bin", "HOME": "/root", "APP_KEY": "k", "DATABASE_URL": "postgresql://u:p@h/d", "LANG": "C"}
    told = for_child(environ | {"PLATFORM_KEY_P001": "k", "ROUTER_DATABASE_URL": "x", "MY_TOKEN": "t", "LC_ALL": "C"})

    assert {"PATH": "/bin", "HOME": "/root"}.items() <= told.items()
    assert {"PATH", "HOME", "LC_ALL", "PYTHONUTF8", "MALLOC_ARENA_MAX"} == told.keys()


def test_what_came_from_the_env_file_is_forgotten_and_what_was_set_on_purpose_is_kept() -> None:
    environ = {MARK: "INTAKE_URL,APP_KEY", "INTAKE_URL": "x", "APP_KEY": "k", "KAFKA_BOOTSTRAP": "mine"}
    forget_own(environ)

    assert {"KAFKA_BOOTSTRAP": "mine"} == environ
