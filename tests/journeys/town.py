"""A running system as people outside see it: apps, platforms, the centre, and whoever pulls its plugs."""

import asyncio
import itertools
import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from aiokafka import AIOKafkaConsumer

from stack.processes import spawn
from stack.up import Supervised, System

PATIENCE = 90.0
CATEGORY = "E0401"
"""A happening whose handling owes no photo."""
AGAIN = (429, 500, 502, 503)
"""Answers after which a client repeats its call."""
SPOTS = itertools.count(1)
"""Places of reports, over all tests: what one leaves open, another must not join."""
T = TypeVar("T")


def until(ask: Callable[[], T], good: Callable[[T], object] = bool, patience: float = PATIENCE) -> T:
    """What `ask` says as soon as it is good; an unreachable service is asked again. Fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    last: object = None
    while time.monotonic() < deadline:
        try:
            if good(told := ask()):
                return told
            last = told
        except httpx.TransportError as why:
            last = why
        time.sleep(0.05)
    raise AssertionError(f"not within {patience:g} s; last: {last!r:.500}")


@dataclass
class Town:
    """One system and one HTTP client. Reports made here lie 200 m apart, so that none joins another's case."""

    system: System
    http: httpx.Client
    mark: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    made: int = 0

    @property
    def env(self) -> dict[str, str]:
        return self.system.env

    def call(self, service: str, method: str, path: str, key: str = "", **what: Any) -> httpx.Response:
        """One HTTP call with the key of that name in the environment; `idempotency` becomes its header."""
        headers = {"Authorization": f"Bearer {self.env[key]}"} if key else {}
        if idempotency := what.pop("idempotency", ""):
            headers["Idempotency-Key"] = idempotency
        return self.http.request(method, f"{self.env[f'{service.upper()}_URL']}{path}", headers=headers, **what)

    def patiently(self, *call: Any, **what: Any) -> Any:
        """The same call again until the answer is neither 5xx nor 429; what it says."""
        answer = until(
            lambda: self.call(*call, **dict(what)), lambda told: told.status_code not in (429, 500, 502, 503)
        )
        assert answer.status_code < 300, f"{call}: {answer.status_code} {answer.text}"
        return answer.json()

    def body(self, **change: Any) -> dict[str, Any]:
        """A report that is fit, somewhere of its own in the city's east."""
        self.made += 1
        spot = next(SPOTS)
        place = {"lon": 112.45 + spot % 40 * 0.003, "lat": 37.70 + spot // 40 % 50 * 0.003, "system": "WGS-84"}
        fit = {"text": "路口有人占道经营", "category": CATEGORY, "place": place, "reporter": {"ref": f"u-{self.made}"}}
        return fit | change

    def report(self, key: str = "APP_KEY", **change: Any) -> str:
        """Reports until it is answered 202; returns the report_id."""
        body, idempotency = self.body(**change), f"{self.mark}-{self.made}"
        told = self.patiently("intake", "POST", "/v1/reports", key, json=body, idempotency=idempotency)
        report_id: str = told["report_id"]
        return report_id

    def reports(self, count: int, key: str = "APP_KEY") -> list[str]:
        """Many reports from four citizens at once, each repeated until it is answered 202."""
        bodies = [(self.body(), f"{self.mark}-{self.made}") for _ in range(count)]

        def send(one: tuple[dict[str, Any], str]) -> str:
            told = self.patiently("intake", "POST", "/v1/reports", key, json=one[0], idempotency=one[1])
            return str(told["report_id"])

        with ThreadPoolExecutor(4) as citizens:
            return list(citizens.map(send, bodies))

    def page(self, report_id: str, key: str = "APP_KEY") -> dict[str, Any]:
        told: dict[str, Any] = self.patiently("intake", "GET", f"/v1/reports/{report_id}", key)
        return told

    def in_state(self, report_id: str, state: str, key: str = "APP_KEY") -> dict[str, Any]:
        return until(lambda: self.page(report_id, key), lambda told: told["state"] == state)

    def worklist(self, code: str, state: str = "dispatched") -> list[dict[str, Any]]:
        found, cursor = [], ""
        while True:
            query = f"?state={state}&limit=100" + (f"&cursor={cursor}" if cursor else "")
            page = self.patiently("router", "GET", f"/v1/platforms/me/cases{query}", f"PLATFORM_KEY_{code}")
            found += page["items"]
            cursor = page["next"]
            if not page["items"] or not cursor:
                return found

    def case(self, report_id: str) -> dict[str, Any]:
        """The case of a report as its platform sees it, once it is dispatched."""
        page = self.in_state(report_id, "dispatched")
        found = until(
            lambda: [c for c in self.worklist(page["platform"]["code"]) if c["case_number"] == page["case_number"]]
        )
        return found[0] | {"platform": page["platform"]["code"]}

    def act(self, code: str, case: dict[str, Any], act: str, **body: Any) -> Any:
        """A platform's act, repeated with the same key until it is answered."""
        said = {"generation": case["generation"], **body}
        path, key = f"/v1/cases/{case['case_id']}/{act}", f"{case['case_id']}-{case['generation']}-{act}"
        return self.patiently("router", "POST", path, f"PLATFORM_KEY_{code}", json=said, idempotency=key)

    def try_act(self, code: str, case: dict[str, Any], act: str, **body: Any) -> httpx.Response:
        """A platform's act under a key that was never used, for refusals."""
        said = {"generation": case["generation"], **body}
        path = f"/v1/cases/{case['case_id']}/{act}"
        return self.call("router", "POST", path, f"PLATFORM_KEY_{code}", json=said, idempotency=uuid.uuid4().hex)

    def watched(self, work: Callable[[], T]) -> T:
        """What `work` returns; meanwhile a supervisor starts again whatever dies, as one does in production."""
        with ThreadPoolExecutor(1) as others:
            done = others.submit(work)
            while not done.done():
                self.system.watch()
                time.sleep(0.05)
            return done.result()

    def handle_all(self, reports: Sequence[str], key: str = "APP_KEY") -> None:
        """Every platform that holds one of these reports accepts and handles it; returns when all are closed."""
        left = set(reports)
        deadline = time.monotonic() + PATIENCE
        while left:
            pages = [self.page(report_id, key) for report_id in sorted(left)]
            states = Counter(f"{page['state']} {page['platform']}" for page in pages)
            assert time.monotonic() < deadline, f"{len(left)} are not closed: {states}"
            left -= {page["report_id"] for page in pages if page["state"] == "closed"}
            for code in {p["platform"]["code"] for p in pages if p["platform"] and p["state"] == "dispatched"}:
                for case in self.worklist(code):
                    self.act(code, case, "accept")
                    self.act(code, case, "handle", text=f"已清理完毕（{case['case_number']}）")

    def feed(self, key: str = "APP_KEY") -> list[dict[str, Any]]:
        """The whole feed of an app."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.patiently("notifier", "GET", f"/v1/feed?limit=500&after={after}", key)
            if not page["items"]:
                return found
            found += page["items"]
            after = page["next"]

    def results(self, reports: Sequence[str], key: str = "APP_KEY") -> dict[str, int]:
        """How many results each of these reports has in the feed, once each has one."""
        wanted = set(reports)

        def count() -> dict[str, int]:
            counts = dict.fromkeys(wanted, 0)
            for item in self.feed(key):
                if item["report_id"] in wanted and item["event"] in ("case.closed", "case.declined"):
                    counts[item["report_id"]] += 1
            return counts

        return until(count, lambda counts: all(counts.values()))

    def topic(self, name: str) -> list["Record"]:
        """Every record of a topic from the beginning, in the order of each partition."""
        return asyncio.run(_dump(self.env["KAFKA_BOOTSTRAP"], name))

    def service(self, name: str) -> Supervised:
        return self.system.services[name]

    def kill(self, name: str) -> None:
        """kill -9."""
        process = self.service(name).process
        assert process is not None
        process.kill()
        process.wait()

    def stop(self, name: str) -> None:
        """SIGTERM, and gone when this returns."""
        process = self.service(name).process
        assert process is not None
        process.terminate()
        process.wait()

    def start(self, name: str) -> None:
        self.service(name).start()
        self.ready(name)

    def ready(self, name: str) -> None:
        until(self.service(name).ready)

    def start_faulty(self, name: str, fault: str) -> "subprocess.Popen[bytes]":
        """The service again, with one crash window armed; `fault` is place:act:n."""
        service = self.service(name)
        command = [sys.executable, "-m", "tests.faultpoints", f"services.{name}"]
        service.process = spawn(command, service.log, {**service.env, "FAULT": fault})
        self.ready(name)
        return service.process


@dataclass(frozen=True)
class Record:
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]

    def event(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.value)
        return told | {"kind": self.headers["ce_type"].decode(), "id": self.headers["ce_id"].decode()}


async def _some(consumer: AIOKafkaConsumer) -> dict[Any, list[Any]]:
    """The next records. A frame that the client cannot decode is passed over, and nothing else with it."""
    places = {p: await consumer.position(p) for p in consumer.assignment()}
    try:
        found: dict[Any, list[Any]] = await consumer.getmany(timeout_ms=200)
        return found
    except UnicodeDecodeError:
        found = {}
    for partition, offset in places.items():
        consumer.seek(partition, offset)
    for partition in places:
        try:
            found |= await consumer.getmany(partition, timeout_ms=200, max_records=1)
        except UnicodeDecodeError:
            consumer.seek(partition, await consumer.position(partition) + 1)
    return found


async def _dump(kafka: str, topic: str) -> list[Record]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found: list[Record] = []
        while [p for p, end in ends.items() if await consumer.position(p) < end]:
            for records in (await _some(consumer)).values():
                found += [Record(r.partition, r.offset, r.key, r.value or b"", dict(r.headers)) for r in records]
    finally:
        await consumer.stop()
    return found


def lives(records: Sequence[Record]) -> Iterator[list[dict[str, Any]]]:
    """The events of each case in the order of the topic, repeats (same id) dropped."""
    cases: dict[bytes, dict[str, dict[str, Any]]] = {}
    for record in records:
        event = record.event()
        cases.setdefault(record.key or b"", {}).setdefault(event["id"], event)
    for events in cases.values():
        yield list(events.values())
