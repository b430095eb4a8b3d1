"""The kernel: any command at any hour. State is the fold of history, numbers have no gap, one platform at most."""

import base64
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas import cases as ev
from schemas.events import Instant, Named, Place
from services.router.case import Case, CaseEvent, State, evolve
from services.router.commands import (
    Accept,
    Close,
    Command,
    Decline,
    Dispatch,
    Dispute,
    Escalate,
    File,
    Handle,
    Join,
    Open,
    Refusal,
    Return,
    Rework,
    Ring,
)  # fmt: skip
from services.router.decide import decide
from services.router.timers import STEPS, next_timers
from services.router.transitions import ALLOWED
from tests.router.conftest import CITY, TUESDAY_1000, derived, utc

NUMBER = "1401062026112400001"
HOUR = timedelta(hours=1)
PLACE = Place(lon=112.55, lat=37.85, district="140106")
PLATFORMS = ("P016", "P015", "P002", "P013", "P060")


def opening(category: str | None = "C0102", number: str | None = NUMBER) -> Open:
    return Open(derived("case"), derived("first"), category, PLACE, "井盖缺失", (), number)


def after(case: Case | None, command: Command, at: datetime = TUESDAY_1000) -> Case:
    answer = decide(case, command, at, CITY)
    assert not isinstance(answer, Refusal), answer
    for event in answer:
        case = evolve(case, event)
    assert case is not None
    return case


def by_platform(made: type[Any], generation: int = 1, platform: str = "P016", **more: Any) -> Any:
    return made(by=f"platform:{platform}", platform=platform, generation=generation, **more)


def handled(**more: Any) -> Any:
    return by_platform(Handle, **({"text": "已处理", "media": ("m" * 80,), "photos": ("ab" * 32,)} | more))


def refusal(case: Case | None, command: Command, at: datetime = TUESDAY_1000) -> str:
    answer = decide(case, command, at, CITY)
    return answer.reason if isinstance(answer, Refusal) else "none"


COMMANDS: dict[type[Command], Any] = {
    Join: Join(derived("second"), "也看到了", ()),
    Dispute: Dispute(derived("first"), "还在", "report:x"),
    Accept: by_platform(Accept), Return: by_platform(Return, reason="not_ours"), Handle: handled(),
    File: File("centre:a", "C0102", "140106", NUMBER), Decline: Decline("centre:a", "not_true", "查无此事"),
    Dispatch: Dispatch("centre:a", "P013"), Close: Close("centre:a", "好了"), Rework: Rework("centre:a", "没修好"),
    Escalate: Escalate("centre:a", "快"), Ring: Ring(1, "handle", "warning"),
}  # fmt: skip


def in_state(state: State) -> Case:  # noqa: C901
    match state:
        case "held":
            return after(None, opening(category=None))
        case "filed":
            return evolve(dispatched(), ev.CaseReturned(**said(4), generation=1, platform=named(), reason="not_ours"))
        case "dispatched":
            return dispatched()
        case "accepted":
            return after(dispatched(), COMMANDS[Accept])
        case "suspended":
            until: Instant = TUESDAY_1000 + 48 * HOUR
            return evolve(in_state("accepted"), ev.CaseSuspended(**said(5), generation=1, until=until, reason="wait"))
        case "handled":
            return after(evolve_said(dispatched()), handled())
        case "closed":
            return after(dispatched(), handled())
        case _:
            return after(in_state("held"), COMMANDS[Decline])


def evolve_said(case: Case) -> Case:
    """The same case, in which these words were already used once."""
    case = after(case, handled())
    return after(case, COMMANDS[Dispute])


def dispatched() -> Case:
    return after(None, opening())


def said(seq: int) -> dict[str, Any]:
    return {"case_id": derived("case"), "seq": seq, "at": TUESDAY_1000, "by": "x"}


def holder(case: Case) -> str | None:
    return case.platform.code if case.platform else None


def named() -> Named:
    return Named(code="P016", name="x")


STATES: tuple[State, ...] = ("held", "filed", "dispatched", "accepted", "suspended", "closed", "declined")


@pytest.mark.parametrize("state", STATES)
def test_what_the_table_does_not_allow_is_refused_by_the_name_of_the_state(state: State) -> None:
    case = in_state(state)
    commands = COMMANDS | {Ring: Ring(case.generation, "handle", "warning")}
    refused = {kind for kind, command in commands.items() if refusal(case, command) == f"not_while_{state}"}
    of_platforms = {Accept, Return, Handle} if case.platform is None or "P016" not in case.held_by else set()

    assert set(COMMANDS) - ALLOWED[state] - of_platforms == refused - of_platforms


def test_a_complete_report_is_filed_and_dispatched_at_once() -> None:
    events = decide(None, opening(), TUESDAY_1000, CITY)
    assert not isinstance(events, Refusal)

    assert ["case.opened", "case.filed", "case.dispatched"] == [event.kind for event in events]


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (opening(category=None), "category_missing"), (opening(category="C9999"), "category_unknown"),
        (opening(number=None), "numbers_ran_out"),
        (Open(derived("case"), derived("first"), "C0102", Place(address="某处"), "x", (), None), "district_missing"),
    ],
)  # fmt: skip
def test_what_is_missing_holds_the_case(command: Open, reason: str) -> None:
    case = after(None, command)

    assert ("held", reason) == (case.state, case.waits_for)


def test_a_case_returned_three_times_waits_for_the_centre() -> None:
    case = dispatched()
    for generation, platform in enumerate(("P016", "P015", "P002"), 1):
        case = after(case, by_platform(Return, generation, platform, reason="not_ours"))

    assert ("filed", "arbitration", None) == (case.state, case.waits_for, case.platform)


def test_a_handling_with_the_photo_of_the_report_waits_for_the_centre() -> None:
    before = Open(derived("case"), derived("first"), "C0102", PLACE, "x", (media("ab"),), NUMBER)
    case = after(after(None, before), handled(media=(media("ab"),), photos=("ab" * 32,)))
    closed = after(case, COMMANDS[Close])
    again = after(case, COMMANDS[Rework])

    assert ("handled", "photo_from_before") == (case.state, case.waits_for)
    assert ("closed", "好了") == (closed.state, closed.reply)
    assert ("dispatched", 2, 1, "P016") == (
        again.state,
        again.generation,
        again.reworks,
        holder(again),
    )


def media(content: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(content * 32) + b"x" * 28).decode()


def test_a_dispute_within_the_window_goes_to_the_same_platform_and_later_is_too_late() -> None:
    closed = in_state("closed")
    again = after(closed, COMMANDS[Dispute], TUESDAY_1000 + timedelta(days=14))

    assert ("dispatched", 2, "P016") == (again.state, again.generation, holder(again))
    assert refusal(closed, COMMANDS[Dispute], TUESDAY_1000 + timedelta(days=16)) == "dispute_too_late"
    assert refusal(closed, Dispute(derived("stranger"), "x", "report:y")) == "unknown_case"


def test_steps_of_a_stage_fire_in_order_and_each_once() -> None:
    case = dispatched()
    for step in STEPS:
        timer = next(t for t in timers(case) if t.stage == "handle")
        early = refusal(case, Ring(1, "handle", step), timer.at - timedelta(seconds=1))
        case = after(case, Ring(1, "handle", step), timer.at)

        assert (step, "not_due") == (timer.step, early)
        assert refusal(case, Ring(1, "handle", step), timer.at) == "not_due"
    assert [t for t in timers(case) if t.stage == "handle"] == []


def timers(case: Case) -> Any:
    return next_timers(case, CITY.accept_clock, CITY.handle_clock(case.category), CITY.calendar)


@pytest.mark.parametrize("state", ["held", "suspended", "closed", "declined"])
def test_a_clock_that_stands_still_has_no_timer(state: State) -> None:
    assert timers(in_state(state)) == ()


def test_an_extended_case_is_warned_before_its_new_deadline_and_a_resumed_one_runs_again() -> None:
    case = in_state("accepted")
    assert case.deadline is not None
    later = case.deadline + 2 * HOUR
    extended = evolve(case, ev.CaseExtended(**said(5), generation=1, deadline=later, reason="parts"))
    resumed = evolve(in_state("suspended"), ev.CaseResumed(**said(6), generation=1, deadline=utc(later)))

    assert case.deadline < timers(extended)[0].at < later
    assert ("accepted", utc(later)) == (resumed.state, resumed.deadline)


class AnyCommandAtAnyHour(RuleBasedStateMachine):
    """Whatever is asked, by whom and when."""

    @initialize(category=st.sampled_from([None, "C0102", "E0110"]))
    def begin(self, category: str | None) -> None:
        self.at = TUESDAY_1000
        self.history: list[CaseEvent] = []
        self.case: Case | None = None
        self.ask(opening(category))

    def ask(self, command: Command) -> None:
        before = self.case
        answer = decide(before, command, self.at, CITY)
        assert answer == decide(before, command, self.at, CITY)
        if isinstance(answer, Refusal):
            return
        assert answer
        for event in answer:
            self.case = evolve(self.case, event)
            self.history.append(event)

    @rule(hours=st.integers(-24, 24 * 40))
    def pass_time(self, hours: int) -> None:
        self.at += hours * HOUR

    @rule(kind=st.sampled_from([Accept, Return]), platform=st.sampled_from(PLATFORMS), generation=st.integers(1, 6))
    def platform_acts(self, kind: type[Any], platform: str, generation: int) -> None:
        more = {"reason": "not_ours"} if kind is Return else {}
        self.ask(by_platform(kind, generation, platform, **more))

    @rule(platform=st.sampled_from(PLATFORMS), generation=st.integers(1, 6), content=st.sampled_from(["ab", "cd"]))
    def platform_handles(self, platform: str, generation: int, content: str) -> None:
        self.ask(handled(platform=platform, generation=generation, media=(media(content),), photos=(content * 32,)))

    @rule(kind=st.sampled_from([File, Decline, Close, Rework, Escalate, Dispute, Join]))
    def others_ask(self, kind: type[Command]) -> None:
        self.ask(COMMANDS[kind])

    @rule(platform=st.sampled_from([None, *PLATFORMS]))
    def centre_dispatches(self, platform: str | None) -> None:
        self.ask(Dispatch("centre:a", platform))

    @rule(stage=st.sampled_from(["accept", "handle"]), step=st.sampled_from(STEPS), generation=st.integers(1, 6))
    def clock_rings(self, stage: ev.Stage, step: ev.Step, generation: int) -> None:
        self.ask(Ring(generation, stage, step))

    @invariant()
    def state_is_the_fold_of_history(self) -> None:
        case: Case | None = None
        for event in self.history:
            case = evolve(case, event)
        assert case == self.case

    @invariant()
    def numbers_have_no_gap(self) -> None:
        assert list(range(1, len(self.history) + 1)) == [event.seq for event in self.history]

    @invariant()
    def each_generation_has_one_platform(self) -> None:
        given = [event for event in self.history if isinstance(event, ev.CaseDispatched)]
        assert list(range(1, len(given) + 1)) == [event.generation for event in given]

    @invariant()
    def no_step_fires_twice_in_a_generation(self) -> None:
        rung = [(e.generation, e.stage, e.step) for e in self.history if isinstance(e, ev.CaseEscalated) and e.stage]
        assert len(set(rung)) == len(rung)

    @invariant()
    def nobody_waits_without_a_reason(self) -> None:
        if self.case is not None:
            assert bool(self.case.waits_for) == (self.case.state in ("held", "filed", "handled"))

    @invariant()
    def a_stopped_clock_has_no_timer(self) -> None:
        if self.case is not None and self.case.state not in ("dispatched", "accepted"):
            assert timers(self.case) == ()


TestAnyCommandAtAnyHour = AnyCommandAtAnyHour.TestCase
TestAnyCommandAtAnyHour.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
