"""What people write in an act: cleaned and judged first, and no personal number in it is kept or shown."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from services.router import http_centre, http_links, http_platforms
from services.router.act import Door
from services.router.http_bodies import Body, FreeText, fit, masked
from services.router.http_correct import CorrectBody, PlaceBody
from tests.router.desk import BLOCKED_DRAIN, brought_to, case_of, reported
from tests.router.http import CENTRE, DRAINS, Caller, calling, refusal

CASE = case_of(1)
MOBILE, LANDLINE = "138.0000.1234", "0351-4123456"
SAID, KEPT = f"已联系{MOBILE}或{LANDLINE}，热线12345", "已联系138****1234或0351*****56，热线12345"
CODES = {
    "reason",
    "category",
    "district",
    "platform",
    "media",
    "request",
    "outcome",
    "report_id",
    "linked_to",
    "case_id",
}
"""Texts of a fixed form: codes of the pack and the like, ids, receipts."""


def bodies(of: type[Body] = Body) -> Iterator[type[Body]]:
    for model in of.__subclasses__():
        yield model
        yield from bodies(model)


OURS = [model for model in bodies() if model.__module__.startswith("services.") and "items" not in model.model_fields]


def is_free(model: type[Body], name: str) -> bool:
    return any(isinstance(mark, FreeText) for mark in model.model_fields[name].metadata)


def test_a_body_inside_a_body_is_masked_too() -> None:
    body = CorrectBody(place=PlaceBody(address=SAID), reason="地址有误")
    place = masked(body, ()).place

    assert place is not None
    assert KEPT == place.address


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_text_of_every_act_is_free_and_masked_or_of_a_fixed_form(model: type[Body]) -> None:
    texts = {name for name, field in model.model_fields.items() if "str" in str(field.annotation)}

    assert set() == {name for name in texts if not is_free(model, name)} - CODES
    for name in texts:
        if is_free(model, name):
            body = model.model_construct(None, **{name: SAID})
            assert [KEPT, SAID] == [
                getattr(masked(body, ()), name),
                getattr(masked(body, {"03514123456", "13800001234"}), name),
            ]


def test_the_bodies_of_all_three_edges_are_looked_at() -> None:
    modules = {model.__module__ for model in OURS}

    assert {module.__name__ for module in (http_centre, http_links, http_platforms)} <= modules


ACTS: list[tuple[str, str, str, dict[str, Any]]] = [
    ("accepted", DRAINS, "return", {"reason": "not_ours", "note": SAID}),
    ("accepted", DRAINS, "extend", {"reason": "weather", "note": SAID}),
    ("accepted", DRAINS, "suspend", {"reason": "season", "note": SAID, "until": "2026-12-01T08:00:00+08:00"}),
    ("accepted", CENTRE, "escalate", {"reason": SAID}),
    ("accepted", CENTRE, "force_close", {"reason": "gone", "reply": SAID}),
    ("accepted", CENTRE, "void", {"reason": "double", "reply": SAID}),
    ("handled", CENTRE, "close", {"reply": SAID}),
    ("handled", CENTRE, "rework", {"reason": SAID}),
    ("held", CENTRE, "decline", {"reason": "unclear", "reply": SAID}),
]


@pytest.mark.parametrize(("state", "key", "act", "body"), ACTS, ids=[act for _, _, act, _ in ACTS])
async def test_no_personal_number_that_anybody_writes_is_kept_or_shown(
    door: Door, call: Caller, state: str, key: str, act: str, body: dict[str, Any]
) -> None:
    await brought_to(door, call, state)
    generation = (await call.case(CASE))["generation"]
    once = {"once": "same", "generation": generation}
    answer = await call.act(key, CASE, act, **once, **body)
    again = await call.act(key, CASE, act, **once, **body)
    other = await call.act(key, CASE, act, **once, **json.loads(json.dumps(body).replace("0000", "1111")))
    tables = await door.database.fetch("select tablename from pg_tables where schemaname = 'router'")
    kept = [
        repr(tuple(bytes(cell).decode(errors="replace") if isinstance(cell, bytes) else cell for cell in row))
        for (table,) in tables
        for row in await door.database.fetch(f"select * from router.{table}")
    ]

    assert (200, answer.content) == (answer.status_code, again.content), answer.text
    assert (422, "idempotency_key_reused", ["Idempotency-Key"]) == refusal(other)
    assert "138****1234" in json.dumps(await call.case(CASE), ensure_ascii=False)
    assert any("138****1234" in row for row in kept)
    assert not [row for row in kept if any(secret in row for secret in (MOBILE, "13800001234", "4123456"))]


async def test_a_handling_shows_the_masked_words_and_keeps_what_the_city_publishes(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=BLOCKED_DRAIN)
    async with calling(replace(door, city=replace(door.city, public_numbers=frozenset({"03514123456"})))) as told:
        one = await told.post(
            DRAINS, "/v1/platforms/me/handle", {"items": [{"case_id": CASE, "generation": 1, "text": SAID}]}
        )
    two = await call.act(DRAINS, case_of(2), "handle", "two", generation=1, text="\u200b\u200b")

    assert "已联系138****1234或0351-4123456，热线12345" == one.json()["items"][0]["body"]["handling"]["text"]
    assert (422, "unfit_body", ["text"]) == refusal(two)


async def test_what_cannot_be_seen_is_removed_from_an_act(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted")
    await call.done(DRAINS, CASE, "extend", generation=1, reason="weather\u200e", note="大\u202e雪\x0b封路\x00")

    assert "大雪\n封路" == (await call.case(CASE))["history"][-1]["body"]["note"]


def test_a_blank_reply_is_none() -> None:
    replies = [fit({"reply": said}, http_centre.CloseBody).reply for said in ("", " \n", "\u200b", " 已办 ")]

    assert ["", "", "", " 已办 "] == replies
