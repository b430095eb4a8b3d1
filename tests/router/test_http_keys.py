"""Idempotency keys: the earlier answer is repeated whatever time, pack or version has changed since."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.plain_text import visible_length
from services.router.act import Door
from services.router.http_bodies import Body
from services.router.http_centre_lists import DeclineItem, FileItem
from services.router.http_links import LinkBody
from services.router.http_platforms import AcceptItem, HandleBody, HandleItem, ReturnBody, SuspendBody
from services.router.request_digests import digest_of, digests_of, forms_of
from tests.router.conftest import RECEIPT_KEY, hour, report
from tests.router.desk import BLOCKED_DRAIN, case_of, photo, reported, standing, taken
from tests.router.http import DRAINS, Caller, calling, refusal
from tests.router.test_http import key_for, ready_for_each, spoken

CASE, OTHER, NOWHERE = case_of(1), case_of(50), case_of(77)
REUSED = (422, "idempotency_key_reused", ["Idempotency-Key"])
LATER = timedelta(days=400)
BULK = "/v1/platforms/me/handle"
FIELDS = st.sampled_from(["media", "generation", "case_id", "until", "_fields_set"])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=2, max_size=20).filter(
    lambda words: visible_length(words) >= 2  # some marks cannot be seen by themselves
)
GENERATIONS = st.integers(1, 1000)
BODIES: list[tuple[type[Body], st.SearchStrategy[dict[str, Any]]]] = [
    (AcceptItem, st.fixed_dictionaries({"case_id": st.uuids().map(str), "generation": GENERATIONS})),
    (ReturnBody, st.fixed_dictionaries({"note": WORDS, "reason": st.just("not_ours"), "generation": GENERATIONS})),
    (HandleBody, st.fixed_dictionaries({"generation": GENERATIONS, "text": WORDS})),
    (HandleItem, st.fixed_dictionaries(
        {"media": st.lists(WORDS, max_size=9), "text": WORDS, "generation": GENERATIONS, "case_id": st.uuids().map(str)}
    )),
    (FileItem, st.fixed_dictionaries(
        {"case_id": st.uuids().map(str), "generation": st.just(0)}, optional={"category": st.just("C0102")}
    )),
    (DeclineItem, st.fixed_dictionaries(
        {"case_id": st.uuids().map(str), "generation": st.just(0), "reason": st.just("unclear")},
        optional={"reply": WORDS},
    )),
    (LinkBody, st.fixed_dictionaries({"linked_to": st.uuids().map(str), "reason": WORDS})),
    (SuspendBody, st.fixed_dictionaries({
        "generation": GENERATIONS, "reason": st.just("season"), "note": WORDS,
        "until": st.just("2027-03-15T08:00:00+08:00"),
    })),
]  # fmt: skip


async def handled(door: Door, call: Caller, media: list[str], once: str = "once") -> Any:
    return await call.act(DRAINS, CASE, "handle", once, generation=1, text="不再积水", media=media)


async def by_the_version_before(door: Door) -> None:
    """Makes every answer one that the version before has stored."""
    await door.database.execute("update router.answers set request_digest = ''")


async def test_every_act_is_answered_the_same_under_its_key_when_time_and_pack_have_changed(
    door: Door, call: Caller
) -> None:
    done = {}
    for act, seen in (await ready_for_each(door, call)).items():
        body = spoken(act, seen["generation"])
        asked = (key_for(act), seen["case_id"], act, f"once-{act}")
        done[act] = (asked, body, await call.act(*asked, **body))
    hour(door).at += LATER
    before = await standing(door)
    pack = replace(door.city, reasons={}, clocks={}, category_names={})
    async with calling(replace(door, city=pack)) as later:
        again = {act: await later.act(*asked, **body) for act, (asked, body, _) in done.items()}

    assert dict.fromkeys(done, 200) == {act: told.status_code for act, (_, _, told) in done.items()}
    assert {act: told.content for act, (_, _, told) in done.items()} == {act: a.content for act, a in again.items()}
    assert before == await standing(door)


@pytest.mark.parametrize("bulk", [False, True])
async def test_a_handling_is_answered_the_same_when_its_photo_is_too_old_or_was_sent_again(
    door: Door, call: Caller, bulk: bool
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)

    async def handle(media_id: str, once: str = "once") -> Any:
        said: dict[str, Any] = {"generation": 1, "text": "不再积水", "media": [media_id]}
        if bulk:
            return await call.post(DRAINS, BULK, {"items": [{"case_id": CASE} | said]}, once)
        return await call.act(DRAINS, CASE, "handle", once, **said)

    first = photo(door)
    done = await handle(first)
    hour(door).at += timedelta(hours=1)
    sent_again = await handle(photo(door))
    hour(door).at += LATER
    too_old = [await handle(first), await handle(photo(door))]
    before = await standing(door)
    others = [await handle(photo(door, content="cd")), await handle(photo(door, content="cd", age=LATER))]
    fresh = await handle(first, "another")

    assert 200 == done.status_code
    assert {done.content} == {answer.content for answer in (sent_again, *too_old)}
    assert [REUSED] * 2 == [refusal(answer) for answer in others]
    field = "items[0].media[0]" if bulk else "media[0]"
    assert (422, "media_too_old", [field]) == refusal(fresh)
    assert before == await standing(door)


async def test_what_the_version_before_has_stored_is_answered_the_same(door: Door, call: Caller) -> None:
    await reported(door, 1, 50, category=BLOCKED_DRAIN)
    media = photo(door)
    item = {"case_id": OTHER, "generation": 1, "text": "已疏通", "media": [media]}
    done = [await handled(door, call, [media]), await call.post(DRAINS, BULK, {"items": [item]}, "bulk")]
    await door.database.execute("delete from router.answers where key = 'bulk'")
    await by_the_version_before(door)
    hour(door).at += LATER
    again = [await handled(door, call, [media]), await call.post(DRAINS, BULK, {"items": [item]}, "bulk")]
    other = await call.post(DRAINS, BULK, {"items": [item | {"text": "别的话"}]}, "bulk")

    assert [told.content for told in done] == [told.content for told in again]
    assert REUSED == refusal(other)


async def test_the_version_before_finds_the_digest_that_it_makes_itself(door: Door, call: Caller) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    media = [photo(door)]
    await handled(door, call, media)
    body = HandleBody(generation=1, text="不再积水", media=media)
    stored = await door.database.fetchrow("select digest from router.answers where key = 'once'")

    assert stored is not None
    assert digest_of(f"/v1/cases/{CASE}/handle", body.model_dump_json(), "None") == stored["digest"]


async def test_a_body_that_is_unfit_by_now_is_answered_the_same_and_another_one_is_refused(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    path = f"/v1/cases/{CASE}/handle"
    said = {"generation": 1, "text": "x" * 2001, "media": []}  # as if an older version had allowed longer texts
    unlike: list[Any] = [said | {"generation": 2}, {}, [], "x"]
    unfit = await call.post(DRAINS, path, said, "once")
    digests = digests_of(RECEIPT_KEY, f"handle {CASE}", said, "", ())
    await door.database.execute(
        """insert into router.answers (client, key, digest, status, body, request_digest)
           values ('P016', 'once', 'x', 409, '{"seq":1}', $1)""",
        digests.request,
    )
    again = await call.post(DRAINS, path, said, "once")
    others = [await call.post(DRAINS, path, body, "once") for body in unlike]

    assert (422, "unfit_body", ["text"]) == refusal(unfit)
    assert (409, b'{"seq":1}') == (again.status_code, again.content)
    assert [REUSED] * 4 == [refusal(answer) for answer in others]


async def test_a_bulk_key_means_one_list_for_ever(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3, category=BLOCKED_DRAIN)
    path = "/v1/platforms/me/accept"
    one, two, three, none = ({"case_id": c, "generation": 1} for c in (CASE, case_of(2), case_of(3), NOWHERE))
    lists = [
        [one],
        [one, two],
        [two, one, none],
        [one, two, none, three],
        [three],
        [one, two | {"generation": 2}, none],
    ]
    done = await call.post(DRAINS, path, {"items": [one, two, none]}, "once")
    before = await standing(door)
    again = await call.post(DRAINS, path, {"items": [one, two, none]}, "once")
    others = [await call.post(DRAINS, path, {"items": items}, "once") for items in lists]
    more = await call.post(DRAINS, path, {"items": [one, two, none], "note": "不同"}, "once")
    single = await call.act(DRAINS, case_of(3), "accept", "once", generation=1)
    unknown = await call.post(DRAINS, path, {"items": [none]}, "unknown")
    free = await call.post(DRAINS, path, {"items": [three]}, "unknown")

    assert ([200, 200, 404], done.content) == ([item["status"] for item in done.json()["items"]], again.content)
    assert [REUSED] * 7 == [refusal(answer) for answer in (*others, more)]
    assert REUSED == refusal(single)
    assert [404, 200] == [answer.json()["items"][0]["status"] for answer in (unknown, free)]
    assert len(before[0]) == len((await standing(door))[0])


async def test_what_is_wrong_with_a_list_is_told_of_every_item_and_nothing_is_done(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3, 50, category=BLOCKED_DRAIN)
    before = await standing(door)
    said = {"generation": 1, "text": "已疏通"}
    items = [
        {"case_id": CASE, **said},
        {"case_id": case_of(2), **said, "media": [photo(door), "x" * 80]},
        {"case_id": case_of(3), **said, "media": [photo(door, "P001")]},
        {"case_id": CASE, **said},
    ]
    answer = await call.post(DRAINS, BULK, {"items": items}, "once")
    mended = await call.post(DRAINS, BULK, {"items": items[:1]}, "once")

    fields = ["items[1].media[1]", "items[2].media[0]", "items[3].case_id"]
    assert (422, "media_unknown", fields) == refusal(answer)
    assert [200] == [item["status"] for item in mended.json()["items"]]
    assert before[0] != (await standing(door))[0]


async def test_the_same_report_with_its_photo_sent_again_is_one_report(door: Door) -> None:
    first = report(1, body_digest="by-receipt-1", request_digest="by-bytes")
    asides = await taken(
        door,
        first,
        report(1, body_digest="by-receipt-2", request_digest="by-bytes"),  # within one batch
        report(2, body_digest="old"),  # of the version before
    )
    before = await standing(door)
    later = await taken(
        door,
        report(1, body_digest="by-receipt-3", request_digest="by-bytes"),
        report(1, body_digest="by-receipt-1"),  # once more by the version before
        report(2, body_digest="old", request_digest="new"),  # its retry comes through this version
        report(1, body_digest="other", request_digest="other"),
        report(2, body_digest="other"),
        report(2, body_digest="another", request_digest="new"),
    )

    assert [] == asides
    assert ["idempotency_conflict"] * 3 == [aside.reason for aside in later]
    assert before == await standing(door)


@pytest.mark.parametrize(("model", "bodies"), BODIES)
def test_a_body_is_written_down_as_the_version_before_did(
    model: type[Body], bodies: st.SearchStrategy[dict[str, Any]]
) -> None:
    @given(bodies)
    def check(said: dict[str, Any]) -> None:
        expected = model.model_validate_json(json.dumps(said)).model_dump_json()

        assert [expected] * 2 == forms_of(said, model)

    check()


@given(ANY_JSON)
def test_any_value_has_digests_and_another_value_has_others(said: Any) -> None:
    one = digests_of(RECEIPT_KEY, "handle", said, "", [("p", form) for form in forms_of(said, HandleItem)])
    other = digests_of(RECEIPT_KEY, "handle", [said, 1], "", ())

    stored = [(one.forms[0], b""), (b"", one.request), (other.forms[0], other.request), (b"", b"")]

    assert [True, True, False, False] == [one.are_of(*pair) for pair in stored]
