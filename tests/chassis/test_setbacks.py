"""What fails by itself waits ever longer and is never forgotten; what stands beside it takes effect all the same."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from asyncpg import exceptions as pg
from hypothesis import given
from hypothesis import strategies as st

from chassis.postgres.halving import MAX_FAILURES, by_halves, cause_of
from chassis.postgres.pool import Unavailable
from chassis.setbacks import LONGEST_WAIT, Setbacks

AT = datetime(2026, 11, 24, 10, tzinfo=UTC)


def test_waits_double_up_to_a_bound_and_begin_anew_after_a_success() -> None:
    setbacks: Setbacks[str] = Setbacks()
    waits = [setbacks.failed("one", AT).total_seconds() for _ in range(40)]
    setbacks.settled(["one", "never known"])

    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * 31] == waits
    assert (0, 1) == (len(setbacks), setbacks.failed("one", AT).total_seconds())


def test_what_waits_is_due_when_its_wait_is_over_the_oldest_first_and_when_the_clock_was_set_back() -> None:
    setbacks: Setbacks[str] = Setbacks()
    setbacks.failed("late", AT + timedelta(milliseconds=500))
    for key in ("early", "twice", "twice"):
        setbacks.failed(key, AT)

    def due(seconds: float, limit: int = 9) -> list[str]:
        return setbacks.due(AT + timedelta(seconds=seconds), limit)

    assert [[], ["early"], ["early", "late"]] == [due(0.9), due(1), due(1.5)]
    assert (["early", "twice", "late"], ["early", "twice"]) == (due(2), due(LONGEST_WAIT.total_seconds(), 2))
    assert {"early", "twice", "late"} == set(due(-3600)) == set(setbacks.keys)


@given(st.integers(0, 200), st.sets(st.integers(0, 199), max_size=MAX_FAILURES - 1))
def test_all_but_the_culprits_are_worked_once_and_in_order(count: int, culprits: set[int]) -> None:
    async def work(part: Sequence[int]) -> Sequence[int]:
        if wrong := culprits.intersection(part):
            raise KeyError(*wrong)
        return part

    done, failed = asyncio.run(by_halves(range(count), work))

    assert [n for n in range(count) if n not in culprits] == [n for part in done for n in part]
    assert sorted(culprits & {*range(count)}) == [n for n, _ in failed]


async def test_when_everything_fails_no_more_is_tried_than_proves_it() -> None:
    tried = 0

    async def work(_: Sequence[int]) -> None:
        nonlocal tried
        tried += 1
        raise KeyError

    done, failed = await by_halves(range(100_000), work)

    assert (0, MAX_FAILURES) == (len(done), len(failed))
    assert tried < 2 * MAX_FAILURES + 20


@pytest.mark.parametrize("why", [Unavailable("away"), ConnectionResetError(), TimeoutError()])
async def test_what_the_environment_causes_is_raised_and_nobody_is_blamed(why: Exception) -> None:
    tried: list[Sequence[int]] = []

    async def work(part: Sequence[int]) -> None:
        tried.append(part)
        raise why

    with pytest.raises(type(why)):
        await by_halves(range(9), work)
    assert [range(9)] == tried


async def test_the_cause_is_told_by_name_and_place_and_without_the_text_which_may_quote_the_row() -> None:
    violation = pg.CheckViolationError("Failing row contains (13800001234, 张三).")
    violation.constraint_name, violation.table_name = "no_more_work", "things"

    async def work(_: Sequence[int]) -> None:
        raise violation

    _, [(_, why)] = await by_halves([1], work)

    assert cause_of(why).startswith("CheckViolationError 23514 no_more_work of things, tests/chassis/test_setbacks.py:")
    assert "KeyError" == cause_of(KeyError("13800001234"))
