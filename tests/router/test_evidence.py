"""What a handling shows and says, held against what was shown and said before: a finding waits for the centre."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from services.router.act import Door
from tests.bench.likeness import likeness, scene
from tests.router.conftest import report
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    beside,
    case_of,
    later,
    photo,
    photographed,
    reported,
    standing,
)
from tests.router.http import CENTRE, DRAINS, YINGZE, Caller, refusal

CASE, OTHER, THIRD = case_of(1), case_of(2), case_of(3)
WORDS = "已更换井盖"


async def handled(call: Caller, case_id: str, text: str, *media: str, generation: int = 1, key: str = DRAINS) -> Any:
    """State and findings after a handling."""
    case = await call.done(key, case_id, "handle", generation=generation, text=text, media=list(media))
    return case["state"], case["handling"]["findings"]


async def test_an_after_photo_and_words_of_its_own_close_the_case_and_the_citizen_gets_them(
    door: Door, call: Caller
) -> None:
    await reported(door, 1, media=photographed(door, "aa"))
    media = photo(door, content="bb")
    case = await call.done(DRAINS, CASE, "handle", generation=1, text=WORDS, media=[media])

    assert ("closed", WORDS, [media], []) == (
        case["state"], case["reply"]["text"], case["reply"]["media"], case["handling"]["findings"],
    )  # fmt: skip


async def test_a_photo_that_a_citizen_sent_is_found_in_his_case_and_in_any_other(door: Door, call: Caller) -> None:
    await reported(door, 1, media=photographed(door, "aa"))
    await reported(door, 2)
    await reported(door, 12, place=beside(2), media=photographed(door, "ab"))
    await reported(door, 3)

    assert ("handled", ["photo_from_before"]) == await handled(call, CASE, "已处理一", photo(door, content="aa"))
    assert ("handled", ["photo_from_before"]) == await handled(call, OTHER, "已处理二", photo(door, content="ab"))
    assert ("handled", ["photo_of_another_case"]) == await handled(call, THIRD, "已处理三", photo(door, content="aa"))


@pytest.mark.parametrize(
    ("way", "place", "found"),
    [
        (Image.Transpose.ROTATE_90, 1, ["photo_from_before"]),
        (Image.Transpose.FLIP_LEFT_RIGHT, 1, ["photo_from_before"]),
        (Image.Transpose.ROTATE_90, 2, []),
    ],
)
async def test_a_citizens_photo_is_found_turned_and_mirrored(
    door: Door, call: Caller, way: Image.Transpose, place: int, found: list[str]
) -> None:
    await reported(door, 1, media=photographed(door, "aa", likeness(scene(1, 1))))
    sent_back = photo(door, content="bb", likeness=likeness(scene(place, place).transpose(way)))

    assert ("handled" if found else "closed", found) == await handled(call, CASE, WORDS, sent_back)


async def test_a_photo_that_another_handling_showed_is_found_however_long_ago(door: Door, call: Caller) -> None:
    await reported(door, 1, 2)
    assert ("closed", []) == await handled(call, CASE, "已处理一", photo(door, content="cc"))
    later(door, days=400)
    media = [photo(door, content="dd"), photo(door, content="cc")]

    assert ("handled", ["photo_of_another_case"]) == await handled(call, OTHER, "已处理二", *media)


async def test_after_a_rework_the_photo_and_the_words_must_be_new(door: Door, call: Caller) -> None:
    await reported(door, 1, media=photographed(door, "aa"))
    await handled(call, CASE, WORDS, photo(door, content="aa"))
    await call.done(CENTRE, CASE, "rework", generation=1, reason="照片不是处置后的")
    second = await handled(call, CASE, f" {WORDS} ", photo(door, content="aa"), generation=2)
    await call.done(CENTRE, CASE, "rework", generation=2, reason="仍是同一张照片")
    third = await handled(call, CASE, "井盖已更换并固定", photo(door, content="cc"), generation=3)

    assert ("handled", ["photo_from_before", "photo_reused", "text_reused"]) == second
    assert ("closed", []) == third


@pytest.mark.parametrize(
    ("metres", "found"), [(490, []), (2_100, ["photo_far_away"]), (90_000, ["photo_far_away"]), (None, [])]
)
async def test_a_photo_that_was_taken_far_away_is_found(
    door: Door, call: Caller, metres: float | None, found: list[str]
) -> None:
    await reported(door, 1)
    lon, lat = report(1).place.lon or 0, report(1).place.lat or 0
    point = None if metres is None else (lon, lat + metres / 111_195)

    state, findings = await handled(
        call, CASE, WORDS, photo(door, content="cc"), photo(door, content="cd", point=point)
    )

    assert ("handled" if found else "closed", found) == (state, findings)


async def test_words_are_not_used_again_for_another_case_within_a_week(door: Door, call: Caller) -> None:
    await reported(door, *range(1, 5), category=BLOCKED_DRAIN)
    await reported(door, 5, category="E0401")
    first = await handled(call, CASE, "已疏通")
    later(door, days=7, seconds=-1)
    within = await handled(call, OTHER, " 已疏通 ")
    await call.done(CENTRE, OTHER, "close", generation=1)
    later(door, days=7)
    after = await handled(call, THIRD, "已疏通")

    assert [("closed", []), ("handled", ["text_reused"]), ("closed", [])] == [first, within, after]


@pytest.mark.parametrize(
    "again", ["已\u200b疏通，通水", "已疏通\u202e，通水", " 已 疏\u3000通,通水\n", "已疏通，通水\ufe0f"]
)
async def test_what_cannot_be_seen_and_width_make_no_other_words(door: Door, call: Caller, again: str) -> None:
    await reported(door, 1, 2, category=BLOCKED_DRAIN)

    assert ("closed", []) == await handled(call, CASE, "已疏通，通水")
    assert ("handled", ["text_reused"]) == await handled(call, OTHER, again)


async def test_words_that_the_version_before_has_kept_are_known(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, category=BLOCKED_DRAIN)
    before = hashlib.sha256("words\nP016\n已疏通，通水".encode()).digest()
    await door.database.execute(
        "insert into router.evidence (digest, case_id, at) values ($1, $2, $3)", before, UUID(CASE), door.now()
    )

    assert ("handled", ["text_reused"]) == await handled(call, OTHER, "已疏通，通水")


async def test_another_platform_may_use_the_same_words(door: Door, call: Caller) -> None:
    await reported(door, 1, category=BLOCKED_DRAIN)
    await reported(door, 2, category=DIRTY_STREET)

    assert ("closed", []) == await handled(call, CASE, "已处理完毕")
    assert ("closed", []) == await handled(call, OTHER, "已处理完毕", photo(door, "P002"), key=YINGZE)


async def many(call: Caller, *items: tuple[str, int, str, list[str]]) -> list[tuple[int, Any]]:
    """Status and, where it was handled, findings of each item of one list."""
    body = [{"case_id": c, "generation": g, "text": text, "media": media} for c, g, text, media in items]
    answer = await call.post(DRAINS, "/v1/platforms/me/handle", {"items": body})
    assert answer.status_code == 200, answer.text
    return [
        (item["status"], item["body"]["handling"]["findings"] if item["status"] == 200 else item["body"]["reason"])
        for item in answer.json()["items"]
    ]


async def test_words_and_photos_are_not_used_twice_in_one_list(door: Door, call: Caller) -> None:
    await reported(door, *range(1, 5))
    one, two = photo(door, content="c1"), photo(door, content="c2")
    told = await many(
        call, (CASE, 1, "已处理", [one]), (OTHER, 1, "已处理", [two]), (THIRD, 1, "已处理三", [one, two]),
        (case_of(4), 1, "已处理四", [photo(door, content="c4")]),
    )  # fmt: skip

    assert [(200, []), (200, ["text_reused"]), (200, ["photo_of_another_case"]), (200, [])] == told


async def test_what_was_refused_was_neither_shown_nor_said(door: Door, call: Caller) -> None:
    await reported(door, 1, 2, 3)
    shown = photo(door, content="c1")
    told = await many(
        call,
        (CASE, 9, WORDS, [shown]),
        (case_of(77), 1, WORDS, [shown]),
        (OTHER, 1, WORDS, []),
        (THIRD, 1, WORDS, [shown]),
    )

    assert [
        (409, "generation_unknown"), (404, "unknown_case"), (422, "after_photo_missing"), (200, []),
    ] == told  # fmt: skip


async def test_of_handlings_that_race_with_one_photo_one_closes(door: Door, call: Caller) -> None:
    await reported(door, *range(1, 9))
    shown = photo(door, content="cc")
    found = await asyncio.gather(*(handled(call, case_of(n), f"已处理 {n}", shown) for n in range(1, 9)))

    assert [("closed", [])] + [("handled", ["photo_of_another_case"])] * 7 == sorted(found)


async def test_a_category_that_needs_a_photo_is_not_handled_without_one(door: Door, call: Caller) -> None:
    await reported(door, 1)
    before = await standing(door)

    assert (422, "after_photo_missing", ["media"]) == refusal(
        await call.act(DRAINS, CASE, "handle", generation=1, text=WORDS)
    )
    assert (422, "text_too_short", ["text"]) == refusal(
        await call.act(DRAINS, CASE, "handle", generation=1, text="   ", media=[photo(door)])
    )
    assert before == await standing(door)


async def test_a_photo_must_be_the_platforms_own_fresh_and_not_forged(door: Door, call: Caller) -> None:
    await reported(door, 1)
    before = await standing(door)
    media = [
        photo(door), photo(door, "P015"), photo(door, age=timedelta(hours=25)), photo(door, age=-timedelta(minutes=6)),
        "x" * 80, photo(door)[:-1] + "A", photo(door, age=timedelta(hours=24)), photo(door, age=-timedelta(minutes=5)),
    ]  # fmt: skip
    one = await call.act(DRAINS, CASE, "handle", generation=1, text=WORDS, media=media)
    item = {"case_id": CASE, "generation": 1, "text": WORDS, "media": media}
    listed = await call.post(DRAINS, "/v1/platforms/me/handle", {"items": [item]})

    expected = [
        ("media[1]", "media_not_yours"), ("media[2]", "media_too_old"), ("media[3]", "media_too_old"),
        ("media[4]", "media_unknown"), ("media[5]", "media_unknown"),
    ]  # fmt: skip
    assert (422, expected) == (one.status_code, [(e["field"], e["reason"]) for e in one.json()["errors"]])
    assert (422, [(f"items[0].{field}", reason) for field, reason in expected]) == (
        listed.status_code, [(e["field"], e["reason"]) for e in listed.json()["errors"]],
    )  # fmt: skip
    assert before == await standing(door)
