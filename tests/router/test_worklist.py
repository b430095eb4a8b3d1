"""A platform's worklist: nearest deadline first, in sweeps that pass nothing, waiting for work of whoever gives it."""

import asyncio
from collections.abc import Callable

from schemas.ids import case_id_of
from services.router.act import Ask, Door, act
from services.router.commands import Return
from tests.foreign import foreign_transactions
from tests.router.desk import BLOCKED_DRAIN, another, brought_to, case_of, later, report_id, reported
from tests.router.http import CENTRE, DRAINS, STRANGER, WORKLIST, YINGZE, Caller, refusal

HOURS_2, WORK_HOURS_2, WORK_HOURS_4, NATURAL_DAY, WORK_DAYS_2 = "E0107", "E0112", "E0110", "E0102", "E0105"
"""All of them the district's."""


async def page(call: Caller, cursor: str = "", **query: int) -> tuple[list[str], str]:
    """The ids on a page of 迎泽's worklist, and the cursor to the next."""
    answer = await call.get(YINGZE, WORKLIST, cursor=cursor, **query)
    assert answer.status_code == 200, answer.text
    return [item["case_id"] for item in answer.json()["items"]], answer.json()["next"]


async def sweep(call: Caller, cursor: str = "", limit: int = 50) -> tuple[list[str], str]:
    """All pages up to the first that is not full."""
    seen: list[str] = []
    while True:
        items, cursor = await page(call, cursor, limit=limit)
        seen += items
        if len(items) < limit:
            return seen, cursor


def of(*numbers: int) -> list[str]:
    return [case_of(number) for number in numbers]


async def test_the_nearest_deadline_comes_first_whenever_the_case_came(door: Door, call: Caller) -> None:
    await reported(door, 1, category=WORK_DAYS_2)
    await reported(door, 2, category=NATURAL_DAY)
    await reported(door, 3, category=HOURS_2)
    await reported(door, 4, category=WORK_HOURS_4)
    later(door, minutes=10)
    await reported(door, 5, category=WORK_HOURS_2)
    later(door, minutes=30)
    await reported(door, 6, category=HOURS_2)
    items = await call.items(YINGZE, WORKLIST)

    # 12:00, 12:40, 14:10 (two working hours from 10:10), 16:00, Wednesday, Thursday
    assert of(3, 6, 5, 4, 2, 1) == [item["case_id"] for item in items]
    assert sorted(item["deadline"] for item in items) == [item["deadline"] for item in items]


async def test_the_list_is_narrowed_to_states(door: Door, call: Caller) -> None:
    for number, state in enumerate(("dispatched", "accepted", "suspended", "handled", "closed", "bounced"), 1):
        await brought_to(door, call, state, number)

    async def listed(state: str | None = None) -> list[str]:
        return sorted(i["state"] for i in await call.items(DRAINS, WORKLIST, **({"state": state} if state else {})))

    assert ["accepted", "dispatched", "suspended"] == await listed()
    assert ["dispatched"] == await listed("dispatched")
    assert ["accepted", "handled"] == await listed("handled,accepted,handled")
    assert ["accepted", "dispatched", "handled", "suspended"] == await listed("dispatched,accepted,suspended,handled")


UNFIT = [
    ("state", "closed"), ("state", ""), ("state", "dispatched,"), ("state", "dispatched, accepted"), ("limit", "0"),
    ("limit", "201"), ("limit", "-1"), ("limit", "1.5"), ("limit", "十"), ("wait", "31"), ("wait", "soon"),
]  # fmt: skip


async def test_a_query_that_does_not_fit_is_named(call: Caller) -> None:
    answers = [await call.get(DRAINS, WORKLIST, **{field: value}) for field, value in UNFIT]

    assert [field for field, _ in UNFIT] == [answer.json()["errors"][0]["field"] for answer in answers]
    assert {422} == {answer.status_code for answer in answers}


async def test_an_old_or_garbled_cursor_is_named_and_a_far_one_is_the_end(door: Door, call: Caller) -> None:
    await reported(door, 1)
    case_id = case_of(1).replace("-", "")
    garbled = [
        f"1763949600000000.{case_id}", f"742.{case_id}", "742", "1.2.3.4", f"1.2.3.{case_of(1)}", f"1.2.-3.{case_id}",
        f"1.2.3.4.{case_id}", f"1..3.{case_id}", f"1.2.99999999999999999999.{case_id}", f"①.2.3.{case_id}",
    ]  # fmt: skip
    answers = [await call.get(DRAINS, WORKLIST, cursor=cursor) for cursor in garbled]
    far = await call.get(DRAINS, WORKLIST, cursor=f"{'9' * 19}.0.{'9' * 19}.{'f' * 32}")

    assert [(422, "cursor_unfit", ["cursor"])] * len(garbled) == [refusal(answer) for answer in answers]
    assert (200, []) == (far.status_code, far.json()["items"])


async def test_a_page_may_hold_one_case_or_two_hundred_and_an_empty_list_has_a_cursor(door: Door, call: Caller) -> None:
    nothing, cursor = await page(call)
    await reported(door, *range(205), category=HOURS_2)
    one, _ = await page(call, limit=1)
    most, onward = await page(call, cursor, limit=200)
    rest, _ = await page(call, onward, limit=200)

    assert ([], 1, 200, 5) == (nothing, len(one), len(most), len(rest))
    assert sorted(of(*range(205))) == sorted([*most, *rest])


async def test_a_sweep_goes_through_everything_once_while_more_urgent_cases_come_and_the_next_has_those(
    door: Door, call: Caller
) -> None:
    await reported(door, *range(7), category=WORK_DAYS_2)
    seen: list[str] = []
    cursor, number = "", 100
    while True:
        items, cursor = await page(call, cursor, limit=2)
        seen += items
        if len(items) < 2:
            break
        await reported(door, number, number + 1, category=HOURS_2)  # due earlier than all that this sweep will show
        number += 2
    following, cursor = await sweep(call, cursor, limit=2)
    after, _ = await sweep(call, cursor)

    assert sorted(of(*range(7))) == sorted(seen)
    assert sorted(of(*range(100, number))) == sorted(following)
    assert [] == after


async def test_the_worklist_does_not_wait_for_a_transaction_that_writes_nothing_of_it(
    door: Door, call: Caller, database_url: str, postgres: str
) -> None:
    cursor, seen = "", []
    async with foreign_transactions(database_url, postgres):
        for number in (1, 2, 3):
            await reported(door, number, category=HOURS_2)
            items, cursor = await page(call, cursor)
            seen.append(items)

    assert [of(1), of(2), of(3)] == seen


async def test_the_next_sweep_has_what_came_again_by_a_return_or_a_rework(door: Door, call: Caller) -> None:
    await reported(door, 1, category="E0111")
    await brought_to(door, call, "bounced", 2)
    first, cursor = await sweep(call)
    await brought_to(door, call, "bounced", 3)
    await call.done(YINGZE, case_of(1), "return", generation=1, reason="not_ours", note="不在管辖范围")
    await call.done(CENTRE, case_of(1), "dispatch", generation=2, platform="P002")
    second, cursor = await sweep(call, cursor)
    third, _ = await sweep(call, cursor)

    assert (set(of(1, 2)), set(of(1, 3)), []) == (set(first), set(second), third)


async def test_nothing_is_passed_while_an_older_transaction_has_not_committed(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    other = another(door, service_url("router"))
    await other.database.open()
    await reported(door, 1, category=BLOCKED_DRAIN)
    async with other.database.transaction() as connection:
        back = Return("platform:P016", "P016", 1, "not_ours", "不在管辖范围")
        await act(connection, other, [Ask(case_id_of(report_id(1)), back)], other.now())
        await reported(door, 2, category=WORK_DAYS_2)
        await reported(door, 3, category=HOURS_2)
        before, cursor = await sweep(call)
        still, cursor = await sweep(call, cursor)
    after, cursor = await sweep(call, cursor)
    end, _ = await sweep(call, cursor)
    await other.database.close()

    assert ([], []) == (before, still)
    assert sorted(of(1, 2, 3)) == sorted(after)
    assert [] == end


async def test_sweeps_beside_many_writers_pass_nothing(door: Door, call: Caller) -> None:
    batches = [range(n, n + 5) for n in range(0, 100, 5)]
    writing = asyncio.gather(*(reported(door, *b, category=(HOURS_2, WORK_DAYS_2)[b.start % 2]) for b in batches))
    seen: list[str] = []
    cursor = ""
    while not writing.done():
        items, cursor = await page(call, cursor, limit=7)
        seen += items
    rest, cursor = await sweep(call, cursor, limit=7)
    last, _ = await sweep(call, cursor, limit=7)

    assert sorted(of(*range(100))) == sorted([*seen, *rest, *last])


async def test_a_waiting_platform_is_told_as_soon_as_it_is_given_a_case(door: Door, call: Caller) -> None:
    waiting = asyncio.create_task(call.get(DRAINS, WORKLIST, wait=30))
    while not door.waking.awaited:
        await asyncio.sleep(0.01)
    await reported(door, 1)
    answer = await asyncio.wait_for(waiting, 20)

    assert of(1) == [item["case_id"] for item in answer.json()["items"]]


async def test_a_waiting_platform_is_told_of_what_another_process_gives_it(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    other = another(door, service_url("router"))
    await other.database.open()
    waiting = asyncio.create_task(call.get(DRAINS, WORKLIST, wait=30))
    while not door.waking.awaited:
        await asyncio.sleep(0.01)
    await reported(other, 1)
    answer = await asyncio.wait_for(waiting, 20)
    await other.database.close()

    assert of(1) == [item["case_id"] for item in answer.json()["items"]]


async def test_waiting_in_vain_ends_after_its_time_with_a_cursor_that_goes_on(door: Door, call: Caller) -> None:
    await reported(door, 1)
    begun = asyncio.get_running_loop().time()
    waited = (await call.get(STRANGER, WORKLIST, wait=1)).json()
    took = asyncio.get_running_loop().time() - begun
    await reported(door, 2)
    again = await call.items(STRANGER, WORKLIST, cursor=waited["next"])

    assert ([], []) == (waited["items"], again)
    assert took >= 0.95


async def test_a_worklist_is_for_platforms_alone(door: Door, call: Caller) -> None:
    answers = [await call.get(key, WORKLIST) for key in (CENTRE, "ssp_app_one", "ssp_ops_one", "nobody")]

    assert [403, 403, 403, 401] == [answer.status_code for answer in answers]
    assert 401 == (await call.http.get(WORKLIST)).status_code
