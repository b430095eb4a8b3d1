"""The checker: what must be true of topics, tables, pages, feeds and callbacks after any faults. Pure.

It knows the promises and nothing of the code that keeps them. Each violation is one line that begins with its class.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.faults.history import History, Sent

RESULTS = frozenset({"case.closed", "case.declined", "case.voided"})
OF_THE_HOLDER = {"case.accepted", "case.returned", "case.handled"}
"""Events of a platform: only whoever holds the case can be behind them."""


@dataclass(frozen=True)
class Event:
    """A record of a topic as any consumer can read it."""

    topic: str
    partition: int
    offset: int
    key: str
    id: str
    kind: str
    body: Mapping[str, Any]


@dataclass
class Evidence:
    """All that can be seen of a system at rest."""

    reports: Sequence[Event] = ()
    cases: Sequence[Event] = ()
    feed: Sequence[Mapping[str, Any]] = ()
    callbacks: Sequence[Mapping[str, Any]] = ()
    """In the order in which they came, repeats included."""
    unverified: int = 0
    contradicted: int = 0
    pages: Mapping[UUID, Mapping[str, Any]] = field(default_factory=dict)
    parked: Sequence[tuple[str, str, bytes]] = ()
    """(group, reason, value)."""
    seqs: Mapping[str, Mapping[UUID, int]] = field(default_factory=dict)
    """For each ledger, how far it has followed each case."""
    history_lines: Mapping[UUID, int] = field(default_factory=dict)
    outbox_rows: int = 0
    behind: Mapping[str, int] = field(default_factory=dict)
    """For each group, the records that it has still to read."""
    leaks: Sequence[str] = ()
    not_ready: Sequence[str] = ()


@dataclass
class Life:
    """A case as its events make it."""

    seq: int = 0
    generation: int = 0
    platform: str | None = None
    reports: set[str] = field(default_factory=set)
    entered: dict[str, int] = field(default_factory=dict)
    results: list[tuple[int, str, str]] = field(default_factory=list)
    """(seq, kind, reply)."""


def violations(history: History, seen: Evidence) -> list[str]:
    """Everything that is not as promised; empty when all is well."""
    found: list[str] = []
    lives: dict[str, Life] = defaultdict(Life)
    once: set[str] = set()
    for event in seen.cases:
        if event.id in once:
            continue
        once.add(event.id)
        found += _follow(lives[event.key], event)
    found += [f"surprise: {what}" for what in history.surprises]
    found += _reports(history, seen, lives)
    found += _told(history, seen, lives)
    found += _acts(history, seen)
    found += _at_rest(seen, lives)
    found += _parked(history, seen)
    return found


def _follow(life: Life, event: Event) -> Iterator[str]:
    body, name = event.body, f"{event.key} {event.kind} seq {event.body['seq']}"
    if body["seq"] != life.seq + 1:
        yield f"gap: {name} after seq {life.seq}"
    life.seq = body["seq"]
    yield from _holding(life, event, name)
    _membership(life, event)
    if event.kind in RESULTS:
        life.results.append((body["seq"], event.kind, body.get("reply", "")))


def _holding(life: Life, event: Event, name: str) -> Iterator[str]:
    body, code = event.body, (event.body.get("platform") or {}).get("code")
    if event.kind == "case.dispatched":
        if body["generation"] != life.generation + 1:
            yield f"stale_generation: {name} is generation {body['generation']} after {life.generation}"
        life.generation, life.platform = body["generation"], code
    elif event.kind in OF_THE_HOLDER and (code, body["generation"]) != (life.platform, life.generation):
        yield f"misrouted: {name} by {code}, generation {body['generation']}, held by {life.platform}"
    if event.kind in ("case.returned", "case.linked", *RESULTS):
        life.platform = None


def _membership(life: Life, event: Event) -> None:
    body = event.body
    if event.kind in ("case.opened", "case.joined"):
        life.reports.add(body["report_id"])
        life.entered[body["report_id"]] = body["seq"]
    elif event.kind == "case.unlinked":
        life.reports.discard(body["report_id"])
    elif event.kind == "case.linked":
        life.reports.clear()


def _reports(history: History, seen: Evidence, lives: Mapping[str, Life]) -> Iterator[str]:
    written: dict[str, set[str]] = defaultdict(set)
    for event in seen.reports:
        if event.kind == "report.received":
            written[event.body["report_id"]].add(event.body["text"])
    inside = Counter(report for life in lives.values() for report in life.reports)
    for report_id, sent in history.accepted.items():
        yield from _report(str(report_id), sent, written, inside)
    known = {str(report_id) for report_id in (*history.accepted, *history.unanswered)}
    yield from (f"phantom: {report} is in a case and was never taken" for report in inside if report not in known)
    refused = {str(report_id) for report_id in history.refused - history.accepted.keys()}
    yield from (f"phantom: {report} was refused and is on the topic" for report in refused & written.keys())


def _report(report: str, sent: Sent, written: Mapping[str, set[str]], inside: Mapping[str, int]) -> Iterator[str]:
    if report not in written:
        yield f"lost: {report} was answered 202 and is not on the topic"
    elif sent.texts and not sent.texts & written[report]:
        yield f"changed_payload: {report} stands on the topic with other words"
    if inside[report] != 1:
        yield f"{'doubled' if inside[report] else 'lost'}: {report} is in {inside[report]} cases"


def _told(history: History, seen: Evidence, lives: Mapping[str, Life]) -> Iterator[str]:
    entries = Counter((item["report_id"], item["case_id"], item["seq"]) for item in seen.feed)
    called = Counter((body["report_id"], body["case_id"], body["seq"]) for body in seen.callbacks)
    yield from (f"doubled: feed entry {entry} came {times} times" for entry, times in entries.items() if times > 1)
    yield from (f"unseen: {entry} was never called back" for entry in entries if entry not in called)
    yield from (f"phantom: callback {entry} is not in the feed" for entry in called if entry not in entries)
    if seen.unverified or seen.contradicted:
        yield f"changed_payload: {seen.unverified} signatures did not hold, {seen.contradicted} ids changed their body"
    yield from _in_order(seen.callbacks)
    accepted = {str(report_id) for report_id in history.accepted}
    for case_id, life in lives.items():
        for report in life.reports & accepted:
            for seq, kind, _ in life.results:
                if seq > life.entered[report] and (report, case_id, seq) not in entries:
                    yield f"unseen: {report} never heard of {kind} seq {seq} of {case_id}"
            yield from _page(report, case_id, life, seen.pages.get(UUID(report)))


def _in_order(callbacks: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    last: dict[tuple[str, str], int] = {}
    first: set[tuple[str, str, int]] = set()
    for body in callbacks:
        lane, seq = (body["report_id"], body["case_id"]), body["seq"]
        if (*lane, seq) in first:
            continue  # a repeat may come at any time
        first.add((*lane, seq))
        if seq < last.get(lane, 0):
            yield f"backwards: {lane} was told of seq {seq} after {last[lane]}"
        last[lane] = max(seq, last.get(lane, 0))


def _page(report: str, case_id: str, life: Life, page: Mapping[str, Any] | None) -> Iterator[str]:
    if page is None:
        yield f"lost: {report} has no page"
    elif page["case_id"] != case_id:
        yield f"unseen: the page of {report} shows case {page['case_id']}, it is in {case_id}"
    elif not life.results:
        yield f"unseen: {report} has no answer; its page says {page['state']}"
    elif (page["reply"] or {}).get("text") != life.results[-1][2]:
        yield f"unseen: the page of {report} shows another reply than its case"


def _acts(history: History, seen: Evidence) -> Iterator[str]:
    done = {(event.key, event.body["seq"]) for event in seen.cases}
    for act in history.acts:
        if (str(act.case_id), act.seq) not in done:
            yield f"lost: {act.who}'s {act.act} of {act.case_id} was answered 200 at seq {act.seq} and is on no topic"


def _at_rest(seen: Evidence, lives: Mapping[str, Life]) -> Iterator[str]:
    followed = {"history": seen.history_lines, **seen.seqs}
    on_topic = {UUID(case_id): life.seq for case_id, life in lives.items()}
    for ledger, seqs in followed.items():
        for case_id in on_topic.keys() | seqs.keys():
            if seqs.get(case_id) != on_topic.get(case_id):
                yield f"gap: {ledger} has {case_id} at {seqs.get(case_id)}, the topic at {on_topic.get(case_id)}"
    if seen.outbox_rows:
        yield f"unseen: {seen.outbox_rows} rows are still in an outbox"
    late = {group: count for group, count in seen.behind.items() if count}
    yield from (f"offset_passed: group {group} is {count} records behind" for group, count in late.items())
    yield from (f"leaked_contact: {leak}" for leak in seen.leaks)
    yield from (f"down: {name}" for name in seen.not_ready)


def _parked(history: History, seen: Evidence) -> Iterator[str]:
    for group, reason, value in seen.parked:
        if value not in history.poison and reason != "idempotency_conflict":
            yield f"offset_passed: {group} parked a good record as {reason}: {value[:120]!r}"
    missing = history.poison - {value for _, _, value in seen.parked}
    yield from (f"offset_passed: a broken record is parked nowhere: {value[:80]!r}" for value in missing)
