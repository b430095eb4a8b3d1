"""The numbers of a pack that everybody may call."""

from pathlib import Path

import pytest

from chassis.pack import PackError
from chassis.personal import mask
from chassis.public_numbers import read_public_numbers


def written(folder: Path, *rows: str) -> Path:
    (folder / "numbers.csv").write_text("\n".join(("number,name", *rows, "")), "utf-8")
    return folder


def test_a_published_number_stays_however_it_is_written_and_others_do_not(tmp_path: Path) -> None:
    public = read_public_numbers(written(tmp_path, "0351-412 3456,office", "12345,hotline", "13800001234,on duty"))

    assert {"03514123456", "12345", "13800001234"} == public
    for text in ("0351-4123456", "（0351）4123456", "03514123456", "138 0000 1234", "+86 13800001234", "12345"):
        assert (text, ()) == mask(text, public)
    assert ("0351*****57、138****1235", ("phone",)) == mask("0351-4123457、13800001235", public)


def test_a_pack_without_the_file_publishes_no_number(tmp_path: Path) -> None:
    assert frozenset() == read_public_numbers(tmp_path)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("call us,office", "line 3: number must have 3 to 15 digits"),
        ("1,x", "line 3"),
        ("12-345,x", "line 3: .*already"),
    ],
)
def test_a_row_that_is_no_number_or_stands_twice_stops_the_start(tmp_path: Path, row: str, why: str) -> None:
    with pytest.raises(PackError, match=f"numbers.csv {why}"):
        read_public_numbers(written(tmp_path, "12345,hotline", row))
