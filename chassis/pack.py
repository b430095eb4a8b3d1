"""A pack: a folder of data files that is read once at start, and says file and line of whatever is wrong with it."""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class PackError(Exception):
    """A pack that cannot be used. The text names the file and, where there is one, the line and the column."""


class Row(BaseModel):
    """A line of a table: a model adds the columns. Unknown columns are refused; cells are stripped."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    line: int

    def wrong(self, table: str, why: str) -> PackError:
        """The error for a row that is well-formed but does not fit the rest of the pack."""
        return PackError(f"{table} line {self.line}: {why}")


R = TypeVar("R", bound=Row)


def read_table(path: Path, model: type[R], unique: str | None = None) -> tuple[R, ...]:
    """The rows of a CSV file with a header, as `model`, in their order. Empty cells of optional columns become None.

    Raises `PackError` for a missing file, bytes that are not UTF-8, columns that differ from the model's, a cell that
    does not fit, or a value that stands twice in the column `unique`.
    """
    columns = [name for name in model.model_fields if name != "line"]
    rows = []
    seen: dict[Any, int] = {}
    for line, cells in _lines(path, columns):
        try:
            row = model.model_validate({"line": line, **cells})
        except ValidationError as why:
            first = why.errors()[0]
            column = ".".join(str(part) for part in first["loc"])
            raise PackError(f"{path.name} line {line}: {column}: {first['msg']}") from why
        if unique is not None and (value := getattr(row, unique)) in seen:
            raise row.wrong(path.name, f"{unique} {value} stands already in line {seen[value]}")
        seen[getattr(row, unique) if unique else line] = line
        rows.append(row)
    if not rows:
        raise PackError(f"{path.name}: has no rows")
    return tuple(rows)


def read_words(path: Path) -> tuple[str, ...]:
    """The lines of a text file without empty ones and without comments, which begin with #."""
    lines = (line.strip() for line in _text(path).splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def split_list(cell: str) -> tuple[str, ...]:
    """The parts of a cell that holds a list, separated by `;`."""
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def version_of(folder: Path) -> str:
    """Twelve hex digits that change when any file of the pack does: SHA-256 over sorted names and bytes."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()[:12]


def _lines(path: Path, columns: list[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.reader(_text(path).splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if header != columns:
            raise PackError(f"{path.name} line 1: columns are {_list(header)}, must be {_list(columns)}")
        for cells in reader:
            if len(cells) != len(columns):
                raise PackError(f"{path.name} line {reader.line_num}: {len(cells)} cells, must be {len(columns)}")
            yield reader.line_num, {name: cell or None for name, cell in zip(columns, cells, strict=True)}
    except csv.Error as why:
        raise PackError(f"{path.name} line {reader.line_num}: {why}") from why


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as why:
        raise PackError(f"{path.name}: cannot be read ({why.strerror})") from why
    except UnicodeDecodeError as why:
        raise PackError(f"{path.name}: is not UTF-8 at byte {why.start}") from why


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
