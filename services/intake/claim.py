"""What holds for every body an app sends: strict, its text clean, and each fault named by field and reason."""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from chassis.plain_text import cleaned, visible_length

MOST_PHOTOS = 9
_REASONS = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "string_type": "not_text",
    "string_too_long": "too_long",
    "string_too_short": "empty",
    "too_long": "too_many",
    "float_type": "not_a_number",
    "finite_number": "not_a_number",
    "int_type": "not_a_whole_number",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "literal_error": "system_unknown",
    "list_type": "not_a_list",
    "model_type": "not_an_object",
    "model_attributes_type": "not_an_object",
    "timezone_aware": "without_offset",
}
_DETAILS = {
    "category_unknown": "No category of this city has this code; see GET /v1/categories.",
    "outside_city": "The point lies outside the city.",
    "lon_lat_swapped": "lon and lat seem to be swapped.",
    "in_the_future": "This instant is more than a day ahead; check the clock, or leave it out.",
    "media_forged": "Not a media_id that was given out here.",
    "media_not_yours": "This photo was sent by another app.",
    "media_expired": "The photo waited too long; send it again.",
    "media_twice": "This photo stands here already.",
}


class Claim(BaseModel):
    """A part of the body; unknown fields are refused, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field: its path as the app wrote it, a stable reason, a sentence."""

    field: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Unfit:
    """A body that cannot be taken; nothing of it was kept.

    `for_now`: its form is right, and only time or the city pack speaks against it. It may have been taken before.
    """

    faults: tuple[Fault, ...]
    for_now: bool = False


def clean(said: Any) -> Any:
    """For a field's validator, best before its bounds are checked: a text without what cannot be seen, and without
    blanks at both ends. Other values are left to the field's type."""
    return cleaned(said).strip() if isinstance(said, str) else said


def not_empty(text: str) -> str:
    """For a field's validator, after `clean`."""
    if not visible_length(text):
        raise PydanticCustomError("empty", "The text is empty, or nothing in it can be seen.")
    return text


def named(field: str, reason: str) -> Fault:
    """A fault that no validator finds, with the sentence for its reason."""
    return Fault(field, reason, _DETAILS[reason])


def faults_of(why: ValidationError) -> tuple[Fault, ...]:
    """All that the validators found, without the words that were sent."""
    return tuple(_fault(error) for error in why.errors(include_url=False, include_input=False))


def _fault(error: Any) -> Fault:
    kind = error["type"]
    if kind.startswith("datetime"):
        kind = "not_an_instant"
    return Fault(".".join(map(str, error["loc"])) or "body", _REASONS.get(kind, kind), error["msg"])
