"""What keeps a process alive, on a clock of the test's own: it never gives up, and says once for each attempt why."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from stack.failed import Failed, Unfit
from stack.kept import LONGEST_PAUSE, STEADY_SECONDS, Kept
from stack.processes import spawn

DIES = "import sys; print('no room left'); sys.exit(3)"
LIVES = "sleep"


@dataclass
class Script:
    """A child that runs one of its programs after the other, the last one again and again; an exception is raised."""

    log: Path
    programs: list[str | Exception]
    is_started: bool = False
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0

    def launch(self) -> None:
        program = self.programs.pop(0) if len(self.programs) > 1 else self.programs[0]
        if isinstance(program, Exception):
            raise program
        self.process = spawn(["sleep", "600"] if program == LIVES else [sys.executable, "-c", program], self.log)

    def started(self) -> bool:
        return self.is_started


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def run_out(kept: Kept, now: float) -> list[str]:
    """Looks after the process has ended by itself, at one instant."""
    assert kept.child.process is not None
    kept.child.process.wait(30)
    return kept.look(now)


def test_who_dies_at_once_is_started_again_for_ever_with_a_pause_that_grows_to_ten_seconds(log: Path) -> None:
    kept, now, pauses, said = Kept("kafka", Script(log, [DIES])), 0.0, [], []
    for _ in range(10):
        assert kept.look(now) == []
        said += run_out(kept, now)
        assert kept.again_at is not None
        pauses.append(kept.again_at - now)
        assert kept.look(kept.again_at - 0.01) == []
        now = kept.again_at

    assert [0.5, 1, 2, 4, 8] + [LONGEST_PAUSE] * 5 == pauses
    assert f"kafka ended with exit code 3 (no room left); attempt 2 in 0.5 s. Log: {log}" == said[0]
    assert f"kafka ended with exit code 3 (no room left); attempt 11 in 10 s. Log: {log}" == said[-1]
    assert 10 == len(said)


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (Failed("port 8101 is taken by another program"), "port 8101 is taken by another program"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (BlockingIOError(11, "Resource temporarily unavailable"), "Resource temporarily unavailable"),
    ],
)
def test_what_cannot_be_started_now_is_tried_again(log: Path, why: Exception, told: str) -> None:
    child = Script(log, [why, why, LIVES], is_started=True)
    kept = Kept("intake", child)
    said = kept.look(0) + kept.look(0.4) + kept.look(0.5) + kept.look(1.5) + kept.look(1.6)
    assert child.process is not None
    child.process.kill()

    assert [told in line for line in said] == [True, True, False]
    assert "intake is up again" == said[-1]
    assert not kept.unfit


def test_who_is_not_ready_in_time_is_killed_and_gets_twice_as_long_each_time(log: Path) -> None:
    child = Script(log, [LIVES])
    kept, now, waited = Kept("postgres", child, patience=30), 0.0, []
    for _ in range(3):
        kept.look(now)
        began, process = now, child.process
        while child.process is not None:
            now += 1
            kept.look(now)
        assert process is not None
        assert process.poll() == -9
        waited.append(now - began - 1)
        assert kept.again_at is not None
        now = kept.again_at

    assert [30, 60, 120] == waited


def test_a_long_healthy_life_is_rewarded_with_a_short_pause_and_a_short_one_is_not(log: Path) -> None:
    child = Script(log, [LIVES], is_started=True, deaths=4)
    kept = Kept("router", child)
    kept.look(0)
    up = kept.look(1)
    kept.look(STEADY_SECONDS)
    after_short = child.deaths
    kept.look(STEADY_SECONDS + 2)
    assert child.process is not None
    child.process.kill()
    said = run_out(kept, 100)

    assert (["router is up again"], 4) == (up, after_short)
    assert ["router was killed by SIGKILL; attempt 2 in 0.5 s."] == [line.partition(" Log")[0] for line in said]


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (40, "signal 40")])
def test_whatever_signal_kills_it_has_a_name(log: Path, number: int, name: str) -> None:
    child = Script(log, [LIVES], is_started=True)
    kept = Kept("router", child)
    kept.look(0)
    assert child.process is not None
    child.process.send_signal(number)
    [said] = run_out(kept, 1)

    assert said.startswith(f"router was killed by {name}; attempt 2 in 0.5 s.")


def test_a_task_is_tried_until_it_succeeds_and_then_never_again(log: Path) -> None:
    child = Script(log, [DIES, DIES, "print('done')"])
    kept, now = Kept("prepare", child, once=True), 0.0
    for _ in range(3):
        kept.look(now)
        said = run_out(kept, now)
        now = kept.again_at or now

    assert (["prepare is done"], True, None) == (said, kept.up, kept.again_at)
    assert ([], None) == (kept.look(1e6), child.process)


@pytest.mark.parametrize(
    ("program", "unfit"),
    [
        ("import sys; print('INTAKE_PORT is no port'); sys.exit(78)", "INTAKE_PORT is no port"),
        ("import sys; sys.exit('settings: ROUTER_PROT: is unknown')", "settings: ROUTER_PROT: is unknown"),
        ("import sys; sys.exit('pack: rules.csv line 7')", "pack: rules.csv line 7"),
        ("raise RuntimeError('broken')", ""),
        ("import os; os.kill(os.getpid(), 9)", ""),
    ],
)
def test_wrong_settings_are_told_from_all_else(log: Path, program: str, unfit: str) -> None:
    kept = Kept("any", Script(log, [program]))
    kept.look(0)
    run_out(kept, 0)

    assert (unfit, 0.5) == (kept.unfit, kept.again_at)


def test_a_missing_program_is_a_wrong_setting(log: Path) -> None:
    kept = Kept("any", Script(log, [Unfit("No Java runs here.")]))
    kept.look(0)

    assert "No Java runs here." == kept.unfit


def test_who_was_stopped_on_purpose_is_left_alone(log: Path) -> None:
    child = Script(log, [LIVES], is_started=True)
    kept = Kept("kafka", child)
    kept.look(0)
    kept.look(1)
    assert child.process is not None
    child.process.kill()
    child.process.wait(30)
    child.process = None

    assert ([], None) == (kept.look(1e6), child.process)
