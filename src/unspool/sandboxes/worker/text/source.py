"""The bytes of a text in a file, read piece by piece, and which character is where in them.

The bytes are UTF-8; what is broken in them counts as U+FFFD, as `bytes.decode` has it with
'replace'. The file is read and never mapped: it may shrink while it is read, which would be
the end of a process that has it mapped, and pages that are mapped count as its memory.
"""

from __future__ import annotations

import bisect
import os
from array import array
from dataclasses import dataclass


class TextChanged(RuntimeError):
    """The file that a text is in has become shorter, or cannot be read any more."""


class TooLarge(ValueError):
    """What was asked for would bring too much of a text into memory; the message says what
    to do instead."""


@dataclass(frozen=True)
class Sizes:
    """How much is handled at once, in bytes."""

    block: int = 1 << 16
    """Between two entries of the index of characters."""
    window: int = 1 << 20
    """Read at a time."""
    string: int = 16 << 20
    """The longest slice that is a `str` of its own."""
    reach: int = 64 << 20
    """How far a match may have to look from where it begins."""


class Source:
    """Bytes `start` to `end` of the file behind the descriptor `fd`, as UTF-8.

    All offsets are relative to `start`. The index grows as far as it is needed, and is kept.
    """

    def __init__(self, fd: int, start: int, end: int, sizes: Sizes | None = None) -> None:
        self._fd, self._first = fd, start
        self.size, self.sizes = max(0, end - start), sizes or Sizes()
        self._seen = self._state()
        self._counts = array("Q", [0])
        """Characters before the boundary of each block."""
        self._lines = array("Q", [0])
        """Line feeds before each multiple of a window."""
        self.given: dict[int, tuple[int, int]] = {}
        """Where long strings that were cut out of it are, by the hash of their first characters."""

    @property
    def first(self) -> int:
        """Where it begins in its file, in bytes."""
        return self._first

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`.

        Raises:
            TextChanged: they are not there any more.
        """
        data = self._read(start, end)
        if len(data) == end - start or end <= start:
            return data
        parts = [data]  # one call gives 2 GB at most
        start += len(data)
        while start < end and data:
            data = self._read(start, end)
            parts.append(data)
            start += len(data)
        if start < end:
            raise TextChanged(
                "the file behind this text has become shorter while it was in use: its end is"
                " gone, what is before it can still be read"
            )
        return b"".join(parts)

    def _read(self, start: int, end: int) -> bytes:
        try:
            return os.pread(self._fd, max(0, end - start), self._first + start)
        except OSError as failed:
            raise TextChanged(f"the file behind this text cannot be read: {failed}") from failed

    def text(self, start: int, end: int) -> str:
        """The characters in those bytes, both ends of which are boundaries."""
        return decoded(self.read(start, end))

    def has_changed(self) -> bool:
        """Whether the file is another than when this was last asked; one that only grew is
        the same, for what was added is not part of the text."""
        before, self._seen = self._seen, self._state()
        if before == self._seen:
            return False
        return self._seen[0] <= before[0] or self._seen[0] < self._first + self.size

    def _state(self) -> tuple[int, int]:
        try:
            found = os.fstat(self._fd)
        except OSError:
            return 0, 0
        return found.st_size, found.st_mtime_ns

    def boundary(self, at: int) -> int:
        """The first place at or behind `at` where a character begins or the text ends."""
        if at <= 0 or at >= self.size:
            return min(max(at, 0), self.size)
        low = max(0, at - 3)
        data = self.read(low, min(self.size, at + 4))
        here = lead = at - low
        while lead >= 0 and data[lead] & 0xC0 == 0x80:
            lead -= 1
        if lead in (here, -1):
            return at
        return max(at, low + lead + _first_bytes(data[lead : lead + 4]))

    def chars(self) -> int:
        """How many characters there are; one pass, the first time."""
        while self._grow():
            pass
        return self._counts[-1]

    def chars_before(self, at: int) -> int:
        """How many characters there are before the boundary `at`."""
        block = min(at, self.size) // self.sizes.block
        while len(self._counts) <= block and self._grow():
            pass
        if block >= len(self._counts):
            return self._counts[-1]
        start, known = self.boundary(block * self.sizes.block), self._counts[block]
        if block + 1 < len(self._counts):
            end = self.boundary((block + 1) * self.sizes.block)
            if self._counts[block + 1] - known == end - start:
                return known + at - start
        return known + count_chars(self.read(start, at))

    def byte_at(self, char: int) -> int:
        """Where the character of that number begins; the end, when there are fewer."""
        if char <= 0:
            return 0
        while self._counts[-1] <= char and self._grow():
            pass
        if char >= self._counts[-1]:
            return self.size
        block = bisect.bisect_right(self._counts, char) - 1
        start = self.boundary(block * self.sizes.block)
        end = self.boundary((block + 1) * self.sizes.block)
        wanted = char - self._counts[block]
        if self._counts[block + 1] - self._counts[block] == end - start:
            return start + wanted
        return start + bytes_of(self.read(start, end), wanted)

    def back(self, at: int, chars: int) -> int:
        """Where the last `chars` characters before the boundary `at` begin; for few of them."""
        start = self.boundary(max(0, at - 4 * chars))
        data = self.read(start, at)
        return start + bytes_of(data, max(0, count_chars(data) - chars))

    def forth(self, at: int, chars: int) -> int:
        """Where `chars` characters that begin at the boundary `at` end; for few of them."""
        data = self.read(at, self.boundary(min(self.size, at + 4 * chars)))
        return at + bytes_of(data, min(chars, count_chars(data)))

    def find(self, needle: bytes, start: int, end: int) -> int:
        """Where `needle` is first found between two places; -1 when it is not."""
        step = max(self.sizes.window, 4 * len(needle))
        while start + len(needle) <= end:
            data = self.read(start, min(end, start + step))
            found = data.find(needle)
            if found >= 0:
                return start + found
            start += max(1, len(data) - len(needle) + 1)
        return -1

    def rfind(self, needle: bytes, start: int, end: int) -> int:
        """Where `needle` is last found between two places; -1 when it is not."""
        step = max(self.sizes.window, 4 * len(needle))
        while start + len(needle) <= end:
            low = max(start, end - step)
            found = self.read(low, end).rfind(needle)
            if found >= 0:
                return low + found
            if low == start:
                break
            end = low + len(needle) - 1
        return -1

    def count(self, needle: bytes, start: int, end: int) -> int:
        """How often `needle` is found between two places, one behind the other."""
        step, found = max(self.sizes.window, 4 * len(needle)), 0
        while start + len(needle) <= end:
            data = self.read(start, min(end, start + step))
            if len(needle) == 1:
                found += data.count(needle)
                start += len(data)
                continue
            *whole, rest = data.split(needle)
            found += len(whole)
            start += len(data) - min(len(rest), len(needle) - 1)
        return found

    def lines_before(self, at: int) -> int:
        """How many line feeds there are before a place; kept as far as they were counted."""
        step, known = self.sizes.window, self._lines
        while len(known) * step <= at:
            start = (len(known) - 1) * step
            known.append(known[-1] + self.read(start, start + step).count(b"\n"))
        start = at // step * step
        return known[at // step] + self.read(start, at).count(b"\n")

    def _grow(self) -> bool:
        """Has the index reach one window further; False when it is complete."""
        size, counts = self.sizes.block, self._counts
        first = len(counts) - 1
        if first * size >= self.size:
            return False
        last = min(-(-self.size // size), first + max(1, self.sizes.window // size))
        start, end = self.boundary(first * size), self.boundary(min(last * size, self.size))
        data = self.read(start, end)
        if data.isascii():
            known = counts[-1] - start
            counts.extend(known + block * size for block in range(first + 1, last))
            counts.append(known + end)
            return True
        low = start
        for block in range(first + 1, last + 1):
            high = end if block == last else self.boundary(block * size)
            counts.append(counts[-1] + count_chars(data[low - start : high - start]))
            low = high
        return True


def decoded(data: bytes) -> str:
    """UTF-8 as text, with U+FFFD for what is broken."""
    return data.decode("utf-8", "replace")


def count_chars(data: bytes) -> int:
    """How many characters `data` has, which begins and ends at boundaries."""
    return len(data) if data.isascii() else len(decoded(data))


def bytes_of(data: bytes, chars: int) -> int:
    """How many bytes the first `chars` characters of `data` take."""
    at, view = 0, memoryview(data)
    while chars:
        try:
            text = str(view[at:], "utf-8")
        except UnicodeDecodeError as broken:
            text = str(view[at : at + broken.start], "utf-8")
            if len(text) < chars:
                chars -= len(text) + 1
                at += broken.end
                continue
        return at + len(text[:chars].encode())
    return at


def broken_places(data: bytes) -> list[tuple[int, int]]:
    """The numbers of the characters of `data` that stand for what is broken in it, in order,
    and how many bytes each of them takes."""
    found: list[tuple[int, int]] = []
    chars = at = 0
    view = memoryview(data)
    while True:
        try:
            str(view[at:], "utf-8")
        except UnicodeDecodeError as broken:
            chars += len(str(view[at : at + broken.start], "utf-8"))
            found.append((chars, broken.end - broken.start))
            chars, at = chars + 1, at + broken.end
            continue
        return found


def _first_bytes(data: bytes) -> int:
    """How many bytes the first character of `data` takes."""
    try:
        text = data.decode()
    except UnicodeDecodeError as broken:
        if broken.start == 0:
            return broken.end
        text = data[: broken.start].decode()
    return len(text[0].encode())
