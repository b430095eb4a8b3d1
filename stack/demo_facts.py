"""What happened in a demo, gathered while it happens: from the answers, the stand-ins' logs and the apps' feeds."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stack.demo_verdict import RESULTS


def notice(item: dict[str, Any]) -> str:
    """What names a notice whatever channel it came by: whose report, and which event of its case."""
    return f"{item['report_id']}/{item['seq']}"


@dataclass
class Tail:
    """New whole lines of a growing file of JSON lines."""

    path: Path
    read: int = 0

    def facts(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.read)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.read += len(line)
                yield json.loads(line)


@dataclass
class Facts:
    """Instants are seconds of the machine's clock, keyed by report_id or case_id."""

    sent: dict[str, float] = field(default_factory=dict)
    app_of: dict[str, str] = field(default_factory=dict)
    first_seen: dict[str, float] = field(default_factory=dict)
    handled: dict[str, float] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)
    case_of: dict[str, str] = field(default_factory=dict)
    by_platform: dict[str, Counter[str]] = field(default_factory=dict)
    callbacks: Counter[str] = field(default_factory=Counter)
    feed: list[dict[str, Any]] = field(default_factory=list)
    resulted: set[str] = field(default_factory=set)
    ready: set[str] = field(default_factory=set)
    earlier: set[str] = field(default_factory=set)
    """Reports that the system had before the demo began; what is told about them is not counted."""

    def take(self, fact: dict[str, Any]) -> None:
        """One line of a stand-in's log."""
        who, kind, at = fact["who"], fact["kind"], fact["at"]
        if kind == "ready":
            self.ready.add(who)
        elif fact.get("report_id") in self.earlier:
            return
        elif kind == "callback":
            self.callbacks[notice(fact)] += 1
            if fact["event"] in RESULTS:
                self.answered.setdefault(fact["case_id"], at)
        else:
            self._of_platform(who, kind, at, fact)

    def take_feed(self, item: dict[str, Any]) -> None:
        """One item of an app's feed."""
        if item["report_id"] in self.earlier:
            return
        self.feed.append(item)
        self.case_of.setdefault(item["report_id"], item["case_id"])
        if item["event"] in RESULTS:
            self.resulted.add(item["report_id"])

    def to_dispatch(self) -> list[float]:
        """Seconds from the 202 to the first platform that saw the case."""
        pairs = ((self.sent[r], self.first_seen.get(c)) for r, c in self.case_of.items() if r in self.sent)
        return [seen - sent for sent, seen in pairs if seen is not None and seen > sent]

    def to_reply(self) -> list[float]:
        """Seconds from the platform's result to the callback at the citizen's app."""
        return [self.answered[c] - at for c, at in self.handled.items() if c in self.answered]

    def _of_platform(self, code: str, kind: str, at: float, fact: dict[str, Any]) -> None:
        self.by_platform.setdefault(code, Counter())[kind] += 1
        if kind == "seen":
            self.first_seen.setdefault(fact["case_id"], at)
        elif kind == "handle":
            self.handled[fact["case_id"]] = at
