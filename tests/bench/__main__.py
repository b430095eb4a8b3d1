"""`make bench`: one run, everything as a ratio to something measured beside it. Takes about four minutes."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from stack.demo_verdict import quantiles
from stack.environment import forget_own
from stack.prepare import ROOT
from stack.up import System
from tests.bench import acts, door, growth, hop, kernel, ledgers, lives, router

FOLDER = ROOT / ".test-run/bench"
MOST_GROWTH = 1.5
"""What anything may cost in a ledger of a million cases, as a multiple of what it costs in one of none."""


def main() -> int:
    """Measures and prints; returns 0 whatever the figures are, for they are read by people."""
    forget_own()
    console = Console(width=None if sys.stdout.isatty() else 120)
    shutil.rmtree(FOLDER, ignore_errors=True)
    system = System(FOLDER, own_ports=True)
    table = Table(title="suishoupai on this machine")
    for heading in ("what", "measured", "beside it", "ratio", "wanted"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    try:
        system.start()
        disk = flush_ms()
        console.print(
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, one 8 kB flush {disk:.2f} ms. Measuring …"
        )
        whole(table, system, hop.measure(system))
        ours, bare = door.measure(system)
        add_ratio(table, "door: accepted/s vs bare app", ours, bare, "≥ 0.40")
        ours, raw = router.measure(system)
        add_ratio(table, "router: reports/s vs raw loop", ours, raw, "≥ 0.35")
        ours, made = kernel.measure()
        add_ratio(table, "kernel: commands/s vs their events", ours, made, "≥ 0.30")
        grown(table, system)
    finally:
        system.stop()
    console.print(table)
    return 0


def whole(table: Table, system: System, hops: list[float]) -> None:
    """Whole lives: the peak, then latencies at half of it beside one hop, and the memory of each process."""
    asyncio.run(lives.measure(system.env, 4, None))  # warm
    peak, _ = asyncio.run(lives.measure(system.env, 12, None))
    table.add_row("whole lives/s, 48 at once", f"{peak:.0f}", "", "", "")
    _, calm = asyncio.run(lives.measure(system.env, 15, peak / 2))
    one = quantiles(hops) or (0.0, 0.0, 0.0)
    table.add_row("one produce → consume hop, ms", "p50 {:.1f}  p95 {:.1f}  p99 {:.1f}".format(*one), "", "", "")
    for what, durations in (("report → worklist", calm.to_dispatch()), ("result → feed", calm.to_reply())):
        found = quantiles(durations) or (0.0, 0.0, 0.0)
        words = "p50 {:.1f}  p95 {:.1f}  p99 {:.1f}".format(*found)
        ratio = f"{found[2] / one[2]:.1f}" if one[2] else "-"
        table.add_row(f"{what} at {peak / 2:.0f}/s, ms", words, f"hop p99 {one[2]:.1f}", ratio, "p99 < 10 hops")
    for name, service in system.services.items():
        table.add_row(
            f"memory of {name}, MB", f"{rss_mb(service.process.pid if service.process else 0):.0f}", "", "", "< 150"
        )


def grown(table: Table, system: System) -> None:
    """Ledgers of growing size, and acts on the middle one. Filling them takes most of the time."""
    server, clients = system.env["DATABASE_URL"], system.folder / "clients.json"
    try:
        filled = ledgers.make(server, growth.SIZES)
        measured = growth.measure(filled, clients)
        ours, plain = acts.measure(filled[1], clients)
    finally:
        ledgers.remove(server, growth.SIZES)
    add_growth(table, "batches of 500: reports/s", measured.batch, lambda seconds: f"{growth.BATCH / seconds:.0f}")
    add_growth(table, "neighbours: ms a spot", measured.look, lambda seconds: f"{seconds * 1000 / growth.BATCH:.4f}")
    pages = {"first page": measured.first, "next page": measured.onward, "nothing new": measured.nothing}
    for what, figures in pages.items():
        add_growth(table, f"worklist, {what}: ms", figures, lambda seconds: f"{seconds * 1000:.2f}")
    add_ratio(table, f"acts/s at {filled[1].name} vs plain writes", ours, plain, "≥ 0.30")


def add_growth(table: Table, what: str, figures: growth.Figures, told: Callable[[float], str]) -> None:
    """A row for each ledger but the smallest, which stands beside them; the ratio is that of the seconds."""
    smallest, *others = growth.SIZES
    least = figures[smallest]
    for name in others:
        ratios = [a / b for a, b in zip(figures[name], least, strict=True)]
        words = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        beside = f"{told(median(least))} at {smallest}"
        verdict = "yes" if median(ratios) <= MOST_GROWTH else "NO"
        table.add_row(f"{what} at {name}", told(median(figures[name])), beside, words, f"≤ {MOST_GROWTH}: {verdict}")


def add_ratio(table: Table, what: str, ours: list[float], other: list[float], wanted: str) -> None:
    ratios = [a / b for a, b in zip(ours, other, strict=True)]
    words = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    table.add_row(what, f"{median(ours):.0f}", f"{median(other):.0f}", words, wanted)


def rss_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def flush_ms() -> float:
    """The median of 50 flushes of 8 kB, in milliseconds: what durability costs on this disk."""
    times = []
    with tempfile.NamedTemporaryFile(dir=FOLDER) as file:
        for _ in range(50):
            file.write(os.urandom(8192))
            file.flush()
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return median(times)


if __name__ == "__main__":
    sys.exit(main())
