"""GCJ-02, BD-09 and WGS-84: the published values, and there and back again within centimetres."""

from collections.abc import Callable
from math import cos, hypot, radians

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.coordinates import (
    Point,
    System,
    bd_to_gcj,
    gcj_to_bd,
    gcj_to_wgs,
    to_wgs84,
    wgs_to_gcj,
)

METRES_A_DEGREE = 111_320
TAIYUAN = {"lon": st.floats(111.5, 113.2), "lat": st.floats(37.4, 38.5)}
PUBLISHED = [
    ((112.55, 37.87), (112.55629654, 37.87052300), (112.56267513, 37.87685100)),
    ((112.552562, 37.855284), (112.558851, 37.855804), (112.565241, 37.862143)),
    ((112.167736, 37.90779), (112.174353, 37.908534), (112.180817, 37.914607)),
]
FRAME = [(72.004, 30), (137.8347, 30), (110, 0.8293), (110, 55.8271)]
BEYOND = [(72.003, 30), (137.8348, 30), (110, 0.8292), (110, 55.8272), (-112.55, -37.87), (0, 0)]


def metres(one: Point, other: Point) -> float:
    """Good to a thousandth for points that are neighbours in the city."""
    return hypot((one[0] - other[0]) * cos(radians(one[1])), one[1] - other[1]) * METRES_A_DEGREE


def to_bd(lon: float, lat: float) -> Point:
    return gcj_to_bd(*wgs_to_gcj(lon, lat))


@pytest.mark.parametrize(("wgs", "gcj", "bd"), PUBLISHED)
def test_the_published_values_are_met_to_every_digit_shown(wgs: Point, gcj: Point, bd: Point) -> None:
    assert [pytest.approx(gcj, abs=6e-7), pytest.approx(bd, abs=6e-7)] == [wgs_to_gcj(*wgs), to_bd(*wgs)]


@pytest.mark.parametrize(("wgs", "gcj", "bd"), PUBLISHED)
def test_each_system_leads_back_to_the_published_point(wgs: Point, gcj: Point, bd: Point) -> None:
    back = [to_wgs84(*wgs, "WGS-84"), to_wgs84(*gcj, "GCJ-02"), to_wgs84(*bd, "BD-09")]

    assert [True, True, True] == [metres(wgs, there) < 0.2 for there in back]
    assert wgs == back[0]


@given(**TAIYUAN)
def test_gcj_02_and_back_is_good_to_a_millimetre(lon: float, lat: float) -> None:
    assert metres((lon, lat), gcj_to_wgs(*wgs_to_gcj(lon, lat))) < 0.001


@given(**TAIYUAN)
def test_bd_09_and_back_is_good_to_two_decimetres(lon: float, lat: float) -> None:
    assert metres((lon, lat), bd_to_gcj(*gcj_to_bd(lon, lat))) < 0.2
    assert metres((lon, lat), to_wgs84(*to_bd(lon, lat), "BD-09")) < 0.2


@pytest.mark.parametrize(
    ("system", "declared", "least", "most"), [("GCJ-02", wgs_to_gcj, 540, 620), ("BD-09", to_bd, 1300, 1420)]
)
@given(**TAIYUAN)
def test_a_system_taken_for_another_puts_a_point_into_another_street(
    system: System, declared: Callable[[float, float], Point], least: float, most: float, lon: float, lat: float
) -> None:
    point = declared(lon, lat)

    assert least < metres((lon, lat), point) < most
    assert metres((lon, lat), to_wgs84(*point, system)) < 0.2


@pytest.mark.parametrize(("lon", "lat"), FRAME)
def test_on_the_edge_of_the_frame_the_offset_applies(lon: float, lat: float) -> None:
    assert (lon, lat) != wgs_to_gcj(lon, lat)


@pytest.mark.parametrize(("lon", "lat"), BEYOND)
def test_outside_the_frame_no_offset_applies(lon: float, lat: float) -> None:
    assert [(lon, lat)] * 2 == [wgs_to_gcj(lon, lat), gcj_to_wgs(lon, lat)]
