"""Photos in and out: bounded, looked at, developed without metadata, stored by hash, named by a signed receipt."""

import hashlib
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import orjson
from fastapi import FastAPI, Request, Response

from chassis.http.bodies import read_bytes
from chassis.http.problems import Problem
from chassis.keys import Client, Keys
from chassis.logs import log
from chassis.postgres.pool import Database
from chassis.receipts import Forged, fingerprint, read, sign
from services.intake.darkroom import Darkroom, Developed
from services.intake.darkroom_turns import Crowded, Full
from services.intake.http_multipart import Unreadable, file_in
from services.intake.http_quota import Quota, note, refuse_beyond
from services.intake.http_tracking import caught_up, model_behind
from services.intake.photo import LARGEST_BYTES, MEDIA_TYPES, MOST_STEPS, format_of, look_at
from services.intake.photo_store import PhotoStore, StoreAway
from services.intake.read_model_media import app_was_shown, platform_has_seen
from services.intake.read_model_wait import Wait

T = TypeVar("T")
WRAPPING = 16_384
"""What a multipart body may have beside the photo."""
_REFUSED = {
    "not_an_image": "Not a JPEG, PNG or WebP.",
    "image_cut_off": "The photo ends too early.",
    "too_many_pixels": "At most 52 million pixels, and 13 million in WebP; docs/apps.md has the limits of each format.",
    "side_too_long": "No side over 16,000 pixels.",
    "more_than_one_frame": "One picture, no animation.",
    "header_too_long": f"More than {MOST_STEPS} segments stand before the picture.",
}
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Content-Disposition": "inline",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, max-age=86400, immutable",
}
_DOCUMENTED = {
    "requestBody": {
        "required": True,
        "content": {
            "image/*": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Lab:
    """What photos need on their way in and out."""

    keys: Keys
    darkroom: Darkroom
    store: PhotoStore
    receipt_key: bytes
    database: Database
    cases: Wait
    quota: Quota


def add_media(app: FastAPI, lab: Lab) -> None:
    """Adds `POST /v1/media` and `GET /v1/media/{media_id}`."""

    @app.post("/v1/media", status_code=201, openapi_extra=_DOCUMENTED, summary="Send a photo", tags=["media"])
    async def post_media(request: Request) -> Response:
        client = lab.keys.admit(request, "app", "platform")
        await refuse_beyond(lab.quota, lab.database, client.name, datetime.now(UTC))
        photo = await _developed(await _photo_of(request), client.name, lab)
        sha256 = hashlib.sha256(photo.data).hexdigest()
        await _stored(lab.store.put(sha256, photo.data, photo.evidence, fingerprint(client.name)))
        await note(lab.database, client.name, sha256, datetime.now(UTC), len(photo.data))
        at, point, inner = datetime.now(UTC), _point(client, photo), _inner(client, photo)
        media_id = sign(lab.receipt_key, client.name, sha256, at, point, photo.likeness, inner)
        log.info("media.received", sha256=sha256, client=client.name)
        body = {"media_id": media_id, "width": photo.width, "height": photo.height, "sha256": sha256}
        return Response(orjson.dumps(body), 201, {"Location": f"/v1/media/{media_id}"}, media_type="application/json")

    @app.get("/v1/media/{media_id}", summary="A photo", tags=["media"])
    async def get_media(request: Request, media_id: str) -> Response:
        client = lab.keys.admit(request, "app", "platform", "centre")
        try:
            receipt = read(lab.receipt_key, media_id)
        except Forged as why:
            raise _unknown() from why
        if not receipt.is_held_by(client.name) and not await _may_read(media_id, client, lab):
            raise _unknown()
        sha256 = receipt.sha256
        data = await _stored(lab.store.get(sha256))
        kind = format_of(data) if data else None
        if data is None or kind is None:
            raise _unknown()
        return Response(data, headers={**_SAFE, "ETag": f'"{sha256}"'}, media_type=MEDIA_TYPES[kind])


async def _may_read(media_id: str, client: Client, lab: Lab) -> bool:
    """Whether the client may read a photo of somebody else. The same answer for what is foreign and what is unknown."""
    if client.kind == "centre":
        return True
    shown = platform_has_seen if client.kind == "platform" else app_was_shown
    if await shown(lab.database, media_id, client.name):
        return True
    # The client may have been told of the case before the model has it: until it has caught up, "no" would be a guess.
    passed = await caught_up(lab.cases, None, client.name)
    if await shown(lab.database, media_id, client.name):
        return True
    if not passed:
        raise model_behind()
    return False


def _point(client: Client, photo: Developed) -> tuple[float, float] | None:
    # Only who handles says with a photo where it was done. A citizen's position must not travel in an id that others
    # see, not even sealed: it stays with the store.
    said = photo.evidence
    return (said["lon"], said["lat"]) if client.kind == "platform" and "lon" in said else None


def _inner(client: Client, photo: Developed) -> int | None:
    # In a receipt it takes the place of the point. Versions before 2026-12 read it as one, so a platform's has none:
    # with them, its handling would seem to be far away.
    return photo.inner if client.kind == "app" and photo.likeness is not None else None


async def _developed(data: bytes, app: str, lab: Lab) -> Developed:
    header = look_at(data)
    if isinstance(header, str):
        raise Problem(422, header, _REFUSED[header], field="file")
    try:
        photo = await lab.darkroom.develop(data, app)
    except Crowded as why:
        detail = "Too many of your photos are being decoded. Send the next one when one of them is answered."
        raise Problem(429, "too_many_waiting", detail, retry_after=2) from why
    except Full as why:
        raise Problem(503, "overloaded", "Too many photos are being decoded. Try again.", retry_after=3) from why
    if photo is None:
        raise Problem(422, "undecodable", "The photo cannot be decoded within the limits.", field="file")
    if await _stored(lab.store.has(hashlib.sha256(data).hexdigest())):
        # It was served here. Developed again it would be another photo, and nobody would know it for the one it is.
        return replace(photo, data=data, width=header.width, height=header.height)
    return photo


async def _photo_of(request: Request) -> bytes:
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return _part_of(request.headers["content-type"], await read_bytes(request, LARGEST_BYTES + WRAPPING))
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise Problem(415, "content_type", "Send image/*, or multipart/form-data.", field="Content-Type")
    return await read_bytes(request, LARGEST_BYTES)


def _part_of(content_type: str, body: bytes) -> bytes:
    try:
        data = file_in(content_type, body)
    except Unreadable as why:
        raise Problem(400, "multipart_unreadable", "Not multipart/form-data with one file.", field="body") from why
    if data is None:
        raise Problem(422, "missing", "The form has no file.", field="file")
    if len(data) > LARGEST_BYTES:
        raise Problem(413, "body_too_large", f"At most {LARGEST_BYTES} bytes.", field="file")
    return data


async def _stored(work: Awaitable[T]) -> T:
    try:
        return await work
    except StoreAway as why:
        log.error("media.store_away", why=str(why))
        raise Problem(503, "store_away", "The photo store does not answer.", retry_after=5) from why


def _unknown() -> Problem:
    return Problem(404, "media_unknown", "There is no such photo.", field="media_id")
