"""The worker's end of the socket: many threads call, whoever waits reads for all."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from . import wire


class CallFailed(Exception):
    """The host could not do what a call asked; the message says why."""


PIECE_BYTES = 1 << 16
COMMANDS = 0
"""The number under which the main thread waits for what the host wants next."""


class _Slot:
    """One thread that waits for a frame."""

    __slots__ = ("frame", "lead", "wake")

    def __init__(self) -> None:
        self.frame: dict[str, Any] | None = None
        self.lead = False
        self.wake = threading.Lock()
        self.wake.acquire()


class Begun:
    """A call that was sent; `frame` is its reply, once that was read."""

    __slots__ = ("frame", "number")

    def __init__(self) -> None:
        self.number = 0
        self.frame: dict[str, Any] | None = None


class _Guard:
    """Holds interrupts and the model's own signal handlers back while the main thread works
    where they would tear something; they come when it is done."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._mine: list[bool] = []

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        if main:
            self._mine.append(not self._channel.guarded)
            self._channel.guarded = True

    def __exit__(self, *_: object) -> None:
        channel = self._channel
        if threading.current_thread() is not threading.main_thread() or not self._mine.pop():
            return
        channel.guarded = False
        if channel.interrupted:
            channel.interrupted = False
            raise KeyboardInterrupt
        while channel.owed:
            channel.owed.pop(0)()


class Channel:
    """Sends frames, and hands each reply to the thread that waits for it.

    There is no reading thread: a hand-over between threads would cost more than the
    whole trip. The first thread that waits reads; when its own reply is there, it makes
    another waiting thread the reader.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._numbers = itertools.count(COMMANDS + 1)
        self._open(sock)

    def reopen(self, sock: socket.socket) -> None:
        """Begins anew over another socket, in a fork that has the calling thread alone."""
        self.hang_up()
        self._open(sock)

    def hang_up(self) -> None:
        """Closes this process's end of the socket."""
        self._sock.close()

    def _open(self, sock: socket.socket) -> None:
        self._sock = sock
        self._piece = memoryview(bytearray(PIECE_BYTES))
        self._unread = self._piece[:0]
        self._send_lock = threading.Lock()
        self._lock = threading.Lock()
        self._waiting: dict[int, _Slot] = {}
        self._commands: collections.deque[dict[str, Any]] = collections.deque()
        self._reading = False
        self._begun: dict[int, Begun] = {}
        self.arrived: collections.deque[Begun] = collections.deque()
        """Calls that were begun whose replies have been read."""
        self.guard = _Guard(self)
        self.guarded = False
        """True while the main thread is in here, where an interrupt would tear a frame."""
        self.interrupted = False
        """An interrupt came while `guarded`: it is owed to the main thread."""
        self.owed: list[Callable[[], object]] = []
        """Signal handlers of the model's own that came due while `guarded`."""

    def send(self, message: dict[str, Any]) -> None:
        """Sends one frame; ends the process when the host is gone."""
        frame = wire.pack(message)
        with self._send_lock:
            try:
                self._sock.sendall(frame)
            except OSError:
                os._exit(0)

    @contextlib.contextmanager
    def unhurried(self) -> Iterator[None]:
        """The cell is not charged for the time that this lasts, within bounds of the host's."""
        self._tell_hurry(on=False)
        try:
            yield
        finally:
            self._tell_hurry(on=True)

    def _tell_hurry(self, *, on: bool) -> None:
        with self.guard:
            self.send({"op": "hurry", "on": on})

    def command(self) -> dict[str, Any]:
        """The next frame that is no reply; for the main thread alone."""
        with self._lock:
            if self._commands:
                return self._commands.popleft()
            slot = self._join(COMMANDS)
        return self._wait(COMMANDS, slot)

    def call(self, name: str, args: list[Any], idle: Callable[[], bool] | None = None) -> Any:
        """Has the host run `name`, and waits for what it gives.

        `idle` is called over and over while there is nothing to read, until it gives False.

        Raises:
            CallFailed: the host says that it cannot.
        """
        with self.guard:
            reply = self._exchange(name, args, idle)
        return self.result(reply)

    def begin(self, begun: Begun, name: str, args: list[Any]) -> None:
        """Sends a call, and does not wait. For the main thread, inside of `guard`."""
        begun.number = next(self._numbers)
        message = {"op": "call", "call": begun.number, "name": name, "args": wire.encode(args)}
        with self._lock:
            self._begun[begun.number] = begun
        try:
            self.send(message)
        except BaseException:
            self._begun.pop(begun.number, None)
            raise

    def finish(self, begun: Begun, idle: Callable[[], bool]) -> Any:
        """Waits for what a call gives that was begun.

        Raises:
            CallFailed: see `call`.
        """
        with self.guard:
            with self._lock:
                slot = self._join(begun.number) if begun.frame is None else None
            if slot is not None:
                self._wait(begun.number, slot, idle)
        assert begun.frame is not None
        return self.result(begun.frame)

    @staticmethod
    def result(reply: dict[str, Any]) -> Any:
        """What is in a reply.

        Raises:
            CallFailed: an error.
        """
        if "error" in reply:
            raise CallFailed(reply["error"])
        return wire.decode(reply["value"], records=True)

    def _exchange(
        self, name: str, args: list[Any], idle: Callable[[], bool] | None
    ) -> dict[str, Any]:
        number = next(self._numbers)
        message = {"op": "call", "call": number, "name": name, "args": wire.encode(args)}
        with self._lock:
            slot = self._join(number)
        try:
            self.send(message)
        except BaseException:
            self._leave(number, slot)
            raise
        return self._wait(number, slot, idle)

    def _join(self, number: int) -> _Slot:
        slot = self._waiting[number] = _Slot()
        slot.lead, self._reading = not self._reading, True
        return slot

    def _wait(
        self, number: int, slot: _Slot, idle: Callable[[], bool] | None = None
    ) -> dict[str, Any]:
        while slot.frame is None:
            if idle is not None and not (slot.lead and self._is_readable()) and idle():
                continue
            if slot.lead:
                self._read_for_all()
            else:
                slot.wake.acquire()
        self._leave(number, slot)
        return slot.frame

    def _read_for_all(self) -> None:
        frame = wire.unpack(self._exactly(wire.body_bytes(self._exactly(wire.HEADER_BYTES))))
        number = frame.get("call", COMMANDS)
        with self._lock:
            begun = self._begun.pop(number, None)
            if begun is not None:
                begun.frame = frame
                self.arrived.append(begun)
            slot = self._waiting.get(number)
            if slot is None or slot.frame is not None:  # it has one it has not looked at yet
                if number == COMMANDS:
                    self._commands.append(frame)
                return
            slot.frame = frame
        if not slot.lead:
            slot.wake.release()

    def _leave(self, number: int, slot: _Slot) -> None:
        """Takes a thread off the list, and names another reader if this one was it."""
        with self._lock:
            del self._waiting[number]
            if not slot.lead:
                return
            heir = next((s for s in self._waiting.values() if s.frame is None), None)
            self._reading = heir is not None
            if heir is not None:
                heir.lead = True
                heir.wake.release()

    def rests(self, seconds: float) -> bool:
        """Waits so long; False as soon as there is something to read."""
        if self._unread:
            return False
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        return not poll.poll(seconds * 1000)

    def _is_readable(self) -> bool:
        return not self.rests(0)

    def _exactly(self, size: int) -> bytearray:
        """The next `size` bytes; what the socket has beyond them is kept for the next time."""
        data = bytearray(size)
        view, done = memoryview(data), 0
        while done < size:
            if not self._unread and size - done < PIECE_BYTES:
                self._unread = self._piece[: self._received(self._piece)]
            if self._unread:
                part = self._unread[: size - done]
                view[done : done + len(part)] = part
                self._unread = self._unread[len(part) :]
                done += len(part)
            else:
                done += self._received(view[done:])
        return data

    def _received(self, room: memoryview) -> int:
        try:
            count = self._sock.recv_into(room)
        except OSError:
            count = 0
        if count == 0:
            os._exit(0)  # the host is gone: there is nobody left to work for
        return count
