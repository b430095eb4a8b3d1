"""The router's part of a city pack: what does not fit stops the start and is named by file and line."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from chassis.pack import PackError
from services.router.city import read_city
from tests.router.conftest import ROOT
from tests.router.desk import changed_pack

PACK = ROOT / "cities/taiyuan"
ANY_RULE = "R0408,*,*,*,@district,P013,属地兜底\n"
DRAIN_RULE = "R0397,E0503,*,*,P016,@district,"
PERIOD = "period,2019-01-01,,14:00-18:00,下午\n"

WRONG = [
    # rules
    ("rules.csv", ANY_RULE, f"{ANY_RULE}R0999,C0102,*,*,P016,,\n", "R0999 can never match: rules before it take all"),
    ("rules.csv", "R0289,C0102,*", "R0289,C0999,*", "R0289 can never match: there is no category C0999"),
    ("rules.csv", "R0407,E03*,*", "R0407,E99*,*", r"R0407 can never match: there is no category E99\*"),
    ("rules.csv", DRAIN_RULE, "R0397,E0503,*,*,P999,@district,", "platform P999 is not in platforms.csv"),
    ("rules.csv", DRAIN_RULE, "R0397,E0503,*,*,P016,@district;P998,", "platform P998 is not in platforms.csv"),
    ("rules.csv", DRAIN_RULE, "R0397,E0503,140100,*,P016,@district,", "district 140100 has no platform of its own"),
    ("rules.csv", DRAIN_RULE, "R0396,E0503,*,*,P016,@district,", "rule R0396 stands already in line"),
    # the calendar
    ("calendar.csv", PERIOD, f"{PERIOD}period,2026-01-01,,11:30-12:30,\n", "overlaps another period"),
    ("calendar.csv", "14:00-18:00", "18:00-14:00", "a period must close after it opens"),
    ("calendar.csv", "14:00-18:00", "14:00", "value must be like 08:00-12:00"),
    ("calendar.csv", "2020-10-01,2020-10-08", "2020-10-08,2020-10-01", "last is before first"),
    ("calendar.csv", PERIOD, f"{PERIOD}season,2026-06-01,2026-08-31,,\n", "a season needs hours"),
    ("calendar.csv", PERIOD, f"{PERIOD}season,2026-06-01,,08:00-12:00,\n", "a season needs its last day"),
    ("calendar.csv", PERIOD, f"{PERIOD}season,2026-06-01,2026-08-31,08:00-12:00;11:00-18:00,\n", "do not overlap"),
    # reasons
    ("reasons.csv", "return,not_ours", "bounce,not_ours", "act: "),
    ("reasons.csv", "return,wrong_place", "return,not_ours", "return has the reason not_ours already"),
    # policy
    ("policy.csv", "check_share,*=0", "check_share,*=2", r"check_share must be like"),
    ("policy.csv", "check_share,*=0", "check_share,*", r"check_share must be like"),
    ("policy.csv", "check_share,*=0", "check_share,E05*=1;=0.1", r"check_share must be like"),
    ("policy.csv", "check_share,*=0", "check_share,*=-0.1", r"check_share must be like"),
    ("policy.csv", "most_returns,3", "most_returns,0", "most_returns must be a number from 1"),
    ("policy.csv", "most_returns,3", "most_returns,three", "most_returns must be a number"),
    ("policy.csv", "photo_far_m,500", "photo_far_m,-1", "photo_far_m must be a number from 0"),
    ("policy.csv", "text_reuse_days,7", "text_reuse_days,nan", "text_reuse_days must be a number from 0"),
    ("policy.csv", "accept_clock,2 work_hour", "accept_clock,2 hours", "accept_clock must be like"),
    ("policy.csv", "accept_clock,2 work_hour", "accept_clock,0 work_hour", "accept_clock must be like"),
    ("policy.csv", "utc_offset,+08:00", "utc_offset,08:00", r"utc_offset must be like \+08:00"),
    ("policy.csv", "utc_offset,+08:00", "utc_offset,+08", r"utc_offset must be like \+08:00"),
    ("policy.csv", "utc_offset,+08:00", "utc_offset,+99:00", r"utc_offset must be like \+08:00"),
    ("policy.csv", "join_hours,24", "most_returns,24", "name most_returns stands already in line"),
    # catalogues
    ("synonyms.csv", "C0102,", "C0998,", "category C0998 is in none of the catalogues"),
    ("events.csv", "E0503,", "E0502,", "code E0502 stands already in line"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "old", "new", "why"), WRONG)
def test_what_does_not_fit_is_named_by_file_and_line(tmp_path: Path, table: str, old: str, new: str, why: str) -> None:
    before = (PACK / table).read_text("utf-8").splitlines()
    pack = changed_pack(tmp_path, table, old, new)
    after = (pack / table).read_text("utf-8").splitlines()
    with pytest.raises(PackError) as raised:
        read_city(pack)
    told = re.fullmatch(rf"{re.escape(table)} line (\d+): .*{why}.*", str(raised.value))

    assert told, str(raised.value)
    assert after[int(told[1]) - 1] not in before


@pytest.mark.parametrize(
    ("table", "gone", "why"),
    [
        ("rules.csv", "R0408,", r"rules.csv: nobody answers category [CES]\d+ in district \d{6}"),
        ("policy.csv", "text_reuse_days,", "policy.csv: text_reuse_days is missing"),
        ("policy.csv", "self_filing,", "policy.csv: self_filing is missing"),
        ("policy.csv", "check_share,", "policy.csv: check_share is missing"),
        ("reasons.csv", "force_close,", "reasons.csv: no reason for force_close"),
        ("calendar.csv", "period,", "calendar.csv: has no period"),
        ("districts.geojson", "{", r"districts.geojson: cannot be read \(.*\)"),
        ("rules.csv", "", "rules.csv line 1: columns are , must be rule, .*"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_by_file(tmp_path: Path, table: str, gone: str, why: str) -> None:
    pack = changed_pack(tmp_path, table, "", "")
    lines = (pack / table).read_text("utf-8").splitlines(keepends=True)
    (pack / table).write_text("".join(line for line in lines if not line.startswith(gone)), "utf-8")

    with pytest.raises(PackError) as raised:
        read_city(pack)
    assert re.fullmatch(why, str(raised.value)), str(raised.value)


def test_a_rule_for_one_owner_stands_behind_no_rule_for_all(tmp_path: Path) -> None:
    """Owners are tried one by one: a rule that only a named owner meets is no dead one."""
    changed_pack(tmp_path, "rules.csv", DRAIN_RULE, f"R0998,E0503,*,供水,P028,@district,\n{DRAIN_RULE}")
    city = read_city(changed_pack(tmp_path, "policy.csv", "utc_offset,+08:00", "utc_offset,-03:30"))

    assert ("P016", "P028") == (
        city.rules.choose_platform("E0503", "140106").candidates[0],
        city.rules.choose_platform("E0503", "140106", "供水").candidates[0],
    )
    assert -timedelta(hours=3, minutes=30) == city.calendar.utc_offset
