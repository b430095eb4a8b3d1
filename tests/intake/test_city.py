"""The city pack stops the start with file and line of what is wrong with it."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from chassis.pack import PackError
from services.intake.city import FIELDS, Category, read_city

TAIYUAN = Path(__file__).parents[2] / "cities/taiyuan"
Feature = dict[str, Any]
Change = Callable[[list[Feature]], object]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the real pack, to be broken."""
    return shutil.copytree(TAIYUAN, tmp_path / "town")


def line_of(path: Path, begins: str) -> int:
    lines = path.read_text("utf-8").splitlines()
    return 1 + next(number for number, line in enumerate(lines) if line.startswith(begins))


def replace_line(path: Path, number: int, text: str) -> None:
    lines = path.read_text("utf-8").splitlines()
    lines[number - 1] = text
    path.write_text("\n".join(lines) + "\n", "utf-8")


def why_not(folder: Path) -> str:
    with pytest.raises(PackError) as caught:
        read_city(folder)
    return str(caught.value)


KIND = "公用设施,上水井盖,urgent_hour"
BROKEN_LINES = [
    ("components.csv", "C0101", f"X0101,C01,{KIND},2,verified,", "code: String should match pattern"),
    ("components.csv", "C0101", f"C101,C01,{KIND},2,verified,", "code: String should match pattern"),
    ("components.csv", "C0101", f"E0101,C01,{KIND},2,verified,", "code E0101 does not begin with C"),
    ("components.csv", "C0103", f"C0102,C01,{KIND},2,verified,", "code C0102 stands already in line 3"),
    ("components.csv", "C0101", f"C0101,C01,{KIND},soon,verified,", "amount: Input should be a valid integer"),
    ("components.csv", "C0101", f"C0101,C01,{KIND},2,verified", "7 cells, must be 8"),
    ("components.csv", "code", "code,class_code,class_name,name,clock,amount,basis,rank", "columns are code"),
    ("events.csv", "E0101", "C0101,E01,市容环境,私搭乱建,natural_day,2,verified,", "code C0101 does not begin with E"),
    ("events.csv", "E0101", "E0101,E01,市容环境,,natural_day,2,verified,", "name: Input should be a valid string"),
    ("special_items.csv", "S01", "S1,随地吐痰,work_hour,4,100,1000,verified", "code: String should match pattern"),
    ("special_items.csv", "S01", "E0101,随地吐痰,work_hour,4,1,2,x", "code E0101 does not begin with S"),
    ("policy.csv", "utc_offset", "utc_offset,8 hours,", "value: not an offset such as +08:00"),
    ("policy.csv", "receipt_hours", "receipt_hours,0,", "value: 1 to 168 hours"),
    ("policy.csv", "receipt_hours", "receipt_hours,169,", "value: 1 to 168 hours"),
    ("policy.csv", "receipt_hours", "receipt_hours,a day,", "value: 1 to 168 hours"),
    ("policy.csv", "dispute_window_days", "dispute_window_days,0,", "value: 1 to 366 days"),
    ("policy.csv", "dispute_window_days", "dispute_window_days,367,", "value: 1 to 366 days"),
    ("policy.csv", "dispute_window_days", "dispute_window_days,-1,", "value: 1 to 366 days"),
    ("replies.csv", "case.closed", "case.closed,办结,已结案,Closed", "stage 办结 is none of 上报, 立案"),
    ("replies.csv", "case.closed", "case.finished,结案,已结案,Closed", "event case.finished never happens"),
    ("replies.csv", "case.closed", "case.filed,结案,已结案,Closed", "event case.filed stands already in line 7"),
    ("replies.csv", "case.closed", "case.closed,结案,已结案：{answer},Closed", "{answer} is none of case_number"),
    ("replies.csv", "case.closed", "case.closed,结案,已结案,Closed: {REPLY}", "{REPLY} is none of case_number"),
    ("replies.csv", "case.closed", "case.closed,结案,已结案：{reply,Closed", "{reply"),
    ("replies.csv", "case.closed", "case.closed,结案,已结案：reply},Closed", "}"),
    ("replies.csv", "case.closed", "case.closed,结案,已结案", "3 cells, must be 4"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "begins", "instead", "why"), BROKEN_LINES)
def test_a_line_that_is_wrong_is_named(pack: Path, table: str, begins: str, instead: str, why: str) -> None:
    number = line_of(pack / table, begins)
    replace_line(pack / table, number, instead)
    expected = f"{table} line {number}: {why}"

    assert expected == why_not(pack)[: len(expected)]


@pytest.mark.parametrize("name", ["utc_offset", "receipt_hours", "dispute_window_days"])
def test_a_policy_that_is_missing_is_named(pack: Path, name: str) -> None:
    replace_line(pack / "policy.csv", line_of(pack / "policy.csv", name), "other,1,")

    assert f"policy.csv: {name} is missing" == why_not(pack)


@pytest.mark.parametrize(
    "name",
    ["components.csv", "events.csv", "special_items.csv", "policy.csv", "replies.csv", "words.txt", "adverts.txt",
     "districts.geojson"],
)  # fmt: skip
def test_a_file_that_is_missing_is_named(pack: Path, name: str) -> None:
    (pack / name).unlink()
    why = why_not(pack)

    assert (name, True) == (why.partition(":")[0], "No such file" in why)


def bow_tie(features: list[Feature]) -> None:
    features[1]["geometry"]["coordinates"] = [[[112, 37], [113, 38], [113, 37], [112, 37.2], [112, 37]]]


BROKEN_DISTRICTS: list[tuple[Change, str]] = [
    (bow_tie, "the polygon of 140106 is not valid"),
    (lambda f: f[1].update(geometry={"type": "Point", "coordinates": [112.5, 37.8]}), "the polygon of 140106"),
    (lambda f: f[1].update(geometry={"type": "Polygon", "coordinates": []}), "the polygon of 140106"),
    (lambda f: f[1]["geometry"].update(coordinates=[[[112, 37], [113, 38]]]), "is not a collection of districts"),
    (lambda f: f[1]["geometry"].update(type="Circle"), "is not a collection of districts"),
    (lambda f: f[1].pop("geometry"), "is not a collection of districts"),
    (lambda f: f[1]["properties"].pop("gb2260"), "is not a collection of districts"),
    (lambda f: f[1]["properties"].update(gb2260="迎泽区"), "is not a collection of districts"),
    (lambda f: f[1]["properties"].update(gb2260="140105"), "has no district, or one twice"),
    (lambda f: f.clear(), "has no district, or one twice"),
]


@pytest.mark.parametrize(("change", "why"), BROKEN_DISTRICTS)
def test_boundaries_that_are_wrong_are_named(pack: Path, change: Change, why: str) -> None:
    path = pack / "districts.geojson"
    boundaries = json.loads(path.read_text("utf-8"))
    change(boundaries["features"])
    path.write_text(json.dumps(boundaries), "utf-8")
    expected = f"districts.geojson: {why}"

    assert expected == why_not(pack)[: len(expected)]


def test_boundaries_that_are_no_json_are_named(pack: Path) -> None:
    (pack / "districts.geojson").write_text("{", "utf-8")

    assert why_not(pack).startswith("districts.geojson: is not a collection of districts (JSONDecodeError")


def test_every_field_may_stand_in_a_reply(pack: Path) -> None:
    blanks = " ".join(f"{{{name}}}" for name in FIELDS)
    replace_line(pack / "replies.csv", line_of(pack / "replies.csv", "case.closed"), f"case.closed,结案,{blanks},Done")

    assert blanks == read_city(pack).replies["case.closed"].words.zh


def test_the_real_pack_is_read_whole() -> None:
    city = read_city(TAIYUAN)
    kinds = {letter: len([code for code in city.categories if code[0] == letter]) for letter in "CES"}

    assert {"C": 136, "E": 125, "S": 8} == kinds
    assert Category("C0102", "污水井盖", "C01", "公用设施", "urgent_hour", 2) == city.categories["C0102"]
    assert (timezone(timedelta(hours=8)), timedelta(hours=24), timedelta(days=7)) == (
        city.offset, city.receipt_lifetime, city.dispute_window,
    )  # fmt: skip
    assert ["赌博网站", "加微信"] == [f.detail for f in city.words.found_in("加微信，赌博网站")]


def test_an_offset_west_of_greenwich_is_read(pack: Path) -> None:
    replace_line(pack / "policy.csv", line_of(pack / "policy.csv", "utc_offset"), "utc_offset,-03:30,")

    assert timezone(-timedelta(hours=3, minutes=30)) == read_city(pack).offset


@pytest.mark.parametrize("name", sorted(path.name for path in TAIYUAN.iterdir()))
def test_the_version_changes_with_a_byte_of_any_file(pack: Path, name: str) -> None:
    same = read_city(pack).version
    written = (pack / name).read_bytes()
    (pack / name).write_bytes(written.replace(b"\n", b"\r\n", 1))

    assert (read_city(TAIYUAN).version, True) == (same, same != read_city(pack).version)
