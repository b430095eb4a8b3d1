"""The checker is silent about a good run, and cries with the right word about each kind of broken promise."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from tests.faults.checker import Event, Evidence, violations
from tests.faults.history import Acted, History, Sent
from tests.faults.windows import strays

REPORT, CASE = UUID(int=1), UUID(int=2)
P1 = {"code": "P001", "name": "一"}
P2 = {"code": "P002", "name": "二"}


def event(seq: int, kind: str, **body: Any) -> Event:
    return Event("cases", 0, seq, str(CASE), f"id-{seq}", kind, {"seq": seq, **body})


def received(report_id: UUID = REPORT, text: str = "井盖缺失") -> Event:
    body = {"report_id": str(report_id), "text": text}
    return Event("reports", 0, 0, str(report_id), f"r-{report_id}", "report.received", body)


LIFE = (
    event(1, "case.opened", report_id=str(REPORT)),
    event(2, "case.filed"),
    event(3, "case.dispatched", platform=P1, generation=1),
    event(4, "case.returned", platform=P1, generation=1),
    event(5, "case.dispatched", platform=P2, generation=2),
    event(6, "case.handled", platform=P2, generation=2),
    event(7, "case.closed", reply="已处理"),
)
NOTICES = tuple({"report_id": str(REPORT), "case_id": str(CASE), "seq": seq} for seq in (2, 7))
PAGE = {"case_id": str(CASE), "state": "closed", "reply": {"text": "已处理"}}
HISTORY = History(
    accepted={REPORT: Sent("jinyang", frozenset({"井盖缺失"}))}, acts=[Acted("P002", "handle", CASE, 2, 7)]
)
SEEN = Evidence(
    reports=(received(),), cases=LIFE, feed=NOTICES, callbacks=NOTICES, pages={REPORT: PAGE},
    seqs={"intake": {CASE: 7}, "notifier": {CASE: 7}}, history_lines={CASE: 7}, behind={"router.reports": 0},
)  # fmt: skip


def without(seq: int) -> tuple[Event, ...]:
    return tuple(one for one in LIFE if one.body["seq"] != seq)


def changed(seq: int, **body: Any) -> tuple[Event, ...]:
    return tuple(replace(e, body={**e.body, **body}) if e.body["seq"] == seq else e for e in LIFE)


def test_a_good_run_has_nothing_to_say() -> None:
    assert [] == violations(HISTORY, SEEN)


def test_a_repeated_record_is_no_violation() -> None:
    assert [] == violations(
        HISTORY, replace(SEEN, cases=(*LIFE[:3], LIFE[1], *LIFE[3:]), callbacks=(*NOTICES, NOTICES[0]))
    )


BROKEN: dict[str, tuple[str, Callable[[Evidence], Evidence]]] = {
    "an accepted report on no topic": ("lost", lambda s: replace(s, reports=())),
    "an accepted report in no case": ("lost", lambda s: replace(s, cases=without(1))),
    "an event left out": ("gap", lambda s: replace(s, cases=without(2))),
    "other words": ("changed_payload", lambda s: replace(s, reports=(received(text="别的"),))),
    "a report nobody sent": ("phantom", lambda s: replace(s, cases=changed(1, report_id=str(UUID(int=9))))),
    "a generation left out": ("stale_generation", lambda s: replace(s, cases=changed(5, generation=3))),
    "an act of whoever had it before": ("misrouted", lambda s: replace(s, cases=changed(6, platform=P1))),
    "an act of an older generation": ("misrouted", lambda s: replace(s, cases=changed(6, generation=1))),
    "a feed entry twice": ("doubled", lambda s: replace(s, feed=(*NOTICES, NOTICES[1]))),
    "no result in the feed": ("unseen", lambda s: replace(s, feed=NOTICES[:1], callbacks=NOTICES[:1])),
    "no callback": ("unseen", lambda s: replace(s, callbacks=NOTICES[:1])),
    "a callback of nothing": ("phantom", lambda s: replace(s, callbacks=(*NOTICES, {**NOTICES[0], "seq": 5}))),
    "callbacks out of order": ("backwards", lambda s: replace(s, callbacks=NOTICES[::-1])),
    "a signature that does not hold": ("changed_payload", lambda s: replace(s, unverified=1)),
    "a page without the reply": ("unseen", lambda s: replace(s, pages={REPORT: {**PAGE, "reply": None}})),
    "a page of another case": ("unseen", lambda s: replace(s, pages={REPORT: {**PAGE, "case_id": str(REPORT)}})),
    "a read model that went back": ("gap", lambda s: replace(s, seqs={"notifier": {CASE: 3}})),
    "a history with a line less": ("gap", lambda s: replace(s, history_lines={CASE: 6})),
    "an outbox that is not empty": ("unseen", lambda s: replace(s, outbox_rows=1)),
    "records left unread": ("offset_passed", lambda s: replace(s, behind={"router.reports": 3})),
    "a good record parked": ("offset_passed", lambda s: replace(s, parked=(("g", "spoiled", b"{}"),))),
    "a telephone number seen": ("leaked_contact", lambda s: replace(s, leaks=("topic cases",))),
    "a service that is not ready": ("down", lambda s: replace(s, not_ready=("router",))),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_promise_is_cried_with_its_word(name: str) -> None:
    word, broken = BROKEN[name]

    assert word in {line.partition(":")[0] for line in violations(HISTORY, broken(SEEN))}


def test_an_act_that_was_answered_200_and_is_on_no_topic_is_lost() -> None:
    history = replace(HISTORY, acts=[Acted("P002", "handle", CASE, 2, 8)])

    assert ["lost"] == [line.partition(":")[0] for line in violations(history, SEEN)]


def test_a_report_in_two_cases_is_doubled() -> None:
    other = Event("cases", 0, 9, str(UUID(int=3)), "id-x", "case.opened", {"seq": 1, "report_id": str(REPORT)})
    words = {line.partition(":")[0] for line in violations(HISTORY, replace(SEEN, cases=(*LIFE, other)))}

    assert "doubled" in words


def test_a_broken_record_that_is_parked_nowhere_has_been_passed() -> None:
    history = replace(HISTORY, poison={b'{"broken'})

    assert ["offset_passed"] == [line.partition(":")[0] for line in violations(history, SEEN)]


def test_the_sweep_knows_every_window_that_the_code_names() -> None:
    assert set() == strays()
