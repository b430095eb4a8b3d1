"""Which district answers for a point: inside, on a border, outside, and with lon and lat the wrong way round."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box
from shapely.geometry.base import BaseGeometry

from schemas.coordinates import Point, System, gcj_to_bd, wgs_to_gcj
from schemas.events import Place
from services.intake.city import read_city
from services.intake.place import Districts, Misplaced, place

TAIYUAN = read_city(Path(__file__).parents[2] / "cities/taiyuan").districts
DISTRICTS = {
    "140105": ((112.558, 37.8175), (112.594631, 37.72357)),
    "140106": ((112.5526, 37.8553), (112.682635, 37.863295)),
    "140107": ((112.5545, 37.8788), (112.639847, 37.91977)),
    "140108": ((112.4806, 37.9392), (112.495922, 37.977555)),
    "140109": ((112.5159, 37.862), (112.415076, 37.880225)),
    "140110": ((112.4713, 37.7149), (112.430261, 37.714575)),
    "140121": ((112.3514, 37.6065), (112.276793, 37.619345)),
    "140122": ((112.6674, 38.0583), (112.595863, 38.17925)),
    "140123": ((111.7873, 38.0655), (111.766292, 38.03847)),
    "140181": ((112.1677, 37.9078), (112.120963, 37.922715)),
}  # the seat of each, and a point far from it; WGS-84
POINTS = [(code, *point) for code, points in DISTRICTS.items() for point in points]
SYSTEMS: list[tuple[System, Point]] = [
    ("WGS-84", (112.552562, 37.855284)),
    ("GCJ-02", (112.558851, 37.855804)),
    ("BD-09", (112.565241, 37.862143)),
]
WEST, EAST = box(112, 37, 112.5, 38), box(112.5, 37, 113, 38)


def placed(lon: float, lat: float, system: System = "WGS-84") -> Place | Misplaced:
    return place(lon, lat, system, "迎泽大街五一路口", TAIYUAN)


@pytest.mark.parametrize(("code", "lon", "lat"), POINTS)
def test_a_point_in_a_district_belongs_to_it_whatever_system_declares_it(code: str, lon: float, lat: float) -> None:
    gcj = wgs_to_gcj(lon, lat)
    found = [placed(lon, lat), placed(*gcj, "GCJ-02"), placed(*gcj_to_bd(*gcj), "BD-09")]

    assert [code] * 3 == [isinstance(there, Place) and there.district for there in found]


def test_a_point_in_the_river_belongs_to_one_district() -> None:
    east_bank, river, west_bank = [TAIYUAN.around(lon, 37.86) for lon in (112.53077, 112.53076, 112.53075)]

    assert ("140106", "140106", "140109") == (east_bank, river, west_bank)


@pytest.mark.parametrize("polygons", [{"140102": EAST, "140101": WEST}, {"140101": WEST, "140102": EAST}])
def test_on_a_common_border_the_smaller_code_answers(polygons: dict[str, BaseGeometry]) -> None:
    districts = Districts(polygons)
    points = [(112.4, 37.5), (112.5, 37.5), (112.5, 38), (112.6, 37.5), (113, 38), (113.0000001, 38)]

    assert ["140101", "140101", "140101", "140102", "140102", None] == [districts.around(*point) for point in points]


METRE = 1 / 111_195
"""Degrees of latitude; of longitude here, `1 / 0.79` times as much."""


@pytest.mark.parametrize(
    ("lon", "lat", "code"),
    [
        (113 + METRE, 37.5, "140102"),
        (113 + 60 * METRE, 37.5, "140102"),  # 48 m: degrees of longitude are shorter
        (113 + 65 * METRE, 37.5, None),
        (112.3, 37 - 49 * METRE, "140101"),
        (112.3, 37 - 51 * METRE, None),
        (112.5, 38 + 10 * METRE, "140101"),  # as near to both
        (112.5 + METRE, 38 + 10 * METRE, "140102"),
    ],
)
@pytest.mark.parametrize("polygons", [{"140102": EAST, "140101": WEST}, {"140101": WEST, "140102": EAST}])
def test_a_point_within_fifty_metres_outside_belongs_to_the_nearest_district(
    polygons: dict[str, BaseGeometry], lon: float, lat: float, code: str | None
) -> None:
    assert code == Districts(polygons).beside(lon, lat)


@pytest.mark.parametrize("metres", [0.5, 30])
def test_a_report_from_just_outside_the_boundary_is_taken(metres: float) -> None:
    lon = lat = 0.0
    for lon, lat in ((112.6 + n * METRE, 37.85) for n in range(60_000)):
        if TAIYUAN.around(lon, lat) is None:
            break
    there = placed(lon + (metres - 1) * METRE, lat)

    assert isinstance(there, Place)
    assert "140106" == there.district


@pytest.mark.parametrize(("system", "said"), SYSTEMS)
def test_a_place_keeps_what_was_declared_beside_what_it_means(system: System, said: Point) -> None:
    there = placed(*said, system)
    expected = {
        "lon": pytest.approx(112.552562, abs=2e-6), "lat": pytest.approx(37.855284, abs=2e-6), "system": "WGS-84",
        "raw_lon": said[0], "raw_lat": said[1], "raw_system": system, "address": "迎泽大街五一路口",
        "district": "140106",
    }  # fmt: skip

    assert isinstance(there, Place)
    assert expected == there.model_dump()


@pytest.mark.parametrize(
    ("lon", "lat", "why"),
    [
        (116.39, 39.9, "outside_city"),
        (113.2, 37.85, "outside_city"),
        (0, 0, "outside_city"),
        (-112.55, 37.86, "outside_city"),
        (37.8558, 112.5589, "lon_lat_swapped"),
        (38.0655, 111.7873, "lon_lat_swapped"),
        (39.9, 116.39, "outside_city"),
        (180, 180, "outside_city"),
        (181, 37.86, "outside_city"),
        (112.55, -1e308, "outside_city"),
    ],
)
@pytest.mark.parametrize("system", ["WGS-84", "GCJ-02", "BD-09"])
def test_a_point_elsewhere_is_told_why(lon: float, lat: float, why: Misplaced, system: System) -> None:
    assert why == placed(lon, lat, system)


@given(
    lon=st.floats(allow_nan=False, allow_infinity=False),
    lat=st.floats(allow_nan=False, allow_infinity=False),
    system=st.sampled_from(["WGS-84", "GCJ-02", "BD-09"]),
)
def test_any_two_numbers_get_an_answer(lon: float, lat: float, system: System) -> None:
    there = placed(lon, lat, system)

    assert there in ("outside_city", "lon_lat_swapped") or (isinstance(there, Place) and there.district in DISTRICTS)
