"""Texts that a context holds without having them in memory."""

from __future__ import annotations

import bisect
import codecs
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, ClassVar

from unspool.context.stored import StoredText
from unspool.errors import ContextError

WHOLE_BYTES = 256 << 20
"""A file up to this long is a `str` in the REPL; a longer one stays in its file."""
PIECE_BYTES = 1 << 20
SAMPLES = 64
SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class FileText:
    """The text in a file. It is read in pieces, when it is needed, and never kept."""

    path: str
    size: int
    """In bytes, as it was when the file was looked at."""
    changed_ns: int = field(repr=False, default=0)
    """When the file was last changed, in nanoseconds."""
    inode: int = field(repr=False, compare=False, default=0)
    """Which file it was, by its number on the disk."""
    encoding: str = "utf-8"
    start: int = 0
    """Where the text begins, in bytes: behind a byte-order mark."""
    chars: int = 0
    """Characters of text; roughly so many, where it is not `exact`."""
    exact: bool = True
    whole_bytes: int = field(repr=False, default=WHOLE_BYTES)

    @property
    def is_whole(self) -> bool:
        """Whether it is short enough to be a `str` in the REPL."""
        return self.size <= self.whole_bytes

    @property
    def most_bytes(self) -> int:
        """How many bytes it has at most as UTF-8."""
        each = 1 if self.encoding == "utf-8" else 3  # of the longest, for one of Windows-1252
        return each * (self.size - self.start)

    def open(self) -> int:
        """A descriptor of the file, for reading; the caller closes it.

        Raises:
            ContextError: it is gone, or shorter than it was.
        """
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except (OSError, ValueError) as failed:
            why = getattr(failed, "strerror", None) or failed
            raise ContextError(f"{self.path} cannot be read any more: {why}.") from failed
        if os.fstat(fd).st_size < self.size:
            os.close(fd)
            raise ContextError(
                f"{self.path} has become shorter since the run began: start the run again."
            )
        return fd

    @property
    def has_changed(self) -> bool:
        """Whether other text is there now, for all that can be told without reading it; a file
        that has only grown still has the same.

        Raises:
            OSError: nothing is there.
        """
        found = os.stat(self.path)
        has_grown = found.st_ino == self.inode and found.st_size > self.size
        return found.st_mtime_ns != self.changed_ns and not has_grown

    def pieces(self) -> Iterator[str]:
        """All of the text in order, decoded; what is broken is U+FFFD.

        Raises:
            ContextError: it cannot be read to its end.
        """
        fd = self.open()
        try:
            yield from decoded_pieces(fd, self.start, self.size, self.encoding)
        finally:
            os.close(fd)

    def samples(self) -> Iterator[str]:
        """What tells this text from another one: all of it, or of a long one some parts."""
        if self.is_whole:
            yield from self.pieces()
            return
        fd = self.open()
        try:
            yield f"{self.size} bytes as {self.encoding}"
            for at in spread(self.start, self.size):
                yield os.pread(fd, SAMPLE_BYTES, at).decode(self.encoding, "replace")
        finally:
            os.close(fd)

    def ends(self, chars: int) -> tuple[str, str]:
        """So many characters of its head and of its tail; of a short text the whole and none.

        Raises:
            ContextError: it cannot be read any more.
        """
        fd = self.open()
        try:
            head = os.pread(fd, min(self.size - self.start, 8 * chars), self.start)
            if self.size - self.start <= 8 * chars:
                text = head.decode(self.encoding, "replace")
                return (text, "") if len(text) <= 2 * chars else (text[:chars], text[-chars:])
            low = self.size - 8 * chars
            low -= (low - self.start) % 4  # no encoding has longer units
            tail = os.pread(fd, self.size - low, low).decode(self.encoding, "replace")
            return head.decode(self.encoding, "replace")[:chars], tail[-chars:]
        finally:
            os.close(fd)


@dataclass(frozen=True, slots=True)
class TextPart:
    """A part of a text. Both ends count as the REPL does that has the whole: characters of a
    `str`, bytes of a text that stays in its file."""

    whole: str | FileText = field(repr=False)
    start: int
    end: int

    @property
    def in_bytes(self) -> bool:
        """Whether the ends are bytes."""
        return isinstance(self.whole, FileText) and not self.whole.is_whole

    @property
    def chars(self) -> int:
        """How many characters it has; at most so many, where its ends are bytes."""
        return self.end - self.start

    @property
    def exact(self) -> bool:
        """Whether `chars` is."""
        return not self.in_bytes

    def text(self) -> str:
        """It as a `str` of its own."""
        return self._between(self.start, self.end)

    def ends(self, chars: int) -> tuple[str, str]:
        """See `FileText.ends`. Nothing of a long file that is not UTF-8: the whole would have to
        be read for it."""
        if self.in_bytes and isinstance(self.whole, FileText) and self.whole.encoding != "utf-8":
            return "", ""
        width = 4 if self.in_bytes else 1
        if self.chars <= 2 * chars * width:
            text = self.text()
            return (text, "") if len(text) <= 2 * chars else (text[:chars], text[-chars:])
        head = self._between(self.start, self.start + chars * width)
        return head[:chars], self._between(self.end - chars * width, self.end)[-chars:]

    def _between(self, start: int, end: int) -> str:
        whole = self.whole
        if isinstance(whole, str):
            return whole[start:end]
        if not self.in_bytes:
            os.close(whole.open())  # it may be gone, or shorter
            return _indexed(whole)[start:end]
        if whole.encoding != "utf-8":
            return _part_as_utf8(whole, start, end)
        fd = whole.open()
        try:
            return os.pread(fd, end - start, whole.start + start).decode("utf-8", "replace")
        finally:
            os.close(fd)


@lru_cache(maxsize=2)
def _indexed(text: FileText) -> StoredText:
    """The text in a file, and where which characters are in it: the next part is read at once."""
    return StoredText(text.path, text.start, text.size, text.encoding)


def _part_as_utf8(text: FileText, start: int, end: int) -> str:
    """What is between two bytes of a text once it is UTF-8, as a REPL has it."""
    found, at = [], 0
    for piece in text.pieces():
        data = piece.encode("utf-8", "replace")
        found.append(data[max(0, start - at) : max(0, end - at)])
        at += len(data)
        if at >= end:
            break
    return b"".join(found).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class TextParts:
    """Several parts of a text, one after the other."""

    whole: str = field(repr=False)
    spans: tuple[tuple[int, int], ...] = field(repr=False)
    """Where each starts and ends, in characters."""
    starts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """Where each starts in what they make together; and, last, where that ends."""
    exact: ClassVar[bool] = True

    def __post_init__(self) -> None:
        sizes = (end - start for start, end in self.spans)
        object.__setattr__(self, "starts", tuple(itertools.accumulate(sizes, initial=0)))

    @property
    def chars(self) -> int:
        """How many characters they have together."""
        return self.starts[-1]

    def text(self) -> str:
        """They as one `str`."""
        return "".join(self.whole[start:end] for start, end in self.spans)

    def ends(self, chars: int) -> tuple[str, str]:
        """See `FileText.ends`."""
        if self.chars <= 2 * chars:
            return self.text(), ""
        return passage(self, 0, chars), passage(self, self.chars - chars, self.chars)


Part = TextPart | TextParts
Text = FileText | Part


def passage(value: Any, start: int, end: int) -> str:
    """What is between two places of a text in memory, in characters."""
    if isinstance(value, str):
        return value[start:end]
    return "".join(value.whole[low:high] for low, high in places_of(value, start, end))


def places_of(value: Any, start: int, end: int) -> list[tuple[int, int]]:
    """Where in its whole that is which is between two places of a text in memory."""
    if not isinstance(value, TextParts):
        at = value.start if isinstance(value, TextPart) else 0
        return [(at + start, at + end)]
    places = []
    for number in range(bisect.bisect_right(value.starts, start) - 1, len(value.spans)):
        (low, high), at = value.spans[number], value.starts[number]
        if at >= end:
            break
        places.append((low + max(0, start - at), min(high, low + end - at)))
    return places


def decoded_pieces(fd: int, start: int, end: int, encoding: str) -> Iterator[str]:
    """The text between two places of a file, in order."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    while start < end:
        data = os.pread(fd, min(PIECE_BYTES, end - start), start)
        if not data:
            raise ContextError("the context's file became shorter while it was being read.")
        start += len(data)
        text = decoder.decode(data, final=start >= end)
        if text:
            yield text


def spread(start: int, end: int) -> Iterator[int]:
    """Places between two others, the first of them at the start, all divisible by four."""
    step = max(1, (end - start) // SAMPLES)
    return (start + at - at % 4 for at in range(0, end - start, step))


def is_text(value: Any) -> bool:
    """Whether a context's value is one text, in memory or not."""
    return isinstance(value, (str, Text))
