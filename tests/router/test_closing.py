"""Whether a handling counts: what is missing is refused, each thing that is suspicious is found, some are drawn."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from chassis import receipts
from schemas.coordinates import SYSTEMS, Point, System, gcj_to_bd, wgs_to_gcj
from services.router.case import Case
from services.router.city import City
from services.router.closing import findings, is_drawn, missing
from services.router.commands import Dispute, Handle, Join
from services.router.commands_of_centre import Rework
from services.router.media import sha256_of
from tests.router.conftest import CITY, TUESDAY_1000, derived
from tests.router.kernel import (
    CENTRE,
    COMMANDS,
    FIRST,
    SECOND_REPORT,
    URGENT,
    after,
    dispatched,
    handling,
    opening,
    photo,
    refusal,
    walk,
)  # fmt: skip

LON, LAT = 112.55, 37.85
METRE_NORTH = 1 / 111_195
METRE_EAST = METRE_NORTH / math.cos(math.radians(LAT))
SHOWN = after(None, opening(media=(photo("aa"), photo("ab"))))
"""Its reporter sent two photos."""
SHOWN_BY_ANOTHER = after(SHOWN, Join(SECOND_REPORT, "我也看到了", (photo("ac"),)))
HANDLED_ONCE = walk(
    dispatched(),
    [
        (TUESDAY_1000, handling(photos_elsewhere=("cd" * 32,))),
        (TUESDAY_1000, Rework(CENTRE, "没修好")),
    ],
)
"""With the words 已处理 and the photo cd."""
REOPENED = walk(
    dispatched(),
    [(TUESDAY_1000, handling()), (TUESDAY_1000, Dispute(FIRST, "还在", "report:x", (photo("ad"),)))],
)
SAID_WITH_BLANKS = replace(HANDLED_ONCE, said=("  已处理 ",))
NOWHERE = after(None, opening(place=opening().place.model_copy(update={"lon": None, "lat": None})))


def shows(*contents: str, generation: int = 1, text: str = "换了新的", **more: Any) -> Handle:
    media, photos = tuple(photo(content) for content in contents), tuple(content * 32 for content in contents)
    return handling(generation, media=media, photos=photos, text=text, **more)


def written(system: System, east: float, north: float) -> Point:
    """What a camera writes that stands so many metres from the case and knows its position in `system`."""
    gcj = wgs_to_gcj(LON + east * METRE_EAST, LAT + north * METRE_NORTH)
    wgs = (LON + east * METRE_EAST, LAT + north * METRE_NORTH)
    return {"WGS-84": wgs, "GCJ-02": gcj, "BD-09": gcj_to_bd(*gcj)}[system]


def like(
    content: str, likeness: int, point: tuple[float, float] | None = None, inner: int | None = None
) -> str:  # fmt: skip
    """A receipt with a perceptual hash, of bytes that nobody else has sent."""
    return receipts.sign(b"k" * 32, "P016", content * 32, TUESDAY_1000, point, likeness, inner)


PICTURE = 0x7CC3_5938_C649_31CA
TURNED = 0xB6ED_6DB2_4A88_B666
WAYS = {"upright": PICTURE, "mirrored": 0xD669_F392_6CE3_9B60, "turned": TURNED, "upside down": 0x2969_0C92_93E3_6460}
KEPT = 0x7CC3_5938_C649_31CF
"""The hash of the same picture, as versions before 2026-12 made it."""
ALMOST, JUST_NOT = 0x1FE, 0x3FE
"""As many bits as may be changed, and one more."""
LIKE_BEFORE, KEPT_BEFORE = (after(None, opening(media=(like("aa", of),))) for of in (PICTURE, KEPT))
INNER_BEFORE = after(None, opening(media=(like("aa", 0xE66A_687B_8993_9FD4, inner=PICTURE),)))
"""Of the reporter's photo, the inner part is the picture."""
LIKE_AFTER = walk(
    dispatched(),
    [
        (TUESDAY_1000, handling(media=(like("cd", PICTURE),), photos_elsewhere=("cd" * 32,))),
        (TUESDAY_1000, Rework(CENTRE, "没修好")),
    ],
)


def showing(media_id: str, generation: int = 1) -> Handle:
    return handling(generation, media=(media_id,), photos=(sha256_of(media_id),), text="换了新的")


FINDINGS: Sequence[tuple[str, Case, Handle, tuple[str, ...]]] = [
    ("nothing", SHOWN, shows("ef"), ()),
    ("no photo, nothing", SHOWN, shows(), ()),
    ("the reporter's photo", SHOWN, shows("ef", "ab"), ("photo_from_before",)),
    ("the photo of who joined", SHOWN_BY_ANOTHER, shows("ac"), ("photo_from_before",)),
    ("the photo of who disputed it", REOPENED, shows("ad", generation=2), ("photo_from_before",)),
    *(
        (f"the reporter's photo, {way}, {changed.bit_count()} bits changed", LIKE_BEFORE,
         showing(like("ef", seen ^ changed)), found)
        for way, seen in WAYS.items()
        for changed, found in ((0, ("photo_from_before",)), (ALMOST, ("photo_from_before",)), (JUST_NOT, ()))
    ),
    *(
        (f"the photo that was hashed by an earlier version, {way}", KEPT_BEFORE, showing(like("ef", seen)),
         ("photo_from_before",))
        for way, seen in WAYS.items()
    ),
    *(
        (f"the inner part of the reporter's photo, {way}", INNER_BEFORE, showing(like("ef", seen)),
         ("photo_from_before",))
        for way, seen in WAYS.items()
    ),
    ("what differs from whole and inner part", INNER_BEFORE, showing(like("ef", PICTURE ^ JUST_NOT)), ()),
    ("twice hashed by an earlier version", KEPT_BEFORE, showing(like("ef", KEPT)), ("photo_from_before",)),
    ("and says where it was taken", LIKE_BEFORE, showing(like("ef", PICTURE, (LON, LAT))), ("photo_from_before",)),
    ("a photo of before there were such hashes", LIKE_BEFORE, shows("ef"), ()),
    ("a report of before there were such hashes", SHOWN, showing(like("ef", PICTURE)), ()),
    ("what looks like the first handling", LIKE_AFTER, showing(like("ef", TURNED ^ ALMOST), 2), ("photo_reused",)),
    ("what looks different from the first handling", LIKE_AFTER, showing(like("ef", PICTURE ^ JUST_NOT), 2), ()),
    ("the photo of the first handling", HANDLED_ONCE, shows("cd", generation=2), ("photo_reused",)),
    ("a photo of another case", SHOWN, shows("ef", photos_elsewhere=("ef" * 32,)), ("photo_of_another_case",)),
    *(
        (f"taken {metres} m away by a camera that writes {system}", SHOWN,
         shows("ef", points=(written(system, east * metres, north * metres),)), found)
        for system in SYSTEMS
        for metres, found in ((0, ()), (499, ()), (2100, ("photo_far_away",)), (90_000, ("photo_far_away",)))
        for east, north in ((0, 1), (0, -1), (1, 0), (-1, 0))
    ),
    ("one of two taken far away", SHOWN, shows("ef", "ee", points=((LON, LAT), (LON, LAT + 1))), ("photo_far_away",)),
    ("nobody knows from where it is far", NOWHERE, shows("ef", points=((LON, LAT + 1),)), ()),
    ("words of the first handling", HANDLED_ONCE, shows("ef", generation=2, text="已处理"), ("text_reused",)),
    ("the same words with blanks around", HANDLED_ONCE, shows("ef", generation=2, text=" 已处理  "), ("text_reused",)),
    ("an invisible space between", HANDLED_ONCE, shows("ef", generation=2, text="已\u200b处理"), ("text_reused",)),
    ("the same words, wide and apart", HANDLED_ONCE, shows("ef", generation=2, text="已　处 理\n"), ("text_reused",)),
    ("with blanks around the first time", SAID_WITH_BLANKS, shows("ef", generation=2, text="已处理"), ("text_reused",)),
    ("words that it used elsewhere", SHOWN, shows("ef", said_elsewhere=True), ("text_reused",)),
    ("all of it", after(HANDLED_ONCE, Join(SECOND_REPORT, "还在", (photo("ab"),))),
     shows("cd", "ab", generation=2, text="已处理", points=((LON + 1, LAT),), photos_elsewhere=("cd" * 32,)),
     ("photo_from_before", "photo_reused", "photo_of_another_case", "photo_far_away", "text_reused")),
]  # fmt: skip


@pytest.mark.parametrize(("case", "command", "found"), [pytest.param(*row[1:], id=row[0]) for row in FINDINGS])
def test_a_handling_is_looked_at_for(case: Case, command: Handle, found: tuple[str, ...]) -> None:
    assert found == findings(case, command, CITY)


@pytest.mark.parametrize(
    ("case", "command", "found"), [pytest.param(*row[1:], id=row[0]) for row in FINDINGS if row[2].media]
)
def test_it_waits_with_what_was_found_or_closes(case: Case, command: Handle, found: tuple[str, ...]) -> None:
    handled = after(case, command)

    assert (("handled", ",".join(found)) if found else ("closed", "")) == (handled.state, handled.waits_for)


@pytest.mark.parametrize(
    ("text", "media", "photo_needed", "reason"),
    [
        ("已处理", ("m",), True, None),
        ("已处理", (), False, None),
        ("已处理", (), True, "after_photo_missing"),
        ("好了", (), False, None),
        ("好", ("m",), True, "text_too_short"),
        (" 好 ", ("m",), False, "text_too_short"),
        ("", (), True, "text_too_short"),
    ],
)
def test_what_is_missing_is_no_handling(
    text: str, media: tuple[str, ...], photo_needed: bool, reason: str | None
) -> None:
    assert reason == missing(text, media, photo_needed)


@pytest.mark.parametrize(
    ("category", "needed"), [("C0102", True), ("C0501", True), ("E0110", True), ("E0401", False), ("S01", False)]
)
def test_a_photo_is_owed_where_the_pack_says_so(category: str, needed: bool) -> None:
    case = after(None, opening(category))
    platform = case.platform.code if case.platform else ""

    assert needed == CITY.checking.needs_after_photo(category)
    assert ("after_photo_missing" if needed else None) == refusal(case, handling(1, platform, media=(), photos=()))


DRAWN_FROM = [replace(dispatched(), case_id=derived(f"drawn {n}")) for n in range(2_000)]


@pytest.mark.parametrize(("share", "least", "most"), [(0, 0, 0), (0.1, 150, 250), (0.5, 900, 1_100), (1, 2_000, 2_000)])
def test_of_so_many_handlings_about_the_share_is_drawn(share: float, least: int, most: int) -> None:
    drawn = sum(is_drawn(case, share) for case in DRAWN_FROM)

    assert least <= drawn <= most


def test_who_is_drawn_at_a_small_share_is_drawn_at_a_larger_one() -> None:
    few, many = ([case.case_id for case in DRAWN_FROM if is_drawn(case, share)] for share in (0.1, 0.3))

    assert set(few) < set(many)


def test_the_same_handling_is_drawn_in_every_run_and_a_rework_is_drawn_anew() -> None:
    first = [is_drawn(case, 0.5) for case in DRAWN_FROM]
    second = [is_drawn(replace(case, generation=2), 0.5) for case in DRAWN_FROM]

    assert first == [is_drawn(case, 0.5) for case in DRAWN_FROM]
    assert 800 < sum(one != other for one, other in zip(first, second, strict=True)) < 1_200


def checking(*shares: tuple[str, float]) -> City:
    return replace(CITY, checking=replace(CITY.checking, shares=shares))


@pytest.mark.parametrize(
    ("city", "command", "found"),
    [
        (checking(("*", 1.0)), shows("ef"), ("chosen_for_check",)),
        (checking(("C01*", 1.0), ("*", 0.0)), shows("ef"), ("chosen_for_check",)),
        (checking((URGENT, 0.0), ("*", 1.0)), shows("ef"), ()),  # the first that fits
        (checking(("E*", 1.0)), shows("ef"), ()),  # none fits
        (checking(("*", 1.0)), shows("ab"), ("photo_from_before",)),  # it is looked at anyway
    ],
)
def test_a_share_of_each_category_is_checked_whatever_it_looks_like(
    city: City, command: Handle, found: tuple[str, ...]
) -> None:
    assert found == findings(SHOWN, command, city)


def test_a_photo_is_known_by_its_receipts_hash_and_anything_else_by_its_name() -> None:
    assert "ab" * 32 == sha256_of(photo("ab"))
    assert 64 == len(sha256_of("井盖.jpg"))
    assert sha256_of("before.jpg") != sha256_of("after.jpg")


def test_every_photo_and_every_word_of_a_case_is_remembered_over_reworks() -> None:
    again = after(HANDLED_ONCE, shows("ef", generation=2, said_elsewhere=True))

    assert (("已处理", "换了新的"), ("cd" * 32, "ef" * 32)) == (again.said, again.shown)
    assert COMMANDS[Handle].photos == HANDLED_ONCE.shown
