"""Guarantee 1, and with it 3 and 4: whatever process dies when, in the middle of whatever it does."""

from collections import Counter

import httpx
import pytest

from tests.journeys.town import Town, lives, until

FAULTS = [
    ("intake", "intake.sent:kill:5"),
    ("intake", "intake.acked:kill:5"),
    ("intake", "intake.acked:drop:5"),
    ("intake", "model.written:kill:2"),
    ("router", "router.decided:kill:2"),
    ("router", "router.committed:kill:2"),
    ("router", "relay.sent:kill:2"),
    ("notifier", "notifier.written:kill:2"),
]
"""Some windows of each service; `make faults` enters every one, at its first and second pass."""
REPORTS = 24


@pytest.mark.parametrize(("service", "fault"), FAULTS, ids=[fault for _, fault in FAULTS])
def test_a_report_answered_202_is_never_lost_and_never_doubled(town: Town, service: str, fault: str) -> None:
    town.stop(service)
    town.start_faulty(service, fault)

    reports = town.watched(lambda: [*town.reports(REPORTS // 2), *town.reports(REPORTS // 2)])
    town.watched(lambda: town.handle_all(reports))

    assert f"fault {fault}" in town.service(service).log.read_text("utf-8", "replace")
    assert dict.fromkeys(reports, 1) == town.watched(lambda: town.results(reports))
    assert_one_case_each(town, reports)


def test_killing_every_service_again_and_again_loses_and_doubles_nothing(town: Town) -> None:
    reports = []
    for name in ("router", "notifier", "intake", "router", "notifier"):
        reports += town.watched(lambda: town.reports(10))
        town.kill(name)

    town.watched(lambda: town.handle_all(reports))

    assert dict.fromkeys(reports, 1) == town.watched(lambda: town.results(reports))
    assert_one_case_each(town, reports)


def test_the_same_report_sent_many_times_is_one_report(town: Town) -> None:
    body = town.body()

    def send(**change: str) -> httpx.Response:
        return town.call("intake", "POST", "/v1/reports", "APP_KEY", json=body | change, idempotency=town.mark)

    answers = [send() for _ in range(5)]
    other = until(lambda: send(text="别的"), lambda told: told.status_code != 202)
    report_id = answers[0].json()["report_id"]
    town.handle_all([report_id])

    assert {202} == {answer.status_code for answer in answers}
    assert 1 == len({answer.text for answer in answers})
    assert (422, "idempotency_key_reused") == (other.status_code, other.json()["reason"])
    assert {report_id: 1} == town.results([report_id])
    assert_one_case_each(town, [report_id])


def assert_one_case_each(town: Town, reports: list[str]) -> None:
    entered: Counter[str] = Counter()
    for events in lives(town.topic("cases")):
        assert list(range(1, len(events) + 1)) == [event["seq"] for event in events]
        entered.update(e["report_id"] for e in events if e["kind"] in ("case.opened", "case.joined"))

    assert dict.fromkeys(reports, 1) == {report: entered[report] for report in reports}
