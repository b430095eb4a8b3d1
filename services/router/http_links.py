"""The same problem by hand: a case linked to another one, a report unlinked into a case of its own.

Both change two cases; one transaction does both or, if either refuses, neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.postgres.pool import Connection
from chassis.postgres.together import Write
from schemas.cases import CaseJoined, CaseOpened
from schemas.ids import unlinked_case_id_of
from services.router import ledger, ledger_reads, ledger_reports
from services.router.act import Ask, Door, Outcome, act, answer_to
from services.router.case import Case, Heard
from services.router.case_answer import case_answer
from services.router.commands import Join, Open, Refusal, Supplement
from services.router.commands_of_centre import Link, Unlink
from services.router.http_acts import Asked, case_id_from, committed, tell, unknown_case
from services.router.http_bodies import Body, Words, as_json
from services.router.http_centre import Generation
from services.router.http_keys import answered_before, keeping
from services.router.http_once import add_act
from services.router.ledger_answers import Told
from services.router.ledger_events import events_under
from services.router.ledger_reports import Spot
from services.router.same_problem import cells_of, distance_m
from services.router.transitions import OPEN_STATES

NEAR_M, MOST_NEAR = 200.0, 50
NOWHERE_YET = UUID(int=0)
"""Where a report moves to is known once its case is locked."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
REPORTING = [CaseOpened.kind, CaseJoined.kind]


class LinkBody(Body):
    linked_to: UUID
    reason: Words
    generation: Generation = None


class UnlinkBody(Body):
    report_id: UUID
    reason: Words
    generation: Generation = None


def _link(_: Door, centre: str, body: LinkBody, __: str) -> Link:
    return Link(f"centre:{centre}", body.linked_to, body.reason, body.generation)


def _unlink(_: Door, centre: str, body: UnlinkBody, __: str) -> Unlink:
    return Unlink(f"centre:{centre}", body.report_id, NOWHERE_YET, body.reason, body.generation)


LINKING = "The same problem as `linked_to`: its reports join that case, in their order, and this one ends."
UNLINKING = "The report is about another problem: it opens a case of its own, which is filed and dispatched."


def routes(door: Door) -> APIRouter:
    """The centre's two acts on two cases, and what a case might be linked to."""
    api = APIRouter(tags=["centre"])
    add_act(api, door, "centre", "link", LinkBody, _link, LINKING, _with_another)
    add_act(api, door, "centre", "unlink", UnlinkBody, _unlink, UNLINKING, _with_another)

    @api.get("/v1/cases/{case_id}/near")
    async def near_cases(request: Request, case_id: str) -> Response:
        """Open cases of the same category within 200 m, nearest first: what it might be linked to."""
        door.keys.admit(request, "centre", "ops")
        case = await ledger_reads.one(door.database, case_id_from(case_id))
        if case is None:
            raise unknown_case()
        found = [
            {**case_answer(other, door.city), "distance_m": round(metres, 1)}
            for other, metres in await _near(door, case)
        ]
        return as_json({"items": found})

    return api


async def _near(door: Door, case: Case) -> list[tuple[Case, float]]:
    lon, lat = case.place.lon, case.place.lat
    if case.category is None or lon is None or lat is None:
        return []
    spot = Spot(case.category, lon, lat, tuple(cells_of(lon, lat, NEAR_M)))
    async with door.database.connection() as connection:
        around = (await ledger_reports.near(connection, (), [spot], _EVER))[0]
    metres = {c.case_id: distance_m(lon, lat, c.lon, c.lat) for c in around if c.case_id != case.case_id}
    nearest = sorted((case_id for case_id in metres if metres[case_id] <= NEAR_M), key=lambda found: metres[found])
    cases = await ledger_reads.some(door.database, nearest[:MOST_NEAR])
    return [(cases[case_id], metres[case_id]) for case_id in nearest if case_id in cases]


async def _with_another(door: Door, centre: str, asked: Asked) -> Told:
    return await committed(door, lambda connection: _told(connection, door, centre, asked))


async def _told(connection: Connection, door: Door, centre: str, asked: Asked) -> Told:
    command = asked.ask.command
    also = [command.linked_to] if isinstance(command, Link) else []
    kept = await ledger.lock(connection, list({asked.ask.case_id, *also}))
    answers = await answered_before(connection, centre, [asked.keyed])
    if asked.key in answers:
        return answers[asked.key]
    if missing := [case_id for case_id in (asked.ask.case_id, *also) if case_id not in kept]:
        raise unknown_case("linked_to" if missing[0] in also else "case_id")
    asks, moves = await _plan(connection, asked.ask, kept)
    at = door.now()
    if isinstance(answer_to(kept[asked.ask.case_id].case, asks[0], at, door.city), Refusal):
        asks, moves = asks[:1], []  # refused as a whole; the refusal is remembered

    def written(outcomes: Sequence[Outcome]) -> Sequence[Write]:
        answers[asked.key] = tell(outcomes[0], door)
        return [*moves, *keeping(centre, [asked.keyed], answers)]

    await act(connection, door, asks, at, kept, written)
    return answers[asked.key]


async def _plan(connection: Connection, ask: Ask, kept: Mapping[UUID, ledger.Kept]) -> tuple[list[Ask], list[Write]]:
    """What is asked of both cases, the first one first, and which reports change their case by it."""
    case = kept[ask.case_id].case
    said = {
        event.report_id: event
        for event in await events_under(connection, case.case_id, REPORTING)
        if isinstance(event, CaseOpened | CaseJoined)
    }
    if isinstance(ask.command, Unlink):
        return _unlinking(case, ask, ask.command, said.get(ask.command.report_id))
    assert isinstance(ask.command, Link)  # noqa: S101 - the two acts of this file
    to = ask.command.linked_to
    link = replace(ask, command=replace(ask.command, to_open=kept[to].case.state in OPEN_STATES))
    joins = [Ask(to, _joining(said[report_id], ask.command.by)) for report_id in case.reports if report_id in said]
    added = [Ask(to, _supplementing(one, ask.command.by)) for one in case.additions]
    return [link, *joins, *added], [ledger_reports.move(case.reports, to)]


def _unlinking(
    case: Case, ask: Ask, command: Unlink, said: CaseOpened | CaseJoined | None
) -> tuple[list[Ask], list[Write]]:
    own = unlinked_case_id_of(case.case_id, case.seq + 1)
    if said is None:  # the decision says why not
        return [replace(ask, command=replace(command, moved_to=own))], []
    added = [one for one in case.additions if one.report_id == said.report_id]
    media = (*said.media, *(photo for one in added for photo in one.media))
    unlink = replace(ask, command=replace(command, moved_to=own, media=media))
    category, place = said.category or case.category, said.place or case.place
    opening = Open(own, said.report_id, category, place, said.text, said.media, None, command.by, unlinked=True)
    more = [Ask(own, _supplementing(one, command.by)) for one in added]
    return [unlink, Ask(own, opening), *more], [ledger_reports.move([said.report_id], own)]


def _supplementing(one: Heard, by: str) -> Supplement:
    return Supplement(one.report_id, one.text, one.media, by)


def _joining(said: CaseOpened | CaseJoined, by: str) -> Join:
    return Join(said.report_id, said.text, said.media, by, said.category, said.place)
