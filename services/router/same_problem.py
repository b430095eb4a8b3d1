"""The same problem: same category, within 50 m and 24 hours (process.md section 3). Points are WGS-84 lon, lat."""

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

LOCK_DEGREES = 0.01
CELLS_PER_DEGREE = 500
"""The ledger's index of open cases is by cells of 0.002 degrees, about 220 m high and 175 m wide here."""
_COLUMNS = 1_000_000
_METRES_PER_DEGREE = 111_195.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """An open case of the same category that may be the same problem."""

    case_id: UUID
    lon: float
    lat: float
    opened_at: datetime


def distance_m(lon: float, lat: float, other_lon: float, other_lat: float) -> float:
    """Metres between two points that are near each other."""
    width = math.cos(math.radians((lat + other_lat) / 2))
    return math.hypot((lon - other_lon) * width, lat - other_lat) * _METRES_PER_DEGREE


def reach_degrees(lat: float, near_m: float) -> tuple[float, float]:
    """How far `near_m` goes in longitude and latitude at `lat`, in degrees, rounded up."""
    height = near_m / _METRES_PER_DEGREE * 1.001
    return height / max(0.01, math.cos(math.radians(lat))), height


def locks_of(category: str, lon: float, lat: float, near_m: float) -> set[int]:
    """One lock for each cell of about 1 km that the circle touches, so that two doors never open one problem."""
    wide, high = reach_degrees(lat, near_m)
    return {
        zlib.crc32(f"{category}/{math.floor(x / LOCK_DEGREES)}/{math.floor(y / LOCK_DEGREES)}".encode())
        for x in (lon - wide, lon + wide)
        for y in (lat - high, lat + high)
    }


def cells_of(lon: float, lat: float, near_m: float) -> list[int]:
    """The cells that the circle touches. A cell's number is made by the same arithmetic in the ledger's schema."""
    wide, high = reach_degrees(lat, near_m)
    rows = range(math.floor((lat - high) * CELLS_PER_DEGREE), math.floor((lat + high) * CELLS_PER_DEGREE) + 1)
    columns = range(math.floor((lon - wide) * CELLS_PER_DEGREE), math.floor((lon + wide) * CELLS_PER_DEGREE) + 1)
    return [row * _COLUMNS + column for row in rows for column in columns]


@dataclass(frozen=True, slots=True)
class Nearness:
    """How near two reports must be to be about the same problem."""

    distance_m: float = 50.0
    time: timedelta = timedelta(hours=24)


def same_problem(lon: float, lat: float, at: datetime, candidates: Iterable[Candidate], near: Nearness) -> UUID | None:
    """The oldest candidate within reach in space and time; a tie goes to the smaller id. None: a new problem."""
    _, high = reach_degrees(lat, near.distance_m)
    found = [
        (other.opened_at, other.case_id)
        for other in candidates
        if abs(lat - other.lat) <= high  # most candidates of a batch fall out here
        and abs(at - other.opened_at) <= near.time
        and distance_m(lon, lat, other.lon, other.lat) <= near.distance_m
    ]
    return min(found)[1] if found else None
