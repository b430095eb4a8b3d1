"""The actors: citizens with their apps, platforms, the centre's desk, and a foreign hand that writes broken records."""

import asyncio
import random
import uuid
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.ids import report_id_of
from tests.faults.history import Acted, History, Sent
from tests.faults.line import Answer, Line
from tests.standins.photos import photo, photo_of

APPS = {"jinyang": "APP_KEY", "fenhe": "APP2_KEY"}
CANARY = "13876512340"
"""A telephone number that must not be seen anywhere behind the door."""
PLAIN, WITH_PHOTO = "E0401", "C0102"
"""A category whose handling needs no photo, and one whose handling does."""


@dataclass
class Town:
    """What the actors share. `calm` makes the desk stop what makes new work, so that everything can end."""

    line: Line
    chance: random.Random
    platforms: Sequence[str]
    calm: asyncio.Event = field(default_factory=asyncio.Event)
    made: int = 0
    spots: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=60))


async def citizen(town: Town, name: str, pace: float) -> None:
    """Reports through one app until the town is calm: new problems, known ones, doubles, other words under a key."""
    while not town.calm.is_set():
        town.made += 1
        await _report(town, name, f"{name}-{town.made}")
        if town.chance.random() < 0.1:
            await _dispute(town, name)
        await asyncio.sleep(town.chance.uniform(0.2, 1.8) * pace)


async def _report(town: Town, name: str, key: str) -> None:
    line, chance = town.line, town.chance
    report_id, body = report_id_of(name, key), _body(town, key)
    if chance.random() < 0.15:
        body["media"] = await _photos(town, APPS[name])
    copies = [body] * (3 if chance.random() < 0.1 else 1)
    if chance.random() < 0.05:  # other words under the same key at the same moment: one of the two is kept
        copies.insert(chance.randrange(2), body | {"text": f"别的话，编号{key}"})
    line.history.unanswered.add(report_id)  # until one of them is answered
    sends = [line.until_answered("intake", "POST", "/v1/reports", APPS[name], key, json=copy) for copy in copies]
    answers = await asyncio.gather(*sends)
    definite = [(copy, answer) for copy, answer in zip(copies, answers, strict=True) if answer is not None]
    _judge(line.history, name, report_id, definite)


def _judge(history: History, name: str, report_id: UUID, told: Sequence[tuple[dict[str, Any], Answer]]) -> None:
    taken = [copy for copy, answer in told if answer.status == 202]
    refused = [answer for _, answer in told if answer.status != 202]
    same_words = len({copy["text"] for copy, _ in told}) == 1
    if told:
        history.unanswered.discard(report_id)
    if taken:
        texts = frozenset(copy["text"] for copy in taken if CANARY not in copy["text"])
        history.accepted[report_id] = Sent(
            name, texts if len(texts) == len({c["text"] for c in taken}) else frozenset()
        )
    elif told:
        history.refused.add(report_id)
    if refused and (same_words or {answer.body["reason"] for answer in refused} != {"idempotency_key_reused"}):
        history.surprise("a fit report was refused", refused[0].body)
    if {answer.body["report_id"] for _, answer in told if answer.status == 202} - {str(report_id)}:
        history.surprise("another report_id", report_id)


def _body(town: Town, key: str) -> dict[str, Any]:
    chance = town.chance
    if town.spots and chance.random() < 0.2:  # the same problem again: it joins, or the case has ended meanwhile
        lon, lat = chance.choice(town.spots)
        lat += chance.uniform(-0.0002, 0.0002)
    else:
        lon, lat = 112.45 + town.made % 40 * 0.003, 37.70 + town.made // 40 % 60 * 0.003
        town.spots.append((lon, lat))
    text = f"路口有人占道经营，编号{key}" + (f"，请回电{CANARY}" if chance.random() < 0.1 else "")
    return {
        "text": text,
        "category": WITH_PHOTO if chance.random() < 0.15 else PLAIN,
        "place": {"lon": lon, "lat": lat, "system": "WGS-84"},
        "reporter": {"ref": f"u-{town.made % 50}"} | ({"phone": CANARY} if chance.random() < 0.3 else {}),
    }


async def _photos(town: Town, key: str) -> list[str]:
    return await _upload(town, key, photo(town.chance.randrange(40)))


async def _upload(town: Town, key: str, picture: bytes) -> list[str]:
    headers = {"Content-Type": "image/jpeg"}
    answer = await town.line.until_answered("intake", "POST", "/v1/media", key, data=picture, headers=headers)
    return [answer.body["media_id"]] if answer is not None and answer.status == 201 else []


async def _dispute(town: Town, name: str) -> None:
    """One report of the app that was closed is disputed; any other is refused, which is as it should be."""
    own = [report_id for report_id, sent in town.line.history.accepted.items() if sent.app == name]
    if own:
        report_id = town.chance.choice(own)
        body, path = {"text": "问题仍在，没有处理"}, f"/v1/reports/{report_id}/dispute"
        await town.line.until_answered("intake", "POST", path, APPS[name], f"dispute-{report_id}", json=body)


async def platform(town: Town, code: str) -> None:
    """Works its list until cancelled: accepts, returns a few, asks for a pause, handles; sometimes late and stale."""
    key = f"PLATFORM_KEY_{code}"
    at_work: set[tuple[str, int]] = set()
    async with asyncio.TaskGroup() as hands:
        while True:
            query = "/v1/platforms/me/cases?state=dispatched&limit=50"
            page = await town.line.once("router", "GET", query, key)
            for case in page.body["items"] if page is not None and page.status == 200 else ():
                mark = (case["case_id"], case["generation"])
                if mark not in at_work:
                    at_work.add(mark)
                    hands.create_task(_work_on(town, code, case))
            await asyncio.sleep(town.chance.uniform(1.0, 2.5))


async def _work_on(town: Town, code: str, case: dict[str, Any]) -> None:
    calm = town.calm.is_set()
    await asyncio.sleep(0 if calm else town.chance.uniform(0, 4))
    if not calm and town.chance.random() < 0.15:
        if await _platform_act(town, code, case, "return", reason="not_ours", note="请核实权属"):
            await _platform_act(town, code, case, "accept")  # a generation too late: refused
    elif await _platform_act(town, code, case, "accept"):
        if not calm and town.chance.random() < 0.06:
            until = (datetime.now(UTC) + timedelta(seconds=4)).isoformat()
            await _platform_act(town, code, case, "suspend", reason="season", note="稍后施工", until=until)
            await asyncio.sleep(6)  # granted or not, the clock runs on by itself
        await _handle(town, code, case)


async def _handle(town: Town, code: str, case: dict[str, Any]) -> None:
    media = []
    if case["category"] == WITH_PHOTO:
        sign, place = f"{case['case_number']} {case['generation']}", case["place"]
        picture = photo_of(town.chance.randrange(1000, 1020), sign, place["lon"], place["lat"])
        media = await _upload(town, f"PLATFORM_KEY_{code}", picture)
    text = f"已清理完毕（{case['case_number']}-{case['generation']}）"
    for _ in range(40):  # a suspended case is handled as soon as its clock runs again
        done = await _platform_act(town, code, case, "handle", text=text, media=media)
        if done or town.line.over.is_set() or not await _is_suspended(town, code, case):
            return
        await asyncio.sleep(1)


async def _is_suspended(town: Town, code: str, case: dict[str, Any]) -> bool:
    now = await town.line.until_answered("router", "GET", f"/v1/cases/{case['case_id']}", f"PLATFORM_KEY_{code}")
    return now is not None and now.status == 200 and now.body["state"] == "suspended"


async def _platform_act(town: Town, code: str, case: dict[str, Any], act: str, **body: Any) -> bool:
    generation = case["generation"]
    attempt = uuid.uuid4().hex[:8] if act == "handle" else ""
    return await _act(
        town,
        code,
        f"PLATFORM_KEY_{code}",
        case["case_id"],
        act,
        generation,
        attempt,
        {"generation": generation, **body},
    )


async def _act(
    town: Town, who: str, key: str, case_id: str, act: str, generation: int, attempt: str, body: dict[str, Any]
) -> bool:
    idempotency = f"{who}-{case_id}-{generation}-{act}-{attempt}"
    path = f"/v1/cases/{case_id}/{act}"
    answer = await town.line.until_answered("router", "POST", path, key, idempotency, json=body)
    if answer is None:
        return False
    if answer.status == 200:
        told = Acted(who, act, UUID(case_id), answer.body["generation"], answer.body["seq"])
        town.line.history.acts.append(told)
        return True
    if answer.status not in (409, 412, 422):
        town.line.history.surprise(f"{answer.status} to {who}'s {act}", answer.body)
    return False


async def desk(town: Town) -> None:
    """The centre until cancelled: follows its lists; meanwhile links, unlinks, voids, ends and sends elsewhere."""
    while True:
        for case in await _listed(town, "review"):
            found = case["suggestion"] or {"act": "file", "body": {"category": PLAIN}}
            await _centre(town, case, found["act"], **found["body"])
        for case in await _listed(town, "requests"):
            await _centre(town, case, "approve", request=case["requested"]["request"])
        if not town.calm.is_set():
            await _meddle(town)
        await asyncio.sleep(0.5)


async def _meddle(town: Town) -> None:
    cases = await _listed(town, "cases?state=dispatched")
    for case in town.chance.sample(cases, min(3, len(cases))):
        await town.chance.choice((_link, _unlink, _end, _end_undone, _send_elsewhere))(town, case)


async def _link(town: Town, case: dict[str, Any]) -> None:
    near = await town.line.once("router", "GET", f"/v1/cases/{case['case_id']}/near", "CENTRE_KEY")
    others = near.body["items"] if near is not None and near.status == 200 else []
    if not others:  # too far apart for a person; the system takes the desk's word
        others = [c for c in await _listed(town, "cases?state=dispatched") if c["case_id"] != case["case_id"]][-1:]
    for other in others[:1]:
        await _centre(town, case, "link", linked_to=other["case_id"], reason="同一问题")


async def _unlink(town: Town, case: dict[str, Any]) -> None:
    whole = await town.line.once("router", "GET", f"/v1/cases/{case['case_id']}", "CENTRE_KEY")
    if whole is not None and whole.status == 200 and len(whole.body.get("report_ids", ())) > 1:
        await _centre(town, whole.body, "unlink", report_id=whole.body["report_ids"][-1], reason="两处问题")


async def _end(town: Town, case: dict[str, Any]) -> None:
    await _centre(town, case, "void", reason="test_entry")


async def _end_undone(town: Town, case: dict[str, Any]) -> None:
    await _centre(town, case, "force_close", reason="gone")


async def _send_elsewhere(town: Town, case: dict[str, Any]) -> None:
    await _centre(town, case, "dispatch", platform=town.chance.choice(town.platforms))


async def _centre(town: Town, case: dict[str, Any], act: str, **body: Any) -> None:
    said = {"generation": case["generation"], **body}
    await _act(town, "centre", "CENTRE_KEY", case["case_id"], act, case["generation"], str(case["seq"]), said)


async def _listed(town: Town, name: str) -> list[dict[str, Any]]:
    answer = await town.line.once("router", "GET", f"/v1/{name}{'&' if '?' in name else '?'}limit=200", "CENTRE_KEY")
    return answer.body["items"] if answer is not None and answer.status == 200 else []


async def foreign_hand(town: Town, pace: float) -> None:
    """Puts a broken record on each topic now and then, until the town is calm."""
    number = 0
    while not town.calm.is_set():
        for topic in ("reports", "cases", "notices"):
            number += 1
            value = f'{{"broken {town.chance.random()} {number}'.encode()
            await _publish(town, topic, value)
        await asyncio.sleep(pace)


async def _publish(town: Town, topic: str, value: bytes) -> None:
    try:
        async with _producer(town.line.env["KAFKA_BOOTSTRAP"]) as producer:
            await producer.send_and_wait(topic, value, key=str(uuid.uuid4()).encode())
    except (KafkaError, OSError, TimeoutError):
        return  # it may have arrived or not: then it is not asked for, and nobody's value
    town.line.history.poison.add(value)


@asynccontextmanager
async def _producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, request_timeout_ms=3000)
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()
