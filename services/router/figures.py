"""The figures of accountability and their formulas (process.md section 7). Pure; rates are never averaged."""

from collections.abc import Iterable, Mapping
from typing import Any

COUNTS = (
    "due", "handled", "in_time", "overdue_open", "extended", "returned", "to_close", "reworked", "spent_s", "timed"
)  # fmt: skip
RATES = {
    "handled_rate": ("handled", "due"),
    "in_time_rate": ("in_time", "due"),
    "overdue_open_rate": ("overdue_open", "due"),
    "extended_rate": ("extended", "due"),
    "reworked_rate": ("reworked", "to_close"),
}
DEFINITIONS = {
    "due": "应处置: dispatches whose deadline lies in the period, handled or not; without those returned, voided, "
    "linked to another case, or withdrawn or force-closed before the deadline; none while suspended",
    "handled": "已处置: of those due, handled by the end of the period",
    "in_time": "按期处置: of those due, handled by their deadline",
    "overdue_open": "超期待处置: of those due, over and still open at the end of the period",
    "extended": "延期: of those due, extended at least once",
    "returned": "退单数: dispatches that were returned in the period",
    "to_close": "应结案: dispatches that were handled in the period",
    "reworked": "返工: of those to be closed, sent back by the centre or reopened by a dispute",
    "mean_handling_hours": "平均处置小时: hours that the case's own clock ran from dispatch to handling, suspensions "
    "apart; a work_day is 8 of them, a natural_day 24",
}
"""What each number counts; process.md leaves some to the city, this is what was chosen."""
HEADINGS = {
    "due": "应处置", "handled": "已处置", "handled_rate": "处置率", "in_time": "按期处置", "in_time_rate": "按期处置率",
    "overdue_open": "超期待处置", "overdue_open_rate": "超期待处置率", "extended": "延期", "extended_rate": "延期率",
    "returned": "退单数", "to_close": "应结案", "reworked": "返工", "reworked_rate": "返工率",
    "mean_handling_hours": "平均处置小时",
}  # fmt: skip


def figures(sums: Mapping[str, Any]) -> dict[str, Any]:
    """Counts, rates (0 to 1, four decimals) and the mean; None where the denominator is 0."""
    found: dict[str, Any] = {name: sums[name] for name in COUNTS if name not in ("spent_s", "timed")}
    for name, (numerator, denominator) in RATES.items():
        found[name] = _quotient(sums[numerator], sums[denominator], 4)
    found["mean_handling_hours"] = _quotient(sums["spent_s"] / 3600, sums["timed"], 2)
    return found


def total(rows: Iterable[Any]) -> dict[str, int]:
    """The sums of all rows."""
    rows = list(rows)
    return {name: sum(getattr(row, name) for row in rows) for name in COUNTS}


def cells(found: Mapping[str, Any]) -> list[str]:
    """The figures in the order of `HEADINGS` for a table: rates in percent, "-" where there is none."""
    return [_cell(name, found[name]) for name in HEADINGS]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.2%}" if name.endswith("_rate") else str(value)


def _quotient(numerator: float, denominator: int, digits: int) -> float | None:
    return round(numerator / denominator, digits) if denominator else None
