"""What a connection is told before there is a request that anything could answer."""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from chassis.http import problems
from chassis.http.problems import Problem
from chassis.http.watch import Limits

MALFORMED = Problem(400, "request_unreadable", "This is not HTTP/1.1 as RFC 9112 defines it.")
TOO_MANY_PIPELINED = Problem(400, "too_many_pipelined", "Wait for the answers to earlier requests.")
UPGRADE_WITH_BODY = Problem(400, "upgrade_unknown", "Send no Upgrade with a body.")
NO_PLACE = Problem(503, "no_place", "Too many connections are open. Try again.", retry_after=1)


def head_too_large(limits: Limits) -> Problem:
    """431: too many bytes or headers."""
    told = f"A head has at most {limits.head_bytes} bytes and {limits.headers} headers."
    return Problem(431, "head_too_large", told)


def url_too_long(limits: Limits) -> Problem:
    """414."""
    return Problem(414, "url_too_long", f"Path and query have at most {limits.url_bytes} bytes.")


def head_too_slow(limits: Limits) -> Problem:
    """408."""
    return Problem(408, "head_too_slow", f"The head of a request may take {limits.head_seconds:g} s.")


def written(problem: Problem) -> bytes:
    """The last answer on a connection, as it goes over the wire."""
    response = problems.answer(problem)
    headers = [
        *response.raw_headers,
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    lines = b"".join(b"%b: %b\r\n" % header for header in headers)
    return STATUS_LINE[response.status_code] + lines + b"\r\n" + bytes(response.body)
