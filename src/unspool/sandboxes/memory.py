"""What host and REPL share: a context in memory, and a folder that is no disk."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from typing import Any

from unspool.context.source import Context
from unspool.sandboxes.worker import textmap, wire

THREADED_CHARS = 4 << 20
"""A context longer than this is written to shared memory, and freed, on a thread."""
PIECE_CHARS = 1 << 18


class SharedContext:
    """A context in memory that processes share; it is gone when the last one closes it.

    A text is laid out as `worker.textmap` maps it; other data is JSON, as such a text.
    """

    def __init__(self, kind: str, layout: str, fd: int, size: int) -> None:
        self.kind, self.layout, self.fd, self.bytes = kind, layout, fd, size

    @classmethod
    async def of(cls, context: Context) -> SharedContext:
        """Writes `context` to shared memory."""
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
        kind = "text" if type(value) is str else "json"
        text = value if kind == "text" else wire.dumps(wire.encode(value))
        layout = _layout(text)
        fd, size = _memory_file(), 0
        try:
            for at in range(0, len(text), PIECE_CHARS):  # in pieces: never a second whole copy
                data = memoryview(_written(text[at : at + PIECE_CHARS], layout))
                size += len(data)
                while data:
                    data = data[os.write(fd, data) :]
            os.ftruncate(fd, size + textmap.WIDTHS[layout])
            return cls(kind, layout, _for_reading(fd), size)
        except BaseException:
            os.close(fd)
            raise

    async def close(self) -> None:
        """Gives up this end; where it is the last one, the memory is freed."""
        fd, self.fd = self.fd, -1
        if self.bytes > THREADED_CHARS:
            await asyncio.to_thread(os.close, fd)
        else:
            os.close(fd)


def _layout(text: str) -> str:
    """The narrowest layout that has all characters of `text`."""
    if text.isascii():
        return "ascii"
    layout = "latin"
    for at in range(0, len(text), PIECE_CHARS):
        piece = text[at : at + PIECE_CHARS]
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
