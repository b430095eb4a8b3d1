"""A canary: one telephone number goes in at the door, and is looked for in every byte that comes out anywhere."""

from typing import Any

from tests.journeys.town import Town

PHONE = "13987654321"


def test_a_citizens_telephone_is_seen_by_nobody(town: Town) -> None:
    fit: dict[str, Any] = town.body(reporter={"ref": "u-canary", "phone": PHONE})
    report_id = town.report(**fit)
    unfit: list[dict[str, Any]] = [
        {"category": "X9999"},
        {"reporter": {"ref": "u", "phone": PHONE, "telefon": PHONE}},
        {"reporter": {"ref": "u", "phone": f"{PHONE}0000000000000"}},
        {"place": {"lon": 1, "lat": 1, "system": "WGS-84"}},
    ]
    refusals = [
        town.call("intake", "POST", "/v1/reports", "APP_KEY", json=fit | change, idempotency=f"{town.mark}-{n}")
        for n, change in enumerate(unfit)
    ]
    town.handle_all([report_id])
    town.results([report_id])

    seen = {name: service.log.read_bytes() for name, service in town.system.services.items()}
    for name in town.system.services:
        seen[f"{name} metrics"] = town.call(name, "GET", "/metrics").content
    for topic in ("reports", "cases", "notices"):
        seen[topic] = b"".join(r.value + b"".join(r.headers.values()) for r in town.topic(topic))
    seen |= {f"refusal {n}": answer.content for n, answer in enumerate(refusals)}
    seen["page"] = str(town.page(report_id)).encode()
    seen["feed"] = str(town.feed()).encode()

    assert [422] * 4 == [answer.status_code for answer in refusals]
    assert [] == [where for where, text in seen.items() if PHONE.encode() in text]
    assert report_id.encode() in seen["reports"]
