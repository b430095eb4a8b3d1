"""A perceptual hash tells a photo that was changed a little from another one: counted on hundreds of pairs."""

import pytest

from services.intake.photo_likeness import SIDE, likeness_of
from services.router.media import ALIKE
from tests.bench.likeness import CHANGES, distances

PLACES = 20
Found = dict[str, list[int]]
ALWAYS = [f"same: {name}" for name in CHANGES if name not in ("cropped by 2 %", "cropped by 5 %")]


@pytest.fixture(scope="module")
def found() -> Found:
    """Drawn once, when the first test asks."""
    return distances(PLACES)


@pytest.mark.parametrize("change", ALWAYS)
def test_a_photo_that_was_changed_a_little_is_recognised(found: Found, change: str) -> None:
    missed = [distance for distance in found[change] if distance > ALIKE]

    assert (PLACES, True) == (len(found[change]), len(missed) <= 1)


@pytest.mark.parametrize(("kind", "most"), [("different places", 0), ("one place before and after, by hand", 2)])
def test_another_photo_is_not_taken_for_it(found: Found, kind: str, most: int) -> None:
    assert most >= len([distance for distance in found[kind] if distance <= ALIKE])


def test_that_was_counted_on_more_than_two_hundred_pairs_of_each_sort(found: Found) -> None:
    assert 200 <= sum(len(found[change]) for change in ALWAYS)
    assert 190 <= len(found["different places"])


@pytest.mark.parametrize("grey", [bytes(SIDE * SIDE), b"\xff" * SIDE * SIDE, bytes(range(8)) * (SIDE * SIDE // 8)])
def test_a_blank_resembles_nothing(grey: bytes) -> None:
    assert None is likeness_of(grey)
