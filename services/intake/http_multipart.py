"""The file in a `multipart/form-data` body: its first part with a file name, in whichever way the name is written."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

MOST_PARTS = 5
_NAMED = (b"filename", b"filename*")


class Unreadable(ValueError):
    """Not a multipart body, or one with more than one file or too many parts."""


def file_in(content_type: str, body: bytes) -> bytes | None:
    """The bytes of the only file; None if there is none. The name and the charset that it is in do not matter."""
    kind, options = parse_options_header(content_type.encode("latin-1"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise Unreadable("no boundary")
    parts = _Parts()
    try:
        parser = MultipartParser(options[b"boundary"], parts.callbacks())  # type: ignore[arg-type]
        parser.write(body)
        parser.finalize()
    except (FormParserError, UnicodeDecodeError, LookupError, ValueError) as why:
        raise Unreadable("broken") from why
    if not parts.ended or len(parts.files) > 1:
        raise Unreadable("cut off, or more than one file")
    return bytes(parts.files[0]) if parts.files else None


class _Parts:
    """What the parser calls: collects the heads of each part, and the bytes of those that are files."""

    def __init__(self) -> None:
        self.files: list[bytearray] = []
        self.ended = False
        self._name, self._value = bytearray(), bytearray()
        self._is_file = False
        self._count = 0

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._head,
            "on_headers_finished": self._heads,
            "on_part_data": self._data,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        self._is_file = False
        self._count += 1
        if self._count > MOST_PARTS:
            raise Unreadable("too many parts")

    def _head(self) -> None:
        if bytes(self._name).lower() == b"content-disposition":
            head = bytes(self._value).lower()
            self._is_file = any(part.partition(b"=")[0].strip() in _NAMED for part in head.split(b";")[1:])
        self._name.clear()
        self._value.clear()

    def _heads(self) -> None:
        if self._is_file:
            self.files.append(bytearray())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.files[-1].extend(data[start:end])

    def _end(self) -> None:
        self.ended = True
