"""The whole system in a checkout that nobody else can enter, with a name of spaces and Chinese characters, in the
locale C, beside programs that hold its ports: it comes up, keeps its secrets, survives every death, and goes.

One system for the whole file, because a start is dear; its tests build upon each other in their order.
"""

import importlib.util
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

from chassis.settings import Misset, Settings
from chassis.settings import read as read_settings
from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.router.settings import RouterSettings
from stack.kafka_jars import jars
from stack.postgres_programs import PACKAGE
from stack.prepare import ROOT
from tests.standins.photos import photo_of

PATIENCE = 240.0
SERVICES = ("intake", "router", "notifier")


KEY = re.compile(rb"ssp_(app|platform|centre|ops)_")
"""How a key begins; long enough that no database, log or photo has it by chance."""


def read(path: Path) -> bytes:
    """What is in the file; nothing if it is gone by now, as files and processes of servers come and go."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return path.read_bytes()
    return b""


@dataclass
class Checkout:
    """A copy of the project with a running system."""

    folder: Path
    env: dict[str, str]
    said: str = ""

    @property
    def run(self) -> Path:
        return self.folder / ".run"

    @property
    def log(self) -> str:
        return (self.run / "logs/supervisor.log").read_text("utf-8")

    def modes(self) -> dict[Path, int]:
        """Every folder, file and link under `.run` with its mode; some go while we look."""
        found = {}
        for folder, folders, files in os.walk(self.run):
            for path in (Path(folder, name) for name in (".", *folders, *files)):
                with suppress(FileNotFoundError):
                    found[path] = path.lstat().st_mode
        return found

    def told(self) -> dict[str, str]:
        """What `.run/env` says."""
        return dict(line.split("=", 1) for line in (self.run / "env").read_text("utf-8").splitlines())

    def stack(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stack", *words], cwd=self.folder, env=self.env, capture_output=True,
            encoding="utf-8", timeout=PATIENCE, check=False,
        )  # fmt: skip

    def processes(self) -> dict[int, str]:
        """The number and command line of everything that runs for this checkout."""
        found = {}
        for place in Path("/proc").iterdir():
            if place.name.isdigit() and int(place.name) != os.getpid():
                with suppress(OSError):
                    words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                    if str(self.folder) in f"{words} {(place / 'cwd').readlink()}":
                        found[int(place.name)] = words
        return found

    def child(self, word: str, but: int = 0) -> int:
        """The supervisor's child with this word in its command line, as soon as there is one `but` that."""
        supervisor = int((self.run / "supervisor.pid").read_text("ascii"))

        def find() -> int | None:
            for place in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text("ascii").split():
                with suppress(OSError):
                    if int(place) != but and word.encode() in Path(f"/proc/{place}/cmdline").read_bytes():
                        return int(place)
            return None

        found = until(find)
        assert found is not None
        return found

    def kill(self, *words: str) -> dict[str, int]:
        """kill -9; returns the numbers of those that are no more."""
        killed = {word: self.child(word) for word in words}
        for pid in killed.values():
            with suppress(ProcessLookupError):  # it has ended by itself: its predecessor had left something
                os.kill(pid, signal.SIGKILL)
        return killed


T = TypeVar("T")


def until(ask: Callable[[], T]) -> T:
    deadline = time.monotonic() + PATIENCE
    while not (told := ask()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return told


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The project in a closed folder, with PostgreSQL's programs in there too, and its usual ports held by us."""
    closed = tmp_path_factory.mktemp("closed") / "封闭 目录, x"
    closed.mkdir(mode=0o700)
    folder = closed / "check out"
    for package in ("stack", "chassis", "schemas", "cities", "services"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".run").mkdir(mode=0o755)
    (folder / ".run/cache").symlink_to(jars(ROOT / ".run/cache").parent)
    packages = closed / "packages"
    packages.mkdir()
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    for name in (PACKAGE, f"{PACKAGE}.libs"):
        (packages / name).symlink_to(Path(spec.origin).parents[1] / name)
    temporary = Path(tempfile.mkdtemp(prefix="ssp-"))
    temporary.chmod(0o755)
    held = [socket.create_server(("127.0.0.1", 0)) for _ in SERVICES]
    env = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}
    env |= {"LANG": "C", "LC_ALL": "C", "TMPDIR": str(temporary), "PYTHONPATH": str(packages), "KAFKA_PORT": "0"}
    env |= {f"{name.upper()}_PORT": str(taken.getsockname()[1]) for name, taken in zip(SERVICES, held, strict=True)}
    made = Checkout(folder, env)
    try:
        up = made.stack("up", "--detach")
        made.said = up.stdout
        assert (0, "") == (up.returncode, up.stderr), up.stdout
        yield made
    finally:
        made.stack("down")
        for server in held:
            server.close()
        shutil.rmtree(temporary, ignore_errors=True)


def test_it_comes_up_and_says_which_ports_were_taken(checkout: Checkout) -> None:
    status = checkout.stack("status")
    taken = [line for line in checkout.said.splitlines() if "is taken by another program" in line]

    assert (0, 3) == (status.returncode, len(taken))
    assert [f"{name} uses" in line for name, line in zip(SERVICES, taken, strict=True)] == [True] * 3
    assert "迎泽大街" in checkout.said


def test_what_the_env_file_tells_a_shell_is_no_misspelt_setting_of_a_service(checkout: Checkout) -> None:
    models: dict[str, type[Settings]] = {
        "INTAKE": IntakeSettings,
        "ROUTER": RouterSettings,
        "NOTIFIER": NotifierSettings,
    }
    for prefix, model in models.items():
        with pytest.raises(Misset) as caught:  # it has none of their own
            read_settings(model, prefix, checkout.told())

        assert f"{prefix}_URL" in checkout.told()
        assert [] == [fault for fault in caught.value.faults if not fault.endswith(": is missing")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only as root does PostgreSQL run as another user")
def test_as_root_postgresql_runs_as_a_user_who_cannot_enter_the_checkout(checkout: Checkout) -> None:
    pid = checkout.child("postgres")
    words = Path(f"/proc/{pid}/cmdline").read_bytes()

    assert 0 != Path(f"/proc/{pid}").stat().st_uid
    assert checkout.env["TMPDIR"].encode() in words  # its programs were copied to where that user can run them
    assert 0o700 == stat.S_IMODE((checkout.run / "postgres/data").stat().st_mode)


def test_every_file_is_its_owners_alone_and_no_key_is_where_it_does_not_belong(checkout: Checkout) -> None:
    told = checkout.told()
    keys = {name: key for name, key in told.items() if key.startswith("ssp_")}
    photo = httpx.post(
        f"{told['INTAKE_URL']}/v1/media", content=photo_of(1, "x", 112.5, 37.8), timeout=30,
        headers={"Authorization": f"Bearer {told['APP_KEY']}", "Content-Type": "image/jpeg"},
    )  # fmt: skip
    modes = checkout.modes()
    open_ones = {str(p): oct(m) for p, m in modes.items() if not stat.S_ISLNK(m) and stat.S_IMODE(m) & 0o077}
    known = {checkout.run / "env", checkout.run / "secrets/keys.json"}
    spread = [p for p, mode in modes.items() if stat.S_ISREG(mode) and p not in known and KEY.search(read(p))]
    running = checkout.processes()
    shown = [pid for pid in running for part in ("cmdline", "environ") if KEY.search(read(Path(f"/proc/{pid}/{part}")))]

    assert (201, 75) == (photo.status_code, len(keys))
    assert len(running) >= 6
    assert ({}, [], []) == (open_ones, spread, shown)
    assert not [key for key in keys.values() if key in checkout.said + checkout.log]


def test_kafka_and_postgresql_that_die_while_they_start_come_back_and_so_does_everything(checkout: Checkout) -> None:
    for words in (["kafka"], ["kafka"], ["postgres"], ["postgres"], ["kafka", "postgres"], ["router"], ["intake"]):
        for word, pid in checkout.kill(*words).items():
            checkout.child(word, but=pid)  # the next one is on its way
    until(lambda: checkout.stack("status").returncode == 0)
    said = [line for line in checkout.log.splitlines() if "; attempt " in line]

    assert {"kafka", "postgres", "router", "intake"} == {line.split()[0] for line in said}
    assert 8 <= len(said) <= 20


def test_a_port_that_is_taken_for_a_moment_is_waited_for(checkout: Checkout) -> None:
    port = int(checkout.told()["NOTIFIER_URL"].rpartition(":")[2])
    os.kill(checkout.child("services.notifier"), signal.SIGKILL)

    def hold() -> socket.socket | None:
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", port))
        return None

    held = until(hold)
    assert held is not None
    until(lambda: f"notifier cannot be started: port {port} is taken by another program; attempt" in checkout.log)
    held.close()
    until(lambda: checkout.stack("status").returncode == 0)


def test_down_in_the_middle_of_an_attempt_leaves_nothing_behind(checkout: Checkout) -> None:
    checkout.kill("kafka", "postgres")
    down = checkout.stack("down")

    assert (0, "") == (down.returncode, down.stderr)
    until(lambda: not checkout.processes())


def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing_behind(checkout: Checkout) -> None:
    words = [sys.executable, "-m", "stack", "up"]
    up = subprocess.Popen(words, cwd=checkout.folder, env=checkout.env, stdout=subprocess.PIPE)
    until(lambda: (checkout.run / "supervisor.pid").read_bytes() == str(up.pid).encode())
    checkout.child("postgres")
    up.send_signal(signal.SIGINT)
    said, _ = up.communicate(timeout=PATIENCE)

    assert (0, True) == (up.returncode, said.decode("utf-8").endswith("Stopping …\n"))
    until(lambda: not checkout.processes())
