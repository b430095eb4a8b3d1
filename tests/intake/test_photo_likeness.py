"""A perceptual hash tells a photo that was changed a little from another one: counted on hundreds of pairs."""

import random

import pytest
from PIL import Image

from services.intake.photo_likeness import SIDE, likeness_of
from services.router.media import ALIKE, orientations
from tests.bench.likeness import CHANGES, apart, distances, likeness, scene

PLACES = 20
Found = dict[str, list[int]]
ALWAYS = [f"same: {name}" for name in CHANGES if "missing" not in name]
MOSTLY = [f"same: {name}" for name in CHANGES if "missing" in name and "and" not in name]


@pytest.fixture(scope="module")
def found() -> Found:
    """Drawn once, when the first test asks."""
    return distances(PLACES)


@pytest.mark.parametrize("change", ALWAYS)
def test_a_photo_that_was_changed_a_little_is_recognised(found: Found, change: str) -> None:
    missed = [distance for distance in found[change] if distance > ALIKE]

    assert (PLACES, True) == (len(found[change]), len(missed) <= 1)


def test_a_photo_that_was_cropped_more_at_one_side_than_at_another_is_mostly_recognised(found: Found) -> None:
    recognised = [distance <= ALIKE for change in MOSTLY for distance in found[change]]

    assert (8 * PLACES, True) == (len(recognised), sum(recognised) >= 6 * PLACES)


@pytest.mark.parametrize(("kind", "most"), [("different places", 0), ("one place before and after, by hand", 2)])
def test_another_photo_is_not_taken_for_it(found: Found, kind: str, most: int) -> None:
    assert most >= len([distance for distance in found[kind] if distance <= ALIKE])


def test_that_was_counted_on_more_than_two_hundred_pairs_of_each_sort(found: Found) -> None:
    assert 200 <= sum(len(found[change]) for change in ALWAYS)
    assert 190 <= len(found["different places"])


@pytest.mark.parametrize("grey", [bytes(SIDE * SIDE), b"\xff" * SIDE * SIDE, bytes(range(8)) * (SIDE * SIDE // 8)])
def test_a_blank_resembles_nothing(grey: bytes) -> None:
    assert None is likeness_of(grey)


@pytest.mark.parametrize("seed", range(8))
def test_of_whatever_is_turned_or_mirrored_the_hash_is_exactly_one_of_the_eight(seed: int) -> None:
    picture = Image.frombytes("L", (SIDE, SIDE), random.Random(seed).randbytes(SIDE * SIDE))
    upright = likeness_of(picture.tobytes())
    turned = {likeness_of(picture.transpose(way).tobytes()) for way in Image.Transpose}
    assert upright is not None

    assert {upright, *turned} == set(orientations(upright))
    assert (upright, 8) == (orientations(upright)[0], len({upright, *turned}))


KEPT = {0: 0x7CC35938C64931CF, 1: 0xE668287B09139FD5, 2: 0xD218CDC318C9E7A7, 10: 0xCF45213028C7D7D7}
"""The hashes of drawn places as versions before 2026-12 made them; in the last, the median turns eight of the bits."""


@pytest.mark.parametrize("place", KEPT)
def test_a_hash_that_was_kept_before_recognises_the_photo_in_every_orientation(place: int) -> None:
    seen = scene(place, place)
    hashes = [likeness(seen), *(likeness(seen.transpose(way)) for way in Image.Transpose)]
    elsewhere = [kept for other, kept in KEPT.items() if other != place]

    assert ALIKE >= max(apart([KEPT[place]], of_seen) for of_seen in hashes)
    assert ALIKE < min(apart(elsewhere, of_seen) for of_seen in hashes)
