"""Which days people work: the city's own table, the published calendar of the year, or what the law says without."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import chinese_calendar
from holidays.countries.china import China


def is_working_day(day: date, overrides: Mapping[date, bool]) -> tuple[bool, bool]:
    """Whether people work on `day`, and whether that is provisional because its year's calendar is not published yet.

    A provisional day is free on weekends and on the holidays that the law names (`statutory_holidays`).
    """
    if day in overrides:
        return overrides[day], False
    try:
        return bool(chinese_calendar.is_workday(day)), False  # type: ignore[no-untyped-call]
    except RuntimeError:  # what the library raises outside the years it knows
        return day.weekday() < 5 and day not in statutory_holidays(day.year), True


@lru_cache(256)
def statutory_holidays(year: int) -> frozenset[date]:
    """The holidays that 《全国年节及纪念日放假办法》 (as amended in 2024) gives everybody in `year`.

    Bridge days, substitute days and make-up days are not among them: only the State Council's yearly notice names them.
    From 2101 on, where the library's lunar calendar ends, it knows no holidays.
    """
    return frozenset(China(years=year, observed=False))  # type: ignore[no-untyped-call]
