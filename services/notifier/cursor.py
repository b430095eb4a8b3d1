"""The feed's cursor: opaque to the reader, the place behind the last entry read to us."""

import base64
import binascii
import re
from dataclasses import dataclass

_SAID = re.compile(r"(\d{1,19})\.(\d{1,18})")


@dataclass(frozen=True, slots=True, order=True)
class Cursor:
    """A place in the feed: the transaction that wrote the entry, and the entry's place in it."""

    transaction: int = 0
    place: int = 0

    def __str__(self) -> str:
        said = f"{self.transaction}.{self.place}".encode()
        return base64.urlsafe_b64encode(said).decode().rstrip("=")


def read_cursor(text: str) -> Cursor | None:
    """The cursor in `text`, None when it is none of ours. The empty text is the beginning."""
    if not text:
        return Cursor()
    try:
        said = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError):
        return None
    found = _SAID.fullmatch(said)
    return Cursor(int(found.group(1)), int(found.group(2))) if found else None
