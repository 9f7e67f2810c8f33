"""What a cell prints: its head and its tail are kept, however much there is."""

from __future__ import annotations

import collections
import io
import threading
from typing import Any

KEEP_CHARS = 100_000
"""Kept of each stream at each end: more than any pack shows of it."""


class Roll:
    """The first and the last `keep` characters of a text that grows."""

    def __init__(self, keep: int = KEEP_CHARS) -> None:
        self._keep = keep
        self._lock = threading.RLock()  # a handler or a `__del__` may print while one prints
        self._head: list[str] = []
        self._head_room = keep
        self._tail: collections.deque[str] = collections.deque()
        self._tail_chars = 0
        self._cut = 0

    def add(self, text: str) -> None:
        """Appends `text`; what falls between head and tail is only counted."""
        with self._lock:
            if self._head_room:
                head, text = text[: self._head_room], text[self._head_room :]
                self._head.append(head)
                self._head_room -= len(head)
            if text:
                self._add_tail(text)

    def _add_tail(self, text: str) -> None:
        if len(text) > self._keep:
            self._cut += len(text) - self._keep
            text = text[-self._keep :]
        self._tail.append(text)
        self._tail_chars += len(text)
        while self._tail_chars - len(self._tail[0]) >= self._keep:
            gone = len(self._tail.popleft())
            self._tail_chars -= gone
            self._cut += gone

    def parts(self) -> tuple[str, str, int]:
        """Head, tail, and how many characters are missing between them."""
        with self._lock:
            tail, cut = "".join(self._tail), self._cut
            if len(tail) > self._keep:
                cut += len(tail) - self._keep
                tail = tail[-self._keep :]
            return "".join(self._head), tail, cut


class _Bytes(io.RawIOBase):
    """The `buffer` of a captured stream: bytes are shown as the text they spell."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._stream.roll.add(bytes(data).decode("utf-8", "replace"))
        return len(data)


class Stream(io.TextIOBase):
    """Stands in for `sys.stdout` and `sys.stderr`, for as long as the REPL lives.

    `roll` takes what is written; each cell has its own, so that whoever kept the stream
    (a logger, a thread) is heard in the cell that is running.
    """

    encoding = "utf-8"
    errors = "surrogatepass"

    def __init__(self, fd: int) -> None:
        self.roll = Roll()
        self._fd = fd
        self.buffer = _Bytes(self)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._fd

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.roll.add(text)
        return len(text)

    def reconfigure(self, **_: Any) -> None:
        """Accepted and ignored: there is one encoding here."""

    def close(self) -> None:
        """A cell that closes its output does not take it from the cells after it."""
