"""Where it is: a declared point becomes WGS-84, and a polygon says which district answers for it."""

from collections.abc import Mapping
from typing import Literal

from shapely import STRtree, prepare
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from schemas.events import Place
from services.intake.coordinates import System, to_wgs84

Misplaced = Literal["lon_lat_swapped", "outside_city"]


class Districts:
    """The districts of the city by their polygons (WGS-84 degrees), indexed once."""

    def __init__(self, polygons: Mapping[str, BaseGeometry]) -> None:
        self._codes = list(polygons)
        shapes = list(polygons.values())
        prepare(shapes)
        self._tree = STRtree(shapes)

    def around(self, lon: float, lat: float) -> str | None:
        """The code of the district that holds the point; on a common border the one with the smaller code."""
        found = self._tree.query(Point(lon, lat), predicate="intersects")
        return min((self._codes[i] for i in found), default=None)


def place(lon: float, lat: float, system: System, address: str, districts: Districts) -> Place | Misplaced:
    """The place in WGS-84 with its district and what was declared, or why it cannot be in this city."""
    if max(abs(lon), abs(lat)) > 180:  # not degrees; of the largest numbers BD-09 has no sine
        return "outside_city"
    there = to_wgs84(lon, lat, system)
    district = districts.around(*there)
    if district is None:
        return "outside_city" if districts.around(*to_wgs84(lat, lon, system)) is None else "lon_lat_swapped"
    return Place(
        lon=round(there[0], 7),
        lat=round(there[1], 7),
        raw_lon=lon,
        raw_lat=lat,
        raw_system=system,
        address=address,
        district=district,
    )
