"""What handlings have shown and said: hashes of photos and of words, to find those that are used twice."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from chassis.plain_text import folded
from chassis.postgres.pool import Connection
from chassis.postgres.together import Write, columns
from schemas import cases as ev
from services.router.case import CaseEvent
from services.router.commands import Handle
from services.router.media import sha256_of

_LOCK_SPACE = 0x65766964 << 32
"""Keeps these locks apart from every other advisory lock of the database."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
Asked = tuple[UUID, Handle]


async def informed(connection: Connection, asked: Sequence[Asked], at: datetime, reuse: timedelta) -> list[Handle]:
    """The handlings with what other cases, and earlier ones of the list, have shown and said already.

    Handlings that show or say the same wait for each other's end, so that of those that race one is the first.
    """
    wanted = [
        (digest, case_id, since) for case_id, handle in asked for digest, since in _digests(handle, at - reuse)
    ]  # fmt: skip
    locks = sorted({_LOCK_SPACE | int.from_bytes(digest[:4], "big") for digest, _, _ in wanted})
    await connection.execute("select pg_advisory_xact_lock(n) from unnest($1::bigint[]) n", locks)
    rows = await connection.fetch(
        """select w.digest, w.case_id from unnest($1::bytea[], $2::uuid[], $3::timestamptz[]) w (digest, case_id, since)
           where exists (select from router.evidence e
                         where e.digest = w.digest and e.case_id <> w.case_id and e.at > w.since)""",
        [digest for digest, _, _ in wanted],
        [case_id for _, case_id, _ in wanted],
        [since for _, _, since in wanted],
    )
    known = {(row["digest"], row["case_id"]) for row in rows}
    earlier: dict[bytes, UUID] = {}
    found = []
    for case_id, handle in asked:
        used = {d for d, _ in _digests(handle, at) if (d, case_id) in known or earlier.get(d, case_id) != case_id}
        elsewhere = tuple(photo for photo in handle.photos if bytes.fromhex(photo) in used)
        said = reuse > timedelta(0) and not used.isdisjoint(_words_asked(handle))
        found.append(replace(handle, photos_elsewhere=elsewhere, said_elsewhere=said))
        earlier |= {digest: case_id for digest, _ in _digests(handle, at)}
    return found


def writes(events: Sequence[CaseEvent]) -> list[Write]:
    """Remembers what these events show and say."""
    rows = {(digest, event.case_id): event.at for event in events for digest in _shown(event)}
    sql = """insert into router.evidence as e (digest, case_id, at)
             select * from unnest($1::bytea[], $2::uuid[], $3::timestamptz[])
             on conflict (digest, case_id) do update set at = greatest(e.at, excluded.at)"""
    return [Write(sql, columns([(*key, at) for key, at in rows.items()]))] if rows else []


def _digests(handle: Handle, words_since: datetime) -> list[tuple[bytes, datetime]]:
    """Each digest that may not stand in another case, with since when it may not."""
    photos = [(bytes.fromhex(photo), _EVER) for photo in handle.photos]
    return [*photos, *((digest, words_since) for digest in _words_asked(handle))]


def _words_asked(handle: Handle) -> list[bytes]:
    """The digests of its words: folded, and with only its ends stripped, as versions before 2026-12 kept them."""
    as_written = _digest(handle.platform, handle.text.strip())
    return list(dict.fromkeys((_of_words(handle.platform, handle.text), as_written)))


def _shown(event: CaseEvent) -> list[bytes]:
    match event:
        case (
            ev.CaseOpened(media=media)
            | ev.CaseJoined(media=media)
            | ev.CaseSupplemented(media=media)
            | ev.CaseDisputed(media=media)
            | ev.CaseReopened(media=media)
        ):
            return [bytes.fromhex(sha256_of(media_id)) for media_id in media]
        case ev.CaseHandled(media=media, platform=platform, text=text):
            return [*(bytes.fromhex(sha256_of(media_id)) for media_id in media), _of_words(platform.code, text)]
    return []


def _of_words(platform: str, text: str) -> bytes:
    return _digest(platform, folded(text))


def _digest(platform: str, words: str) -> bytes:
    return hashlib.sha256(f"words\n{platform}\n{words}".encode()).digest()
