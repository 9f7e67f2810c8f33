"""One HTTP/1.1 connection of the scripted server: requests in, scripted bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from unspool.testing.render import Wire


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request as it came over the connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Outcome(Protocol):
    """What is to be sent for one request, and who wants to know how it went."""

    @property
    def wire(self) -> Wire: ...
    @property
    def latency_s(self) -> float: ...
    @property
    def drip_s(self) -> float: ...

    def sent(self) -> None:
        """Called just before the last byte is handed to the connection."""

    def abandoned(self) -> None:
        """Called when the client goes away before that."""


class Connection(asyncio.Protocol):
    """Answers the requests of one connection in order, one at a time."""

    def __init__(
        self, answer: Callable[[HttpRequest], Outcome], open_connections: set[Connection]
    ) -> None:
        self._answer = answer
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._needed = 0
        self._current: Outcome | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._current is not None:
            self._current.abandoned()
            self._current = None

    def close(self) -> None:
        """Cuts the connection at once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= self._needed:
            self._advance()

    def _advance(self) -> None:
        while self._current is None and not self._transport.is_closing():
            request = self._take()
            if request is None:
                return
            self._current = outcome = self._answer(request)
            if outcome.latency_s > 0:
                self._timer = self._loop.call_later(outcome.latency_s, self._send, 0)
            else:
                self._send(0)

    def _take(self) -> HttpRequest | None:
        if not self._buffer:
            return None
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self._buffer[:end].decode("latin-1")
        first, _, rest = head.partition("\r\n")
        headers = {}
        for line in rest.split("\r\n"):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        start = end + 4
        stop = start + int(headers.get("content-length") or 0)
        if len(self._buffer) < stop:
            if not self._needed and headers.get("expect"):
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._needed = stop
            return None
        body = bytes(self._buffer[start:stop])
        del self._buffer[:stop]
        self._needed = 0
        self._last = headers.get("connection", "").lower() == "close"
        method, path, _ = (first + "  ").split(" ", 2)
        return HttpRequest(method, path, headers, body)

    def _send(self, number: int) -> None:
        outcome = self._current
        assert outcome is not None
        self._timer = None
        pieces = outcome.wire.pieces
        if outcome.drip_s > 0 and number < len(pieces) - 1:
            self._transport.write(pieces[number])
            self._timer = self._loop.call_later(outcome.drip_s, self._send, number + 1)
            return
        self._current = None
        outcome.sent()
        self._transport.write(b"".join(pieces[number:]))
        if outcome.wire.close or self._last:
            self._transport.close()
        elif self._buffer:
            self._loop.call_soon(self._advance)
