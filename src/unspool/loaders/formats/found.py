"""What readers of formats give: texts, and files that are inside of files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

LONGEST_PIECE = 1 << 18


class Unreadable(Exception):
    """The file cannot be read; the message says why, without its name."""


class TooMuch(Unreadable):
    """It unpacks to more than it may."""

    told = False


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


class Meter:
    """Counts what comes out: what a header says of sizes is not believed."""

    def __init__(self, limit: int) -> None:
        self.limit, self.count = limit, 0

    def add(self, size: int) -> None:
        """Raises TooMuch once it is more than the limit in all."""
        self.count += size
        if self.count > self.limit:
            raise TooMuch(f"it unpacks to more than {self.limit >> 20:,} MB; unpack it yourself")


class Metered(io.RawIOBase):
    """A stream whose bytes are counted as they are read."""

    def __init__(self, file: BinaryIO, meter: Meter) -> None:
        self._file, self._meter = file, meter

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Reads no more at a time than can be counted soon."""
        # One read at a time: where the next one fails, what this one gave is not lost.
        read = getattr(self._file, "read1", self._file.read)
        data = read(min(len(buffer), LONGEST_PIECE))
        self._meter.add(len(data))
        buffer[: len(data)] = data
        return len(data)


def whole(file: BinaryIO) -> bytes:
    """All that is left in `file`."""
    return b"".join(iter(lambda: file.read(LONGEST_PIECE), b""))


def seekable(file: BinaryIO) -> BinaryIO:
    """`file`, or where it is a stream, what is in it."""
    return file if file.seekable() else io.BytesIO(whole(file))
