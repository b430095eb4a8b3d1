"""What the statistics keep of each dispatch, as rows of small histories; and the figures made of it, with formulas."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest

from services.router.accountability import Account, accounts_of, fold
from services.router.case import Case
from services.router.commands import Accept, Dispute, Ring
from services.router.commands_of_centre import (
    Approve,
    Close,
    Decline,
    Dispatch,
    Escalate,
    ForceClose,
    Link,
    Rework,
    Void,
)
from services.router.evolve import evolve
from services.router.figures import COUNTS, DEFINITIONS, HEADINGS, RATES, cells, figures, total
from tests.router.conftest import derived
from tests.router.kernel import (
    CENTRE,
    FIRST,
    FRIDAY,
    MONDAY,
    SATURDAY,
    TUESDAY,
    WORK_HOURS,
    Steps,
    asking_more,
    asking_pause,
    by_platform,
    handling,
    on,
    opening,
    returning,
    told,
)  # fmt: skip

FRIDAY_1500, FRIDAY_1600, FRIDAY_1700, FRIDAY_1800 = (on(FRIDAY, hour) for hour in ("15:00", "16:00", "17:00", "18:00"))
SATURDAY_1000, MONDAY_0800, MONDAY_0900 = on(SATURDAY, "10:00"), on(MONDAY, "08:00"), on(MONDAY, "09:00")
MONDAY_1000, MONDAY_1100, MONDAY_1500 = (on(MONDAY, hour) for hour in ("10:00", "11:00", "15:00"))
TUESDAY_0900 = on(TUESDAY, "09:00")
OPENED = (FRIDAY_1500, opening(WORK_HOURS))
"""4 work_hour from Friday at 15:00: due on Monday at 09:00. P002, then P014."""
ACCEPTED = (FRIDAY_1500, by_platform(Accept, 1, "P002"))
UNDONE = handling(1, "P002", photos_elsewhere=("cd" * 32,))
DISPUTED = Dispute(FIRST, "还在", f"report:{FIRST}")
PLAIN = Account(
    derived("case"), 1, "P002", "R0347", WORK_HOURS, "140106", FRIDAY_1500, MONDAY_0900,
)  # fmt: skip
Row = tuple[str, Sequence[Any], Sequence[Mapping[str, Any]]]
HISTORIES: Sequence[Row] = [
    ("dispatched", [OPENED], [{}]),
    ("accepted", [OPENED, ACCEPTED], [{}]),
    ("held: nobody has it", [(FRIDAY_1500, opening(None))], []),
    ("declined: nobody had it", [(FRIDAY_1500, opening(None)), (FRIDAY_1600, Decline(CENTRE, "not_true", ""))], []),
    ("handled in time", [OPENED, (FRIDAY_1800, handling(1, "P002"))],
     [{"handled_at": FRIDAY_1800, "spent_s": 3 * 3600}]),
    ("handled late", [OPENED, (MONDAY_1100, handling(1, "P002"))], [{"handled_at": MONDAY_1100, "spent_s": 6 * 3600}]),
    ("closed by the centre: nothing more of it is kept",
     [OPENED, (FRIDAY_1800, UNDONE), (MONDAY_1000, Close(CENTRE, ""))],
     [{"handled_at": FRIDAY_1800, "spent_s": 3 * 3600}]),
    ("extended", [OPENED, ACCEPTED, (FRIDAY_1600, asking_more(1, "P002")), (FRIDAY_1700, Approve(CENTRE, "extension"))],
     [{"deadline": MONDAY_1500, "extensions": 1}]),
    ("asked for more, not answered", [OPENED, ACCEPTED, (FRIDAY_1600, asking_more(1, "P002"))], [{}]),
    ("stands still: not due", [OPENED, ACCEPTED, (FRIDAY_1600, asking_pause(MONDAY_0900, 1, "P002")),
     (FRIDAY_1600, Approve(CENTRE, "suspension"))], [{"deadline": None}]),
    ("runs again", [OPENED, ACCEPTED, (FRIDAY_1600, asking_pause(MONDAY_0800, 1, "P002")),
     (FRIDAY_1600, Approve(CENTRE, "suspension")), (MONDAY_0800, Ring(1, "handle", "resume"))],
     [{"deadline": MONDAY_1100}]),
    ("handled after a pause", [OPENED, ACCEPTED, (FRIDAY_1600, asking_pause(MONDAY_0800, 1, "P002")),
     (FRIDAY_1600, Approve(CENTRE, "suspension")), (MONDAY_0800, Ring(1, "handle", "resume")),
     (MONDAY_1000, handling(1, "P002"))],
     [{"deadline": MONDAY_1100, "handled_at": MONDAY_1000, "spent_s": 3 * 3600}]),
    ("returned: another's account begins", [OPENED, (FRIDAY_1700, returning(1, "P002", "wrong_place"))],
     [{"returned_at": FRIDAY_1700, "return_reason": "wrong_place"},
      {"generation": 2, "platform": "P014", "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("returned to the centre", [OPENED, (FRIDAY_1500, returning(1, "P002")), (FRIDAY_1700, returning(2, "P014"))],
     [{"returned_at": FRIDAY_1500, "return_reason": "not_ours"},
      {"generation": 2, "platform": "P014", "returned_at": FRIDAY_1700, "return_reason": "not_ours"}]),
    ("sent back", [OPENED, (FRIDAY_1600, UNDONE), (FRIDAY_1700, Rework(CENTRE, "没修好"))],
     [{"handled_at": FRIDAY_1600, "spent_s": 3600, "reworked_at": FRIDAY_1700},
      {"generation": 2, "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("sent back after an extension, which is the first dispatch's alone",
     [OPENED, ACCEPTED, (FRIDAY_1500, asking_more(1, "P002")), (FRIDAY_1500, Approve(CENTRE, "extension")),
      (FRIDAY_1600, UNDONE), (FRIDAY_1700, Rework(CENTRE, "没修好")), (FRIDAY_1700, by_platform(Accept, 2, "P002"))],
     [{"handled_at": FRIDAY_1600, "spent_s": 3600, "reworked_at": FRIDAY_1700, "deadline": MONDAY_1500,
       "extensions": 1},
      {"generation": 2, "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("opened again by a dispute", [OPENED, (FRIDAY_1600, handling(1, "P002")), (FRIDAY_1700, DISPUTED)],
     [{"handled_at": FRIDAY_1600, "spent_s": 3600, "reworked_at": FRIDAY_1700},
      {"generation": 2, "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("given to another by the centre", [OPENED, (FRIDAY_1700, Dispatch(CENTRE, "P013"))],
     [{"ended_at": FRIDAY_1700, "ended": "withdrawn"},
      {"generation": 2, "platform": "P013", "rule": "centre", "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("ended by the centre", [OPENED, (FRIDAY_1700, ForceClose(CENTRE, "gone", ""))],
     [{"ended_at": FRIDAY_1700, "ended": "forced"}]),
    ("ended by the centre, and opened again by a dispute that it upheld",
     [OPENED, (FRIDAY_1600, ForceClose(CENTRE, "gone", "")), (FRIDAY_1700, DISPUTED),
      (FRIDAY_1700, Approve(CENTRE, "dispute"))],
     [{"ended_at": FRIDAY_1600, "ended": "forced", "reworked_at": FRIDAY_1700},
      {"generation": 2, "dispatched_at": FRIDAY_1700, "deadline": MONDAY_1100}]),
    ("void", [OPENED, (FRIDAY_1700, Void(CENTRE, "test_entry", ""))], [{"ended_at": FRIDAY_1700, "ended": "void"}]),
    ("void after it was handled", [OPENED, (FRIDAY_1600, UNDONE), (FRIDAY_1700, Void(CENTRE, "test_entry", ""))],
     [{"handled_at": FRIDAY_1600, "spent_s": 3600, "ended_at": FRIDAY_1700, "ended": "void"}]),
    ("the same problem as another case", [OPENED, (FRIDAY_1700, Link(CENTRE, derived("other"), "", to_open=True))],
     [{"ended_at": FRIDAY_1700, "ended": "linked"}]),
    ("ended while it stood still", [OPENED, ACCEPTED, (FRIDAY_1600, asking_pause(MONDAY_0900, 1, "P002")),
     (FRIDAY_1600, Approve(CENTRE, "suspension")), (SATURDAY_1000, ForceClose(CENTRE, "gone", ""))],
     [{"deadline": None, "ended_at": SATURDAY_1000, "ended": "forced"}]),
    ("pressed for", [OPENED, (FRIDAY_1700, Escalate(CENTRE, "快"))], [{}]),
    ("warned of", [OPENED, (MONDAY_1000, Ring(1, "accept", "warning"))], [{}]),
]  # fmt: skip


def as_told(changes: Mapping[str, Any]) -> Account:
    names = {field.name for field in fields(Account)}
    assert set(changes) <= names
    return Account(**{name: changes.get(name, getattr(PLAIN, name)) for name in names})


@pytest.mark.parametrize(("steps", "accounts"), [pytest.param(*row[1:], id=row[0]) for row in HISTORIES])
def test_each_dispatch_has_an_account(steps: Steps, accounts: Sequence[Mapping[str, Any]]) -> None:
    found = fold(told(steps))

    assert [as_told(changes) for changes in accounts] == list(found.values())
    assert [(derived("case"), n) for n in range(1, len(accounts) + 1)] == list(found)


@pytest.mark.parametrize("steps", [pytest.param(row[1], id=row[0]) for row in HISTORIES])
def test_accounts_that_are_written_event_by_event_are_those_of_the_whole_history(steps: Steps) -> None:
    events = told(steps)
    case: Case | None = None
    written: dict[Any, Account] = {}
    for event in events:
        before, case = case, evolve(case, event)
        written |= {(account.case_id, account.generation): account for account in accounts_of(before, case, event)}

    assert fold(events) == written


def test_accounts_of_several_cases_are_kept_apart_however_their_facts_lie_between_each_other() -> None:
    here = told([OPENED, (FRIDAY_1800, handling(1, "P002"))])
    there = told([(FRIDAY_1600, opening(WORK_HOURS, name="other")), (FRIDAY_1700, returning(1, "P002"))])
    mixed = [*here[:3], *there[:2], *here[3:], *there[2:]]

    assert fold(here) | fold(there) == fold(mixed)


NOTHING = dict.fromkeys(COUNTS, 0)
MANY = {
    "due": 40, "handled": 36, "in_time": 30, "overdue_open": 3, "extended": 6, "returned": 7, "to_close": 32,
    "reworked": 2, "spent_s": 450_000, "timed": 30,
}  # fmt: skip


def test_the_figures_are_the_formulas_of_the_process() -> None:
    expected = {
        "due": 40, "handled": 36, "in_time": 30, "overdue_open": 3, "extended": 6, "returned": 7, "to_close": 32,
        "reworked": 2, "handled_rate": 0.9, "in_time_rate": 0.75, "overdue_open_rate": 0.075, "extended_rate": 0.15,
        "reworked_rate": 0.0625, "mean_handling_hours": 4.17,
    }  # fmt: skip

    assert expected == figures(MANY)


@pytest.mark.parametrize("numerator", [0, 5])
def test_where_nothing_was_due_there_is_no_rate(numerator: int) -> None:
    found = figures(NOTHING | {"handled": numerator, "reworked": numerator, "spent_s": numerator})

    assert dict.fromkeys((*RATES, "mean_handling_hours")) == {
        name: found[name] for name in (*RATES, "mean_handling_hours")
    }


def test_a_rate_of_nothing_is_none_and_not_missing() -> None:
    assert 0.0 == figures(MANY | {"handled": 0})["handled_rate"]


def test_a_total_is_made_of_sums_and_not_of_rates() -> None:
    small = NOTHING | {"due": 1, "handled": 0}
    large = NOTHING | {"due": 99, "handled": 99}
    whole = total([SimpleNamespace(**small), SimpleNamespace(**large)])

    assert NOTHING | {"due": 100, "handled": 99} == whole
    assert 0.99 == figures(whole)["handled_rate"]
    assert NOTHING == total([])


def test_a_table_shows_percents_and_a_dash_where_there_is_nothing() -> None:
    full = ["40", "36", "90.00%", "30", "75.00%", "3", "7.50%", "6", "15.00%", "7", "32", "2", "6.25%", "4.17"]
    empty = ["0", "0", "-", "0", "-", "0", "-", "0", "-", "0", "0", "0", "-", "-"]

    assert full == cells(figures(MANY))
    assert empty == cells(figures(NOTHING))
    assert len(full) == len(HEADINGS)


def test_every_figure_has_a_heading_and_every_count_says_what_it_counts() -> None:
    found = set(figures(MANY))

    assert found == set(HEADINGS)
    assert set(DEFINITIONS) == found - set(RATES)
