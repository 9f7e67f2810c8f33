"""What host and REPL share: a context in memory, and a folder that is no disk."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import itertools
import os
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from unspool.context.source import Context
from unspool.context.text import FileText, Part, TextPart, TextParts, is_text
from unspool.sandboxes.worker import textmap, wire

THREADED_CHARS = 4 << 20
"""A context longer than this is written to shared memory, and freed, on a thread."""
PIECE_CHARS = 1 << 18
WRITERS = 2
"""Threads that write a long text: half of the time, where there are as many processors."""

Pieces = Callable[[], Iterator[str]]
"""Gives a text piece by piece, from its start each time."""


class SharedContext:
    """A context that processes share; its memory is gone when the last one closes it.

    `kind` is `text` (laid out as `worker.textmap` maps it), `json` (other data as such a text),
    or `file`: UTF-8 that stays in its file. It is the `bytes` from `start` on behind `fd`.
    """

    def __init__(self, kind: str, layout: str, fd: int, size: int, *, start: int = 0) -> None:
        self.kind, self.layout, self.fd, self.bytes, self.start = kind, layout, fd, size, start
        self.is_part = False
        self.spans: Sequence[tuple[int, int]] = ()
        """Which parts of it are meant, in characters; none: all of it."""

    @property
    def mapped_bytes(self) -> int:
        """How much of it a process has in its address space."""
        return 0 if self.kind == "file" else self.bytes

    @classmethod
    async def of(cls, context: Context) -> SharedContext:
        """Writes `context` to shared memory, or opens its file.

        Raises:
            ContextError: its file cannot be read any more.
        """
        if context.chars <= THREADED_CHARS:
            return cls._write(context.value)
        writing = asyncio.ensure_future(asyncio.to_thread(cls._write, context.value))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            writing.add_done_callback(_close_written)
            raise

    @classmethod
    def _write(cls, value: Any) -> SharedContext:
        if isinstance(value, TextPart) and value.in_bytes:
            whole = cls._write(value.whole)
            try:
                return whole.part(value.start, value.end)
            finally:
                os.close(whole.fd)
        if isinstance(value, Part):
            value = value.text()
        if isinstance(value, FileText):
            return cls._of_file(value)
        kind = "text" if type(value) is str else "json"
        return cls._of_str(kind, value if kind == "text" else wire.dumps(wire.encode(value)))

    @classmethod
    def _of_str(cls, kind: str, text: str) -> SharedContext:
        layout = "ascii" if text.isascii() else _layout(_cut(text))
        size, fd = len(text) * textmap.WIDTHS[layout], _memory_file()
        try:
            os.ftruncate(fd, size + textmap.WIDTHS[layout])
            if len(text) <= THREADED_CHARS:
                _write_part(fd, text, layout, (0, len(text)))
            else:
                parts = itertools.pairwise(len(text) * n // WRITERS for n in range(WRITERS + 1))
                with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
                    list(pool.map(functools.partial(_write_part, fd, text, layout), parts))
            return cls(kind, layout, _for_reading(fd), size)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def _of_pieces(cls, pieces: Pieces) -> SharedContext:
        layout = _layout(pieces())
        fd, size = _memory_file(), 0
        try:
            for piece in pieces():  # in pieces: never a second whole copy
                size += _write_all(fd, _written(piece, layout))
            os.ftruncate(fd, size + textmap.WIDTHS[layout])
            return cls("text", layout, _for_reading(fd), size)
        except BaseException:
            os.close(fd)
            raise

    @classmethod
    def _of_file(cls, text: FileText) -> SharedContext:
        if text.is_whole:
            return cls._of_pieces(text.pieces)
        if text.encoding == "utf-8":
            return cls("file", "", text.open(), text.size - text.start, start=text.start)
        fd, path = tempfile.mkstemp(prefix="unspool-context-")
        try:
            os.unlink(path)
            size = sum(_write_all(fd, piece.encode("utf-8", "replace")) for piece in text.pieces())
            return cls("file", "", _for_reading(fd), size)
        except BaseException:
            os.close(fd)
            raise

    def part(self, start: int, end: int) -> SharedContext:
        """A part of it, which has the memory in common; this one is closed by itself."""
        width = 1 if self.kind == "file" else textmap.WIDTHS[self.layout]
        first, size = self.start + start * width, (end - start) * width
        made = SharedContext(self.kind, self.layout, os.dup(self.fd), size, start=first)
        made.is_part = True
        return made

    def parts(self, spans: Sequence[tuple[int, int]]) -> SharedContext:
        """Several parts of it, which have the memory in common."""
        made = self.part(0, self.bytes // textmap.WIDTHS[self.layout])
        made.spans = spans
        return made

    async def close(self) -> None:
        """Gives up this end; where it is the last one, the memory is freed."""
        fd, self.fd = self.fd, -1
        if self.mapped_bytes > THREADED_CHARS and not self.is_part:
            await asyncio.to_thread(os.close, fd)
        else:
            os.close(fd)


class SharedContexts:
    """Those that are open in one sandbox: a part of one shares its memory."""

    def __init__(self) -> None:
        self._open: dict[int, tuple[Any, weakref.ref[SharedContext]]] = {}

    async def of(self, context: Context) -> SharedContext:
        """See `SharedContext.of`."""
        value = context.value
        if isinstance(value, Part):
            whole, shared = self._open.get(id(value.whole), (None, None))
            found = shared() if shared is not None and whole is value.whole else None
            if found is not None and found.fd >= 0:
                if isinstance(value, TextParts):
                    return found.parts(value.spans)
                return found.part(value.start, value.end)
        made = await SharedContext.of(context)
        if is_text(value) and not isinstance(value, Part):
            self._open[id(value)] = value, weakref.ref(made, self._forget)
        return made

    def _forget(self, gone: weakref.ref[SharedContext]) -> None:
        self._open = {key: one for key, one in self._open.items() if one[1] is not gone}


def _write_all(fd: int, data: bytes) -> int:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return len(data)


def _write_part(fd: int, text: str, layout: str, part: tuple[int, int]) -> None:
    """Writes what is between two places of a text, to where it belongs."""
    start, stop = part
    place = start * textmap.WIDTHS[layout]
    for at in range(start, stop, PIECE_CHARS):
        view = memoryview(_written(text[at : min(stop, at + PIECE_CHARS)], layout))
        while view:
            done = os.pwrite(fd, view, place)
            place, view = place + done, view[done:]


def _cut(text: str) -> Iterator[str]:
    return (text[at : at + PIECE_CHARS] for at in range(0, len(text), PIECE_CHARS))


def _layout(pieces: Iterator[str]) -> str:
    """The narrowest layout that has all characters of a text."""
    layout = "ascii"
    for piece in pieces:
        if piece.isascii():
            continue
        if layout == "ascii":
            layout = "latin"
        if layout == "latin" and not _is_latin(piece):
            layout = "two"
        if layout == "two" and len(_written(piece, "two")) > 2 * len(piece):
            return "four"
    return layout


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _written(text: str, layout: str) -> bytes:
    return text.encode(textmap.CODECS[layout], "surrogatepass")


def _for_reading(fd: int) -> int:
    """The same memory without the right to write to it: a REPL must not change another's."""
    if sys.platform != "linux":
        return fd
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    os.close(fd)
    return again


def _close_written(writing: asyncio.Future[SharedContext]) -> None:
    """Frees what was written for somebody who has left."""
    if not writing.cancelled() and writing.exception() is None:
        os.close(writing.result().fd)


def folder_in_memory() -> str | None:
    """A folder that is no disk, for what cells write; None: the system's for temporary files."""
    shared = "/dev/shm"
    return shared if os.path.isdir(shared) and os.access(shared, os.W_OK) else None


def _memory_file() -> int:
    if sys.platform == "linux":
        return os.memfd_create("unspool-context", os.MFD_CLOEXEC)
    fd, path = tempfile.mkstemp(prefix="unspool-context-")
    os.unlink(path)
    return fd
