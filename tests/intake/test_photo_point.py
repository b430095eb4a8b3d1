"""Where a photo says it was taken: read when it is whole and on this earth, absent otherwise."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from services.intake.photo_point import point_of

LAT, LON = (37.0, 51.0, 19.08), (112.0, 33.0, 9.36)
WHOLE: dict[int, Any] = {1: "N", 2: LAT, 3: "E", 4: LON}
READ: list[tuple[dict[int, Any], tuple[float, float]]] = [
    ({}, (112.5526, 37.8553)),
    ({1: "S"}, (112.5526, -37.8553)),
    ({3: "W"}, (-112.5526, 37.8553)),
    ({1: "n\0", 3: " e"}, (112.5526, 37.8553)),
    ({2: (37.0, 51.318, 0.0)}, (112.5526, 37.8553)),
    ({2: (37.8553, 0.0, 0.0)}, (112.5526, 37.8553)),
    ({2: tuple(IFDRational(n, d) for n, d in ((37, 1), (51, 1), (1908, 100)))}, (112.5526, 37.8553)),
    ({4: (112, 33, 60.0)}, (112.5666667, 37.8553)),
    ({2: (0, 0, 0)}, (112.5526, 0.0)),
    ({2: (90, 0, 0), 4: (180, 0, 0)}, (180.0, 90.0)),
    ({2: (37.0, 51.318)}, (112.5526, 37.8553)),
    ({2: (37.8553,)}, (112.5526, 37.8553)),
    ({2: 37.8553}, (112.5526, 37.8553)),
    ({2: IFDRational(378553, 10_000)}, (112.5526, 37.8553)),
    ({2: (IFDRational(378553, 10_000), IFDRational(0, 0), IFDRational(0, 0))}, (112.5526, 37.8553)),
    ({2: (IFDRational(37, 1), IFDRational(51318, 1000), IFDRational(0, 0))}, (112.5526, 37.8553)),
    ({2: "37,51.318N"}, (112.5526, 37.8553)),
    ({1: None, 2: "37,51,19.08N"}, (112.5526, 37.8553)),
    ({2: "37.8553"}, (112.5526, 37.8553)),
    ({2: "37/51/19.08".replace("/", " ")}, (112.5526, 37.8553)),
    ({2: "37°51'19.08\""}, (112.5526, 37.8553)),
    ({2: b"37.8553\0"}, (112.5526, 37.8553)),
    ({1: b"N\0", 3: b"E"}, (112.5526, 37.8553)),
    ({1: "S", 2: (-37.8553, 0, 0)}, (112.5526, -37.8553)),
    ({3: "W", 4: -112.5526}, (-112.5526, 37.8553)),
]
UNREAD: list[dict[int, Any]] = [
    {1: None},
    {1: ""},
    {1: "E"},
    {3: "N"},
    {1: "NS"},
    {1: 5},
    {1: b"X"},
    {2: None},
    {2: -37.8553},
    {2: "123"},
    {2: "37.8553S"},
    {2: "37,51,19,1"},
    {2: "37 of 51"},
    {2: "3" * 5000},
    {2: ()},
    {2: ""},
    {2: (IFDRational(0, 0), IFDRational(0, 0), IFDRational(0, 0))},
    {2: b"\x01\x02\x03"},
    {2: (37.0, 51.0, 19.0, 1.0)},
    {2: (37.0, "x", 19.0)},
    {2: (37.0, None, 19.0)},
    {2: (37.0, 61.0, 0.0)},
    {2: (37.0, 0.0, 61.0)},
    {2: (-37.0, 0.0, 0.0)},
    {2: (37.0, -1.0, 0.0)},
    {2: (float("nan"), 0.0, 0.0)},
    {2: (37.0, float("nan"), 0.0)},
    {2: (float("inf"), 0.0, 0.0)},
    {2: (10**400, 0.0, 0.0)},
    {2: (IFDRational(37, 0), IFDRational(51, 1), IFDRational(19, 1))},
    {2: (90.0, 0.0, 0.1)},
    {4: (180.0, 0.0, 0.1)},
    {2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)},
    {1: "S", 2: (0.0, 0.0, 0.0), 3: "W", 4: (0.0, 0.0, 0.0)},
]
ODD = st.one_of(st.none(), st.text(), st.binary(), st.integers(), st.floats(), st.sampled_from("NSEW"))
ANYTHING = st.one_of(ODD, st.lists(ODD, max_size=4).map(tuple), st.tuples(st.floats(), st.floats(), st.floats()))


@pytest.mark.parametrize(("change", "point"), READ)
def test_a_position_becomes_degrees(change: dict[int, Any], point: tuple[float, float]) -> None:
    assert pytest.approx(point, abs=1e-7) == point_of(WHOLE | change)


@pytest.mark.parametrize("change", UNREAD)
def test_a_position_that_is_none_is_absent(change: dict[int, Any]) -> None:
    assert None is point_of(WHOLE | change)


@pytest.mark.parametrize("tag", WHOLE)
def test_a_position_that_lacks_a_part_is_absent(tag: int) -> None:
    assert None is point_of({other: value for other, value in WHOLE.items() if other != tag})


@given(gps=st.dictionaries(st.integers(1, 4), ANYTHING))
def test_whatever_a_file_holds_there_is_a_point_on_this_earth_or_none(gps: dict[int, Any]) -> None:
    point = point_of(gps)

    assert point is None or (abs(point[0]) <= 180 and abs(point[1]) <= 90)
