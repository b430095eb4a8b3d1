"""The demo's verdict: did every report get its answer, exactly once? Pure, so that it can be seen to fail."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESULTS = frozenset({"case.closed", "case.declined"})


@dataclass(frozen=True)
class Heard:
    """What the upstream apps heard: items of the feed, callbacks with how often each came; both by report and `seq`."""

    feed: Sequence[Mapping[str, Any]] = ()
    callbacks: Counter[str] = field(default_factory=Counter)
    unverified: int = 0


def faults(sent: Iterable[str], heard: Heard, timelines: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What is not as promised, a line each; empty when all is well.

    `sent` are the ids of reports answered 202; `timelines` is what intake tells about each of them in the end.
    """
    sent = set(sent)
    results = Counter(item["report_id"] for item in heard.feed if item["event"] in RESULTS)
    entries = Counter(f"{item['report_id']}/{item['seq']}" for item in heard.feed)
    owed = set(entries)
    found = [
        (len(sent - set(results)), "report(s) without an answer in the feed"),
        (sum(1 for report in sent if results[report] > 1), "report(s) answered more than once in the feed"),
        (len(set(results) - sent), "answer(s) to reports that nobody sent"),
        (sum(1 for times in entries.values() if times > 1), "feed entr(ies) that came twice"),
        (len(owed - set(heard.callbacks)), "notice(s) that were never called back"),
        (len(set(heard.callbacks) - owed), "callback(s) that are not in the feed"),
        (heard.unverified, "callback(s) whose signature did not hold"),
        (
            sum(1 for report in sent if not (timelines.get(report) or {}).get("reply")),
            "page(s) without the reply",
        ),
    ]
    return [f"{count} {what}" for count, what in found if count]


def quantiles(seconds: Sequence[float]) -> tuple[float, float, float] | None:
    """p50, p95 and p99 of durations in milliseconds, or None of none."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    p50, p95, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1000 for q in (0.5, 0.95, 0.99))
    return p50, p95, p99
