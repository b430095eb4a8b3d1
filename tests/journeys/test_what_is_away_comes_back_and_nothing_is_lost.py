"""Guarantee: Kafka or PostgreSQL away is said plainly, nothing accepted is lost, and nobody restarts anything."""

import time
from typing import Any

import httpx

from tests.journeys.town import Town, until

SOON = 6.0
"""Seconds within which a client must know that its report was not taken."""


def pids(town: Town) -> dict[str, Any]:
    return {name: service.process and service.process.pid for name, service in town.system.services.items()}


def post(town: Town, body: dict[str, Any]) -> httpx.Response:
    return town.call("intake", "POST", "/v1/reports", "APP_KEY", json=body, idempotency=f"{town.mark}-away")


def test_with_kafka_away_nothing_is_accepted_and_all_goes_on_when_it_is_back(town: Town) -> None:
    accepted, processes = town.reports(5), pids(town)
    assert town.system.kafka is not None
    town.system.kafka.kill()
    body = town.body()
    try:
        began = time.monotonic()
        refused = post(town, body)
        waited = time.monotonic() - began
        until(lambda: not town.service("intake").ready())
    finally:
        town.system.kafka.start()
    report_id = town.patiently("intake", "POST", "/v1/reports", "APP_KEY", json=body, idempotency=f"{town.mark}-away")
    accepted.append(report_id["report_id"])
    for name in town.system.services:
        town.ready(name)
    town.handle_all(accepted)

    assert (503, True, True) == (refused.status_code, int(refused.headers["Retry-After"]) > 0, waited < SOON)
    assert "application/problem+json" == refused.headers["Content-Type"]
    assert dict.fromkeys(accepted, 1) == town.results(accepted)
    assert processes == pids(town)


def test_with_postgresql_away_reports_are_taken_acts_are_not_and_all_goes_on_when_it_is_back(town: Town) -> None:
    accepted, processes = town.reports(5), pids(town)
    case = town.case(accepted[0])
    assert town.system.postgres is not None
    town.system.postgres.kill()
    try:
        taken = post(town, town.body())
        refused = [
            town.try_act(case["platform"], case, "accept"),
            town.call("notifier", "GET", "/v1/feed", "APP_KEY"),
            town.call("router", "GET", "/v1/platforms/me/cases", f"PLATFORM_KEY_{case['platform']}"),
        ]
        for name in ("router", "notifier"):
            until(lambda name=name: not town.service(name).ready())  # type: ignore[misc]
    finally:
        town.system.postgres.start()
    accepted.append(taken.json()["report_id"])
    for name in town.system.services:
        town.ready(name)
    town.handle_all(accepted)

    assert 202 == taken.status_code
    assert [(503, True)] * 3 == [(answer.status_code, "Retry-After" in answer.headers) for answer in refused]
    assert dict.fromkeys(accepted, 1) == town.results(accepted)
    assert processes == pids(town)
