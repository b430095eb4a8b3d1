"""A pack stops the boot with file and line."""

from pathlib import Path

import pytest

from chassis.pack import PackError, Row, read_table, read_words, split_list, version_of


class Fruit(Row):
    code: str
    weight: int
    note: str | None


def write(folder: Path, text: str) -> Path:
    (folder / "fruit.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder / "fruit.csv"


def test_rows_keep_their_order_and_their_line(tmp_path: Path) -> None:
    rows = read_table(write(tmp_path, 'code,weight,note\na,1,\nb,2,"two\nlines"\nc,3,x\n'), Fruit, unique="code")

    assert [("a", 1, None, 2), ("b", 2, "two\nlines", 4), ("c", 3, "x", 5)] == [
        (row.code, row.weight, row.note, row.line) for row in rows
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("code,weight\na,1\n", "fruit.csv line 1: columns are code, weight, must be code, weight, note"),
        ("", "fruit.csv line 1: columns are , must be code, weight, note"),
        ("code,weight,note\n", "fruit.csv: has no rows"),
        ("code,weight,note\na,heavy,\n", "fruit.csv line 2: weight: Input should be a valid integer"),
        ("code,weight,note\na,1,\n,2,\n", "fruit.csv line 3: code: Input should be a valid string"),
        ("code,weight,note\na,1,\nb,2\n", "fruit.csv line 3: 2 cells, must be 3"),
        ("code,weight,note\na,1,\na,2,\n", "fruit.csv line 3: code a stands already in line 2"),
        ("code,weight,note\n\udcff,1,\n", "fruit.csv: is not UTF-8 at byte 17"),
        ('code,weight,note\na,1,"x\n', "fruit.csv line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(PackError) as caught:
        read_table(write(tmp_path, text), Fruit, unique="code")

    assert why == str(caught.value)[: len(why)]


def test_a_table_and_words_saved_by_excel_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    rows = read_table(write(tmp_path, "\ufeffcode,weight,note\r\n\u4e95,1,\r\n"), Fruit)
    (tmp_path / "words.txt").write_bytes(b"\xef\xbb\xbf# comment\r\none\r\n")

    assert (["\u4e95"], ("one",)) == ([row.code for row in rows], read_words(tmp_path / "words.txt"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"fruit\.csv: cannot be read \(No such file or directory\)"):
        read_table(tmp_path / "fruit.csv", Fruit)


def test_words_are_lines_without_comments(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# comment\n\n one \ntwo\n", "utf-8")

    assert ("one", "two") == read_words(tmp_path / "words.txt")
    assert ("a", "b") == split_list("a; b;;")


def test_the_version_changes_with_any_byte_or_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = version_of(tmp_path)
    (tmp_path / "a").write_text("2")
    second = version_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")

    assert 3 == len({first, second, version_of(tmp_path)})
    assert 12 == len(first)
