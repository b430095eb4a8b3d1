"""The file in a `multipart/form-data` body: its only part with a file name, in whichever way the name is written.

The body is in memory already, so it is divided at its boundary by a few searches: their number does not depend on what
stands in it.
"""

from python_multipart.multipart import parse_options_header

MOST_PARTS = 5
LONGEST_HEAD = 8_192
_NAMED = (b"filename", b"filename*")


class Unreadable(ValueError):
    """Not a multipart body, or one with more than one file or too many parts."""


def file_in(content_type: str, body: bytes) -> bytes | None:
    """The bytes of the only file; None if there is none. The name, and the charset that it is in, do not matter."""
    parts = _parts(_boundary(content_type), body)
    files = [data for head, data in parts if _is_file(head)]
    if len(files) > 1:
        raise Unreadable("more than one file")
    return files[0] if files else None


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type.encode("latin-1"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise Unreadable("no boundary, or one that is longer than RFC 2046 allows")
    return boundary


def _parts(boundary: bytes, body: bytes) -> list[tuple[bytes, bytes]]:
    """Head and data of each part; what stands before the first boundary and behind the last is no part."""
    found: list[tuple[bytes, bytes]] = []
    for segment in (b"\r\n" + body).split(b"\r\n--" + boundary, MOST_PARTS + 1)[1:]:
        if segment.startswith(b"--"):
            return found
        first_line = segment.find(b"\r\n", 0, LONGEST_HEAD)
        end = segment.find(b"\r\n\r\n", max(first_line, 0), LONGEST_HEAD)
        if first_line < 0 or end < 0 or segment[:first_line].strip(b" \t"):
            raise Unreadable("a part without a head")
        found.append((segment[first_line:end], segment[end + 4 :]))
    raise Unreadable("no last boundary, or too many parts")


def _is_file(head: bytes) -> bool:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition":
            return any(option.partition(b"=")[0].strip().lower() in _NAMED for option in value.split(b";")[1:])
    return False
