"""Coordinates: GCJ-02 and BD-09 to WGS-84 and back. Degrees, always lon before lat (`process.md` section 9)."""

from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import Literal, assert_never

System = Literal["GCJ-02", "BD-09", "WGS-84"]
SYSTEMS: tuple[System, ...] = ("WGS-84", "GCJ-02", "BD-09")
Point = tuple[float, float]

_A = 6378245.0
_EE = 0.00669342162296594323
_K = 3000 * pi / 180
_CLOSE = 1e-10
_MOST_ROUNDS = 10


def to_wgs84(lon: float, lat: float, system: System) -> Point:
    """The same point in WGS-84. From BD-09 good to about 0.1 m, from GCJ-02 to about a millimetre."""
    match system:
        case "WGS-84":
            return lon, lat
        case "GCJ-02":
            return gcj_to_wgs(lon, lat)
        case "BD-09":
            return gcj_to_wgs(*bd_to_gcj(lon, lat))
    assert_never(system)


def wgs_to_gcj(lon: float, lat: float) -> Point:
    """The offset point of maps made in the country; outside its frame the point itself."""
    if not (72.004 <= lon <= 137.8347 and 0.8293 <= lat <= 55.8271):
        return lon, lat
    x, y = lon - 105, lat - 35
    m = 1 - _EE * sin(radians(lat)) ** 2
    dlat = 180 * _dlat(x, y) / (pi * _A * (1 - _EE) / (m * sqrt(m)))
    dlon = 180 * _dlon(x, y) / (pi * _A * cos(radians(lat)) / sqrt(m))
    return lon + dlon, lat + dlat


def gcj_to_wgs(lon: float, lat: float) -> Point:
    """There is no closed form: starts at the point itself and subtracts what is left over."""
    x, y = lon, lat
    for _ in range(_MOST_ROUNDS):
        there_lon, there_lat = wgs_to_gcj(x, y)
        left_lon, left_lat = there_lon - lon, there_lat - lat
        x, y = x - left_lon, y - left_lat
        if abs(left_lon) < _CLOSE and abs(left_lat) < _CLOSE:
            break
    return x, y


def gcj_to_bd(lon: float, lat: float) -> Point:
    """A second offset on top of the first."""
    z = hypot(lon, lat) + 0.00002 * sin(_K * lat)
    t = atan2(lat, lon) + 0.000003 * cos(_K * lon)
    return z * cos(t) + 0.0065, z * sin(t) + 0.006


def bd_to_gcj(lon: float, lat: float) -> Point:
    """The usual inverse, good to about 1e-6 degree."""
    x, y = lon - 0.0065, lat - 0.006
    z = hypot(x, y) - 0.00002 * sin(_K * y)
    t = atan2(y, x) - 0.000003 * cos(_K * x)
    return z * cos(t), z * sin(t)


def _s(t: float) -> float:
    return sin(pi * t)


def _dlat(x: float, y: float) -> float:
    waves = 20 * _s(6 * x) + 20 * _s(2 * x) + 20 * _s(y) + 40 * _s(y / 3) + 160 * _s(y / 12) + 320 * _s(y / 30)
    return -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + 2 / 3 * waves


def _dlon(x: float, y: float) -> float:
    waves = 20 * _s(6 * x) + 20 * _s(2 * x) + 20 * _s(x) + 40 * _s(x / 3) + 150 * _s(x / 12) + 300 * _s(x / 30)
    return 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + 2 / 3 * waves
