"""What the notifier reads of a city pack, and what stops its start."""

import shutil
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from chassis.pack import PackError
from services.notifier.city import read_wording
from services.notifier.owed import TOLD
from tests.notifier.conftest import ROOT

PACK = ROOT / "cities/taiyuan"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for name in ("replies.csv", "policy.csv"):
        shutil.copy(PACK / name, tmp_path / name)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def test_the_pack_has_words_for_every_event_somebody_is_told(pack: Path) -> None:
    wording = read_wording(pack)

    assert set() == TOLD - wording.templates.keys()
    assert timezone(timedelta(hours=8)) == wording.zone


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("replies.csv", "case.closed,", "case.shut,", "no words for case.closed"),
        ("replies.csv", "Closed: {reply}", "Closed: {phone}", "no event fills phone"),
        ("replies.csv", "已结案：{reply}", "已结案：{reply", "no event fills {"),
        ("replies.csv", "已结案：{reply}", "已结案：{reply:d}", "no event fills reply:d"),
        ("policy.csv", "+08:00", "8", "utc_offset must look like +08:00"),
        ("policy.csv", "utc_offset,", "offset,", "utc_offset is missing"),
    ],
)
def test_an_unfit_pack_stops_the_start_and_says_why(pack: Path, file: str, old: str, new: str, words: str) -> None:
    change(pack / file, old, new)

    with pytest.raises(PackError) as why:
        read_wording(pack)

    assert words in str(why.value)
    assert file in str(why.value)


def test_a_west_of_greenwich_offset_is_read(pack: Path) -> None:
    change(pack / "policy.csv", "+08:00", "-03:30")

    assert timezone(-timedelta(hours=3, minutes=30)) == read_wording(pack).zone
