"""What a person sees of the demo: bars while it runs, then a table by platform, one life, latencies."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from stack.demo_facts import Facts
from stack.demo_verdict import quantiles


class Bars:
    """Five bars that follow the facts."""

    def __init__(self, console: Console, reports: int) -> None:
        columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.progress = Progress(*columns, console=console)
        words = (
            "reports answered 202",
            "seen by their platform",
            "handled",
            "results in the feed",
            "callbacks received",
        )
        self._bars = [self.progress.add_task(word, total=reports) for word in words]

    def follow(self, facts: Facts) -> None:
        counts = (len(facts.sent), len(facts.first_seen), len(facts.handled), len(facts.resulted))
        for bar, count in zip(self._bars, counts, strict=False):
            self.progress.update(bar, completed=count)
        self.progress.update(self._bars[-1], completed=len(facts.callbacks), total=max(len(facts.feed), 1))


def platforms(console: Console, facts: Facts, names: Mapping[str, str]) -> None:
    """The table of platforms that had work."""
    table = Table(title="By platform")
    for heading in ("code", "platform"):
        table.add_column(heading)
    for heading in ("seen", "accepted", "returned", "handled", "refused"):
        table.add_column(heading, justify="right")
    for code, did in sorted(facts.by_platform.items(), key=lambda row: -row[1]["seen"]):
        refused = sum(count for kind, count in did.items() if kind.endswith("_refused"))
        cells = [did["seen"], did["accept"], did["return"], did["handle"], refused]
        table.add_row(code, names.get(code, ""), *(str(cell) if cell else "" for cell in cells))
    console.print(table)


def life(console: Console, page: Mapping[str, Any]) -> None:
    """One citizen's timeline from report to reply."""
    table = Table(title=f"One report: {page['report_id']}   case {page['case_number']}")
    for heading in ("at", "stage", "event", "what the citizen reads"):
        table.add_column(heading)
    for entry in page["timeline"]:
        table.add_row(entry["at"], entry["stage"], entry["event"], entry["text"]["zh"])
    console.print(table)
    console.print(f"Reply: {page['reply']['text']}   photos: {len(page['reply']['media'])}")


def latencies(console: Console, facts: Facts, seconds: float) -> None:
    """Latencies in milliseconds and the throughput of the whole."""
    table = Table(title="Latencies, ms (photos are decoded and drawn on the same machine meanwhile)")
    for heading in ("from → to", "p50", "p95", "p99"):
        table.add_column(heading, justify="left" if heading.startswith("from") else "right")
    rows: Sequence[tuple[str, Sequence[float]]] = (
        ("report answered 202 → seen by the platform", facts.to_dispatch()),
        ("result by the platform → callback at the app", facts.to_reply()),
    )
    for words, durations in rows:
        found = quantiles(durations)
        table.add_row(words, *(f"{q:.0f}" for q in found) if found else ("-", "-", "-"))
    console.print(table)
    console.print(f"{len(facts.resulted)} whole lives in {seconds:.1f} s: {len(facts.resulted) / seconds:.1f} a second")


def desk(console: Console, did: Mapping[str, int], figures: Mapping[str, Any], rated: int) -> None:
    """What the centre did, how the platforms stand, and how many citizens said how good it was."""
    acts = ", ".join(f"{count} {act}" for act, count in sorted(did.items())) or "nothing had to be decided"
    console.print(f"The centre: {acts}. Ratings by citizens: {rated}.")
    rates = {
        name: "-" if figures[name] is None else f"{figures[name]:.1%}" for name in figures if name.endswith("_rate")
    }
    console.print(
        f"Accountability: {figures['due']} due, {rates['handled_rate']} handled, {rates['in_time_rate']} in time, "
        f"{figures['returned']} returned, {figures['extended']} extended, {rates['reworked_rate']} reworked."
    )
