"""What tells two requests under one idempotency key apart. Pure: no rule that time or the city pack changes is asked.

The shapes below are wider than what is taken (`report.py`, `feedback.py`): they read whatever was taken once, however
the rules have changed since.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from chassis.personal import mask
from chassis.receipts import Forged, read
from schemas.events import Instant


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The digests of one request.

    `body` knows a photo by its `media_id`, as the version before did and still may beside this one. `request` knows it
    by its bytes, because a photo that is sent again gets another `media_id`; what the version before has stored has
    none ("").
    """

    body: str
    request: str = ""

    def is_of(self, other: "Fingerprint") -> bool:
        """Whether both are of the same request."""
        return self.body == other.body or "" != self.request == other.request


def _stripped(text: Any) -> Any:
    return text.strip() if isinstance(text, str) else text


_Text = Annotated[str, BeforeValidator(_stripped)]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class _Place(_Shape):
    lon: float
    lat: float
    system: str
    address: _Text = ""


class _Reporter(_Shape):
    ref: _Text
    phone: str | None = None


class _Report(_Shape):
    """The fields of `Report` in its order."""

    text: _Text
    category: str | None = None
    place: _Place
    media: list[str] = Field(default_factory=list)
    observed_at: Annotated[Instant, Field(strict=False)] | None = None
    reporter: _Reporter


class _Dispute(_Shape):
    """Of an addition as well, which may have no words."""

    text: _Text = ""
    media: list[str] = Field(default_factory=list)


class _Rating(_Shape):
    stars: int
    text: _Text = ""


def fingerprint_of_report(claimed: Any, key: bytes) -> Fingerprint:
    """Of the JSON value of `POST /v1/reports`. Keyed, because a phone could be guessed from a bare hash."""
    try:
        said = _Report.model_validate(claimed)
    except ValidationError:
        return _of_no_shape(claimed, key)
    by_bytes = said.model_copy(update={"media": _by_bytes(said.media, key)})
    return Fingerprint(*(_keyed(key, b"body\n", one.model_dump_json().encode()) for one in (said, by_bytes)))


def fingerprint_of_feedback(claimed: Any, kind: str, key: bytes) -> Fingerprint:
    """Of the JSON value of a dispute, a rating or an addition; `kind` is that of the event."""
    try:
        said = _FEEDBACK[kind].model_validate(claimed)
    except ValidationError:
        return _of_no_shape(claimed, key)
    rest, by_bytes = (said.stars, said.stars) if isinstance(said, _Rating) else (said.media, _by_bytes(said.media, key))
    request = json.dumps([said.text, by_bytes]).encode()
    return Fingerprint(digest_of_words(mask(said.text)[0], rest), _keyed(key, b"feedback\n", request))


def digest_of_words(text: str, rest: int | Sequence[str]) -> str:
    """The version before knew feedback by its published, masked words, and its stars or photos."""
    return hashlib.sha256(json.dumps([text, rest]).encode()).hexdigest()


_FEEDBACK: dict[str, type[_Dispute | _Rating]] = {
    "report.disputed": _Dispute, "report.rated": _Rating, "report.supplemented": _Dispute,
}  # fmt: skip


def _of_no_shape(claimed: Any, key: bytes) -> Fingerprint:
    """Of what was never taken: it is like nothing but itself."""
    digest = _keyed(key, b"no shape\n", json.dumps(claimed, sort_keys=True).encode())
    return Fingerprint(digest, digest)


def _by_bytes(media: Sequence[str], key: bytes) -> list[str]:
    return [_bytes_of(media_id, key) for media_id in media]


def _bytes_of(media_id: str, key: bytes) -> str:
    try:
        return f"sha256:{read(key, media_id).sha256}"
    except Forged:
        return media_id


def _keyed(key: bytes, prefix: bytes, text: bytes) -> str:
    return hmac.new(key, prefix + text, hashlib.sha256).hexdigest()
