"""The steps of the four stages in rows of weekdays: warning at 80 %, due, 2× and 3×, each of them once."""

from collections.abc import Sequence
from datetime import datetime

import pytest

from schemas import cases as ev
from schemas.cases import Stage
from services.router.case import Case, State
from services.router.commands import Dispute, Join, Ring, TimerStep
from services.router.commands_of_centre import Approve, Dispatch, Escalate, ForceClose, Refuse, Rework
from services.router.timers import STEPS, Timer, next_timers
from tests.router.conftest import CITY
from tests.router.kernel import (
    CENTRE,
    COMMANDS,
    DAY,
    FIRST,
    FRIDAY,
    MONDAY,
    NATURAL_DAYS,
    SATURDAY,
    SECOND,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    URGENT,
    WEDNESDAY,
    WEEK,
    WORK_DAY,
    WORK_HOURS,
    Steps,
    accepted,
    after,
    asking_more,
    asking_pause,
    decided,
    dispatched,
    extended,
    handling,
    in_state,
    on,
    paused,
    photo,
    refusal,
    resumed,
    returned_thrice,
    suspicious,
    timers,
    walk,
)  # fmt: skip

FRIDAY_0800, FRIDAY_0900, FRIDAY_1000 = (on(FRIDAY, hour) for hour in ("08:00", "09:00", "10:00"))
FRIDAY_1400, FRIDAY_1500, FRIDAY_1700 = (on(FRIDAY, hour) for hour in ("14:00", "15:00", "17:00"))
FRIDAY_1712, FRIDAY_1800, FRIDAY_1900 = (on(FRIDAY, hour) for hour in ("17:12", "18:00", "19:00"))
SATURDAY_1000 = on(SATURDAY, "10:00")
MONDAY_0836, MONDAY_0900, MONDAY_1012 = (on(MONDAY, hour) for hour in ("08:36", "09:00", "10:12"))
MONDAY_1030, MONDAY_1100, MONDAY_1500 = (on(MONDAY, hour) for hour in ("10:30", "11:00", "15:00"))
MONDAY_1524, MONDAY_1700, TUESDAY_1000 = on(MONDAY, "15:24"), on(MONDAY, "17:00"), on(TUESDAY, "10:00")
TUESDAY_1100, TUESDAY_1700, WEDNESDAY_1700 = on(TUESDAY, "11:00"), on(TUESDAY, "17:00"), on(WEDNESDAY, "17:00")
THURSDAY_1700, NEXT_FRIDAY_0912 = on(THURSDAY, "17:00"), on(FRIDAY + WEEK, "09:12")
CLOSED = after(returned_thrice(FRIDAY_0800), ForceClose(CENTRE, "gone", ""), FRIDAY_1500)

STAGES: Sequence[tuple[str, Case, Stage, tuple[datetime, datetime, datetime, datetime]]] = [
    ("accept, 2 work_hour", dispatched(WORK_HOURS, FRIDAY_1700), "accept",
     (MONDAY_0836, MONDAY_0900, MONDAY_1100, MONDAY_1500)),
    ("accept, not later than it must be handled", dispatched(URGENT, FRIDAY_1700), "accept",
     (FRIDAY_1900, FRIDAY_1900, on(MONDAY, "10:00"), on(MONDAY, "12:00"))),
    ("handle, 4 work_hour", accepted(WORK_HOURS, FRIDAY_1700), "handle",
     (MONDAY_1012, MONDAY_1100, MONDAY_1700, TUESDAY_1100)),
    ("handle runs before it is accepted", dispatched(WORK_HOURS, FRIDAY_1700), "handle",
     (MONDAY_1012, MONDAY_1100, MONDAY_1700, TUESDAY_1100)),
    ("handle, 1 work_day", accepted(WORK_DAY, FRIDAY_1700), "handle",
     (MONDAY_1524, MONDAY_1700, TUESDAY_1700, WEDNESDAY_1700)),
    ("handle, 2 urgent_hour", accepted(URGENT, FRIDAY_1700), "handle",
     (on(FRIDAY, "18:36"), FRIDAY_1900, on(FRIDAY, "21:00"), on(FRIDAY, "23:00"))),
    ("handle, 2 natural_day", accepted(NATURAL_DAYS, FRIDAY_1700), "handle",
     (on(SUNDAY, "07:24"), on(SUNDAY, "17:00"), TUESDAY_1700, THURSDAY_1700)),
    ("check, 2 work_hour", suspicious(FRIDAY_1700), "check", (MONDAY_0836, MONDAY_0900, MONDAY_1100, MONDAY_1500)),
    ("reply to what is held, 1 work_day", in_state("held", FRIDAY_1700), "reply",
     (MONDAY_1524, MONDAY_1700, TUESDAY_1700, WEDNESDAY_1700)),
    ("reply to what nobody wants", returned_thrice(FRIDAY_1700), "reply",
     (MONDAY_1524, MONDAY_1700, TUESDAY_1700, WEDNESDAY_1700)),
    ("reply to a dispute", after(CLOSED, COMMANDS[Dispute], FRIDAY_1700), "reply",
     (MONDAY_1524, MONDAY_1700, TUESDAY_1700, WEDNESDAY_1700)),
]  # fmt: skip


@pytest.mark.parametrize(("case", "stage", "instants"), [pytest.param(*row[1:], id=row[0]) for row in STAGES])
def test_each_step_of_a_stage_takes_effect_at_its_hour_and_once(
    case: Case, stage: Stage, instants: Sequence[datetime]
) -> None:
    generation = case.generation
    for at in dict.fromkeys(instants):
        steps = [step for step, instant in zip(STEPS, instants, strict=True) if instant == at]
        ring = Ring(generation, stage, steps[0])
        expected, early = timers(case)[stage], refusal(case, ring, at - SECOND)
        facts = [fact for fact in decided(case, ring, at) if isinstance(fact, ev.CaseEscalated) and fact.stage == stage]
        case = after(case, ring, at)

        assert Timer(generation, stage, steps[0], at) == expected
        assert [(step, at, at) for step in steps] == [(fact.step, fact.at, fact.due_at) for fact in facts]
        assert ("not_due", "not_due") == (early, refusal(case, ring, at))
    assert stage not in timers(case)


def rung(case: Case, step: TimerStep, at: datetime) -> Case:
    return after(case, Ring(case.generation, "handle", step), at)


ON_FRIDAY_1700 = accepted(WORK_HOURS, FRIDAY_1700)
"""4 work_hour: warned of on Monday at 10:12, due at 11:00."""
SENT_BACK = walk(
    extended(accepted(WORK_HOURS, FRIDAY_0800), FRIDAY_0900),
    [(FRIDAY_1000, handling(1, "P002", photos_elsewhere=("cd" * 32,))), (FRIDAY_1400, Rework(CENTRE, "没修好"))],
)
MOVED: Sequence[tuple[str, Case, TimerStep, datetime]] = [
    ("extended before the warning: at 80 % of both limits", extended(ON_FRIDAY_1700, FRIDAY_1800), "warning",
     MONDAY_1524),
    ("extended twice: of all three", extended(extended(ON_FRIDAY_1700, FRIDAY_1800), FRIDAY_1900), "warning",
     on(TUESDAY, "08:36")),
    ("extended after the warning: not warned of again", extended(rung(ON_FRIDAY_1700, "warning", MONDAY_1012),
     MONDAY_1030), "due", MONDAY_1700),
    ("twice is one original limit after it, however long it was extended",
     rung(rung(extended(ON_FRIDAY_1700, FRIDAY_1800), "warning", MONDAY_1524), "due", MONDAY_1700), "twice",
     TUESDAY_1100),
    ("stands still: nothing but its end", paused(ON_FRIDAY_1700, FRIDAY_1800, THURSDAY_1700), "resume", THURSDAY_1700),
    ("stood still before the warning: what ran before counts", resumed(paused(ON_FRIDAY_1700, FRIDAY_1800,
     THURSDAY_1700), THURSDAY_1700), "warning", NEXT_FRIDAY_0912),
    ("stood still after the warning: not warned of again", resumed(paused(rung(ON_FRIDAY_1700, "warning",
     MONDAY_1012), MONDAY_1030, TUESDAY_1000), TUESDAY_1000), "due", on(TUESDAY, "10:30")),
    ("stood still past 80 % before anybody was warned: warned of as it resumes", resumed(paused(ON_FRIDAY_1700,
     MONDAY_1030, TUESDAY_1000), TUESDAY_1000), "due", on(TUESDAY, "10:30")),
    ("stood still and was extended: at 80 % of both limits", extended(resumed(paused(ON_FRIDAY_1700, FRIDAY_1800,
     MONDAY_0900), MONDAY_0900), MONDAY_0900), "warning", on(MONDAY, "16:24")),
    ("sent back: its one limit anew, whatever was granted before", SENT_BACK, "warning", FRIDAY_1712),
    ("given to another: all anew", after(rung(ON_FRIDAY_1700, "warning", MONDAY_1012), Dispatch(CENTRE, "P014"),
     MONDAY_1100), "warning", on(MONDAY, "16:12")),
    ("pressed for by the centre: as before", after(ON_FRIDAY_1700, Escalate(CENTRE, "快"), FRIDAY_1800), "warning",
     MONDAY_1012),
    ("another report joined: as before", after(ON_FRIDAY_1700, COMMANDS[Join], FRIDAY_1800), "warning", MONDAY_1012),
    ("more time was refused: as before", walk(ON_FRIDAY_1700, [(FRIDAY_1800, asking_more(1, "P002")),
     (FRIDAY_1900, Refuse(CENTRE, "extension", "请按期完成"))]), "warning", MONDAY_1012),
]  # fmt: skip


@pytest.mark.parametrize(("case", "step", "at"), [pytest.param(*row[1:], id=row[0]) for row in MOVED])
def test_the_next_step_of_handling_is_where_the_clock_was_moved_to(case: Case, step: TimerStep, at: datetime) -> None:
    assert Timer(case.generation, "handle", step, at) == timers(case)["handle"]


@pytest.mark.parametrize(
    ("state", "stages"),
    [
        ("held", ["reply"]), ("filed", ["reply"]), ("dispatched", ["accept", "handle"]), ("accepted", ["handle"]),
        ("suspended", ["handle"]), ("handled", ["check"]), ("closed", []), ("declined", []), ("void", []),
        ("linked", []),
    ],
)  # fmt: skip
def test_each_state_has_the_timers_of_what_runs_in_it(state: State, stages: list[str]) -> None:
    assert stages == [timer.stage for timer in next_timers(in_state(state), CITY)]


def test_a_clock_that_was_set_back_fires_nothing() -> None:
    warned = rung(ON_FRIDAY_1700, "warning", MONDAY_1012)
    steps = [Ring(1, "handle", step) for step in STEPS]

    assert {"not_due"} == {refusal(warned, step, MONDAY_1012 - DAY) for step in steps}


def test_a_router_that_slept_for_a_week_fires_every_step_it_missed_in_the_order_in_which_it_was_due() -> None:
    facts = decided(dispatched(WORK_HOURS, FRIDAY_1700), Ring(1, "accept", "warning"), FRIDAY_1700 + WEEK)
    fired = [(f.stage, f.step, f.due_at) for f in facts if isinstance(f, ev.CaseEscalated)]

    assert [
        ("accept", "warning", MONDAY_0836), ("accept", "due", MONDAY_0900), ("handle", "warning", MONDAY_1012),
        ("accept", "twice", MONDAY_1100), ("handle", "due", MONDAY_1100), ("accept", "thrice", MONDAY_1500),
        ("handle", "twice", MONDAY_1700), ("handle", "thrice", TUESDAY_1100),
    ] == fired  # fmt: skip
    assert {FRIDAY_1700 + WEEK} == {fact.at for fact in facts}


def test_a_suspension_that_ended_during_an_outage_ended_at_its_own_instant() -> None:
    still = paused(accepted(WORK_HOURS, FRIDAY_1700), FRIDAY_1800, MONDAY_0900)
    resumption, warning, due, *_ = decided(still, Ring(1, "handle", "resume"), FRIDAY_1700 + WEEK)

    assert isinstance(resumption, ev.CaseResumed)
    assert (MONDAY_0900, on(MONDAY, "12:00")) == (resumption.since, resumption.deadline)
    assert [on(MONDAY, "11:12"), on(MONDAY, "12:00")] == [fact.due_at for fact in (warning, due)]  # type: ignore[union-attr]


def test_a_step_that_the_case_has_not_come_to_is_not_skipped_to() -> None:
    assert "not_due" == refusal(ON_FRIDAY_1700, Ring(1, "handle", "due"), FRIDAY_1700 + WEEK)


@pytest.mark.parametrize(("stage", "step"), [("accept", "warning"), ("check", "warning"), ("handle", "resume")])
def test_a_stage_that_does_not_run_fires_nothing(stage: Stage, step: TimerStep) -> None:
    assert "not_due" == refusal(ON_FRIDAY_1700, Ring(1, stage, step), FRIDAY_1700 + WEEK)


def test_a_timer_of_an_earlier_generation_fires_nothing() -> None:
    elsewhere = after(ON_FRIDAY_1700, Dispatch(CENTRE, "P014"), FRIDAY_1800)

    assert "older_generation" == refusal(elsewhere, Ring(1, "handle", "warning"), FRIDAY_1700 + WEEK)


def test_each_time_that_the_centre_is_waited_for_it_is_pressed_anew() -> None:
    dispute = Dispute(FIRST, "还在", "report:x")
    once_more = handling(2, text="再次处理", media=(photo("ef"),), photos=("ef" * 32,))
    steps: Steps = [(FRIDAY_1800, dispute), (FRIDAY_1800, once_more), (FRIDAY_1800, dispute)]
    late = walk(in_state("closed", FRIDAY_1700), steps)
    late = after(late, Ring(2, "reply", "warning"), FRIDAY_1700 + WEEK)
    again = walk(late, [(FRIDAY_1900, Refuse(CENTRE, "dispute", "已核查")), (FRIDAY_1900, dispute)])

    assert {} == timers(late)
    assert Timer(2, "reply", "warning", on(MONDAY, "16:24")) == timers(again)["reply"]


ENDINGS: Sequence[tuple[str, Steps]] = [
    ("handled", [(FRIDAY_1800, handling(1, "P002"))]),
    ("force-closed while it stands still", [(FRIDAY_1800, asking_pause(THURSDAY_1700, 1, "P002")),
     (FRIDAY_1800, Approve(CENTRE, "suspension")), (SATURDAY_1000, ForceClose(CENTRE, "gone", ""))]),
]  # fmt: skip


@pytest.mark.parametrize("steps", [pytest.param(row[1], id=row[0]) for row in ENDINGS])
def test_a_case_that_has_ended_rings_no_more(steps: Steps) -> None:
    ended = walk(ON_FRIDAY_1700, steps)

    assert () == next_timers(ended, CITY)
    assert "not_due" == refusal(ended, Ring(1, "handle", "due"), FRIDAY_1700 + WEEK)
