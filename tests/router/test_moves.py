"""Each move of a case as a row: who has it, when somebody asks what, which facts follow, and what is then the case."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from services.router.case import Case
from services.router.city import City
from services.router.commands import Accept, Command, Dispute, Join, Rate
from services.router.commands_of_centre import (
    Approve,
    Close,
    Decline,
    Dispatch,
    Escalate,
    File,
    ForceClose,
    Link,
    Refuse,
    Rework,
    Unlink,
    Void,
)  # fmt: skip
from tests.router.conftest import CITY, derived
from tests.router.kernel import (
    CENTRE,
    COMMANDS,
    FIRST,
    FRIDAY,
    MONDAY,
    NUMBER,
    SECOND,
    SECOND_REPORT,
    STRANGER,
    SUNDAY,
    THURSDAY,
    TUESDAY,
    URGENT,
    WEDNESDAY,
    WEEK,
    WORK_DAY,
    WORK_HOURS,
    accepted,
    after,
    asking_more,
    asking_pause,
    by_platform,
    decided,
    dispatched,
    folded,
    handling,
    holder,
    in_state,
    on,
    opening,
    photo,
    refusal,
    returned_thrice,
    returning,
    seen,
    suspicious,
    walk,
)  # fmt: skip

FRIDAY_1000, FRIDAY_1100 = on(FRIDAY, "10:00"), on(FRIDAY, "11:00")
FRIDAY_1700, FRIDAY_1730, FRIDAY_1900 = (on(FRIDAY, hour) for hour in ("17:00", "17:30", "19:00"))
SUNDAY_1000, SUNDAY_1200 = on(SUNDAY, "10:00"), on(SUNDAY, "12:00")
MONDAY_0900, MONDAY_1000, MONDAY_1100 = (on(MONDAY, hour) for hour in ("09:00", "10:00", "11:00"))
MONDAY_1200, MONDAY_1500, MONDAY_1600 = (on(MONDAY, hour) for hour in ("12:00", "15:00", "16:00"))
TUESDAY_0900, TUESDAY_1500, THURSDAY_1000 = on(TUESDAY, "09:00"), on(TUESDAY, "15:00"), on(THURSDAY, "10:00")
NEXT_FRIDAY_1700 = FRIDAY_1700 + WEEK
WITHOUT_P015 = replace(CITY, platforms={code: name for code, name in CITY.platforms.items() if code != "P015"})
NOT_TRUE, GONE = CITY.reasons["decline", "not_true"], CITY.reasons["force_close", "gone"]
TEST_ENTRY = CITY.reasons["void", "test_entry"]

Then = dict[str, Any]
Row = tuple[str, Case | None, datetime, Command, Sequence[str], Then]
HELD = after(None, opening(None), FRIDAY_1000)
OF_TWO = after(dispatched(at=FRIDAY_1000), COMMANDS[Join], FRIDAY_1000)
WAITING = returned_thrice(FRIDAY_1000)
HANDLED = suspicious(FRIDAY_1000)
CLOSED = after(dispatched(at=FRIDAY_1000), handling(), FRIDAY_1700)
FORCED = after(WAITING, ForceClose(CENTRE, "gone", ""), FRIDAY_1700)
TWICE_CLOSED = walk(
    after(OF_TWO, handling(), FRIDAY_1700),
    [
        (FRIDAY_1700, Dispute(FIRST, "还在", f"report:{FIRST}")),
        (FRIDAY_1700, handling(2, text="换了新的", media=(photo("ef"),), photos=("ef" * 32,))),
    ],
)
DISPUTED = after(TWICE_CLOSED, COMMANDS[Dispute], MONDAY_0900)
BY_SECOND = Dispute(SECOND_REPORT, "我也看到还在", f"report:{SECOND_REPORT}")

MOVES: Sequence[Row] = [
    ("a report files itself and goes to whom the rules name",
     None, FRIDAY_1700, opening(WORK_HOURS), ["case.opened", "case.filed", "case.dispatched"],
     {"state": "dispatched", "platform": "P002", "generation": 1, "rule": "R0347", "candidates": ("P002", "P014"),
      "accept_by": MONDAY_0900, "deadline": MONDAY_1100, "original_deadline": MONDAY_1100, "case_number": NUMBER,
      "final": False}),
    ("nobody need accept after the time in which it must be handled",
     None, FRIDAY_1700, opening(URGENT), ["case.opened", "case.filed", "case.dispatched"],
     {"accept_by": FRIDAY_1900, "deadline": FRIDAY_1900}),
    ("the centre files what was held and corrects the category, from when the clocks run",
     HELD, FRIDAY_1700, File(CENTRE, WORK_HOURS, None, NUMBER), ["case.filed", "case.dispatched"],
     {"state": "dispatched", "category": WORK_HOURS, "district": "140106", "platform": "P002", "waits_for": "",
      "waits_since": None, "deadline": MONDAY_1100}),
    ("the centre files what screening stopped, as it was reported",
     after(None, opening(WORK_HOURS, findings=("advert",)), FRIDAY_1000), FRIDAY_1700,
     File(CENTRE, None, None, NUMBER), ["case.filed", "case.dispatched"],
     {"state": "dispatched", "category": WORK_HOURS, "platform": "P002"}),
    ("the centre files it in another district, whose platform gets it",
     HELD, FRIDAY_1700, File(CENTRE, WORK_HOURS, "140105", NUMBER), ["case.filed", "case.dispatched"],
     {"district": "140105", "platform": "P001"}),
    ("the centre declines in the words of the pack",
     HELD, FRIDAY_1700, Decline(CENTRE, "not_true", ""), ["case.declined"],
     {"state": "declined", "reply": NOT_TRUE, "waits_for": "", "closed_at": FRIDAY_1700}),
    ("the centre declines in words of its own",
     HELD, FRIDAY_1700, Decline(CENTRE, "not_true", "现场没有井盖"), ["case.declined"],
     {"state": "declined", "reply": "现场没有井盖"}),
    ("the centre declines what nobody wants",
     WAITING, FRIDAY_1700, Decline(CENTRE, "not_true", ""), ["case.declined"],
     {"state": "declined", "platform": None, "waits_for": ""}),
    ("the centre names the platform of a case that another has, with new clocks",
     accepted(WORK_HOURS, FRIDAY_1000), FRIDAY_1700, Dispatch(CENTRE, "P013"), ["case.dispatched"],
     {"state": "dispatched", "platform": "P013", "generation": 2, "rule": "centre", "final": False,
      "accept_by": MONDAY_0900, "deadline": MONDAY_1100, "original_deadline": on(FRIDAY, "16:00")}),
    ("the centre learns whose thing it is and the rules name the owner's platform",
     dispatched(at=FRIDAY_1000), FRIDAY_1700, Dispatch(CENTRE, None, "公园"), ["case.dispatched"],
     {"platform": "P019", "generation": 2, "rule": "R0111", "owner": "公园", "candidates": ("P019", "P018", "P002")}),
    ("the platform accepts, and its clock runs on",
     dispatched(WORK_HOURS, FRIDAY_1700), MONDAY_0900, by_platform(Accept, platform="P002"), ["case.accepted"],
     {"state": "accepted", "platform": "P002", "deadline": MONDAY_1100}),
    ("the platform accepts late; that is not refused",
     dispatched(WORK_HOURS, FRIDAY_1700), MONDAY_1200, by_platform(Accept, platform="P002"), ["case.accepted"],
     {"state": "accepted", "deadline": MONDAY_1100}),
    ("the platform returns what it accepted",
     accepted(at=FRIDAY_1000), FRIDAY_1700, returning(reason="other_owner"), ["case.returned", "case.dispatched"],
     {"state": "dispatched", "platform": "P015", "generation": 2, "returned_by": ("P016",), "waits_for": ""}),
    ("the platform handles without accepting first, and the case closes with its words and photos",
     dispatched(WORK_HOURS, FRIDAY_1700), MONDAY_0900, handling(1, "P002"), ["case.handled", "case.closed"],
     {"state": "closed", "reply": "已处理", "reply_media": (photo("cd"),), "handled_at": MONDAY_0900,
      "closed_at": MONDAY_0900, "spent_s": 2 * 3600, "waits_for": "", "forced": False}),
    ("late is handled all the same",
     accepted(WORK_HOURS, FRIDAY_1700), TUESDAY_0900, handling(1, "P002"), ["case.handled", "case.closed"],
     {"state": "closed", "spent_s": 10 * 3600}),
    ("a suspicious handling waits for the centre",
     accepted(at=FRIDAY_1000), FRIDAY_1100, handling(photos_elsewhere=("cd" * 32,)), ["case.handled"],
     {"state": "handled", "waits_for": "photo_of_another_case", "waits_since": FRIDAY_1100, "reply": "",
      "findings": ("photo_of_another_case",)}),
    ("a handling that was drawn waits for the centre, which did not suspect anything",
     accepted(at=FRIDAY_1000), FRIDAY_1100, handling(), ["case.handled"],
     {"state": "handled", "waits_for": "chosen_for_check"}),
    ("the centre closes in the platform's words",
     HANDLED, FRIDAY_1100, Close(CENTRE, ""), ["case.closed"],
     {"state": "closed", "reply": "已处理", "reply_media": (photo("cd"),), "waits_for": ""}),
    ("the centre closes what is not done, in its own words",
     HANDLED, FRIDAY_1100, Close(CENTRE, "已临时围挡", "closed_undone"), ["case.closed"],
     {"state": "closed", "reply": "已临时围挡"}),
    ("the centre sends it back: the same platform, a new clock, counted",
     HANDLED, FRIDAY_1700, Rework(CENTRE, "没修好"), ["case.reworked", "case.dispatched"],
     {"state": "dispatched", "platform": "P016", "generation": 2, "reworks": 1, "deadline": FRIDAY_1900,
      "original_deadline": on(FRIDAY, "12:00"), "handled_at": None, "findings": (), "waits_for": ""}),
    ("the centre presses for it",
     accepted(at=FRIDAY_1000), FRIDAY_1100, Escalate(CENTRE, "领导督办"), ["case.escalated"],
     {"state": "accepted", "escalations": 1, "deadline": on(FRIDAY, "12:00"), "fired": ()}),
    ("the centre presses itself",
     HELD, FRIDAY_1100, Escalate(CENTRE, "快看"), ["case.escalated"],
     {"state": "held", "escalations": 1, "waits_for": "category_missing"}),
    ("the centre ends what a platform has, in the words of the pack",
     accepted(at=FRIDAY_1000), FRIDAY_1100, ForceClose(CENTRE, "gone", ""), ["case.closed"],
     {"state": "closed", "forced": True, "reply": GONE, "closed_at": FRIDAY_1100, "reply_media": ()}),
    ("the centre ends what stands still",
     in_state("suspended", FRIDAY_1000), FRIDAY_1100, ForceClose(CENTRE, "gone", "已消失"), ["case.closed"],
     {"state": "closed", "forced": True, "reply": "已消失", "suspended_until": None}),
    ("the centre voids what should not have been filed",
     accepted(at=FRIDAY_1000), FRIDAY_1100, Void(CENTRE, "test_entry", ""), ["case.voided"],
     {"state": "void", "reply": TEST_ENTRY, "closed_at": FRIDAY_1100}),
    ("the centre voids what was handled already",
     HANDLED, FRIDAY_1100, Void(CENTRE, "test_entry", "测试"), ["case.voided"],
     {"state": "void", "reply": "测试", "waits_for": ""}),
    ("the centre takes a report out that is about something else",
     OF_TWO, FRIDAY_1100, Unlink(CENTRE, SECOND_REPORT, derived("other"), "另一处"), ["case.unlinked"],
     {"state": "dispatched", "reports": (FIRST,), "deadline": on(FRIDAY, "12:00")}),
    ("the centre finds two cases to be one problem",
     OF_TWO, FRIDAY_1100, Link(CENTRE, derived("other"), "同一井盖", to_open=True), ["case.linked"],
     {"state": "linked", "linked_to": derived("other"), "reports": (), "closed_at": FRIDAY_1100}),
    ("another citizen joins, whoever has the case",
     in_state("suspended", FRIDAY_1000), FRIDAY_1100, Join(STRANGER, "还没修", (photo("aa"),)), ["case.joined"],
     {"state": "suspended", "reports": (FIRST, STRANGER), "media": (photo("aa"),)}),
    ("a dispute in the last moment of the seventh day opens the case again",
     CLOSED, NEXT_FRIDAY_1700, COMMANDS[Dispute], ["case.reopened", "case.dispatched"],
     {"state": "dispatched", "platform": "P016", "generation": 2, "reopened": 1, "reworks": 1, "reply": "",
      "closed_at": None, "deadline": FRIDAY_1900 + WEEK}),
    ("a second dispute waits for the centre",
     TWICE_CLOSED, MONDAY_0900, COMMANDS[Dispute], ["case.disputed"],
     {"state": "closed", "waits_for": "dispute", "waits_since": MONDAY_0900, "disputed_by": (FIRST,)}),
    ("who disputes it too waits for the same answer, since the first of them",
     DISPUTED, MONDAY_1500, BY_SECOND, ["case.disputed"],
     {"waits_for": "dispute", "waits_since": MONDAY_0900, "disputed_by": (FIRST, SECOND_REPORT)}),
    ("the dispute of what the centre ended waits for it at once",
     FORCED, MONDAY_0900, COMMANDS[Dispute], ["case.disputed"],
     {"state": "closed", "waits_for": "dispute"}),
    ("the centre upholds a dispute",
     DISPUTED, MONDAY_1000, Approve(CENTRE, "dispute"), ["case.reopened", "case.dispatched"],
     {"state": "dispatched", "platform": "P016", "generation": 3, "reopened": 2, "reworks": 2, "disputed_by": (),
      "waits_for": "", "deadline": MONDAY_1200}),
    ("the centre upholds a dispute of what nobody wanted: it waits, as before",
     after(FORCED, COMMANDS[Dispute], MONDAY_0900), MONDAY_1000, Approve(CENTRE, "dispute"), ["case.reopened"],
     {"state": "filed", "platform": None, "waits_for": "no_platform", "waits_since": MONDAY_1000, "forced": False,
      "reply": ""}),
    ("the centre stands by the closing before all who disputed it",
     after(DISPUTED, BY_SECOND, MONDAY_1000), MONDAY_1100, Refuse(CENTRE, "dispute", "已复核"),
     ["case.dispute_refused"],
     {"state": "closed", "waits_for": "", "waits_since": None, "disputed_by": (), "reply": "换了新的"}),
    ("after that it can be disputed once more",
     after(DISPUTED, Refuse(CENTRE, "dispute", "已复核"), MONDAY_1000), MONDAY_1100, COMMANDS[Dispute],
     ["case.disputed"], {"waits_for": "dispute", "waits_since": MONDAY_1100, "disputed_by": (FIRST,)}),
    ("a reporter rates the result",
     CLOSED, MONDAY_0900, Rate(FIRST, 4, "谢谢", f"report:{FIRST}"), ["case.rated"],
     {"state": "closed", "ratings": ((FIRST, 4),)}),
    ("a reporter's last mark counts",
     after(CLOSED, COMMANDS[Rate], MONDAY_0900), MONDAY_1000, Rate(FIRST, 1, "又坏了", f"report:{FIRST}"),
     ["case.rated"], {"ratings": ((FIRST, 1),)}),
    ("a reporter rates a refusal too",
     in_state("declined", FRIDAY_1000), MONDAY_0900, Rate(FIRST, 1, "", f"report:{FIRST}"), ["case.rated"],
     {"state": "declined", "ratings": ((FIRST, 1),)}),
    ("a platform that the pack has dropped gets its rework by the name it had",
     suspicious(FRIDAY_1000), FRIDAY_1700, Rework(CENTRE, "没修好"), ["case.reworked", "case.dispatched"],
     {"platform": "P016", "generation": 2}),
]  # fmt: skip
CITIES = {
    "a handling that was drawn waits for the centre, which did not suspect anything": replace(
        CITY, checking=replace(CITY.checking, shares=(("*", 1.0),))
    ),
    "a platform that the pack has dropped gets its rework by the name it had": replace(
        CITY, platforms={code: name for code, name in CITY.platforms.items() if code != "P016"}
    ),
}
"""Cities other than the packs' own, for the rows of these names."""


def rows(table: Iterable[Any]) -> list[Any]:
    return [pytest.param(*row[1:], CITIES.get(row[0], CITY), id=row[0]) for row in table]


@pytest.mark.parametrize(("case", "at", "command", "kinds", "then", "city"), rows(MOVES))
def test_a_move_is_made(
    case: Case | None, at: datetime, command: Command, kinds: Sequence[str], then: Then, city: City
) -> None:
    events = decided(case, command, at, city)

    assert (kinds, then) == ([event.kind for event in events], seen(folded(events, case), then))


REFUSED: Sequence[tuple[str, Case | None, datetime, Command, str]] = [
    ("no category and none is named", HELD, FRIDAY_1700, File(CENTRE, None, None, NUMBER), "category_missing"),
    ("a category of no catalogue", HELD, FRIDAY_1700, File(CENTRE, "C9999", None, NUMBER), "category_unknown"),
    ("a district of another city", HELD, FRIDAY_1700, File(CENTRE, URGENT, "110101", NUMBER), "district_unknown"),
    ("no district and none is named", after(None, opening(district=None)), FRIDAY_1700,
     File(CENTRE, None, None, NUMBER), "district_missing"),
    ("no number is left", HELD, FRIDAY_1700, File(CENTRE, URGENT, None, None), "numbers_ran_out"),
    ("decline: no such reason", HELD, FRIDAY_1700, Decline(CENTRE, "made_up", "不办"), "reason_unknown"),
    ("decline: a reason of another act", HELD, FRIDAY_1700, Decline(CENTRE, "gone", "不办"), "reason_unknown"),
    ("return: no such reason", dispatched(), FRIDAY_1700, returning(reason="made_up"), "reason_unknown"),
    ("return: a reason of another act", dispatched(), FRIDAY_1700, returning(reason="weather"), "reason_unknown"),
    ("extend: no such reason", accepted(at=FRIDAY_1000), FRIDAY_1100, asking_more(reason="made_up"), "reason_unknown"),
    ("extend: a reason of another act", accepted(at=FRIDAY_1000), FRIDAY_1100,
     asking_more(reason="season"), "reason_unknown"),
    ("suspend: no such reason", accepted(at=FRIDAY_1000), FRIDAY_1100,
     asking_pause(MONDAY_0900, reason="made_up"), "reason_unknown"),
    ("suspend: a reason of another act", accepted(at=FRIDAY_1000), FRIDAY_1100,
     asking_pause(MONDAY_0900, reason="weather"), "reason_unknown"),
    ("force_close: no such reason", dispatched(), FRIDAY_1700, ForceClose(CENTRE, "made_up", "不办"), "reason_unknown"),
    ("force_close: a reason of another act", dispatched(), FRIDAY_1700, ForceClose(CENTRE, "double", ""),
     "reason_unknown"),
    ("void: no such reason", dispatched(), FRIDAY_1700, Void(CENTRE, "made_up", "不办"), "reason_unknown"),
    ("void: a reason of another act", dispatched(), FRIDAY_1700, Void(CENTRE, "gone", ""), "reason_unknown"),
    ("a platform of no list", WAITING, FRIDAY_1700, Dispatch(CENTRE, "P999"), "platform_unknown"),
    ("to whom has it, by name", dispatched(), FRIDAY_1700, Dispatch(CENTRE, "P016"), "already_there"),
    ("to whom has it, by the rules", dispatched(), FRIDAY_1700, Dispatch(CENTRE, None), "already_there"),
    ("by the rules, which know nobody more", WAITING, FRIDAY_1700, Dispatch(CENTRE, None), "no_candidate_left"),
    ("without words", accepted(), FRIDAY_1700, handling(text=" 好 "), "text_too_short"),
    ("without the photo that its category needs", accepted(), FRIDAY_1700,
     handling(media=(), photos=()), "after_photo_missing"),
    ("the report that opened the case", OF_TWO, FRIDAY_1700,
     Unlink(CENTRE, FIRST, derived("other"), ""), "first_report"),
    ("a report of another case", OF_TWO, FRIDAY_1700,
     Unlink(CENTRE, STRANGER, derived("other"), ""), "report_not_joined"),
    ("a report that was taken out already", after(OF_TWO, COMMANDS[Unlink], FRIDAY_1100), FRIDAY_1700,
     COMMANDS[Unlink], "report_not_joined"),
    ("to itself", OF_TWO, FRIDAY_1700, Link(CENTRE, derived("case"), "", to_open=True), "same_case"),
    ("to a case that is not open", OF_TWO, FRIDAY_1700, Link(CENTRE, derived("other"), ""), "linked_to_not_open"),
    ("what was handled", HANDLED, FRIDAY_1700, COMMANDS[Link], "not_while_handled"),
    ("a report that joined already", OF_TWO, FRIDAY_1700, COMMANDS[Join], "already_joined"),
    ("a second after the seventh day", CLOSED, NEXT_FRIDAY_1700 + SECOND, COMMANDS[Dispute],
     "dispute_too_late"),
    ("the same reporter, whose dispute waits", DISPUTED, MONDAY_1000, COMMANDS[Dispute], "dispute_waiting"),
    ("no dispute waits", CLOSED, MONDAY_1000, Approve(CENTRE, "dispute"), "no_such_request"),
    ("the dispute was answered already", after(DISPUTED, Refuse(CENTRE, "dispute", "已复核"), MONDAY_1000), MONDAY_1100,
     Refuse(CENTRE, "dispute", "已复核"), "no_such_request"),
    ("handled twice", CLOSED, FRIDAY_1900, handling(), "not_while_closed"),
    ("accepted twice", accepted(), FRIDAY_1900, by_platform(Accept), "not_while_accepted"),
    ("handled while it stands still", in_state("suspended"), FRIDAY_1900, handling(), "not_while_suspended"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "at", "command", "reason"), [pytest.param(*row[1:], id=row[0]) for row in REFUSED])
def test_a_move_is_refused_with_its_reason(case: Case | None, at: datetime, command: Command, reason: str) -> None:
    assert reason == refusal(case, command, at)


Move = tuple[datetime, Command, Sequence[str], Then]
RETURNED_AND_ARBITRATED: Sequence[Move] = [
    (FRIDAY_1700, opening(), ["case.opened", "case.filed", "case.dispatched"],
     {"state": "dispatched", "platform": "P016", "deadline": FRIDAY_1900, "original_deadline": FRIDAY_1900}),
    (FRIDAY_1730, returning(1, "P016", "not_ours"), ["case.returned", "case.dispatched"],
     {"state": "dispatched", "platform": "P015", "deadline": on(FRIDAY, "19:30"), "original_deadline": FRIDAY_1900}),
    (SUNDAY_1000, returning(2, "P015", "wrong_place"), ["case.returned", "case.dispatched"],
     {"state": "dispatched", "platform": "P002", "deadline": SUNDAY_1200, "original_deadline": FRIDAY_1900}),
    (MONDAY_0900, returning(3, "P002", "cannot_find"), ["case.returned"],
     {"state": "filed", "platform": None, "waits_for": "arbitration", "waits_since": MONDAY_0900, "deadline": None,
      "accept_by": None, "returned_by": ("P016", "P015", "P002")}),
    (MONDAY_1000, Dispatch(CENTRE, "P015"), ["case.dispatched"],
     {"state": "dispatched", "platform": "P015", "generation": 4, "final": True, "rule": "centre",
      "deadline": MONDAY_1200, "original_deadline": FRIDAY_1900}),
    (MONDAY_1100, handling(4, "P015", said_elsewhere=True), ["case.handled"],
     {"state": "handled", "waits_for": "text_reused", "final": True}),
    (MONDAY_1200, Rework(CENTRE, "没修好"), ["case.reworked", "case.dispatched"],
     {"state": "dispatched", "platform": "P015", "generation": 5, "final": True, "deadline": on(MONDAY, "14:00")}),
]  # fmt: skip
RETURNED_WITH_CANDIDATES_LEFT: Sequence[Move] = [
    (FRIDAY_1700, opening("E0502"), ["case.opened", "case.filed", "case.dispatched"],
     {"platform": "P034", "candidates": ("P034", "P035", "P036", "P002")}),
    (FRIDAY_1700, returning(1, "P034"), ["case.returned", "case.dispatched"], {"platform": "P035"}),
    (FRIDAY_1700, returning(2, "P035"), ["case.returned", "case.dispatched"], {"platform": "P036"}),
    (FRIDAY_1730, returning(3, "P036"), ["case.returned"], {"state": "filed", "waits_for": "arbitration"}),
    (MONDAY_0900, Dispatch(CENTRE, None), ["case.dispatched"], {"platform": "P002", "rule": "R0306", "final": False}),
    (MONDAY_1000, returning(4, "P002"), ["case.returned"], {"state": "filed", "waits_for": "arbitration"}),
]  # fmt: skip
WITHDRAWN_AND_RETURNED: Sequence[Move] = [
    (FRIDAY_1700, opening(WORK_DAY), ["case.opened", "case.filed", "case.dispatched"],
     {"platform": "P002", "deadline": on(MONDAY, "17:00")}),
    (MONDAY_0900, Dispatch(CENTRE, "P013"), ["case.dispatched"],
     {"platform": "P013", "generation": 2, "final": False, "deadline": TUESDAY_0900}),
    (MONDAY_1600, returning(2, "P013"), ["case.returned"],
     {"state": "filed", "platform": None, "waits_for": "arbitration", "waits_since": MONDAY_1600}),
    (TUESDAY_0900, Dispatch(CENTRE, None), ["case.dispatched"],
     {"platform": "P002", "generation": 3, "rule": "R0346", "final": False, "deadline": on(WEDNESDAY, "09:00")}),
    (TUESDAY_1500, returning(3, "P002"), ["case.returned", "case.dispatched"],
     {"platform": "P015", "generation": 4, "returned_by": ("P013", "P002"), "deadline": on(WEDNESDAY, "15:00")}),
    (THURSDAY_1000, returning(4, "P015"), ["case.returned"],
     {"state": "filed", "waits_for": "arbitration", "returned_by": ("P013", "P002", "P015")}),
]  # fmt: skip


@pytest.mark.parametrize(
    "life",
    [
        pytest.param(RETURNED_AND_ARBITRATED, id="returned, arbitrated, sent back"),
        pytest.param(RETURNED_WITH_CANDIDATES_LEFT, id="returned so often that the centre is asked before the last"),
        pytest.param(WITHDRAWN_AND_RETURNED, id="withdrawn, returned by all"),
    ],
)
def test_a_life_goes_on_move_by_move(life: Sequence[Move]) -> None:
    case: Case | None = None
    made = []
    for at, command, _, then in life:
        events = decided(case, command, at)
        case = folded(events, case)
        made.append((at, command, [event.kind for event in events], seen(case, then)))

    assert list(life) == made


@pytest.mark.parametrize("reason", ["not_ours", "wrong_place"])
def test_what_the_centre_has_decided_is_final(reason: str) -> None:
    case = walk(None, [(at, command) for at, command, _, _ in RETURNED_AND_ARBITRATED[:5]])

    assert "decision_is_final" == refusal(case, returning(4, "P015", reason), MONDAY_1100)


def test_it_stays_final_when_the_centre_names_yet_another_platform() -> None:
    case = walk(None, [(at, command) for at, command, _, _ in RETURNED_AND_ARBITRATED[:5]])
    another = after(case, Dispatch(CENTRE, "P013"), MONDAY_1100)

    assert (True, "decision_is_final") == (another.final, refusal(another, returning(5, "P013"), MONDAY_1100))


def test_the_centres_word_is_not_final_before_the_platforms_have_returned_it_often_enough() -> None:
    case = walk(dispatched(at=FRIDAY_1700), [(FRIDAY_1730, Dispatch(CENTRE, "P013"))])

    assert ("P013", False, None) == (
        holder(case), case.final, refusal(case, returning(2, "P013"), FRIDAY_1900),
    )  # fmt: skip


def test_a_candidate_that_the_pack_has_dropped_is_passed_over() -> None:
    case = after(dispatched(at=FRIDAY_1700), returning(), FRIDAY_1730, WITHOUT_P015)

    assert ("P002", ("P016", "P015", "P002")) == (holder(case), case.candidates)


def test_every_platform_that_had_a_case_is_remembered_once() -> None:
    case = walk(None, [(at, command) for at, command, _, _ in RETURNED_AND_ARBITRATED])

    assert ("P016", "P015", "P002") == case.held_by
    assert ("P016", "P015", "P002") == case.returned_by


@pytest.mark.parametrize(("act", "made"), [("return", returning), ("extend", asking_more)])
def test_a_platform_may_give_every_reason_that_the_pack_has_for_its_act(act: str, made: Any) -> None:
    case = accepted(at=FRIDAY_1000)

    assert dict.fromkeys(CITY.codes(act)) == {
        code: refusal(case, made(reason=code), FRIDAY_1100) for code in CITY.codes(act)
    }


@pytest.mark.parametrize(("act", "made"), [("decline", Decline), ("force_close", ForceClose), ("void", Void)])
def test_the_citizen_is_told_the_words_that_the_pack_has_for_the_reason(act: str, made: Any) -> None:
    assert {code: CITY.reasons[act, code] for code in CITY.codes(act)} == {
        code: after(WAITING, made(CENTRE, code, ""), FRIDAY_1700).reply for code in CITY.codes(act)
    }
