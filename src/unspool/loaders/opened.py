"""Files that may change, vanish or never end while they are read."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from unspool.loaders.decode import SNIFF_BYTES

PIECE_BYTES = 1 << 20
SIZELESS_BYTES = 1 << 30
"""Read at most of what does not say how long it is: a pipe, or a file that the kernel makes."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file, with what it began with when it was opened."""

    fd: int
    head: bytes
    size: int
    """In bytes, when it was opened; what was added later is not read."""
    modified: str
    """When it was changed last, by the clock of the world."""
    regular: bool

    @property
    def fd_again(self) -> int | None:
        """Its descriptor, where it can be read from the beginning; None: it cannot."""
        return self.fd if self.regular else None

    def rest(self) -> bytes:
        """All of it, the head too; less where it was cut short meanwhile."""
        pieces, left = [self.head], max(self.size, 0 if self.regular else SIZELESS_BYTES)
        if self.regular and not self.size:
            left = SIZELESS_BYTES
        left -= len(self.head)
        while left > 0 and (piece := os.read(self.fd, min(left, PIECE_BYTES))):
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)


class NotRegular(Exception):
    """It is a pipe, a socket or a device, which could keep its reader waiting for ever."""


@contextlib.contextmanager
def opened(path: str, *, regular: bool = False, follow: bool = True) -> Iterator[Opened]:
    """Opens a file for reading, and reads its head; with `follow`, through a link, too.

    Raises:
        OSError: it cannot be opened, or read.
        NotRegular: with `regular`, for what is none.
    """
    try:
        how = (os.O_NONBLOCK if regular else 0) | (0 if follow else os.O_NOFOLLOW)
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | how)
    except OSError as failed:
        if regular and failed.errno == errno.ENXIO:  # a socket
            raise NotRegular from failed
        raise
    try:
        status = os.fstat(fd)
        if regular and not stat.S_ISREG(status.st_mode):
            raise NotRegular
        head = os.read(fd, SNIFF_BYTES)
        while len(head) < SNIFF_BYTES and len(head) != status.st_size:
            piece = os.read(fd, SNIFF_BYTES - len(head))
            if not piece:
                break
            head += piece
        moment = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)
        yield Opened(
            fd,
            head,
            size=status.st_size,
            modified=moment.isoformat(" ", "seconds"),
            regular=stat.S_ISREG(status.st_mode),
        )
    finally:
        os.close(fd)


@contextlib.contextmanager
def kept_in_memory(data: bytes) -> Iterator[int]:
    """A descriptor of a file without a name that holds `data`."""
    if sys.platform == "linux":
        fd = os.memfd_create("unspool-file", os.MFD_CLOEXEC)
    else:
        fd, path = tempfile.mkstemp(prefix="unspool-")
        os.unlink(path)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
        yield fd
    finally:
        os.close(fd)
