"""The centre's correction of a filed case by HTTP: category, district, place."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, model_validator

from schemas.coordinates import System, to_wgs84
from services.router.act import Door
from services.router.commands_of_centre import Correct
from services.router.http_bodies import Body, FreeText, Words
from services.router.http_centre import Generation
from services.router.http_once import add_act


class PlaceBody(Body):
    """A point in the system that you name, with or without new words for it; words alone leave the point."""

    lon: float | None = Field(default=None, ge=-180, le=180, allow_inf_nan=False)
    lat: float | None = Field(default=None, ge=-90, le=90, allow_inf_nan=False)
    system: System = "WGS-84"
    address: Annotated[str | None, FreeText()] = Field(default=None, max_length=200)

    @model_validator(mode="after")
    def _has_both_or_neither(self) -> "PlaceBody":
        if (self.lon is None) != (self.lat is None):
            raise ValueError("A point has both `lon` and `lat`.")
        return self

    def point(self) -> tuple[float, float] | None:
        """The point in WGS-84."""
        if self.lon is None or self.lat is None:
            return None
        return to_wgs84(self.lon, self.lat, self.system)


class CorrectBody(Body):
    """What is wrong, as it should be; what is left out stays."""

    category: str | None = Field(default=None, max_length=16)
    district: str | None = Field(default=None, max_length=6)
    place: PlaceBody | None = None
    reason: Words
    generation: Generation = None


def _correct(_: Door, centre: str, body: CorrectBody, __: str) -> Correct:
    place = body.place or PlaceBody()
    return Correct(
        f"centre:{centre}", body.reason, body.category, body.district, place.point(), place.address, body.generation
    )


CORRECTING = "Put category, district or place of a filed case right; it is dispatched anew where the rules require it."


def routes(door: Door) -> APIRouter:
    """`POST /v1/cases/{case_id}/correct`."""
    api = APIRouter(tags=["centre"])
    add_act(api, door, "centre", "correct", CorrectBody, _correct, CORRECTING)
    return api
