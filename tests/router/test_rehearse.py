"""A changed pack tried on what was reported, as the command that an operator runs; the ledger stays as it was."""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from schemas.reports import Finding
from services.router.act import Door
from services.router.city import read_city
from tests.router.conftest import ROOT
from tests.router.desk import (
    BLOCKED_DRAIN,
    DIRTY_STREET,
    POTHOLE,
    beside,
    brought_to,
    case_of,
    changed_pack,
    later,
    report_id,
    reported,
    standing,
)
from tests.router.http import CENTRE, DRAINS, Caller, calling

PACK = ROOT / "cities/taiyuan"
DRAIN_RULE = "R0397,E0503,*,*,P016,@district,"


async def rehearsed(url: str, pack: Path, since: str = "2026-11-24") -> tuple[int | None, list[str], str]:
    """Exit status, lines and complaints of the command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.router.rehearse", "--pack", str(pack), "--since", since,
        cwd=ROOT, env={**os.environ, "ROUTER_DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, complaints = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode().splitlines(), complaints.decode()


async def a_days_work(door: Door, call: Caller) -> None:
    """Cases of every beginning: sent by a rule, joined, held, filed by hand, declined, returned, linked, voided."""
    await reported(door, 1, 2, category=BLOCKED_DRAIN)
    await reported(door, 12, category=BLOCKED_DRAIN, place=beside(2))
    await reported(door, 3, category=DIRTY_STREET)
    await reported(door, 4, 5, category=None)
    await reported(door, 6, findings=(Finding(code="fraud_sign"),))
    await reported(door, 7, 8, 9, category=POTHOLE)
    await call.done(DRAINS, case_of(1), "return", generation=1, reason="not_ours", note="不在管辖范围")
    await call.done(CENTRE, case_of(4), "file", generation=0, category=BLOCKED_DRAIN)
    await call.done(CENTRE, case_of(6), "decline", generation=0, reason="fraud")
    await call.done(CENTRE, case_of(7), "void", generation=1, reason="test_entry")
    await call.done(CENTRE, case_of(8), "link", generation=1, linked_to=case_of(9), reason="同一处")


async def test_the_pack_that_was_in_force_sends_nothing_elsewhere(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    await a_days_work(door, call)
    before = await standing(door)
    status, lines, complaints = await rehearsed(service_url("router"), PACK)

    assert (0, "") == (status, complaints)
    assert ["9 cases since 2026-11-24: 0 would go elsewhere, 0 would have another limit."] == lines
    assert before == await standing(door)


async def test_a_changed_rule_names_each_case_that_goes_elsewhere_and_no_other(
    door: Door, call: Caller, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    await a_days_work(door, call)
    before = await standing(door)
    pack = changed_pack(tmp_path, "rules.csv", DRAIN_RULE, "R0397,E0503,*,*,P015,P016;@district,")
    status, lines, _ = await rehearsed(service_url("router"), pack)
    numbers = sorted([(await call.case(case_of(n)))["case_number"] for n in (1, 2, 4)])
    names = door.city.platforms

    assert 0 == status
    assert [
        f"{number}  {BLOCKED_DRAIN}  140106  P016 {names['P016']} (R0397, 4 work_hour)"
        f"  ->  P015 {names['P015']} (R0397, 4 work_hour)"
        for number in numbers
    ] == sorted(lines[:3])
    assert [
        "9 cases since 2026-11-24: 3 would go elsewhere, 0 would have another limit.", "       3  P016 -> P015",
    ] == lines[3:]  # fmt: skip
    assert before == await standing(door)


async def test_another_limit_and_another_policy_are_counted_too(
    door: Door, call: Caller, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    await a_days_work(door, call)
    row = next(line for line in (PACK / "events.csv").read_text("utf-8").splitlines() if line.startswith("E0303,"))
    pack = changed_pack(tmp_path, "events.csv", row, row.replace(",work_day,1,", ",work_day,2,"))
    changed_pack(tmp_path, "policy.csv", "self_filing,*,", "self_filing,C*;E03*;E05*,")
    status, lines, _ = await rehearsed(service_url("router"), pack)

    assert 0 == status
    assert [
        f"{(await call.case(case_of(3)))['case_number']}  E0110  140106  P002 {door.city.platforms['P002']}"
        " (R0347, 4 work_hour)  ->  held: needs_filing",
        "9 cases since 2026-11-24: 1 would go elsewhere, 3 would have another limit.", "       1  P002 -> centre",
    ] == lines  # fmt: skip


async def test_what_a_person_filed_or_took_out_of_a_case_is_not_held_anew(
    door: Door, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    pack = changed_pack(tmp_path, "policy.csv", "self_filing,*,", "self_filing,C*,")
    careful = replace(door, city=read_city(pack))
    async with calling(careful) as call:
        await reported(careful, 1, 2, category=BLOCKED_DRAIN)
        await call.done(CENTRE, case_of(1), "file", generation=0)
        await call.done(CENTRE, case_of(2), "link", generation=0, linked_to=case_of(1), reason="同一处")
        await call.done(CENTRE, case_of(1), "unlink", generation=1, report_id=str(report_id(2)), reason="是另一处")
    _, lines, _ = await rehearsed(service_url("router"), pack)

    assert ["3 cases since 2026-11-24: 0 would go elsewhere, 0 would have another limit."] == lines


async def test_what_was_held_and_would_not_be_any_more_is_named_without_a_number(
    door: Door, call: Caller, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    await a_days_work(door, call)
    pack = changed_pack(tmp_path, "policy.csv", "hold_findings,advert;fraud_sign,", "hold_findings,advert,")
    _, lines, _ = await rehearsed(service_url("router"), pack)

    assert [
        f"not filed            C0102  140106  held: fraud_sign  ->  P016 {door.city.platforms['P016']}"
        " (R0289, 2 urgent_hour)",
        "9 cases since 2026-11-24: 1 would go elsewhere, 0 would have another limit.", "       1  centre -> P016",
    ] == lines  # fmt: skip


async def test_only_cases_opened_since_the_citys_day_are_rehearsed(
    door: Door, call: Caller, service_url: Callable[[str], str]
) -> None:
    later(door, hours=-10, seconds=-1)  # Monday 23:59:59
    await reported(door, 1)
    later(door, seconds=1)
    await reported(door, 2)
    _, since_tuesday, _ = await rehearsed(service_url("router"), PACK)
    _, since_monday, _ = await rehearsed(service_url("router"), PACK, "2026-11-23")

    assert ("1 cases since 2026-11-24", "2 cases since 2026-11-23") == (
        since_tuesday[-1].partition(":")[0], since_monday[-1].partition(":")[0],
    )  # fmt: skip


async def test_a_broken_pack_ends_the_command_with_file_and_line(
    door: Door, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    pack = changed_pack(tmp_path, "rules.csv", DRAIN_RULE, "R0397,E0503,*,*,P999,@district,")
    rules = (pack / "rules.csv").read_text("utf-8").splitlines()
    line = next(n for n, row in enumerate(rules, 1) if row.startswith("R0397,"))
    status, lines, complaints = await rehearsed(service_url("router"), pack)

    assert (1, [], f"pack: rules.csv line {line}: platform P999 is not in platforms.csv\n") == (
        status,
        lines,
        complaints,
    )


async def test_a_ledger_that_is_away_ends_the_command_too() -> None:
    status, lines, complaints = await rehearsed("postgresql://router@127.0.0.1:1/nowhere", PACK)

    assert (1, []) == (status, lines)
    assert complaints.startswith("ledger: ")


async def test_of_a_case_that_went_on_the_first_platform_is_compared(
    door: Door, call: Caller, service_url: Callable[[str], str], tmp_path: Path
) -> None:
    await brought_to(door, call, "dispatched")
    await call.done(CENTRE, case_of(1), "dispatch", generation=1, platform="P013")
    pack = changed_pack(tmp_path, "rules.csv", DRAIN_RULE, "R0397,E0503,*,*,P013,@district,")
    _, lines, _ = await rehearsed(service_url("router"), pack)

    assert "1 cases since 2026-11-24: 1 would go elsewhere, 0 would have another limit." in lines
