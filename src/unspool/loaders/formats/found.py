"""What readers of formats give: texts, and files that are inside of files."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

LONGEST_PIECE = 1 << 18
MOST_FOLD = 4
"""So many times what may be kept of a file is unpacked of it in all: what turns out to be too
large costs time, and layers of packing are counted each."""
TOLD_BYTES = 64 << 20
"""Unpacked from one sign of life to the next."""


class Unreadable(Exception):
    """The file cannot be read; the message says why, without its name."""


class TooMuch(Unreadable):
    """It unpacks to more than it may."""


class Text(NamedTuple):
    """A document. The first three are what a loader of another package gives, too."""

    name: str
    """Within the file; empty when the file is one document."""
    text: str
    metadata: Mapping[str, Any] = {}


class Inner(NamedTuple):
    """A file inside of a file, in whatever format."""

    name: str
    """Within the file; empty when it is the file itself, unpacked."""
    file: BinaryIO
    like: str
    """A name from whose ending its format can be told."""
    metadata: Mapping[str, Any] = {}
    size: int = 0
    """What the archive says of its length, in bytes; 0: nothing. A lie costs that file alone."""


class Link(NamedTuple):
    """A name in an archive for what stands there under another one."""

    name: str
    target: str
    """That other name; empty when it has none there."""
    why: str = ""
    """Why not."""


class Flaw(NamedTuple):
    """What is not whole in a file, or in one inside of it, though it is read."""

    name: str
    why: str


class Meter:
    """Counts what comes out of one file: what a header says of sizes is not believed.

    `limit` holds for what is kept of it, in bytes; `alive` is called from time to time.
    """

    def __init__(self, limit: int, alive: Callable[[], None] = lambda: None) -> None:
        self.limit, self.kept, self.count = limit, 0, 0
        self._alive = alive

    def add(self, size: int) -> None:
        """Counts what was unpacked. Raises TooMuch once that is far over the limit."""
        before, self.count = self.count, self.count + size
        if self.count > MOST_FOLD * self.limit:
            most = MOST_FOLD * self.limit >> 20
            raise TooMuch(f"unpacking comes to more than {most:,} MB and ends here: do it yourself")
        if before // TOLD_BYTES != self.count // TOLD_BYTES:
            self._alive()

    def check(self, size: int) -> None:
        """Raises TooMuch where so much more cannot be kept."""
        if self.kept + size > self.limit:
            before = "with what comes before, " if self.kept else ""
            most = f"{self.limit >> 20:,} MB"
            raise TooMuch(f"{before}it unpacks to more than {most}; unpack it yourself")

    def keep(self, size: int) -> None:
        """Counts what is kept; raises TooMuch as `check` does."""
        self.check(size)
        self.kept += size


class Metered(io.RawIOBase):
    """A stream whose bytes are counted as they are read. `size`: it says that it has so many."""

    def __init__(self, file: BinaryIO, meter: Meter, size: int = 0) -> None:
        self._file, self._meter = file, meter
        self._size, self._count, self._held = size, 0, False

    def hold(self) -> None:
        """What comes of it is kept or held in memory, in place of being unpacked further.

        Raises:
            TooMuch: it is too long for that, as reading it does from then on.
        """
        self._held = True
        self._meter.check(max(self._size, self._count))

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads no more at a time than can be counted soon."""
        # One read at a time: where the next one fails, what this one gave is not lost.
        read = getattr(self._file, "read1", self._file.read)
        data = read(min(len(buffer), LONGEST_PIECE))
        self._meter.add(len(data))
        self._count += len(data)
        if self._held:
            self._meter.check(self._count)
        buffer[: len(data)] = data
        return len(data)


def whole(file: BinaryIO) -> bytes:
    """All that is left in `file`."""
    return b"".join(iter(lambda: file.read(LONGEST_PIECE), b""))


def seekable(file: BinaryIO) -> BinaryIO:
    """`file`, or where it is a stream, what is in it."""
    return file if file.seekable() else io.BytesIO(whole(file))
