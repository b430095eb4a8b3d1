"""Who may ask what and when: every state with every command, generations, holders, and how a case begins."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from services.router.case import Case, State
from services.router.city import City, Filing
from services.router.commands import Accept, Command, Dispute, Join, Open, PlatformAct, Rate
from services.router.commands_of_centre import Decline, File
from services.router.decide import decide
from services.router.ledger import CASES
from services.router.opening import number_district
from services.router.transitions import ALLOWED, OPEN_STATES
from tests.router.conftest import CITY, TUESDAY_1000
from tests.router.kernel import (
    CENTRE,
    COMMANDS,
    KINDS,
    NATURAL_DAYS,
    NUMBER,
    STATES,
    STRANGER,
    URGENT,
    after,
    by_platform,
    decided,
    dispatched,
    fitted,
    folded,
    holder,
    in_state,
    opening,
    refusal,
    returning,
)  # fmt: skip

ASKED = [kind for kind in KINDS if kind is not Open]
OF_A_GENERATION: list[Any] = [kind for kind in ASKED if "generation" in {field.name for field in fields(kind)}]
OF_PLATFORMS = [kind for kind in ASKED if issubclass(kind, PlatformAct)]
DISPATCHED_ONCE = [state for state in STATES if state not in ("opened", "held")]
WATCHFUL = replace(CITY, filing=Filing(("E*",), frozenset({"advert", "fraud_sign"})))
"""The same city, but its centre files the components itself."""


def named(kind: type[Any]) -> str:
    return kind.__name__


@pytest.mark.parametrize("state", STATES)
def test_the_example_of_a_state_is_in_it(state: State) -> None:
    assert state == in_state(state).state


def test_there_is_an_example_of_every_command_and_a_line_for_every_state() -> None:
    assert {kind: kind for kind in KINDS} == {kind: type(command) for kind, command in COMMANDS.items()}
    assert set(STATES) == set(ALLOWED)


@pytest.mark.parametrize("kind", ASKED, ids=named)
@pytest.mark.parametrize("state", STATES)
def test_what_the_table_does_not_allow_and_nothing_else_is_refused_by_the_name_of_the_state(
    state: State, kind: type[Command]
) -> None:
    case = in_state(state)
    nobody_knows_it = issubclass(kind, PlatformAct) and not case.held_by
    barred = "unknown_case" if nobody_knows_it else f"not_while_{state}"

    assert (kind not in ALLOWED[state]) == (refusal(case, fitted(COMMANDS[kind], case)) == barred)


@pytest.mark.parametrize("kind", KINDS, ids=named)
@pytest.mark.parametrize("state", STATES)
def test_whoever_asks_the_case_itself_stays_as_it_was(state: State, kind: type[Command]) -> None:
    case = in_state(state)
    before = CASES.dump_json(case)
    decide(case, fitted(COMMANDS[kind], case), TUESDAY_1000, CITY)

    assert before == CASES.dump_json(case)


@pytest.mark.parametrize("kind", OF_A_GENERATION, ids=named)
@pytest.mark.parametrize(("off", "reason"), [(-1, "older_generation"), (1, "generation_unknown")])
def test_an_act_of_another_generation_is_refused_in_every_state(kind: Any, off: int, reason: str) -> None:
    cases = [in_state(state) for state in DISPATCHED_ONCE]
    asked = [(case, replace(fitted(COMMANDS[kind], case), generation=case.generation + off)) for case in cases]

    assert {reason} == {refusal(case, command) for case, command in asked}


@pytest.mark.parametrize("kind", OF_PLATFORMS, ids=named)
@pytest.mark.parametrize(
    ("platform", "generation", "reason"),
    [
        ("P016", 1, "older_generation"),  # it returned the case
        ("P016", 2, "not_yours"),
        ("P016", 3, "generation_unknown"),
        ("P002", 2, "unknown_case"),  # it may be given the case later and does not know of it yet
        ("P060", 1, "unknown_case"),
    ],
)
def test_only_the_platform_that_has_a_case_acts_and_only_who_had_it_hears_why_not(
    kind: type[Any], platform: str, generation: int, reason: str
) -> None:
    case = after(dispatched(), returning())
    command = replace(COMMANDS[kind], by=f"platform:{platform}", platform=platform, generation=generation)

    assert "P015" == holder(case)
    assert reason == refusal(case, command)


def test_who_returned_the_case_last_does_nothing_more_with_it() -> None:
    waiting = in_state("filed")
    answers = {refusal(waiting, fitted(COMMANDS[kind], waiting)) for kind in OF_PLATFORMS}

    assert {"not_while_filed"} == answers


@pytest.mark.parametrize("kind", ASKED, ids=named)
def test_of_a_case_that_there_is_not_nothing_can_be_asked(kind: type[Command]) -> None:
    assert "unknown_case" == refusal(None, COMMANDS[kind])


@pytest.mark.parametrize("state", STATES)
def test_a_case_opens_once(state: State) -> None:
    assert "already_open" == refusal(in_state(state), COMMANDS[Open])


@pytest.mark.parametrize("command", [Dispute(STRANGER, "还在", "report:x"), Rate(STRANGER, 1, "", "report:x")])
def test_a_report_that_is_not_of_the_case_learns_nothing_of_it(command: Command) -> None:
    assert "unknown_case" == refusal(in_state("closed"), command)


def test_the_centre_may_act_on_what_it_saw_as_a_whole_instead_of_a_generation() -> None:
    case = in_state("filed")
    blind = replace(COMMANDS[Decline], generation=None)

    assert after(case, blind) == after(case, replace(blind, generation=3))


@pytest.mark.parametrize("state", STATES)
def test_a_report_joins_in_the_open_states_only(state: State) -> None:
    assert (state in OPEN_STATES) == (refusal(in_state(state), COMMANDS[Join]) is None)


BEGINNINGS: Sequence[tuple[str, Open, City, str | None]] = [
    ("it files itself", opening(), CITY, None),
    ("nobody said what it is", opening(None), CITY, "category_missing"),
    ("no catalogue knows the category", opening("C9999"), CITY, "category_unknown"),
    ("no district holds the point", opening(district=None), CITY, "district_missing"),
    ("another city's district", opening(district="110101"), CITY, "district_unknown"),
    ("it looks like an advert", opening(findings=("photo_missing", "advert")), CITY, "advert"),
    ("of two findings the first by name", opening(findings=("fraud_sign", "advert")), CITY, "advert"),
    ("a finding that only stops publication", opening(findings=("word", "personal_data")), CITY, None),
    ("what is missing comes before findings", opening(None, findings=("advert",)), CITY, "category_missing"),
    ("the centre files components itself", opening(), WATCHFUL, "needs_filing"),
    ("but happenings file themselves", opening(NATURAL_DAYS), WATCHFUL, None),
    ("findings come before that", opening(findings=("advert",)), WATCHFUL, "advert"),
    ("the centre unlinked it, so it has seen it", opening(findings=("advert",), unlinked=True), WATCHFUL, None),
    ("unlinked, but without a category", opening(None, unlinked=True), CITY, "category_missing"),
]


@pytest.mark.parametrize(("command", "city", "reason"), [row[1:] for row in BEGINNINGS], ids=[r[0] for r in BEGINNINGS])
def test_a_report_files_itself_or_is_held_with_the_reason(command: Open, city: City, reason: str | None) -> None:
    events = decided(None, command, TUESDAY_1000, city)
    kinds = ["case.opened", "case.held"] if reason else ["case.opened", "case.filed", "case.dispatched"]
    case = folded(events)

    assert (kinds, reason or "", "held" if reason else "dispatched") == (
        [event.kind for event in events], case.waits_for, case.state,
    )  # fmt: skip


@pytest.mark.parametrize(("command", "city", "reason"), [row[1:] for row in BEGINNINGS], ids=[r[0] for r in BEGINNINGS])
def test_a_number_is_taken_for_what_files_and_for_nothing_else(command: Open, city: City, reason: str | None) -> None:
    assert (None if reason else command.place.district) == number_district(None, command, city)


def test_a_report_is_held_when_the_districts_numbers_have_run_out() -> None:
    case = after(None, opening(case_number=None))

    assert ("held", "numbers_ran_out", None) == (case.state, case.waits_for, case.case_number)


@pytest.mark.parametrize(
    ("case", "command", "district"),
    [
        (in_state("held"), File(CENTRE, URGENT, None, None), "140106"),
        (in_state("held"), File(CENTRE, URGENT, "140105", None), "140105"),
        (in_state("held"), File(CENTRE, None, None, None), None),
        (in_state("held"), File(CENTRE, "C9999", None, None), None),
        (in_state("held"), File(CENTRE, URGENT, "110101", None), None),
        (in_state("filed"), File(CENTRE, URGENT, None, None), None),
        (in_state("held"), COMMANDS[Decline], None),
        (in_state("dispatched"), by_platform(Accept), None),
        (None, File(CENTRE, URGENT, None, None), None),
    ],
)
def test_the_centre_takes_a_number_only_where_it_files(
    case: Case | None, command: Command, district: str | None
) -> None:
    filing = replace(command, case_number=NUMBER) if isinstance(command, File) else command
    files = case is not None and "case.filed" in {event.kind for event in asked_of(case, filing)}

    assert (district, district is not None) == (number_district(case, command, CITY), files)


def asked_of(case: Case, command: Command) -> Sequence[Any]:
    answer = decide(case, command, TUESDAY_1000, CITY)
    return answer if isinstance(answer, tuple) else ()
