"""Frames over a socket on the event loop, and a clock that can be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from unspool.sandboxes.worker import wire

PIECE_BYTES = 1 << 16


class Link(asyncio.BufferedProtocol):
    """Gives each frame that arrives to `on_frame`, and `on_lost` the end, once.

    Whatever the other end sends, nothing is raised here: what is no frame ends the link.
    What arrives is read into one piece of memory: a new one for each frame costs more than
    all that is done with it.
    """

    def __init__(
        self, on_frame: Callable[[dict[str, Any]], None], on_lost: Callable[[], None]
    ) -> None:
        self._on_frame, self._on_lost = on_frame, on_lost
        self._piece = memoryview(bytearray(PIECE_BYTES))
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def send(self, message: dict[str, Any]) -> None:
        """Sends one frame, or nothing once the link has ended.

        Raises:
            WireError: the message is too long.
        """
        if self._transport is not None:
            self._transport.write(wire.pack(message))

    def close(self) -> None:
        """Ends the link; `on_lost` is still called."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._piece

    def buffer_updated(self, nbytes: int) -> None:
        self._buffer += self._piece[:nbytes]
        try:
            for frame in self._frames():
                self._on_frame(frame)
        except wire.WireError:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._on_lost()

    def _frames(self) -> list[dict[str, Any]]:
        frames, at = [], 0
        buffer = self._buffer
        while len(buffer) - at >= wire.HEADER_BYTES:
            start = at + wire.HEADER_BYTES
            end = start + wire.body_bytes(buffer[at:start])
            if len(buffer) < end:
                break
            frames.append(wire.unpack(buffer[start:end]))
            at = end
        del buffer[:at]
        return frames


class CellClock:
    """Counts a cell's own seconds: not those in which it waits for a model.

    There is one timer, which looks at the clock when it goes off: calls by the thousand stop
    and start the clock.
    """

    def __init__(self, seconds: float, on_expired: Callable[[], None]) -> None:
        self._left_s = seconds
        self._on_expired = on_expired
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._waits = 0

    def start(self) -> None:
        """Lets the clock run."""
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since + max(0.0, self._left_s), self._look)

    def stop(self) -> None:
        """Holds the clock for good."""
        self._hold()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait_begins(self) -> None:
        """A call to the host has begun; the first of several holds the clock."""
        self._waits += 1
        if self._waits == 1:
            self._hold()

    def wait_ends(self) -> None:
        """A call has ended; after the last one the clock runs on."""
        self._waits -= 1
        if self._waits == 0:
            self.start()

    def _hold(self) -> None:
        if self._since is not None:
            self._left_s -= self._loop.time() - self._since
            self._since = None

    def _look(self) -> None:
        self._timer = None
        if self._since is None:  # the end of the wait starts another timer
            return
        self._hold()
        if self._left_s > 0:
            self.start()
        else:
            self._on_expired()


class Pause:
    """Holds the clocks of cells while a REPL does what they are not to be charged for: for
    `seconds` in all, whatever it says."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds
        self._clock: CellClock | None = None
        self._ends: asyncio.TimerHandle | None = None

    def begin(self, clock: CellClock | None) -> None:
        """Holds the clock of the cell that runs, if one does."""
        if clock is None or self._clock is not None or self._left_s <= 0:
            return
        self._clock = clock
        clock.wait_begins()
        self._ends = asyncio.get_running_loop().call_later(self._left_s, self.end)

    def end(self) -> None:
        """The clock runs on, where it was held."""
        clock, self._clock = self._clock, None
        if clock is None or self._ends is None:
            return
        self._ends.cancel()
        self._left_s = self._ends.when() - asyncio.get_running_loop().time()
        clock.wait_ends()
