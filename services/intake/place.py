"""Where a point lies: which district of the city, decided by polygon, or why it is in none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import shapely
from shapely.geometry.base import BaseGeometry

from services.intake.coordinates import Point, System, to_wgs84

Refused = Literal["outside_city", "lon_lat_swapped"]


@dataclass(frozen=True, slots=True)
class Located:
    """A point in WGS-84 and the GB/T 2260 code of its district."""

    lon: float
    lat: float
    district: str


class Districts:
    """The polygons of a city (WGS-84) under a search tree; a point on a border belongs to the smaller code."""

    def __init__(self, shapes: Sequence[tuple[str, BaseGeometry]]) -> None:
        ordered = sorted(shapes, key=lambda shape: shape[0])
        self._codes = [code for code, _ in ordered]
        geometries = [geometry for _, geometry in ordered]
        shapely.prepare(geometries)
        self._tree = shapely.STRtree(geometries)

    def district_of(self, point: Point) -> str | None:
        """The district's code, or None outside the city."""
        hits = self._tree.query(shapely.Point(point), predicate="intersects")
        return self._codes[min(hits)] if len(hits) else None


def locate(point: Point, system: System, districts: Districts) -> Located | Refused:
    """The point in WGS-84 with its district. A point that would lie in the city with lon and lat changed says so."""
    lon, lat = to_wgs84(point, system)
    district = districts.district_of((lon, lat))
    if district is not None:
        return Located(round(lon, 7), round(lat, 7), district)
    if -90 <= point[0] <= 90 and districts.district_of(to_wgs84((point[1], point[0]), system)) is not None:
        return "lon_lat_swapped"
    return "outside_city"
