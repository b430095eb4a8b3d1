"""The same problem: 50 m and 24 hours, both ends included; locks cover the neighbours' cells."""

import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.same_problem import Candidate, Nearness, locks_of, same_problem
from tests.router.conftest import TUESDAY_1000, derived

LON, LAT = 112.55, 37.85
METRE_NORTH = 1 / 111_195
METRE_EAST = METRE_NORTH / math.cos(math.radians(LAT))


@pytest.mark.parametrize(
    ("east", "north", "later", "same"),
    [
        (0, 0, timedelta(0), True),
        (49.9, 0, timedelta(hours=24), True),
        (0, 49.9, timedelta(hours=-24), True),
        (50.5, 0, timedelta(0), False),
        (36, 36, timedelta(0), False),
        (0, 0, timedelta(hours=24, seconds=1), False),
    ],
)
def test_near_in_space_and_time_is_the_same(east: float, north: float, later: timedelta, same: bool) -> None:
    other = Candidate(derived("a"), LON + east * METRE_EAST, LAT + north * METRE_NORTH, TUESDAY_1000)

    assert (derived("a") if same else None) == same_problem(LON, LAT, TUESDAY_1000 + later, [other], Nearness())


def test_the_oldest_of_several_is_joined() -> None:
    candidates = [
        Candidate(derived(f"{n}"), LON, LAT, TUESDAY_1000 + timedelta(minutes=minute))
        for n, minute in enumerate((9, 1, 5))
    ]

    assert derived("1") == same_problem(LON, LAT, TUESDAY_1000 + timedelta(hours=1), candidates, Nearness())


@given(
    lon=st.floats(111.5, 113.2),
    lat=st.floats(37.4, 38.5),
    angle=st.floats(0, 2 * math.pi),
    distance=st.floats(0, 49.9),
)
def test_two_reports_of_one_problem_always_share_a_lock(lon: float, lat: float, angle: float, distance: float) -> None:
    wide = METRE_NORTH / math.cos(math.radians(lat))
    other = (lon + math.cos(angle) * distance * wide, lat + math.sin(angle) * distance * METRE_NORTH)

    assert locks_of("C0102", lon, lat, 50) & locks_of("C0102", *other, 50)
