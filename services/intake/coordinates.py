"""GCJ-02 and BD-09 to WGS-84 and back. Degrees everywhere, points as (lon, lat).

The formulas are those commonly published for the two Chinese offsets (`docs/coordinates.md` has them with three
worked points). BD-09 to GCJ-02 is good to about 0.1 m, the rest to well under a millimetre.
"""

from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import Literal

System = Literal["GCJ-02", "BD-09", "WGS-84"]
Point = tuple[float, float]

_A, _EE = 6378245.0, 0.00669342162296594323
_K = 3000 * pi / 180
_CLOSE = 1e-9
"""Degrees; the inverse stops when a round moves the point by less."""


def to_wgs84(point: Point, system: System) -> Point:
    """The same place in WGS-84."""
    if system == "WGS-84":
        return point
    return _wgs_of_gcj(point if system == "GCJ-02" else _gcj_of_bd(point))


def from_wgs84(point: Point, system: System) -> Point:
    """The same place in another system."""
    if system == "WGS-84":
        return point
    gcj = _gcj_of_wgs(point)
    return gcj if system == "GCJ-02" else _bd_of_gcj(gcj)


def _gcj_of_wgs(point: Point) -> Point:
    lon, lat = point
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return point
    x, y = lon - 105, lat - 35
    common = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    d_lat += (
        2 / 3 * (common + 20 * sin(pi * y) + 40 * sin(pi * y / 3) + 160 * sin(pi * y / 12) + 320 * sin(pi * y / 30))
    )
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    d_lon += (
        2 / 3 * (common + 20 * sin(pi * x) + 40 * sin(pi * x / 3) + 150 * sin(pi * x / 12) + 300 * sin(pi * x / 30))
    )
    m = 1 - _EE * sin(radians(lat)) ** 2
    return (
        lon + 180 * d_lon / (pi * _A * cos(radians(lat)) / sqrt(m)),
        lat + 180 * d_lat / (pi * _A * (1 - _EE) / (m * sqrt(m))),
    )


def _wgs_of_gcj(point: Point) -> Point:
    lon, lat = point
    for _ in range(10):
        gcj_lon, gcj_lat = _gcj_of_wgs((lon, lat))
        off_lon, off_lat = gcj_lon - point[0], gcj_lat - point[1]
        lon, lat = lon - off_lon, lat - off_lat
        if abs(off_lon) < _CLOSE and abs(off_lat) < _CLOSE:
            break
    return lon, lat


def _bd_of_gcj(point: Point) -> Point:
    x, y = point
    z, t = hypot(x, y) + 0.00002 * sin(_K * y), atan2(y, x) + 0.000003 * cos(_K * x)
    return z * cos(t) + 0.0065, z * sin(t) + 0.006


def _gcj_of_bd(point: Point) -> Point:
    x, y = point[0] - 0.0065, point[1] - 0.006
    z, t = hypot(x, y) - 0.00002 * sin(_K * y), atan2(y, x) - 0.000003 * cos(_K * x)
    return z * cos(t), z * sin(t)
