"""What the tests of the desk share: reports and feedback put to the ledger, cases brought to a state, what stands."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from chassis import receipts
from chassis.kafka.consumer import Aside
from chassis.postgres.pool import Database
from schemas.events import Place
from schemas.ids import case_id_of
from schemas.reports import Photo, ReportDisputed, ReportRated
from services.router.act import Door
from services.router.consumers import on_batch, read
from services.router.waking import Waking
from tests.router.conftest import ROOT, hour, record_of, report
from tests.router.http import CENTRE, DRAINS, Caller

BLOCKED_DRAIN = "E0503"
"""4 work_hour; 排水 first, then the district; no photo needed."""
DIRTY_STREET = "E0110"
"""4 work_hour; the district first; a photo needed."""
POTHOLE = "E0303"
"""1 work_day; 道桥 first; no photo needed."""


def case_of(number: int) -> str:
    """The case that report `number` opens."""
    return str(case_id_of(report(number).report_id))


async def taken(door: Door, *events: Any, seq: int = 0) -> Sequence[Aside]:
    """These events as one batch of the topic; `seq` tells feedback of one report and kind apart."""
    pairs = [(record, read(record)) for record in (record_of(event, n, seq) for n, event in enumerate(events))]
    async with door.database.transaction() as connection:
        return await on_batch(connection, door, pairs)


async def reported(door: Door, *numbers: int, **changes: Any) -> None:
    await taken(door, *(report(n, **changes) for n in numbers))


def beside(number: int) -> Place:
    """The place of report `number`: another report there is about the same problem."""
    return report(number).place


def disputed(door: Door, number: int, text: str = "井盖还是坏的") -> ReportDisputed:
    return ReportDisputed(at=door.now(), report_id=report(number).report_id, app="app-one", text=text)


def rated(door: Door, number: int, stars: int) -> ReportRated:
    return ReportRated(at=door.now(), report_id=report(number).report_id, app="app-one", stars=stars)


def photo(
    door: Door, holder: str = "P016", content: str = "ab", age: timedelta = timedelta(0),
    point: tuple[float, float] | None = None, likeness: int | None = None,
) -> str:  # fmt: skip
    """A receipt for a photo; `content`, two hex digits, makes its hash."""
    return receipts.sign(door.receipt_key, holder, content * 32, door.now() - age, point, likeness)


def photographed(door: Door, content: str = "ab", likeness: int | None = None) -> tuple[Photo, ...]:
    """The media of a report with one photo."""
    return (Photo(media_id=photo(door, "app-one", content, likeness=likeness), sha256=content * 32),)


async def brought_to(door: Door, call: Caller, state: str, number: int = 1) -> str:
    """The case of report `number` (below 100), a blocked drain, in `state`; its id.

    held, dispatched, joined (by the report 200 further), accepted, requesting, suspended, handled (with a photo from
    before, so that it waits), closed, bounced (to the district).
    """
    case_id, before = case_of(number), f"{number:02x}"
    changes = {"category": None if state == "held" else BLOCKED_DRAIN, "media": photographed(door, before)}
    await reported(door, number, **changes)
    if state == "joined":
        await reported(door, number + 200, category=BLOCKED_DRAIN, place=beside(number))
    for act, body in _WAYS.get(state, ()):
        if act == "suspend":
            body = body | {"until": (door.now() + timedelta(days=3)).isoformat()}
        if act == "handle":
            media = [photo(door, content=before)] if state == "handled" else []
            body = {"text": f"已疏通 {number}", "media": media}
        await call.done(CENTRE if act == "approve" else DRAINS, case_id, act, generation=1, **body)
    return case_id


_ACCEPT: tuple[str, dict[str, Any]] = ("accept", {})
_WAYS: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "accepted": (_ACCEPT,),
    "requesting": (_ACCEPT, ("extend", {"reason": "weather", "note": "大雪"})),
    "suspended": (
        _ACCEPT, ("suspend", {"reason": "season", "note": "冬季停工"}), ("approve", {"request": "suspension"}),
    ),
    "handled": (("handle", {}),),
    "closed": (("handle", {}),),
    "bounced": (("return", {"reason": "not_ours", "note": "不在管辖范围"}),),
}  # fmt: skip


async def standing(door: Door) -> list[list[Any]]:
    """Everything that a refused act leaves as it was: all but the refusal in the history and the stored answer."""
    return [
        await door.database.fetch(f"select {what} order by 1, 2")
        for what in (
            "case_id, body, state, is_open, platform, generation, deadline, requested, placed::text from router.cases",
            "id, key, value, headers from router.outbox",
            "case_id, stage, generation, step, at from router.timers",
            "report_id, case_id from router.reports",
            "case_id, generation, a::text from router.accounts a",
            "district, day, last from router.numbers",
            "digest, case_id from router.evidence",
        )
    ]


async def events_of(call: Caller, case_id: str) -> list[str]:
    """What happened to a case, refusals included."""
    return [line["event"] for line in (await call.case(case_id))["history"]]


def changed_pack(folder: Path, table: str, old: str, new: str) -> Path:
    """A copy of the city's pack, in which `old`, somewhere in `table`, reads `new`."""
    pack = folder / "pack"
    if not pack.exists():
        shutil.copytree(ROOT / "cities/taiyuan", pack)
    text = (pack / table).read_text("utf-8")
    assert old in text
    (pack / table).write_text(text.replace(old, new, 1), "utf-8")
    return pack


def another(door: Door, url: str) -> Door:
    """The door of another process on the same ledger, at the same hour."""
    return replace(door, database=Database(url, "router-other"), waking=Waking())


def later(door: Door, **time: float) -> None:
    """The clock goes on."""
    hour(door).at += timedelta(**time)


def report_id(number: int) -> UUID:
    return report(number).report_id
