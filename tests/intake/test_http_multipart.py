"""The file in a form: found however its name is written, and refused plainly where it cannot be told what is meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.http_multipart import MOST_PARTS, Unreadable, file_in

TYPE = "multipart/form-data; boundary=b"
FILE = b"\xff\xd8 picture \r\n--not the end"


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + head.encode() + b"\r\n\r\n" + body + b"\r\n" for head, body in parts) + end


def part(options: str, *more: str) -> str:
    return "\r\n".join((f"Content-Disposition: form-data; name=f{options}", *more))


@pytest.mark.parametrize(
    "head",
    [
        part('; filename="a.jpg"'),
        part("; filename=a.jpg"),
        part("; filename*=UTF-8''%E4%BA%95.jpg"),
        part("; filename*=utf-99''a.jpg"),
        part("; filename*=nonsense"),
        part('; filename=""'),
        part("; filename=\"a.jpg\"; filename*=UTF-8''a.jpg"),
        part('; filename="a.jpg"', "Content-Type: image/jpeg; charset=no-such-charset"),
        part('; filename="a.jpg"', "Content-Transfer-Encoding: binary", "X-Odd: 1"),
        'content-disposition:form-data;FILENAME="a.jpg"',
    ],
)
def test_a_part_with_any_file_name_is_the_file(head: str) -> None:
    body = form((part(""), b"words"), (head, FILE))

    assert FILE == file_in(TYPE, body)
    assert FILE == file_in("multipart/form-data; charset=no-such-charset; boundary=b", body)


@pytest.mark.parametrize("body", [form(), form((part(""), b"words")), form((part('; name="filename"'), b"words"))])
def test_a_form_without_a_file_has_none(body: bytes) -> None:
    assert None is file_in(TYPE, body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", form((part("; filename=a"), FILE))),
        ("multipart/form-data; boundary=", form((part("; filename=a"), FILE))),
        (TYPE, b""),
        (TYPE, b"x"),
        (TYPE, b"\r\n"),
        (TYPE, form((part("; filename=a"), FILE), end=b"")),
        (TYPE, form((part("; filename=a"), FILE), (part("; filename=a"), FILE))),
        (TYPE, form(*[(part(""), b"")] * (MOST_PARTS + 1))),
        (TYPE, form((part("; filename=a", "X-Long: " + "x" * 9_000), FILE))),
        (TYPE, b"--b\r\nContent-Disposition: form-data; filename=a\r\n--b--"),
        (TYPE, b"--bad\r\n\r\nx\r\n--b--"),
        (TYPE, b"\r\n--" * 2_000_000),
        (TYPE, b"--b\r\n" * 1_400_000),
        ("multipart/form-data; boundary=" + "b" * 71, form((part("; filename=a"), FILE))),
    ],
)
def test_what_cannot_be_read_says_so(kind: str, body: bytes) -> None:
    with pytest.raises(Unreadable):
        file_in(kind, body)


@given(data=st.binary(max_size=80), at=st.integers(0, 100))
def test_any_bytes_are_a_file_or_none_or_unreadable(data: bytes, at: int) -> None:
    whole = form((part("; filename=a"), b"x" * 30))
    try:
        found = file_in(TYPE, whole[:at] + data + whole[at:])
    except Unreadable:
        return

    assert found is None or isinstance(found, bytes)
