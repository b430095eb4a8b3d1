"""What each fact makes of a case: nothing before it is opened, and old records are understood as they were written."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import cases as ev
from schemas.events import read
from services.router.case import Case
from services.router.commands import Accept, Command, Reschedule
from services.router.commands_of_centre import Approve
from services.router.evolve import evolve
from tests.router.conftest import ROOT
from tests.router.kernel import (
    CENTRE,
    FRIDAY,
    MONDAY,
    SATURDAY,
    STATES,
    WORK_HOURS,
    Steps,
    after,
    asking_pause,
    by_platform,
    extended,
    folded,
    handling,
    in_state,
    on,
    opening,
    refusal,
    resumed,
    timers,
    told,
)  # fmt: skip

EXAMPLES = [path for kind in ev.KINDS for path in sorted((ROOT / "schemas/examples" / kind).glob("*.json"))]
"""Records as they were ever written, by kind."""
LATER = [path for path in EXAMPLES if path.parent.name != "case.opened"]
OPENING = next(path for path in EXAMPLES if path.parent.name == "case.opened")
LATER_FIELDS = ("limit", "provisional", "final", "owner", "spent_s", "left", "forced")
"""What records of the first version lack."""
FRIDAY_1500, FRIDAY_1600, SATURDAY_1000 = on(FRIDAY, "15:00"), on(FRIDAY, "16:00"), on(SATURDAY, "10:00")
MONDAY_1200, MONDAY_1500 = on(MONDAY, "12:00"), on(MONDAY, "15:00")
OPENED = (FRIDAY_1500, opening(WORK_HOURS))
ACCEPTED = (FRIDAY_1500, by_platform(Accept, 1, "P002"))
PAUSED: Sequence[tuple[datetime, Command]] = [
    (FRIDAY_1600, asking_pause(SATURDAY_1000, 1, "P002")),
    (FRIDAY_1600, Approve(CENTRE, "suspension")),
]


def example(path: Path) -> Any:
    return read(ev.KINDS, path.parent.name, path.read_bytes())


def test_there_is_an_example_of_every_kind_of_fact() -> None:
    assert set(ev.KINDS) == {path.parent.name for path in EXAMPLES}


def test_a_case_begins_with_its_opening() -> None:
    fact = example(OPENING)

    assert ("opened", fact.seq, fact.at, (fact.report_id,)) == seen_of(evolve(None, fact))


def seen_of(case: Case) -> Any:
    return case.state, case.seq, case.opened_at, case.reports


@pytest.mark.parametrize("path", LATER, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_comes_before_the_opening(path: Path) -> None:
    with pytest.raises(ValueError, match=r"before case\.opened"):
        evolve(None, example(path))


def test_no_case_is_opened_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        evolve(in_state("held"), example(OPENING))


@pytest.mark.parametrize("path", LATER, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_whatever_a_record_says_is_taken_down_in_any_state(path: Path) -> None:
    fact = example(path)
    cases = [evolve(in_state(state), fact) for state in STATES]

    assert {(fact.seq, fact.at)} == {(case.seq, case.changed_at) for case in cases}


def as_first_written(steps: Steps) -> list[Any]:
    """The history of these steps in records of the first version."""
    found = []
    for fact in told(steps):
        body = {name: value for name, value in json.loads(fact.model_dump_json()).items() if name not in LATER_FIELDS}
        found.append(read(ev.KINDS, fact.kind, json.dumps(body).encode()))
    return found


@pytest.mark.parametrize("steps", [[OPENED], [OPENED, ACCEPTED]], ids=["dispatched", "accepted"])
def test_a_case_of_the_first_version_runs_on_the_citys_limits(steps: Steps) -> None:
    before, now = folded(as_first_written(steps)), folded(told(steps))

    assert (None, None, 0.0) == (before.limit, before.allowed, before.spent)
    assert timers(now) == timers(before)
    assert now.deadline == before.deadline
    assert "still_right" == refusal(before, Reschedule(), FRIDAY_1600)


def test_a_case_of_the_first_version_is_extended_and_handled_like_any_other() -> None:
    case = extended(folded(as_first_written([OPENED, ACCEPTED])), FRIDAY_1600)
    closed = after(case, handling(1, "P002"), MONDAY_1200)

    assert (MONDAY_1500, 1) == (case.deadline, case.extensions)
    assert ("closed", 7 * 3600) == (closed.state, closed.spent_s)


def test_a_suspension_that_does_not_say_what_was_left_resumes_with_the_whole_limit() -> None:
    case = folded(as_first_written([OPENED, ACCEPTED, *PAUSED]))

    assert MONDAY_1200 == resumed(case, SATURDAY_1000).deadline
