"""Any command of anybody at any hour, to three cases at once, read by somebody who is told things twice: laws hold."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, TypeVar, get_args

from hypothesis import event, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas import cases as ev
from schemas.case_event import Stage
from schemas.cases import KINDS as FACTS
from schemas.events import Place, read
from services.router.accountability import Account, accounts_of, fold
from services.router.answer import Ask, answered
from services.router.case import Case, CaseEvent, State
from services.router.city import City
from services.router.clocks import WorkingCalendar
from services.router.commands import (
    Accept,
    Command,
    Dispute,
    Extend,
    Handle,
    Join,
    Open,
    PlatformAct,
    Rate,
    Refusal,
    ReporterAct,
    Reschedule,
    Return,
    Ring,
    Supplement,
    Suspend,
)  # fmt: skip
from services.router.commands_of_centre import (
    Approve,
    CentreAct,
    Close,
    Correct,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Link,
    Refuse,
    Resume,
    Rework,
    Unlink,
    Void,
)  # fmt: skip
from services.router.decide import decide
from services.router.evolve import evolve
from services.router.ledger import CASES
from services.router.timers import STEPS, Timer, next_timers
from services.router.transitions import ALLOWED
from tests.router.conftest import CITY, derived
from tests.router.kernel import (
    CENTRE,
    DAY,
    FIRST,
    FRIDAY,
    HOUR,
    KINDS,
    NATURAL_DAYS,
    NUMBER,
    SECOND,
    SECOND_REPORT,
    STRANGER,
    URGENT,
    WORK_DAY,
    WORK_HOURS,
    folded,
    holder,
    on,
    opening,
    photo,
)  # fmt: skip

FRIDAY_1000 = on(FRIDAY, "10:00")
NAMES = ("one", "two", "three")
CATEGORIES = (URGENT, WORK_HOURS, WORK_DAY, NATURAL_DAYS, "E0502", None, "C9999")
OPENINGS: Sequence[tuple[str | None, str | None]] = [
    *((category, "140106") for category in CATEGORIES), (URGENT, None), (URGENT, "110101"),
]  # fmt: skip
REASONS = {
    "already_open", "unknown_case", "older_generation", "generation_unknown", "not_yours", "not_due", "still_right",
    "reason_unknown", "decision_is_final", "request_waiting", "overdue", "extended_enough", "until_in_past",
    "until_too_far", "text_too_short", "after_photo_missing", "category_missing", "category_unknown",
    "district_missing", "district_unknown", "numbers_ran_out", "platform_unknown", "already_there",
    "no_candidate_left", "report_not_joined", "first_report", "same_case", "linked_to_not_open", "no_such_request",
    "already_joined", "another_problem", "nothing_to_correct", "dispute_too_late", "dispute_waiting",
    *(f"not_while_{state}" for state in get_args(State) if state != "opened"),
}  # fmt: skip
"""Every refusal that there is; nobody ever finds a case `opened`."""
HOLIDAYS = [date(2026, 11, 25), date(2026, 11, 30), *(date(2026, 12, day) for day in range(7, 19)), date(2027, 1, 1)]
OFTEN: Mapping[type[Command], int] = {
    Decline: 1, ForceClose: 1, Void: 1, Link: 1, Rate: 2, Accept: 24, Extend: 24, Suspend: 24, Dispute: 24,
    Approve: 24, Refuse: 16, Handle: 16,
}  # fmt: skip
"""How often something is asked: what ends a case seldom, what leads on often, all else eight times."""
LATER_CITY = replace(
    CITY,
    calendar=WorkingCalendar(
        CITY.calendar.periods, {**CITY.calendar.overrides, **dict.fromkeys(HOLIDAYS, False)}, seasons=()
    ),
)
"""The same city after days off were announced late."""
T = TypeVar("T")
Choose = Callable[[Sequence[T]], T]


@dataclass(slots=True)
class Life:
    """One case as it was decided and, beside it, as far as somebody has read of it on the topic."""

    name: str
    case: Case | None = None
    history: list[CaseEvent] = field(default_factory=list)
    accounts: dict[int, Account] = field(default_factory=dict)
    asked: list[Command] = field(default_factory=list)
    offset: int = 0
    heard: Case | None = None


class World:
    """Three cases, the hour, the city as it is now, and all facts in the order in which they became known."""

    def __init__(self) -> None:
        self.at = FRIDAY_1000
        self.city: City = CITY
        self.lives = [Life(name) for name in NAMES]
        self.told: list[CaseEvent] = []
        self.refused: set[str] = set()
        self.met: set[str] = set()

    def ask(self, life: Life, command: Command) -> Refusal | tuple[CaseEvent, ...]:
        outcome = answered(life.case, Ask(derived(life.name), command), self.at, self.city)
        assert outcome == answered(life.case, Ask(derived(life.name), command), self.at, self.city)
        life.asked.append(command)
        answer = outcome.answer
        if isinstance(answer, Refusal):
            self.refused.add(answer.reason)
        assert answer
        for fact in outcome.events:
            before, life.case = life.case, evolve(life.case, fact)
            life.accounts |= {account.generation: account for account in accounts_of(before, life.case, fact)}
            life.history.append(fact)
            self.told.append(fact)
        assert life.case == outcome.case
        if life.case is not None:
            self.met.add(life.case.state)
            assert life.case == CASES.validate_json(CASES.dump_json(life.case))
        return answer

    def timers(self) -> list[tuple[Timer, Life]]:
        """All that stand, the next one first."""
        found = [(timer, life) for life in self.lives if life.case for timer in next_timers(life.case, self.city)]
        return sorted(found, key=lambda one: one[0].at)

    def make_rounds(self) -> None:
        """Whatever is due takes effect, in order, and never again."""
        while (due := self.timers()) and due[0][0].at <= self.at:
            timer, life = due[0]
            ring = Ring(timer.generation, timer.stage, timer.step)
            assert not isinstance(self.ask(life, ring), Refusal)
            assert Refusal("not_due") == decide(life.case, ring, self.at, self.city)

    def change_calendar(self) -> None:
        """Other days off; whatever runs is put right."""
        self.city = CITY if self.city is LATER_CITY else LATER_CITY
        for life in self.lives:
            if life.case is not None and life.case.state in ("dispatched", "accepted"):
                self.ask(life, Reschedule())

    def deliver(self, life: Life, count: int) -> None:
        """The topic's reader gets the next records of one case and drops what it has seen."""
        for fact in life.history[life.offset : life.offset + count]:
            fact = read(FACTS, fact.kind, fact.model_dump_json().encode())  # type: ignore[assignment]
            if life.heard is not None and fact.seq <= life.heard.seq:
                continue
            assert fact.seq == (life.heard.seq if life.heard else 0) + 1
            life.heard = evolve(life.heard, fact)
        life.offset = min(len(life.history), life.offset + count)

    def somebody_asks(self, life: Life, choose: Choose[Any], among: Sequence[type[Command]] = KINDS) -> None:
        """Mostly what the state allows, often what is rare, and seldom what ends the case."""
        allowed = ALLOWED[life.case.state] if life.case else frozenset()
        likely = [kind for kind in among if kind in allowed for _ in range(OFTEN.get(kind, 8))]
        if life.case and life.case.requested:
            likely += [Approve, Approve, Refuse] * 16
        kinds = choose([likely, likely, likely, likely, likely, likely, among]) or among
        self.ask(life, MADE[choose(kinds)](life, choose, self))

    def time_goes_on(self, choose: Choose[Any]) -> None:
        """A little, a lot, to the very instant of the next timer, or back."""
        ahead = [timer.at for timer, _ in self.timers() if timer.at > self.at]
        to_the_timer = ahead[0] - self.at if ahead else HOUR
        minutes, back, far = choose(range(1, 60)) * HOUR / 60, choose(range(-24, 0)) * HOUR, choose(range(1, 60)) * DAY
        self.at += choose([minutes, minutes, minutes, minutes, back, to_the_timer, to_the_timer + SECOND, far])


def near(life: Life, choose: Choose[Any]) -> int:
    generation = life.case.generation if life.case else 0
    found: int = generation + choose([0] * 10 + [-1, 1])
    return found


def by_centre(life: Life, choose: Choose[Any]) -> dict[str, Any]:
    return {"by": CENTRE, "generation": choose([None, near(life, choose)])}


def by_platform(life: Life, choose: Choose[Any]) -> dict[str, Any]:
    had_it = life.case.held_by if life.case else ()
    has_it = (life.case and holder(life.case)) or "P016"
    platform = choose([*[has_it] * 10, *had_it, "P060"])
    return {"by": f"platform:{platform}", "platform": platform, "generation": near(life, choose)}


def by_reporter(life: Life, choose: Choose[Any]) -> dict[str, Any]:
    report_id = choose([*(life.case.reports if life.case else ()), STRANGER])
    return {"report_id": report_id, "by": f"report:{report_id}"}


def reason(act: str, choose: Choose[Any]) -> str:
    found: str = choose([*CITY.codes(act), "made_up"])
    return found


def handle(life: Life, choose: Choose[Any], _: World) -> Handle:
    shown = choose([("ab",), ("cd",), ("ef",), ("ab", "cd"), ()])
    return Handle(
        **by_platform(life, choose), text=choose(["已处理", "换了新的", "清理完毕", "好"]),
        media=tuple(photo(content) for content in shown), photos=tuple(content * 32 for content in shown),
        points=choose([(), ((112.55, 37.85),), ((112.60, 37.85),)]), said_elsewhere=choose([False, False, True]),
        photos_elsewhere=choose([(), (), shown]),
    )  # fmt: skip


def join(choose: Choose[Any]) -> Join:
    report_id = choose([FIRST, SECOND_REPORT, derived("third")])
    by, point = choose(["router", f"report:{report_id}"]), choose([(112.55, 37.85), (112.55, 37.86)])
    place = Place(lon=point[0], lat=point[1], district="140106")
    return Join(report_id, "也看到了", (photo("ab"),), by, choose([URGENT, WORK_HOURS]), place)


def other_case(choose: Choose[Any]) -> Any:
    return derived(choose([*NAMES, "elsewhere"]))


Made = Callable[[Life, Choose[Any], World], Command]
MADE: Mapping[type[Command], Made] = {
    Open: lambda life, choose, _: begin(life.name, choose),
    Join: lambda _, choose, __: join(choose),
    Supplement: lambda life, choose, _: Supplement(**by_reporter(life, choose), text="洞更大了", media=(photo("fe"),)),
    Dispute: lambda life, choose, _: Dispute(**by_reporter(life, choose), text="还在"),
    Rate: lambda life, choose, _: Rate(**by_reporter(life, choose), stars=choose(range(1, 6)), text=""),
    Accept: lambda life, choose, _: Accept(**by_platform(life, choose)),
    Return: lambda life, choose, _: Return(**by_platform(life, choose), reason=reason("return", choose), note=""),
    Extend: lambda life, choose, _: Extend(**by_platform(life, choose), reason=reason("extend", choose), note=""),
    Suspend: lambda life, choose, world: Suspend(
        **by_platform(life, choose), reason=reason("suspend", choose), note="",
        until=world.at + HOUR * choose([-1, 1, 5, 50, 500, 5_000, 365 * 24, 366 * 24]),
    ),
    Handle: handle,
    Ring: lambda life, choose, _: Ring(near(life, choose), choose(get_args(Stage)), choose([*STEPS, "resume"])),
    Reschedule: lambda _, __, ___: Reschedule(),
    File: lambda life, choose, _: File(
        **by_centre(life, choose), category=choose([None, URGENT, WORK_HOURS, "C9999"]),
        district=choose([None, "140106", "140105"]), case_number=choose([NUMBER, NUMBER, None]),
    ),
    Decline: lambda life, choose, _: Decline(
        **by_centre(life, choose), reason=reason("decline", choose), reply=choose(["", "查无此事"])
    ),
    Dispatch: lambda life, choose, _: Dispatch(
        **by_centre(life, choose), platform=choose([None, "P013", "P015", "P016", "P999"]),
        owner=choose([None, "公园"]),
    ),
    Approve: lambda life, choose, _: Approve(**by_centre(life, choose), request=likely_request(life, choose)),
    Refuse: lambda life, choose, _: Refuse(
        **by_centre(life, choose), request=likely_request(life, choose), reason="请按期完成"
    ),
    Resume: lambda life, choose, _: Resume(**by_centre(life, choose)),
    Close: lambda life, choose, _: Close(
        **by_centre(life, choose), reply=choose(["", "好了"]), outcome=choose(["closed", "closed_undone"])
    ),
    Rework: lambda life, choose, _: Rework(**by_centre(life, choose), reason="没修好"),
    Escalate: lambda life, choose, _: Escalate(**by_centre(life, choose), reason="快"),
    Correct: lambda life, choose, _: Correct(
        **by_centre(life, choose), reason="有误", category=choose([None, URGENT, WORK_HOURS, "E0502", "C9999"]),
        district=choose([None, None, "140106", "140105"]), point=choose([None, None, (112.55, 37.86)]),
        address=choose([None, "迎泽大街"]),
    ),
    ForceClose: lambda life, choose, _: ForceClose(
        **by_centre(life, choose), reason=reason("force_close", choose), reply=choose(["", "已转办"])
    ),
    Void: lambda life, choose, _: Void(**by_centre(life, choose), reason=reason("void", choose), reply=""),
    Unlink: lambda life, choose, _: Unlink(
        **by_centre(life, choose), report_id=by_reporter(life, choose)["report_id"], moved_to=other_case(choose),
        reason="另一处",
    ),
    Link: lambda life, choose, _: Link(
        **by_centre(life, choose), linked_to=other_case(choose), reason="同一处", to_open=choose([True, False])
    ),
}  # fmt: skip


def begin(name: str, choose: Choose[Any]) -> Open:
    category, district = choose(OPENINGS)
    found, number = choose([(), (), ("word",), ("advert",)]), choose([NUMBER, NUMBER, NUMBER, None])
    seen_before = choose([False, False, True])
    return opening(
        category, name=name, district=district, media=(photo("ab"),), findings=found, case_number=number,
        unlinked=seen_before,
    )  # fmt: skip


def likely_request(life: Life, choose: Choose[Any]) -> Any:
    asked = life.case.requested.request if life.case and life.case.requested else "dispute"
    return choose([asked, asked, "extension", "suspension", "dispute"])


def a_case_is_what_its_history_makes_of_it(life: Life, case: Case, _: World) -> None:
    assert case == folded(life.history)


def facts_are_numbered_without_a_gap(life: Life, _: Case, __: World) -> None:
    assert list(range(1, len(life.history) + 1)) == [fact.seq for fact in life.history]


def each_generation_goes_to_one_platform(life: Life, case: Case, _: World) -> None:
    given = [fact.generation for fact in life.history if isinstance(fact, ev.CaseDispatched)]

    assert list(range(1, case.generation + 1)) == given


def one_platform_at_most_has_a_case_and_nobody_else_acts(life: Life, case: Case, _: World) -> None:
    has_it: tuple[int, str] | None = None
    for fact in life.history:
        if isinstance(fact, ACTS):
            assert has_it == (fact.generation, fact.platform.code)
        if isinstance(fact, ev.CaseDispatched):
            has_it = fact.generation, fact.platform.code
        elif isinstance(fact, LEAVES):
            has_it = None

    assert has_it == ((case.generation, holder(case)) if case.state in WITH_A_PLATFORM else None)


def no_step_takes_effect_twice_or_out_of_order(life: Life, _: Case, __: World) -> None:
    """Of a generation's stages; the centre's reply has a clock for each time that it is waited for."""
    rung: dict[Any, list[str]] = {}
    case: Case | None = None
    for fact in life.history:
        case = evolve(case, fact)
        if isinstance(fact, ev.CaseEscalated) and fact.stage and fact.step:
            wait = case.waits_since if fact.stage == "reply" else None
            rung.setdefault((fact.generation, fact.stage, wait), []).append(fact.step)

    assert rung == {key: list(STEPS[: len(steps)]) for key, steps in rung.items()}


def two_extensions_at_most_are_granted_to_whoever_has_it(life: Life, _: Case, __: World) -> None:
    granted, has_it = 0, ""
    for fact in life.history:
        if isinstance(fact, ev.CaseExtended):
            granted += 1
            assert granted <= 2
        elif isinstance(fact, ev.CaseReturned):
            has_it = ""
        elif isinstance(fact, ev.CaseDispatched):
            granted, has_it = granted if fact.platform.code == has_it else 0, fact.platform.code


def what_runs_has_the_timer_of_its_next_step_and_what_stands_still_has_none(_: Life, case: Case, world: World) -> None:
    timers = sorted((timer.stage, timer.step) for timer in next_timers(case, world.city))
    stages = [*RUNNING.get(case.state, ()), *(["reply"] if case.disputed_by else [])]
    steps = [(stage, next((step for step in STEPS if (stage, step) not in case.fired), None)) for stage in stages]
    expected = [("handle", "resume")] if case.state == "suspended" else [one for one in steps if one[1]]

    assert expected == timers


def nobody_waits_without_a_reason(_: Life, case: Case, __: World) -> None:
    waits = case.state in ("held", "filed", "handled") or bool(case.disputed_by)

    assert (waits, waits) == (bool(case.waits_for), case.waits_since is not None)
    assert case.state != "filed" or case.platform is None


def a_request_waits_only_while_its_platform_works(_: Life, case: Case, __: World) -> None:
    assert case.requested is None or case.state == "accepted"


def no_deadline_comes_before_its_clock_and_the_first_one_stays(life: Life, case: Case, _: World) -> None:
    first = next((fact.deadline for fact in life.history if isinstance(fact, ev.CaseDispatched)), None)
    if case.state in ("dispatched", "accepted"):
        assert case.clock_from is not None
        assert case.deadline is not None
        assert case.clock_from <= case.deadline

    assert first == case.original_deadline


def of_a_limit_no_time_is_lost_or_won(_: Life, case: Case, __: World) -> None:
    if case.state in WITH_A_PLATFORM:
        assert case.limit is not None
        assert case.allowed is not None
        allowed = case.limit.amount * (1 + case.extensions - case.extended_before)

        assert abs(case.spent + case.allowed - allowed) < 1e-6


def every_reporter_of_an_ended_case_has_an_answer(_: Life, case: Case, __: World) -> None:
    answered = case.state in ("closed", "declined", "void")

    assert answered == bool(case.reply.strip())
    assert (case.state != "linked") == bool(case.reports)


def deadlines_are_those_of_todays_calendar(_: Life, case: Case, world: World) -> None:
    if case.state in ("dispatched", "accepted"):
        assert Refusal("still_right") == decide(case, Reschedule(), world.at, world.city)


def the_reader_knows_the_case_as_it_was(life: Life, _: Case, __: World) -> None:
    if life.heard is not None:
        assert life.heard == folded(life.history[: life.heard.seq])


def accounts_are_what_all_histories_make_of_them(life: Life, case: Case, world: World) -> None:
    dispatches = {fact.generation: fact for fact in life.history if isinstance(fact, ev.CaseDispatched)}
    mine = {key[1]: account for key, account in fold(world.told).items() if key[0] == case.case_id}

    assert life.accounts == mine
    assert {n: (fact.platform.code, fact.rule, fact.at) for n, fact in dispatches.items()} == {
        n: (account.platform, account.rule, account.dispatched_at) for n, account in mine.items()
    }


def whoever_checks_a_handling_is_told_of_every_report_that_came_after_it(life: Life, case: Case, _: World) -> None:
    if case.state == "handled":
        handled = max(fact.seq for fact in life.history if isinstance(fact, ev.CaseHandled))
        late = [
            (fact.findings[0], fact.report_id) for fact in life.history
            if isinstance(fact, ev.CaseJoined | ev.CaseSupplemented) and fact.seq > handled
        ]  # fmt: skip
        unseen = {pair for pair in late if pair[1] in case.reports}

        assert unseen == {(heard.finding, heard.report_id) for heard in case.heard_since}
        assert {finding for finding, _ in unseen} <= set(case.waits_for.split(","))


ACTS = (ev.CaseAccepted, ev.CaseReturned, ev.CaseHandled, ev.CaseRequested)
LEAVES = (ev.CaseReturned, ev.CaseHandled, ev.CaseClosed, ev.CaseVoided, ev.CaseLinked)
WITH_A_PLATFORM = ("dispatched", "accepted", "suspended")
RUNNING: Mapping[str, Sequence[str]] = {
    "dispatched": ("accept", "handle"), "accepted": ("handle",), "held": ("reply",), "filed": ("reply",),
    "handled": ("check",),
}  # fmt: skip
LAWS = (
    a_case_is_what_its_history_makes_of_it,
    facts_are_numbered_without_a_gap,
    each_generation_goes_to_one_platform,
    one_platform_at_most_has_a_case_and_nobody_else_acts,
    no_step_takes_effect_twice_or_out_of_order,
    two_extensions_at_most_are_granted_to_whoever_has_it,
    what_runs_has_the_timer_of_its_next_step_and_what_stands_still_has_none,
    nobody_waits_without_a_reason,
    a_request_waits_only_while_its_platform_works,
    no_deadline_comes_before_its_clock_and_the_first_one_stays,
    of_a_limit_no_time_is_lost_or_won,
    every_reporter_of_an_ended_case_has_an_answer,
    deadlines_are_those_of_todays_calendar,
    the_reader_knows_the_case_as_it_was,
    accounts_are_what_all_histories_make_of_them,
    whoever_checks_a_handling_is_told_of_every_report_that_came_after_it,
)


def check(world: World) -> None:
    for life in world.lives:
        for law in LAWS:
            if life.case is not None:
                law(life, life.case, world)


LIVES = st.sampled_from(range(len(NAMES)))


class AnyCommandAtAnyHour(RuleBasedStateMachine):
    """Whatever is asked, by whom and when, and however often it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        for life in self.world.lives:
            self.world.ask(life, begin(life.name, chooser(data)))

    @rule(data=st.data(), life=LIVES)
    def a_platform_asks(self, data: st.DataObject, life: int) -> None:
        self.somebody_asks(data, life, get_args(PlatformAct))

    @rule(data=st.data(), life=LIVES)
    def the_centre_asks(self, data: st.DataObject, life: int) -> None:
        self.somebody_asks(data, life, get_args(CentreAct))

    @rule(data=st.data(), life=LIVES)
    def a_reporter_asks(self, data: st.DataObject, life: int) -> None:
        self.somebody_asks(data, life, (Open, *get_args(ReporterAct)))

    @rule(data=st.data(), lives=st.lists(LIVES, min_size=1, max_size=5))
    def whoever_asks(self, data: st.DataObject, lives: list[int]) -> None:
        for life in lives:
            self.somebody_asks(data, life, KINDS)

    def somebody_asks(self, data: st.DataObject, number: int, among: Sequence[type[Command]]) -> None:
        life = self.world.lives[number]
        self.world.somebody_asks(life, chooser(data), among)
        event(f"{type(life.asked[-1]).__name__} leads to {life.case.state if life.case else None}")

    @rule(data=st.data(), life=LIVES)
    def a_command_comes_again(self, data: st.DataObject, life: int) -> None:
        asked = self.world.lives[life]
        self.world.ask(asked, chooser(data)(asked.asked))

    @rule(data=st.data())
    def time_goes_on(self, data: st.DataObject) -> None:
        self.world.time_goes_on(chooser(data))

    @rule()
    def rounds_are_made(self) -> None:
        self.world.make_rounds()

    @rule()
    def the_calendar_changes(self) -> None:
        self.world.change_calendar()

    @rule(life=LIVES, back=st.integers(0, 20), count=st.integers(1, 20))
    def records_are_read_once_more_and_further(self, life: int, back: int, count: int) -> None:
        self.world.lives[life].offset = max(0, self.world.lives[life].offset - back)
        self.world.deliver(self.world.lives[life], back + count)

    @invariant()
    def laws_hold(self) -> None:
        check(self.world)

    def teardown(self) -> None:
        for life in self.world.lives:
            self.world.deliver(life, len(life.history))
            assert life.case == life.heard


def chooser(data: st.DataObject) -> Choose[Any]:
    return lambda options: data.draw(st.sampled_from(options))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=80)
def test_an_outage_of_any_length_changes_nothing_that_an_act_finds(seed: int) -> None:
    """The same acts at the same hours, with a clock that stands still in between and with one that never stopped."""
    chance = random.Random(seed)
    away, never = World(), World()
    opening_command = begin(NAMES[0], chance.choice)
    for world in (away, never):
        world.ask(world.lives[0], opening_command)
    late, prompt = away.lives[0], never.lives[0]
    for _ in range(25):
        until = away.at + chance.choice([HOUR / 4, HOUR, 7 * HOUR, 3 * DAY, 40 * DAY])
        while (due := never.timers()) and due[0][0].at <= until:
            never.at = due[0][0].at
            never.make_rounds()
        away.at = never.at = until
        kinds = (
            [kind for kind in KINDS if kind in ALLOWED[prompt.case.state] and kind not in (Ring, Reschedule)]
            if prompt.case
            else []
        )
        command = MADE[chance.choice(kinds or [Rate])](prompt, chance.choice, never)
        answers = [world.ask(world.lives[0], command) for world in (away, never)]

        assert without_hours(answers[0]) == without_hours(answers[1])
        if answers[0] != Refusal("unknown_case"):  # a stranger's act moves nothing
            assert clockwork(late) == clockwork(prompt)
    away.make_rounds()

    assert clockwork(late) == clockwork(prompt)


def without_hours(answer: Refusal | tuple[CaseEvent, ...]) -> Any:
    return answer if isinstance(answer, Refusal) else [fact.model_dump(exclude={"at"}) for fact in answer]


def clockwork(life: Life) -> Any:
    """What the clock has done to a case and when it was due, and how its clocks stand now."""
    steps = [
        (fact.generation, fact.stage, fact.step, fact.due_at, fact.deadline)
        for fact in life.history if isinstance(fact, ev.CaseEscalated) and fact.step
    ]  # fmt: skip
    ends = [fact.since for fact in life.history if isinstance(fact, ev.CaseResumed)]
    case = life.case
    return steps, ends, case and (case.seq, case.state, case.fired, case.deadline, case.clock_from, case.allowed)


TestAnyCommandAtAnyHour = AnyCommandAtAnyHour.TestCase
TestAnyCommandAtAnyHour.settings = settings(max_examples=60, stateful_step_count=60)


def a_random_life(seed: int, steps: int) -> World:
    """The same moves as above without hypothesis, so that it is sure that all of them are met."""
    chance = random.Random(seed)
    world = World()
    for life in world.lives:
        world.ask(life, begin(life.name, chance.choice))
    moves: Sequence[Callable[[], Any]] = [
        *[lambda: world.somebody_asks(chance.choice(world.lives), chance.choice)] * 20,
        *[lambda: world.time_goes_on(chance.choice)] * 2,
        world.make_rounds,
        world.change_calendar,
    ]
    for n in range(steps):
        chance.choice(moves)()
        if n % 40 == 0:
            check(world)
    return world


def test_random_lives_meet_every_fact_every_state_and_every_refusal() -> None:
    worlds = [a_random_life(seed, 250) for seed in range(140)]
    facts = {fact.kind for world in worlds for fact in world.told}
    states = {state for world in worlds for state in world.met}
    refused = {reason for world in worlds for reason in world.refused}

    assert set(FACTS) == facts
    assert set(get_args(State)) - {"opened"} == states
    assert REASONS == refused
