"""Connections: how much of a head, how many of them and how long each may take, before anybody asks for a key.

uvicorn's protocol bounds none of this. Here a head is counted while it arrives, every connection has a deadline for
what it owes next, and when no place is left the one gives way that has kept its own without a request for longest. A
refusal is told as a problem, after the answers to earlier requests, and then the connection is closed.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis.http import refusals
from chassis.http.problems import Problem
from chassis.http.watch import Watch

_PIECE = 16 * 1024  # parsed at once: a head is refused at most so many bytes behind its limit
_BODY = (b"content-length", b"transfer-encoding")


class Connection(HttpToolsProtocol):
    """One connection within the limits of `watch`."""

    def __init__(self, watch: Watch, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.watch, self.limits = watch, watch.limits
        self.in_head = self.in_message = False
        self.refusal: Problem | None = None
        self._unfit: Problem | None = None
        self._deaf = False
        self._counted = 0  # bytes of the head, or of what follows the body, that have come so far

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type]
        if not self.watch.opened(self):
            self.refuse(refusals.NO_PLACE)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.watch.lost(self)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _PIECE):
            if self.refusal is None and not self._deaf and self.parser is not None:
                self._feed(data[start : start + _PIECE] if len(data) > _PIECE else data)

    def _feed(self, piece: bytes) -> None:
        self._counted += len(piece)
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade:
            self._deaf = True  # answered as if no upgrade had been asked for; what follows is not HTTP
            self.cycle.keep_alive = False
        except httptools.HttpParserError:
            self.refuse(self._unfit or refusals.MALFORMED)
        if self._counted > self.limits.head_bytes:
            self.refuse(refusals.head_too_large(self.limits))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.in_head = self.in_message = True
        self._counted = 0
        self.watch.owes(self, self.limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.limits.url_bytes:
            self._stop(refusals.url_too_long(self.limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:  # not a trailer: what comes after the body changes nothing any more
            super().on_header(name, value)
        if len(self.headers) > self.limits.headers:
            self._stop(refusals.head_too_large(self.limits))

    def on_headers_complete(self) -> None:
        self._counted = 0
        if len(self.pipeline) >= self.limits.pipelined:
            self._stop(refusals.TOO_MANY_PIPELINED)
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > self.limits.head_bytes:
            self._stop(refusals.head_too_large(self.limits))
        if self.parser.should_upgrade() and any(name in _BODY for name, _ in self.headers):
            self._stop(refusals.UPGRADE_WITH_BODY)
        super().on_headers_complete()
        self.in_head = False
        self.watch.asked(self)
        self.watch.owes(self, self.limits.body_seconds)

    def on_body(self, body: bytes) -> None:
        self._counted = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self.in_message = False
        self._counted = 0
        super().on_message_complete()
        self.watch.owes_nothing(self)
        if self.cycle.response_complete:
            self.watch.waits(self, self.limits.idle_seconds)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the watch knows how long each may be idle
        if self.transport.is_closing():
            self.watch.owes(self, self.limits.unsent_seconds)  # to read what is on its way
        elif self.cycle.response_complete and self.refusal is not None:
            self._tell()
        elif self.cycle.response_complete and not self.in_head:
            self.watch.waits(self, self.limits.rest_seconds if self.in_message else self.limits.idle_seconds)

    def pause_writing(self) -> None:
        super().pause_writing()
        self.watch.unsent(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        super().resume_writing()
        self.watch.sent(self)

    def expire(self) -> None:
        """What was owed has not come in time: says so if there is anybody to tell, and ends the connection."""
        if self.refusal is None and self.in_head:
            self.refuse(refusals.head_too_slow(self.limits))
        elif self.refusal is not None or self.in_message or self.transport.is_closing():
            self.transport.abort()
        else:
            self.transport.close()
            self.watch.owes(self, self.limits.linger_seconds)

    def refuse(self, problem: Problem) -> None:
        """Ends the connection with `problem`, once earlier requests have had their answers."""
        if self.refusal is not None or self.transport.is_closing():
            return
        self.refusal = problem
        if self.cycle is None or self.cycle.response_complete:
            self._tell()
        elif self.in_message and not self.in_head:
            self.transport.abort()  # the body is no HTTP any more: nothing could be answered that the client would read

    def _stop(self, problem: Problem) -> None:
        self._unfit = problem
        raise ValueError(problem.reason)  # the parser gives up, and `_feed` refuses

    def _tell(self) -> None:
        self.transport.write(refusals.written(self.refusal or refusals.MALFORMED))
        # Closing at once, with bytes of the client unread, would cut off the answer on its way: it may finish first.
        self.transport.write_eof()
        self.flow.resume_reading()
        self.watch.waits(self, self.limits.linger_seconds)
