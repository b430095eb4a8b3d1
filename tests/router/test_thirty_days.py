"""Thirty days of a city's desk, seeded: citizens, platforms and the centre make every move there is, on a real ledger.

National Day with its make-up days lies in the middle. Every hour the clock rings, everybody acts by chance; some acts
come twice, some too late. After the last day everything is answered, and nothing that was promised is broken.
"""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest

from chassis import receipts
from chassis.http.health import Health
from chassis.http.serve import served
from chassis.kafka.producer import broker_of
from schemas import cases as ev
from schemas.events import Place
from schemas.ids import report_id_of
from schemas.reports import Finding, Photo, ReportDisputed, ReportRated, ReportReceived, ReportSupplemented
from services.router import ledger_accounts, ledger_events, ledger_reads
from services.router.accountability import fold
from services.router.act import Door
from services.router.app import application
from services.router.case import Case
from services.router.consumers import on_batch, read
from services.router.evolve import evolve
from services.router.ledger_recount import recount
from services.router.rounds import make_round
from tests.router.conftest import CITY, RECEIPT_KEY, SHANGHAI, hour, record_of

SEED = 20260921
MONDAY = datetime(2026, 9, 21, 0, 0, tzinfo=SHANGHAI)
DAYS = 30
CATEGORIES = ("C0102", "E0110", "E0401", "C0302", "E0201", "S02", None)
ENDED = ("closed", "declined", "void", "linked")
NEEDED = {kind for kind in ev.KINDS if kind != "case.rescheduled"}
"""All but the calendar's own move, which comes between two processes only (`test_calendar_round`)."""


class Town:
    """Everybody who acts, with one source of chance."""

    def __init__(self, door: Door, http: httpx.AsyncClient) -> None:
        self.door, self.http, self.chance = door, http, random.Random(SEED)
        self.reports: list[ReportReceived] = []
        self.disputed: list[ReportReceived] = []
        self.refused: Counter[str] = Counter()
        self.acts = 0

    def likely(self, share: float) -> bool:
        return self.chance.random() < share

    async def batch(self, *events: Any) -> None:
        records = [record_of(event, n, int(event.at.timestamp())) for n, event in enumerate(events)]
        async with self.door.database.transaction() as connection:
            await on_batch(connection, self.door, [(record, read(record)) for record in records])

    def report(self) -> ReportReceived:
        n, chance = len(self.reports), self.chance
        if self.reports and self.likely(0.25):  # the same hole again, a step aside
            near = chance.choice(self.reports[-12:])
            category, lon, lat = near.category, (near.place.lon or 0) + 0.0001, near.place.lat
        else:
            category = chance.choice(CATEGORIES)
            lon, lat = 112.50 + chance.random() * 0.1, 37.80 + chance.random() * 0.1
        advert = (Finding(code="advert", detail="办证"),) if self.likely(0.02) else ()
        photo = receipts.sign(RECEIPT_KEY, "app-one", f"{n:064x}", self.door.now())
        made = ReportReceived(
            at=self.door.now(), report_id=report_id_of("app-one", f"day-{n}"), app="app-one", reporter_ref=f"u-{n}",
            text="路边积水，污水井盖缺失", category=category, findings=advert, body_digest=f"d-{n}",
            place=Place(lon=lon, lat=lat, district=chance.choice(("140105", "140106", "140107", "140108"))),
            media=(Photo(media_id=photo, sha256=f"{n:064x}"),), city_version=CITY.version,
        )  # fmt: skip
        self.reports.append(made)
        return made

    async def post(self, key: str, case: Case, act: str, **body: Any) -> int:
        """One act; now and then it is sent twice, and the answer must be the same bytes."""
        self.acts += 1
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"{act}-{self.acts}"}
        path, said = f"/v1/cases/{case.case_id}/{act}", {"generation": case.generation, **body}
        answer = await self.http.post(path, json=said, headers=headers)
        if self.likely(0.05):
            again = await self.http.post(path, json=said, headers=headers)
            assert answer.content == again.content
        if answer.status_code != 200:
            self.refused[answer.json()["reason"]] += 1
        assert answer.status_code in (200, 409, 422), answer.text
        return answer.status_code

    async def open_cases(self) -> list[Case]:
        rows = await self.door.database.fetch(
            "select case_id from router.cases where state <> all($1) or requested <> '' order by opened_at, case_id",
            list(ENDED),
        )
        found = await ledger_reads.some(self.door.database, [row["case_id"] for row in rows])
        return [found[row["case_id"]] for row in rows]

    async def platform_acts(self, case: Case, eager: bool) -> None:
        key = f"ssp_platform_{case.platform.code if case.platform else ''}"
        if self.likely(0.03):  # somebody who had it once still thinks that it is theirs
            return await self._late(case)
        if case.state == "dispatched" and self.likely(0.12) and not eager:
            await self.post(key, case, "return", reason="not_ours", note="不在管辖范围")
        elif case.state == "dispatched":
            await self.post(key, case, "accept")
        elif case.requested is None and self.likely(0.3) and not eager:
            await self._ask_for_time(key, case)
        else:
            await self.post(key, case, "handle", text=self._words(case), media=[self._photo(case)])
        return None

    async def _late(self, case: Case) -> None:
        others = [code for code in case.held_by if case.platform is None or code != case.platform.code]
        if others:
            status = await self.post(f"ssp_platform_{others[0]}", case, "accept")
            assert status == 409

    async def _ask_for_time(self, key: str, case: Case) -> None:
        if self.likely(0.5):
            await self.post(key, case, "extend", reason="needs_a_part", note="配件在途")
        else:
            until = self.door.now() + timedelta(days=self.chance.randint(1, 5))
            await self.post(key, case, "suspend", reason="season", note="等待天气转好", until=until.isoformat())

    def _words(self, case: Case) -> str:
        return "已处理完毕" if self.likely(0.05) else f"已处理完毕（{case.case_number}-{case.generation}）"

    def _photo(self, case: Case) -> str:
        digest = f"{1 if self.likely(0.05) else case.case_id.int >> 8:063x}{case.generation % 16:x}"[-64:]
        holder = case.platform.code if case.platform else ""
        far = (112.0, 37.0) if self.likely(0.03) else (case.place.lon or 0, case.place.lat or 0)
        return receipts.sign(RECEIPT_KEY, holder, digest, self.door.now(), far)

    async def centre_acts(self, case: Case, others: list[Case]) -> None:
        key = "ssp_centre_one"
        if case.state == "held" and case.waits_for == "advert":
            await self.post(key, case, "decline", reason="advert")
        elif case.state == "held":
            await self.post(key, case, "file", category="C0102", district="140106")
        elif case.state == "filed":
            await self.post(key, case, "dispatch", platform=self.chance.choice(("P013", "P014", "P020")))
        elif case.state == "handled":
            body = {"reason": "照片与现场不符"} if self.likely(0.5) else {}
            await self.post(key, case, "rework" if body else "close", **body)
        elif case.requested is not None or case.disputed_by:
            await self._answer(key, case)
        else:
            await self._interfere(key, case, others)

    async def _answer(self, key: str, case: Case) -> None:
        request = "dispute" if case.disputed_by else case.requested.request if case.requested else ""
        act = "approve" if self.likely(0.6) else "refuse"
        more = {} if act == "approve" else {"reason": "请按时处置"}
        if await self.post(key, case, act, request=request, **more) != 200 and act == "approve":
            await self.post(key, case, "refuse", request=request, reason="已超过处置时限")

    async def _interfere(self, key: str, case: Case, others: list[Case]) -> None:
        moves: list[tuple[str, dict[str, Any]]] = [
            ("escalate", {"reason": "市民多次反映"}), ("force_close", {"reason": "cannot_be_done"}),
            ("void", {"reason": "filed_by_mistake"}), ("dispatch", {"platform": "P001"}),
            ("correct", {"district": self.chance.choice(("140105", "140107")), "reason": "区划有误"}),
        ]  # fmt: skip
        if len(case.reports) > 1:
            moves += [("unlink", {"report_id": str(case.reports[-1]), "reason": "两处井盖"})] * 4
        if (other := self.chance.choice(others)).case_id != case.case_id:
            moves.append(("link", {"linked_to": str(other.case_id), "reason": "同一问题"}))
        if case.state == "suspended":
            moves.append(("resume", {}))
        act, body = self.chance.choice(moves)
        await self.post(key, case, act, **body)

    async def reporters_answer(self) -> None:
        for report in self.chance.choices(self.reports[-40:], k=3):
            more = ReportSupplemented(at=self.door.now(), report_id=report.report_id, app="app-one", text="井盖已碎")
            await self.batch(more, more)
        again = self.disputed[-20:] if self.likely(0.8) else []  # who was not content is seldom content the next time
        for report in [*self.chance.choices(self.reports[-150:], k=6), *again]:
            if self.likely(0.6):
                said = ReportDisputed(at=self.door.now(), report_id=report.report_id, app="app-one", text="仍未修好")
                await self.batch(said, said)
                self.disputed.append(report)
            else:
                rated = ReportRated(at=self.door.now(), report_id=report.report_id, app="app-one", stars=4)
                await self.batch(rated)

    async def hour(self, reports: int, eager: bool = False) -> None:
        """One hour: reports come, the clock rings, platforms and centre look at what they have."""
        hour(self.door).at += timedelta(hours=1)
        fresh = [self.report() for _ in range(reports)]
        await self.batch(*fresh, *(fresh[:1] if self.likely(0.2) else ()))
        while await make_round(self.door):
            continue
        working = 8 <= self.door.now().astimezone(SHANGHAI).hour <= 20
        cases = await self.open_cases()
        for case in cases if working else ():
            await self._look_at(case, cases, eager)

    async def _look_at(self, case: Case, others: list[Case], eager: bool) -> None:
        chance = 0.0 if eager else self.chance.random()
        if chance >= 0.3:
            return  # nobody looks at it in this hour
        now = await ledger_reads.one(self.door.database, case.case_id) or case
        if now.waits_for or now.requested or now.disputed_by:
            await self.centre_acts(now, others)
        elif now.state in ("dispatched", "accepted") and chance < 0.08:
            await self.platform_acts(now, eager)
        elif not eager and now.state in ("dispatched", "accepted", "suspended") and chance < 0.088:
            await self.centre_acts(now, others)


@pytest.fixture
async def town(door: Door) -> AsyncIterator[Town]:
    hour(door).at = MONDAY
    app = application(door, broker_of("localhost:1", "test"), Health(asyncio.Event()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served(app)), base_url="http://router") as http:
        yield Town(door, http)


async def test_thirty_days_of_every_move_break_no_promise(town: Town) -> None:
    for _ in range(DAYS):
        for clock in range(24):
            await town.hour(town.chance.randint(0, 2) if 7 <= clock <= 21 else 0)
        await town.reporters_answer()
    for _ in range(24 * 40):  # and then everybody works off what is left
        await town.hour(0, eager=True)
        if not await town.open_cases():
            break

    histories = await _histories(town.door)
    assert [] == await town.open_cases()
    assert NEEDED == {event.kind for events in histories.values() for event in events}
    assert {"older_generation", "not_yours"} & set(town.refused)
    for events in histories.values():
        _one_case_keeps_its_promises(events)
    await _every_report_is_answered_once(town, histories)
    await _the_ledger_is_the_fold_of_history(town.door, histories)
    await _every_line_is_chained_to_the_one_before(town.door)
    await _nothing_is_left_to_ring(town.door)
    await _sums_agree(town.door)


async def _histories(door: Door) -> dict[UUID, list[Any]]:
    rows = await door.database.fetch("select case_id from router.cases")
    return {row["case_id"]: await ledger_events.events_of(door.database, row["case_id"]) for row in rows}


def _one_case_keeps_its_promises(events: list[Any]) -> None:
    dispatched = [event for event in events if isinstance(event, ev.CaseDispatched)]
    clocks = [e for e in events if isinstance(e, ev.CaseEscalated) and e.stage]
    rung = [(e.generation, e.stage, e.step, e.deadline if e.stage == "reply" else None) for e in clocks]
    late = [e.at - e.deadline for e in events if isinstance(e, ev.CaseEscalated) and e.step == "due" and e.deadline]

    assert list(range(1, len(events) + 1)) == [event.seq for event in events]
    assert list(range(1, len(dispatched) + 1)) == [event.generation for event in dispatched]
    assert len(set(rung)) == len(rung)
    assert all(timedelta(0) <= wait <= timedelta(hours=1) for wait in late)


async def _every_report_is_answered_once(town: Town, histories: dict[UUID, list[Any]]) -> None:
    rows = await town.door.database.fetch("select report_id, case_id from router.reports")
    case_of = {row["report_id"]: row["case_id"] for row in rows}
    folded = {case_id: _fold(events) for case_id, events in histories.items()}
    holding = Counter(report_id for case in folded.values() for report_id in case.reports)

    assert {report.report_id for report in town.reports} == set(case_of)
    assert holding == Counter(dict.fromkeys(case_of, 1))
    assert all(report_id in folded[case_id].reports for report_id, case_id in case_of.items())
    assert all(folded[case_id].reply for case_id in case_of.values())


def _fold(events: list[Any]) -> Case:
    case: Case | None = None
    for event in events:
        case = evolve(case, event)
    assert case is not None
    return case


async def _the_ledger_is_the_fold_of_history(door: Door, histories: dict[UUID, list[Any]]) -> None:
    for case_id, events in histories.items():
        assert _fold(events) == await ledger_reads.one(door.database, case_id)
    sent = await door.database.fetch("select key, count(*) from router.outbox group by key")
    accounts = await door.database.fetch("select * from router.accounts order by case_id, generation")
    expected = fold(event for events in histories.values() for event in events)

    assert {str(case_id): len(events) for case_id, events in histories.items()} == {
        row["key"].decode(): row["count"] for row in sent
    }
    assert [tuple(row) for row in accounts] == [_row(expected[key]) for key in sorted(expected)]


def _row(account: Any) -> tuple[Any, ...]:
    values = {name: getattr(account, name) for name in account.__slots__}
    return tuple((values | {"was": orjson.dumps(account.was).decode()}).values())


async def _every_line_is_chained_to_the_one_before(door: Door) -> None:
    lines = await door.database.fetch("select case_id, body, hash from router.history order by case_id, line")
    ends = await door.database.fetch("select case_id, lines, chain from router.cases")
    chains: dict[UUID, list[bytes]] = {}
    for line in lines:
        chain = chains.setdefault(line["case_id"], [b""])
        chain.append(hashlib.sha256(chain[-1] + line["body"]).digest())
        assert chain[-1] == line["hash"]

    assert {row["case_id"]: (row["lines"], row["chain"]) for row in ends} == {
        case_id: (len(chain) - 1, chain[-1]) for case_id, chain in chains.items()
    }


async def _nothing_is_left_to_ring(door: Door) -> None:
    assert [] == await door.database.fetch("select * from router.timers")


async def _sums_agree(door: Door) -> None:
    """The same totals by platform, by district, by category; and again after a recount."""
    given = (MONDAY, MONDAY + timedelta(days=90), MONDAY + timedelta(days=90), (None, None, None))
    ways: tuple[ledger_accounts.By, ...] = ("platform", "district", "category")
    before = {by: await ledger_accounts.sums(door.database, by, *given) for by in ways}
    async with door.database.transaction() as connection:
        recounted = await recount(connection)
    after = {by: await ledger_accounts.sums(door.database, by, *given) for by in ways}
    names = ("due", "handled", "returned", "reworked", "spent_s")
    totals = [tuple(sum(getattr(row, name) for row in rows) for name in names) for rows in before.values()]

    assert (before, 0) == (after, recounted.cases_changed)
    assert len(set(totals)) == 1
    assert all(totals[0])
