"""What tells two requests under one idempotency key apart. Pure: no rule that time or the pack changes is asked."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from chassis import receipts
from services.router.http_bodies import Body


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of one request.

    `request` is of what was sent, each photo named by its bytes: the same photo sent again gets another `media_id`.
    `forms` are those that the version before may have stored, which knew a photo by its `media_id`; the first of them
    is stored beside `request` for a replica of that version.
    """

    request: bytes
    forms: tuple[bytes, ...]

    def are_of(self, form: bytes, request: bytes) -> bool:
        """Whether a request that was stored with these digests is this one."""
        return form in self.forms or (request != b"" and request == self.request)


def digests_of(receipt_key: bytes, act: str, said: Any, seen: str, before: Sequence[Sequence[str]]) -> Digests:
    """Of one act: `act` names it and its case, `said` is its JSON value, `seen` its If-Match.

    `before` are the texts of which the version before may have made its digest.
    """
    request = _sha256([act, seen, _with_photos_by_bytes(receipt_key, said)])
    return Digests(request, tuple(dict.fromkeys(digest_of(*texts) for texts in before)) or (request,))


def forms_of(said: Any, model: type[Body]) -> list[str]:
    """The body as the version before wrote it down: as understood, and as it stands, in the order of the model.

    Both, because newer rules may understand the same words otherwise, or not at all.
    """
    if not isinstance(said, dict):
        return []
    forms = []
    with suppress(ValueError):  # unfit by now, or no body of this kind at all
        forms.append(model.model_validate_json(orjson.dumps(said)).model_dump_json())
    with suppress(ValueError):
        as_it_stands = {name: said[name] for name in model.model_fields if name in said}
        forms.append(model.model_construct(**as_it_stands).model_dump_json(warnings=False))
    return forms


def digest_of(*parts: str) -> bytes:
    """The digest of several texts."""
    return hashlib.sha256("\n".join(parts).encode()).digest()


def _sha256(value: Any) -> bytes:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).digest()


def _with_photos_by_bytes(receipt_key: bytes, said: Any) -> Any:
    if isinstance(said, dict) and isinstance(said.get("media"), list):
        return said | {"media": [_bytes_of(receipt_key, media_id) for media_id in said["media"]]}
    if isinstance(said, list):
        return [_with_photos_by_bytes(receipt_key, item) for item in said]
    return said


def _bytes_of(receipt_key: bytes, media_id: Any) -> Any:
    """The hash of the photo's bytes; what is no receipt of ours stands for itself."""
    try:
        return {"sha256": receipts.read(receipt_key, media_id).sha256} if isinstance(media_id, str) else media_id
    except receipts.Forged:
        return media_id
