"""The figures of accountability over a story of three days; a past period is told the same for ever."""

import asyncio
import csv
import io
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from schemas.events import Place
from services.router.act import Door
from services.router.ledger_recount import recount
from tests.router.conftest import ROOT, SHANGHAI, hour
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    POTHOLE,
    brought_to,
    case_of,
    disputed,
    later,
    photo,
    reported,
    taken,
)
from tests.router.http import CENTRE, DRAINS, OPS, ROADS, YINGZE, Caller

COUNTS = ("due", "handled", "in_time", "overdue_open", "extended", "returned", "to_close", "reworked")
NOT_OURS = {"reason": "not_ours", "note": "不在管辖范围"}
XIAODIAN = Place(lon=112.56, lat=37.74, district="140105")
TUESDAY = {"since": "2026-11-24", "until": "2026-11-25"}
WEDNESDAY = {"since": "2026-11-25", "until": "2026-11-26"}


def at(door: Door, day: int, hour_of_day: int, minute: int = 0) -> None:
    """November 2026; the 24th is a Tuesday."""
    hour(door).at = datetime(2026, 11, day, hour_of_day, minute, tzinfo=SHANGHAI)


async def tuesday(door: Door, call: Caller) -> None:
    """From 10:00: blocked drains 1 to 9, 排水, due at 16:00; the pothole 21, 道桥; the dirty street 31 of 小店."""
    await reported(door, *range(1, 10), category=BLOCKED_DRAIN)
    await reported(door, 21, category=POTHOLE)
    await reported(door, 31, category=DIRTY_STREET, place=XIAODIAN)
    await call.done(CENTRE, case_of(4), "void", generation=1, reason="test_entry")
    await call.done(CENTRE, case_of(5), "link", generation=1, linked_to=case_of(1), reason="同一处积水")
    await call.done(CENTRE, case_of(6), "force_close", generation=1, reason="gone")
    await call.done(CENTRE, case_of(7), "dispatch", generation=1, platform="P013")
    await call.done(ROADS, case_of(21), "accept", generation=1)
    await call.done(ROADS, case_of(21), "extend", generation=1, reason="weather", note="大雪")
    await call.done(CENTRE, case_of(21), "approve", generation=1, request="extension")  # Wednesday 10:00 → Thursday
    at(door, 24, 11)
    await call.done(DRAINS, case_of(3), "return", generation=1, **NOT_OURS)  # to 迎泽, due at 17:00
    at(door, 24, 12)
    await call.done(DRAINS, case_of(1), "handle", generation=1, text="已疏通一")  # after two hours
    await brought_to(door, call, "handled", 10)  # dispatched and handled at 12:00, due at 18:00
    at(door, 24, 15)
    await call.done(CENTRE, case_of(10), "rework", generation=1, reason="仍有积水")  # due on Wednesday at 09:00
    at(door, 24, 17)
    await call.done(DRAINS, case_of(2), "handle", generation=1, text="已疏通二")  # an hour late, after five
    at(door, 25, 0)


async def wednesday(door: Door, call: Caller) -> None:
    """What is left of Tuesday moves on: handled, returned, voided, linked, withdrawn, ended, disputed."""
    at(door, 25, 8, 30)
    await call.done(DRAINS, case_of(10), "handle", generation=2, text="再次疏通")  # in time, after 2.5 and 0.5 hours
    await call.done("ssp_platform_P001", case_of(31), "accept", generation=1)
    await call.done(CENTRE, case_of(31), "void", generation=1, reason="filed_by_mistake")
    await call.done(YINGZE, case_of(3), "return", generation=2, **NOT_OURS)
    await call.done(CENTRE, case_of(7), "dispatch", generation=2, platform="P014")
    await call.done(CENTRE, case_of(8), "link", generation=1, linked_to=case_of(9), reason="同一处积水")
    await call.done(CENTRE, case_of(9), "force_close", generation=1, reason="cannot_be_done")
    await taken(door, disputed(door, 1))
    at(door, 25, 15)
    await call.done(ROADS, case_of(21), "handle", generation=1, text="已修补")
    at(door, 27, 0)


async def told(call: Caller, by: str = "platform", **query: Any) -> dict[str, list[int]]:
    """Counts by code, in the order of `COUNTS`."""
    return {
        i["code"]: [i[name] for name in COUNTS] for i in await call.items(CENTRE, "/v1/accountability", by=by, **query)
    }


async def test_a_day_is_told_by_platform_district_and_category_and_the_total_is_their_sum(
    door: Door, call: Caller
) -> None:
    await tuesday(door, call)
    by_platform = {
        "P001": [1, 0, 0, 1, 0, 0, 0, 0],
        "P002": [1, 0, 0, 1, 0, 0, 0, 0],
        "P013": [1, 0, 0, 1, 0, 0, 0, 0],
        # due: 1, 2, 8, 9 and the first handling of 10; returned: 3; to be closed: 1, 2, 10
        "P016": [5, 3, 2, 2, 0, 1, 3, 1],
    }
    whole = (await call.get(OPS, "/v1/accountability", **TUESDAY)).json()

    assert by_platform == await told(call, **TUESDAY)
    assert {"140105": [1, 0, 0, 1, 0, 0, 0, 0], "140106": [7, 3, 2, 4, 0, 1, 3, 1]} == await told(
        call, "district", **TUESDAY
    )
    assert {BLOCKED_DRAIN: [7, 3, 2, 4, 0, 1, 3, 1], DIRTY_STREET: [1, 0, 0, 1, 0, 0, 0, 0]} == await told(
        call, "category", **TUESDAY
    )
    assert [sum(column) for column in zip(*by_platform.values(), strict=True)] == [
        whole["total"][name] for name in COUNTS
    ]
    assert ("2026-11-24T00:00:00+08:00", "2026-11-25T00:00:00+08:00", "2026-11-25T00:00:00+08:00") == (
        whole["since"], whole["until"], whole["as_of"],
    )  # fmt: skip
    assert set(COUNTS) | {"mean_handling_hours"} == set(whole["definitions"])


async def test_rates_are_made_of_the_sums_and_are_nothing_where_nothing_was_due(door: Door, call: Caller) -> None:
    await tuesday(door, call)
    items = {i["code"]: i for i in await call.items(CENTRE, "/v1/accountability", **TUESDAY)}
    sheet = (await call.get(CENTRE, "/v1/accountability", format="csv", **TUESDAY)).content
    table = list(csv.reader(io.StringIO(sheet.decode("utf-8-sig"))))

    assert sheet.startswith(b"\xef\xbb\xbf")  # without it, Excel garbles the names
    rows = {row[0]: dict(zip(table[0], row, strict=True)) for row in table[1:]}

    drains = items["P016"]
    # Two, five and no hours: seven by three.
    assert (0.6, 0.4, 0.4, 0.0, 0.3333, 2.33) == tuple(
        drains[name]
        for name in (
            "handled_rate", "in_time_rate", "overdue_open_rate", "extended_rate", "reworked_rate", "mean_handling_hours"
        )
    )  # fmt: skip
    none = ("handled_rate", "reworked_rate", "mean_handling_hours")
    assert (0.0, None, None) == tuple(items["P002"][name] for name in none)
    assert ("太原市排水管理中心", "5", "60.00%", "33.33%", "2.33") == tuple(
        rows["P016"][name] for name in ("名称", "应处置", "处置率", "返工率", "平均处置小时")
    )
    assert ("0.00%", "-", "-") == tuple(rows["P002"][name] for name in ("处置率", "返工率", "平均处置小时"))
    assert ("", "合计", "8", "37.50%") == tuple(rows[""][name] for name in ("代码", "名称", "应处置", "处置率"))


async def test_of_a_time_in_which_nothing_was_due_no_rate_is_told(door: Door, call: Caller) -> None:
    body = (await call.get(CENTRE, "/v1/accountability")).json()
    table = (await call.get(CENTRE, "/v1/accountability", format="csv")).text.removeprefix("\ufeff").splitlines()

    assert ([], 0, None, None) == (
        body["items"], body["total"]["due"], body["total"]["handled_rate"], body["total"]["mean_handling_hours"],
    )  # fmt: skip
    assert [",合计,0,0,-,0,-,0,-,0,-,0,0,0,-,-"] == table[1:]


async def test_figures_are_narrowed_to_a_platform_a_district_or_a_category(door: Door, call: Caller) -> None:
    await tuesday(door, call)

    assert {"P002"} == set(await told(call, platform="P002", **TUESDAY))
    assert {"P001"} == set(await told(call, district="140105", **TUESDAY))
    assert {"P002", "P013", "P016"} == set(await told(call, category=BLOCKED_DRAIN, **TUESDAY))
    assert {} == await told(call, platform="P001", category=BLOCKED_DRAIN, **TUESDAY)
    for field, value in (("platform", "P999"), ("district", "140100"), ("category", "C9999"), ("format", "xlsx")):
        answer = await call.get(CENTRE, "/v1/accountability", **{field: value})
        assert (422, field) == (answer.status_code, answer.json()["errors"][0]["field"])


async def test_a_past_day_is_told_the_same_although_its_cases_go_on(door: Door, call: Caller) -> None:
    await tuesday(door, call)
    paths = [(by, form) for by in ("platform", "district", "category") for form in ("json", "csv")]
    before = [(await call.get(CENTRE, "/v1/accountability", by=b, format=f, **TUESDAY)).content for b, f in paths]
    await wednesday(door, call)
    after = [(await call.get(CENTRE, "/v1/accountability", by=b, format=f, **TUESDAY)).content for b, f in paths]

    assert before == after
    assert {
        "P002": [0, 0, 0, 0, 0, 1, 0, 0],
        "P014": [1, 0, 0, 1, 0, 0, 0, 0],
        "P015": [0, 0, 0, 0, 0, 0, 1, 0],
        # due: the second handling of 10, and 1, which was disputed and is open again
        "P016": [2, 1, 1, 1, 0, 0, 1, 0],
    } == await told(call, **WEDNESDAY)
    # Extended, the pothole was due on Thursday and was handled before.
    assert {"P015": [1, 1, 1, 0, 1, 0, 0, 0]} == await told(call, since="2026-11-26", until="2026-11-27")


async def test_a_period_has_its_first_instant_and_not_its_end(door: Door, call: Caller) -> None:
    await brought_to(door, call, "dispatched")  # due at 16:00
    at(door, 24, 15, 59)
    before = await told(call, until="2026-11-25")
    at(door, 24, 16)
    await call.done(DRAINS, case_of(1), "handle", generation=1, text="已疏通")

    assert {"P016": [1, 0, 0, 0, 0, 0, 0, 0]} == before
    assert {"P016": [1, 1, 1, 0, 0, 0, 1, 0]} == await told(call, since="2026-11-24T16:00:00+08:00")
    assert {} == await told(call, since="2026-11-24", until="2026-11-24T16:00:00+08:00")
    assert {} == await told(call, since="2026-11-24T16:00:00.000001+08:00", until="2026-11-25")


async def test_a_standing_clock_is_not_due_and_counts_no_time(door: Door, call: Caller) -> None:
    await brought_to(door, call, "suspended")  # at once, with four hours left, until Friday
    later(door, days=2)
    meanwhile = await told(call)
    await call.done(CENTRE, case_of(1), "resume", generation=1)
    later(door, hours=1)
    await call.done(DRAINS, case_of(1), "handle", generation=1, text="已疏通", media=[photo(door)])
    (item,) = await call.items(CENTRE, "/v1/accountability", until="2026-11-27")

    assert {} == meanwhile
    assert (1, 1, 1, 1.0) == tuple(item[name] for name in ("due", "handled", "in_time", "mean_handling_hours"))


async def recounted(url: str) -> tuple[int | None, str]:
    """Exit status and output of the command, run as an operator runs it."""
    env = {**os.environ, "ROUTER_DATABASE_URL": url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.router.recount", cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode()


async def test_counted_anew_of_history_every_figure_is_the_same_to_the_byte(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    await tuesday(door, call)
    await wednesday(door, call)

    async def answers() -> list[bytes]:
        days: list[dict[str, str]] = [TUESDAY, WEDNESDAY, {}]
        queries = [{"by": by, **period} for by in ("platform", "district", "category") for period in days]
        returns = await call.get(CENTRE, "/v1/returns", by="rule,category,platform,reason")
        return [returns.content, *[(await call.get(CENTRE, "/v1/accountability", **q)).content for q in queries]]

    before, rows = await answers(), await door.database.fetch("select * from router.accounts order by 1, 2")
    async with door.database.transaction() as connection:
        count = (await recount(connection)).dispatches
    assert (before, len(rows)) == (await answers(), count)
    await door.database.execute("delete from router.accounts")
    by_command = await recounted(service_url("router"))

    assert (0, f"{count} dispatches counted, 0 cases brought up to date\n") == by_command
    assert before == await answers()
    assert rows == await door.database.fetch("select * from router.accounts order by 1, 2")


async def test_cases_of_an_older_version_get_what_their_history_makes_of_them_today(door: Door, call: Caller) -> None:
    await tuesday(door, call)
    before = await door.database.fetch("select case_id, body from router.cases order by 1")
    older = "(body::jsonb - 'original_deadline' - 'limit' - 'allowed' - 'waits_since')::text"
    await door.database.execute(f"update router.cases set body = {older}, waits_since = null, deadline = null")
    async with door.database.transaction() as connection:
        mended = await recount(connection)
        again = await recount(connection)

    assert (len(before), 0) == (mended.cases_changed, again.cases_changed)
    assert before == await door.database.fetch("select case_id, body from router.cases order by 1")


async def test_what_an_older_version_wrote_beside_this_one_is_mended_as_well(door: Door, call: Caller) -> None:
    await tuesday(door, call)
    await door.database.execute("update router.cases set deadline = null, requested = '', waits_since = null")
    async with door.database.transaction() as connection:
        await recount(connection)

    assert [] == await door.database.fetch(
        "select 1 from router.cases where deadline is distinct from (body::jsonb ->> 'deadline')::timestamptz"
    )


async def test_a_recount_of_a_ledger_that_is_away_says_so(service_url: Callable[[str], str]) -> None:
    status, _ = await recounted("postgresql://router@127.0.0.1:1/nowhere")

    assert 1 == status
