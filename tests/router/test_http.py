"""What every act by HTTP keeps to, whoever asks: what it saw, once, in turn; a refusal changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from chassis.postgres.pool import Connection, Database
from services.router.act import Door
from services.router.http_centre_lists import LISTS
from tests.router.desk import (
    BLOCKED_DRAIN,
    brought_to,
    case_of,
    events_of,
    report_id,
    reported,
    standing,
)
from tests.router.http import APP, CENTRE, DRAINS, OPS, STRANGER, Caller, calling, refusal

CASE, OTHER, NOWHERE = case_of(1), case_of(50), case_of(77)
WHY = {"reason": "weather", "note": "大雪"}
CENTRES: dict[str, tuple[str, dict[str, Any]]] = {
    "file": ("held", {"category": BLOCKED_DRAIN}),
    "decline": ("held", {"reason": "unclear"}),
    "dispatch": ("dispatched", {"platform": "P013"}),
    "approve": ("requesting", {"request": "extension"}),
    "refuse": ("requesting", {"request": "extension", "reason": "工程不大"}),
    "resume": ("suspended", {}),
    "close": ("handled", {}),
    "rework": ("handled", {"reason": "仍有积水"}),
    "escalate": ("accepted", {"reason": "请尽快处置"}),
    "force_close": ("accepted", {"reason": "gone"}),
    "void": ("accepted", {"reason": "double"}),
    "link": ("dispatched", {"linked_to": OTHER, "reason": "同一问题"}),
    "unlink": ("joined", {"reason": "另一问题"}),
}
PLATFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "accept": ("dispatched", {}),
    "return": ("accepted", {"reason": "not_ours", "note": "不在管辖范围"}),
    "extend": ("accepted", WHY),
    "suspend": ("accepted", {**WHY, "reason": "season", "until": "2026-11-30T08:00:00+08:00"}),
    "handle": ("accepted", {"text": "不再积水"}),
}
ACTS = CENTRES | PLATFORMS
NUMBERS = {act: n for n, act in enumerate(ACTS, 1)}
"""Each act is tried on a case of its own."""
OUT_OF_TURN: dict[str, set[str]] = {
    "held": set(CENTRES) - {"file", "decline", "escalate", "link", "unlink"},
    "dispatched": {"file", "decline", "extend", "suspend", "approve", "refuse", "resume", "close", "rework"},
    "suspended": (set(ACTS) - {"resume", "escalate", "force_close", "void", "link", "unlink"}),
    "handled": (set(ACTS) - {"close", "rework", "escalate", "void", "unlink"}),
    "closed": (set(ACTS) - {"approve", "refuse"}),
}


class Watched(Database):
    """A database that notes every statement."""

    statements: list[str]

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with super().connection() as connection:
            with connection.query_logger(lambda record: self.statements.append(record.query)):
                yield connection


async def history(door: Door, case_id: str) -> list[Any]:
    """Every line of a case's history, refusals included."""
    return await door.database.fetch("select * from router.history where case_id = $1 order by line", UUID(case_id))


def key_for(act: str) -> str:
    return DRAINS if act in PLATFORMS else CENTRE


def spoken(act: str, generation: int | None = None) -> dict[str, Any]:
    """The body of an act that speaks of this generation, or of none."""
    body = ACTS[act][1] | ({"report_id": str(report_id(NUMBERS[act] + 200))} if act == "unlink" else {})
    return body if generation is None else body | {"generation": generation}


async def ready_for_each(door: Door, call: Caller) -> dict[str, Any]:
    """A case for each act, in the state where it is in turn, as the centre sees it; and case 50 beside them."""
    await reported(door, 50)
    found = {act: await brought_to(door, call, ACTS[act][0], NUMBERS[act]) for act in ACTS}
    return {act: await call.case(case_id) for act, case_id in found.items()}


async def test_an_act_on_what_was_seen_is_done_and_told_again_under_its_key(door: Door, call: Caller) -> None:
    for act, seen in (await ready_for_each(door, call)).items():
        body = spoken(act, seen["generation"] if act in PLATFORMS else None)
        asked = (key_for(act), seen["case_id"], act, f"once-{act}", f'"{seen["seq"]}"')
        done = await call.act(*asked, **body)
        after = await standing(door)
        again = await call.act(*asked, **body)
        reading = await call.get(CENTRE, f"/v1/cases/{seen['case_id']}")

        assert done.status_code == 200, done.text
        assert done.json()["seq"] > seen["seq"]
        assert {f'"{done.json()["seq"]}"'} == {answer.headers["etag"] for answer in (done, again, reading)}
        assert (200, done.content) == (again.status_code, again.content)
        assert after == await standing(door)


async def test_a_key_that_was_used_for_another_act_body_or_case_is_refused(door: Door, call: Caller) -> None:
    for key, act in ((CENTRE, "escalate"), (DRAINS, "return")):
        await reported(door, 1, 50)
        assert 200 == (await call.act(key, CASE, act, "once", **spoken(act, 1))).status_code
        before = await standing(door)
        answers = [
            await call.act(key, CASE, act, "once", **spoken(act, 1) | {"reason": "cannot_find"}),
            await call.act(key, OTHER, act, "once", **spoken(act, 1)),
            await call.act(key, OTHER, "close" if key == CENTRE else "accept", "once", generation=1),
        ]

        assert [(422, "idempotency_key_reused", ["Idempotency-Key"])] * 3 == [refusal(answer) for answer in answers]
        assert before == await standing(door)


async def test_an_act_on_a_case_that_has_changed_since_it_was_seen_changes_nothing(door: Door, call: Caller) -> None:
    cases = await ready_for_each(door, call)
    for seen in cases.values():
        await call.done(CENTRE, seen["case_id"], "escalate", generation=seen["generation"], reason="请尽快处置")
    before = await standing(door)
    late = {
        act: await call.act(
            key_for(act), seen["case_id"], act, seen=f'"{seen["seq"]}"', **spoken(act, seen["generation"])
        )
        for act, seen in cases.items()
    }

    assert dict.fromkeys(ACTS, (412, "changed_meanwhile", ["If-Match"])) == {a: refusal(r) for a, r in late.items()}
    assert {act: (seen["seq"] + 1, seen["state"]) for act, seen in cases.items()} == {
        act: (answer.json()["seq"], answer.json()["state"]) for act, answer in late.items()
    }
    assert before == await standing(door)


async def test_an_act_that_does_not_say_what_it_saw_is_refused_and_nothing_changes(door: Door, call: Caller) -> None:
    cases = await ready_for_each(door, call)
    before = await standing(door)
    for act, seen in cases.items():
        silent = await call.act(key_for(act), seen["case_id"], act, **spoken(act))
        unfit = [
            await call.act(key_for(act), seen["case_id"], act, seen=etag, **spoken(act, max(1, seen["generation"])))
            for etag in ("7", '"seven"', 'W/"7"', "*")
        ]

        expected = (422, "unfit_body") if act in PLATFORMS else (428, "generation_missing")
        assert (*expected, ["generation"]) == refusal(silent)
        assert [(400, "if_match_unfit", ["If-Match"])] * 4 == [refusal(answer) for answer in unfit]
    assert before == await standing(door)


async def test_acts_of_an_older_or_an_unheard_of_generation_change_nothing_and_are_remembered(
    door: Door, call: Caller
) -> None:
    await reported(door, 50)
    await brought_to(door, call, "bounced")
    before = await standing(door)
    late = {act: await call.act(key_for(act), CASE, act, **spoken(act, 1)) for act in ACTS}
    early = {act: await call.act(key_for(act), CASE, act, **spoken(act, 9)) for act in ACTS}
    refused = [line for line in (await call.case(CASE))["history"] if line["event"] == "refused"]

    assert dict.fromkeys(ACTS, (409, "older_generation", ["generation"])) == {a: refusal(r) for a, r in late.items()}
    assert dict.fromkeys(ACTS, (409, "generation_unknown", ["generation"])) == {a: refusal(r) for a, r in early.items()}
    assert {2} == {answer.json()["generation"] for answer in late.values()}
    assert [
        ("platform:P016" if act in PLATFORMS else "centre:centre-one", act.replace("_", ""), why, generation)
        for why, generation in (("older_generation", 1), ("generation_unknown", 9))
        for act in ACTS
    ] == [(r["by"], r["body"]["command"], r["body"]["reason"], r["body"]["generation"]) for r in refused]
    assert before == await standing(door)


@pytest.mark.parametrize("state", OUT_OF_TURN)
async def test_acts_out_of_turn_are_refused_by_the_name_of_the_state_and_change_nothing(
    door: Door, call: Caller, state: str
) -> None:
    await reported(door, 50)
    await brought_to(door, call, state)
    case, before = await call.case(CASE), await standing(door)
    acts = OUT_OF_TURN[state]
    answers = {act: await call.act(key_for(act), CASE, act, **spoken(act, case["generation"])) for act in acts}

    assert dict.fromkeys(acts, (409, f"not_while_{state}", [])) == {act: refusal(a) for act, a in answers.items()}
    assert before == await standing(door)


async def test_another_platforms_case_and_one_that_does_not_exist_look_alike(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted")
    held = await brought_to(door, call, "held", 2)
    before = await standing(door)
    answers = [
        await call.act(STRANGER, case_id, act, **spoken(act, 1))
        for act in PLATFORMS
        for case_id in (CASE, held, NOWHERE, "42")
    ]
    answers += [await call.get(STRANGER, f"/v1/cases/{case_id}") for case_id in (CASE, held, NOWHERE, "42")]
    answers += [await call.act(CENTRE, NOWHERE, act, **spoken(act, 1)) for act in CENTRES]

    assert {(404, answers[0].content)} == {(answer.status_code, answer.content) for answer in answers}
    assert (404, "unknown_case", ["case_id"]) == refusal(answers[0])
    assert before == await standing(door)


async def test_a_foreign_case_is_answered_like_an_unknown_one_whatever_is_said_to_have_been_seen(
    door: Door, call: Caller
) -> None:
    await brought_to(door, call, "accepted")
    seq = (await call.case(CASE))["seq"]
    before, lines = await standing(door), await history(door, CASE)
    answers = [
        await call.act(STRANGER, case_id, act, seen=etag, **spoken(act, generation))
        for act in PLATFORMS
        for case_id in (CASE, NOWHERE)
        for etag in ('"999"', f'"{seq}"', '"1"')
        for generation in (1, 7)
    ]
    bulk = [
        (
            await call.post(STRANGER, f"/v1/platforms/me/{act}", {"items": [spoken(act, 1) | {"case_id": case_id}]})
        ).json()
        for act in ("accept", "handle")
        for case_id in (CASE, NOWHERE)
    ]

    assert {(404, answers[0].content)} == {(answer.status_code, answer.content) for answer in answers}
    assert [answers[0].json()] * 4 == [told["items"][0]["body"] for told in bulk]
    assert (before, lines) == (await standing(door), await history(door, CASE))


async def test_a_platform_that_had_a_case_does_not_learn_how_it_is_now(door: Door, call: Caller) -> None:
    await reported(door, 50)
    await brought_to(door, call, "bounced")
    answers = [
        await call.act(DRAINS, CASE, act, seen=etag, **spoken(act, generation))
        for act in PLATFORMS
        for etag, generation in (('"999"', 1), ('"999"', 2), (None, 2))
    ]

    assert ["older_generation", "not_yours", "not_yours"] * len(PLATFORMS) == [a.json()["reason"] for a in answers]
    assert {409} == {answer.status_code for answer in answers}
    assert not [answer.text for answer in answers if {"state", "seq"} & answer.json().keys()]


async def test_a_foreign_case_takes_the_same_statements_as_an_unknown_one_and_waits_for_nobody(
    door: Door, clients_path: Path, service_url: Callable[[str], str]
) -> None:
    said: list[str] = []
    database = Watched(service_url("router"), "router-watched")
    database.statements = said
    await database.open()
    async with calling(replace(door, database=database)) as call:
        await brought_to(door, call, "accepted")
        taken = {}
        async with door.database.transaction() as busy:
            await busy.execute("select from router.cases where case_id = $1 for update", UUID(CASE))
            for case_id in (CASE, NOWHERE):
                said.clear()
                for act in PLATFORMS:
                    await call.act(STRANGER, case_id, act, seen='"999"', **spoken(act, 1))
                await call.get(STRANGER, f"/v1/cases/{case_id}")
                taken[case_id] = said.copy()
    await database.close()

    assert taken[NOWHERE] == taken[CASE]
    assert len(taken[CASE]) > len(PLATFORMS)


async def test_while_the_ledger_is_away_a_foreign_case_is_answered_like_an_unknown_one(door: Door) -> None:
    away = Database("postgresql://router@127.0.0.1:1/none", "router-away")
    await away.open()
    async with calling(replace(door, database=away)) as call:
        answers = [
            answer
            for case_id in (CASE, NOWHERE)
            for answer in (
                *[await call.act(STRANGER, case_id, act, seen='"9"', **spoken(act, 1)) for act in PLATFORMS],
                await call.get(STRANGER, f"/v1/cases/{case_id}"),
            )
        ]
    await away.close()

    assert {(503, answers[0].content)} == {(answer.status_code, answer.content) for answer in answers}


async def test_an_act_is_for_keys_of_one_kind_and_needs_an_idempotency_key(door: Door, call: Caller) -> None:
    await reported(door, 1)
    of_platforms = [f"/v1/cases/{CASE}/{act}" for act in PLATFORMS] + [
        "/v1/platforms/me/accept",
        "/v1/platforms/me/handle",
    ]
    of_centre = [f"/v1/cases/{CASE}/{act}" for act in CENTRES] + [f"/v1/review/{name}" for name in LISTS]
    for paths, own, other in ((of_platforms, DRAINS, CENTRE), (of_centre, CENTRE, DRAINS)):
        for path in paths:
            wrong = [await call.post(key, path, {}) for key in (APP, OPS, other)]
            unknown = await call.post("ssp_centre_nobody", path, {})
            keyless = await call.http.post(path, json={})
            twice = await call.http.post(path, json={}, headers={"Authorization": f"Bearer {own}"})

            assert [(403, "key_not_for_this")] * 3 == [(a.status_code, a.json()["reason"]) for a in wrong]
            assert [401, 401] == [unknown.status_code, keyless.status_code]
            assert (400, "idempotency_key_missing", ["Idempotency-Key"]) == refusal(twice)


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, "generation", "missing"), ({"generation": "1"}, "generation", "unfit"),
        ({"generation": 1, "platform": "P060"}, "platform", "unknown_field"),
        ({"generation": 0}, "generation", "unfit"), ([], "body", "unfit"),
    ],
)  # fmt: skip
async def test_an_unfit_body_is_refused_by_field_and_reason(
    door: Door, call: Caller, body: Any, field: str, reason: str
) -> None:
    await reported(door, 1)
    answer = await call.post(DRAINS, f"/v1/cases/{CASE}/accept", body)

    assert (422, [(field, reason)]) == (
        answer.status_code, [(e["field"], e["reason"]) for e in answer.json()["errors"]],
    )  # fmt: skip


async def test_a_reason_that_the_pack_does_not_know_is_named_and_nothing_changes(door: Door, call: Caller) -> None:
    cases = await ready_for_each(door, call)
    before = await standing(door)
    for act in ("decline", "force_close", "void", "return", "extend", "suspend"):
        answers = [
            await call.act(
                key_for(act), cases[act]["case_id"], act,
                **spoken(act, cases[act]["generation"]) | {"reason": reason},
            )
            for reason in ("made_up", "planned_works" if act != "suspend" else "weather", "Not a code")
        ]  # fmt: skip

        assert [
            (422, "reason_unknown", ["reason"]), (422, "reason_unknown", ["reason"]), (422, "unfit_body", ["reason"]),
        ] == [refusal(answer) for answer in answers]  # fmt: skip
    assert before == await standing(door)


async def test_a_return_without_a_note_is_refused_by_that_name(door: Door, call: Caller) -> None:
    await brought_to(door, call, "accepted")
    before = await standing(door)
    answers = [
        await call.act(DRAINS, CASE, "return", generation=1, reason="not_ours", **note)
        for note in ({}, {"note": ""}, {"note": "a\u202e"}, {"note": "\u200b\u200b"}, {"note": " \u3164\n"})
    ]

    assert [(422, "unfit_body", ["note"])] * 5 == [refusal(answer) for answer in answers]
    assert before == await standing(door)


async def test_many_are_accepted_at_once_and_each_has_its_own_answer(door: Door, call: Caller) -> None:
    await reported(door, *range(5))
    items = [{"case_id": case_of(n), "generation": 1} for n in range(5)]
    items[3]["generation"] = 9
    answer = await call.post(DRAINS, "/v1/platforms/me/accept", {"items": items}, "many")
    after = await standing(door)
    again = await call.post(DRAINS, "/v1/platforms/me/accept", {"items": items}, "many")

    assert [200, 200, 200, 409, 200] == [item["status"] for item in answer.json()["items"]]
    assert (answer.content, after) == (again.content, await standing(door))


async def test_of_two_acts_that_race_one_is_refused(door: Door, call: Caller) -> None:
    await reported(door, 1)
    back: dict[str, Any] = {"generation": 1, "reason": "not_ours", "note": "不在管辖范围"}
    answers = await asyncio.gather(
        *(call.act(DRAINS, CASE, "return", **back) for _ in range(6)),
        call.act(DRAINS, CASE, "accept", generation=1),
    )
    case = await call.case(CASE)
    dispatches = [line for line in case["history"] if line["event"] == "case.dispatched"]

    assert [200, 409] == sorted(a.status_code for a in answers if a.request.url.path.endswith("return"))[:2]
    assert ([1, 2], 2) == ([line["body"]["generation"] for line in dispatches], case["generation"])


async def test_one_key_posted_many_times_at_once_acts_once(door: Door, call: Caller) -> None:
    await reported(door, 1)
    answers = await asyncio.gather(*(call.act(DRAINS, CASE, "accept", "same", generation=1) for _ in range(8)))

    assert {(200, answers[0].content)} == {(a.status_code, a.content) for a in answers}
    assert ["case.opened", "case.filed", "case.dispatched", "case.accepted"] == await events_of(call, CASE)


async def test_the_pages_that_document_the_router_open(call: Caller) -> None:
    pages = [await call.http.get(path) for path in ("/docs", "/openapi.json", "/docs/asyncapi", "/metrics", "/livez")]

    assert [200] * 5 == [page.status_code for page in pages]
    assert "#/$defs/" not in pages[1].text
