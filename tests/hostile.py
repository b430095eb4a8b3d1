"""Hostile values for everything that a documented call takes: each field, parameter, part of the path and header."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

JSON = (
    b"null", b"true", b"[]", b"{}", b'""', b'" "', b'"\\u0000"', b'"\\ud83d"', b'"\\udc00\\ud800"', b'{"\\ud83d":1}',
    b'"\\u202e\\ufeff\\u200b"', b'"%s"' % (b"x" * 3000), b"-1", b"0", b"1.5", b"1e400", b"NaN", b"99999999999999999999",
    b"9223372036854775807", b"-9223372036854775808", b'"0001-01-01T00:00:00+23:59"', b'"9999-12-31T23:59:59-23:59"',
    b'"2026-02-30T00:00:00Z"', b'"\xef\xbc\x99"', b"[null]", b'[{"case_id":null}]', b"[" * 40 + b"]" * 40, b"[1e999]",
    b'"00000000-0000-0000-0000-000000000000"', b'"urn:uuid:00000000-0000-0000-0000-000000000000"',
)  # fmt: skip
WHOLE = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"x"',
    b"\xff",
    b"\xef\xbb\xbf",
    b"{}" * 2,
    b'{"a":1,"a":2}',
    b'{"\\ud83d":1}',
    b"1",
)
TEXTS = (
    "", "%20", "%00", "%ff", "%zz", "%", "%F0%9F%98%80", "%ED%A0%BD", "-1", "%EF%BC%99", "%C2%B2", "9" * 19, "9" * 400,
    "1e9", "x" * 500, "..%2F..", "a,b", ",", "0001-01-01T00:00:00%2B14:00", "9999-12-31T23:59:59-23:59", "2026-02-30",
    "00000000-0000-0000-0000-000000000000", "%7B00000000-0000-0000-0000-000000000000%7D",
    ".".join(["9" * 19] * 3 + ["f" * 32]), "9" * 19 + "." + "0" * 32,
    "OTk5OTk5OTk5OTk5OTk5OTk5OS45OTk5OTk5OTk5OTk5OTk5OTk",
)  # fmt: skip
HEADERS = {
    "Idempotency-Key": (b"", b" ", b"x" * 300, b"\xff", b"a\tb"),
    "If-Match": (b'"9999999999"', b'"\xb2"', b'W/"1"', b"*", b'""', b"\xff"),
    "Content-Type": (b"", b"text/plain", b"application/json; charset=nonsense", b"\xff", b"multipart/form-data",
                     b"multipart/form-data; boundary=x; charset=nonsense"),
    "Content-Encoding": (b"gzip", b"\xff"),
    "Last-Event-ID": (b"\xff", b"x", b"OTk5OTk5OTk5OTk5OTk5OTk5OS45OTk5OTk5OTk5OTk5OTk5OTk"),
    "Authorization": (b"", b"Bearer", b"Bearer \xff", b"Basic x", b"Bearer " + b"x" * 5000),
}  # fmt: skip


@dataclass(frozen=True)
class Answered:
    """A request and how it was answered."""

    asked: str
    status: int
    text: str


async def fuzzed(http: httpx.AsyncClient, keys: list[str]) -> AsyncIterator[Answered]:
    """Every call of the OpenAPI page with one hostile value at a time, as the first of `keys` that the call admits."""
    page = (await http.get("/openapi.json")).json()
    for path, methods in page["paths"].items():
        for method, call in methods.items():
            key = await _admitted(http, method, path, keys)
            for target, headers, content in _requests(path, call, key):
                # The head of a stream has an end; its parameters are read all the same.
                verb = "HEAD" if path.endswith("/stream") else method.upper()
                sent = [(name.encode(), value) for name, value in headers.items()]
                with suppress(httpx.LocalProtocolError):  # what this client itself cannot send
                    answer = await http.request(verb, target, headers=sent, content=content)
                    told = f"{verb} {target[:200]} {content[:600]!r}"
                    yield Answered(told, answer.status_code, answer.text[:300])


async def _admitted(http: httpx.AsyncClient, method: str, path: str, keys: list[str]) -> str:
    for key in keys:
        verb = "HEAD" if path.endswith("/stream") else method.upper()
        answer = await http.request(verb, path, headers={"Authorization": f"Bearer {key}"})
        if answer.status_code != 403:
            return key
    raise AssertionError(f"no key for {method} {path}")


def _requests(path: str, call: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, bytes], bytes]]:
    """Target, headers and body of each request."""
    fair = {"Authorization": f"Bearer {key}".encode(), "Idempotency-Key": b"fair", "Content-Type": b"application/json"}
    schema = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    body = _written(_sample(schema)) if schema else b""
    plain = "/".join("00000000-0000-0000-0000-000000000000" if "{" in part else part for part in path.split("/"))
    if "{" in path:
        yield from ((_filled(path, text), fair, body) for text in TEXTS if text)
    names = [parameter["name"] for parameter in call.get("parameters", ()) if parameter["in"] == "query"]
    yield from ((f"{plain}?{name}={text}", fair, body) for name in names for text in TEXTS)
    yield f"{plain}?light=red", fair, body
    yield from ((plain, fair | {name: value}, body) for name, values in HEADERS.items() for value in values)
    if schema:
        yield from ((plain, fair, content) for content in (*WHOLE, *_spoilt(schema)))


def _filled(path: str, text: str) -> str:
    return "/".join(text if part.startswith("{") else part for part in path.split("/"))


def _spoilt(schema: dict[str, Any]) -> Iterator[bytes]:
    """The sample body with each hostile value in each place."""
    sample = _sample(schema)
    for place in _places(sample):
        yield from (_written(sample, place, value) for value in JSON)
    yield _written(sample)[:-1] + b',"\\ud83d":1}'


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, part in inside:
        yield (*at, step)
        yield from _places(part, (*at, step))


def _written(value: Any, place: tuple[Any, ...] = (), hostile: bytes = b"") -> bytes:
    """`value` as JSON, with `hostile` as it is in one place."""
    mark = "hostile value"

    def put(value: Any, place: tuple[Any, ...]) -> Any:
        if not place:
            return mark
        if isinstance(value, dict):
            return {name: put(v, place[1:]) if name == place[0] else v for name, v in value.items()}
        return [put(v, place[1:]) if n == place[0] else v for n, v in enumerate(value)]

    return json.dumps(put(value, place) if place else value).encode().replace(json.dumps(mark).encode(), hostile)


def _sample(schema: dict[str, Any]) -> Any:
    """A value that fits the schema as far as its types go."""
    if choice := next((schema[name][0] for name in ("anyOf", "oneOf", "allOf") if name in schema), None):
        return _sample(choice)
    if schema.get("type") == "object":
        return {name: _sample(part) for name, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_sample(schema.get("items", {}))]
    return schema.get("const", schema.get("enum", [_plain(schema)])[0])


def _plain(schema: dict[str, Any]) -> Any:
    numbers = {"integer": 1, "number": 37.8, "boolean": True}
    texts = {"uuid": "00000000-0000-0000-0000-000000000000", "date-time": "2026-11-24T08:30:00+08:00"}
    return numbers.get(schema.get("type", ""), texts.get(schema.get("format", ""), "some_text"))
