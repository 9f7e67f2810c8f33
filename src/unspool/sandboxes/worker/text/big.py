"""`BigText`: a text that stays in its file, and behaves like `str`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from .cuts import Cuts
from .finder import Finder
from .source import Source, TextChanged, TooLarge
from .span import Span

_compile = re.compile  # the real one: `patterns.install` puts another in its place
SAMPLE_BYTES = 1 << 10
SHOWN_CHARS = 300
_INSTEAD = {
    "lower": "search without regard to case by re.finditer('(?i)word', context)",
    "upper": "search without regard to case by re.finditer('(?i)word', context)",
    "casefold": "search without regard to case by re.finditer('(?i)word', context)",
    "replace": "replace in slices: context[a:b].replace(old, new)",
    "translate": "translate slices: context[a:b].translate(table)",
    "encode": "encode slices: context[a:b].encode()",
}


class BigText(Cuts):
    """A text that is not in memory. It is used as a `str` is: `len`, slices, `in`, `find`,
    `count`, `split`, `splitlines`, iteration, comparison, and the functions of `re`.

    Positions are characters. A slice is a `str` up to `Sizes.string`, and a `BigText` over the
    same file beyond that. What would bring all of it into memory raises `TooLarge`, which says
    what to do instead. `isinstance(text, str)` is true, as code that is written for texts
    expects it; `type(text) is str` is not.

    For tools: `scan` gives where a pattern matches, `line_at` and `line_number` the line of
    a position; `extent` is where it is in the file.
    """

    def __init__(self, source: Source, start: int = 0, end: int | None = None) -> None:
        self.extent = Span(source, start, source.size if end is None else end)
        self._before = 0 if start == 0 else -1

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return str

    @property
    def size_bytes(self) -> int:
        """How many bytes it takes as UTF-8; known without a pass."""
        return self.extent.end - self.extent.start

    def chars_before(self) -> int:
        """Characters of its source before it."""
        if self._before < 0:
            self._before = self.extent.source.chars_before(self.extent.start)
        return self._before

    def __len__(self) -> int:
        source, end = self.extent.source, self.extent.end
        total = source.chars() if end >= source.size else source.chars_before(end)
        return total - self.chars_before()

    def __bool__(self) -> bool:
        return self.extent.end > self.extent.start

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self._slice(index)
        if not hasattr(type(index), "__index__"):
            raise TypeError(f"string indices must be integers, not '{type(index).__name__}'")
        number = index.__index__()
        source, at = self.extent.source, self._byte(number)
        missed = number < 0 and at == self.extent.start and len(self) < -number
        if missed or at >= self.extent.end:
            raise IndexError("string index out of range")
        return source.text(at, source.forth(at, 1))

    def _slice(self, index: slice) -> Any:
        ends = (index.start, index.stop, index.step)
        if not all(one is None or hasattr(type(one), "__index__") for one in ends):
            raise TypeError("slice indices must be integers or None or have an __index__ method")
        start, stop, step = (None if one is None else one.__index__() for one in ends)
        if step not in (None, 1):
            return self._stepped(index)
        low = self.extent.start if start is None else self._byte(start)
        if stop is None:
            return self.extent.part(low, self.extent.end) if low < self.extent.end else ""
        first = start or 0
        if min(first, stop) >= 0 and stop - first <= self.extent.source.sizes.window:
            high = self.extent.source.forth(low, max(0, stop - first))
            high = min(high, self.extent.end)
        else:
            high = self._byte(stop)
        return self.extent.part(low, high) if low < high else ""

    def _byte(self, index: int) -> int:
        """Where the character of a number is in the source; within this text in any case."""
        source, start, end = self.extent.source, self.extent.start, self.extent.end
        if index >= end - start:  # a character has a byte at least
            return end
        if index >= 0:
            return min(end, source.byte_at(self.chars_before() + index)) if index else start
        if -index >= end - start:
            return start
        if -index <= source.sizes.window:
            return max(start, source.back(end, -index))
        return source.byte_at(self.chars_before() + max(0, len(self) + index))

    def _chars(self, at: int) -> int:
        """The number of the character at a byte of the source."""
        return self.extent.source.chars_before(at) - self.chars_before()

    def _stepped(self, index: slice) -> str:
        numbers = range(*index.indices(len(self)))
        if len(numbers) > self.extent.source.sizes.string:
            raise TooLarge(
                f"{len(numbers):,} characters are too many for one str: take a shorter slice"
            )
        forward = numbers if numbers.step > 0 else numbers[::-1]
        taken, at, size = [], 0, self.extent.source.sizes.window
        if forward:
            at = forward.start
        while forward and at < forward.stop:
            some = self.extent.source.text(self._byte(at), self._byte(min(at + size, forward.stop)))
            taken.append(some[(forward.start - at) % forward.step :: forward.step])
            at += size
        text = "".join(taken)
        return text if numbers.step > 0 else text[::-1]

    def __iter__(self) -> Iterator[str]:
        for text in self.windows():
            yield from text

    def windows(self, size: int | None = None) -> Iterator[str]:
        """The whole text in order, as strings of up to `size` bytes."""
        source, at = self.extent.source, self.extent.start
        while at < self.extent.end:
            end = source.boundary(min(self.extent.end, at + (size or source.sizes.window)))
            yield source.text(at, end)
            at = end

    def __contains__(self, text: object) -> bool:
        if not isinstance(text, str):
            kind = type(text).__name__
            raise TypeError(f"'in <string>' requires string as left operand, not {kind}")
        return self._place(text, self.extent.start, self.extent.end, last=False)[0] >= 0

    def find(self, text: str, start: int | None = None, end: int | None = None) -> int:
        """See `str`."""
        return self._found(text, start, end, last=False)

    def rfind(self, text: str, start: int | None = None, end: int | None = None) -> int:
        """See `str`."""
        return self._found(text, start, end, last=True)

    def index(self, text: str, start: int | None = None, end: int | None = None) -> int:
        """See `str`."""
        return _must(self._found(text, start, end, last=False))

    def rindex(self, text: str, start: int | None = None, end: int | None = None) -> int:
        """See `str`."""
        return _must(self._found(text, start, end, last=True))

    def _found(self, text: str, start: int | None, end: int | None, *, last: bool) -> int:
        low, high = self._bounds(start, end)
        if low > high:
            return -1
        at, _ = self._place(text, low, high, last=last)
        return at if at < 0 else self._chars(at)

    def _place(self, text: str, low: int, high: int, *, last: bool) -> tuple[int, int]:
        """Where the text is first or last found between two bytes of the source; -1: nowhere."""
        source = self.extent.source
        needle = _needle(text)
        if needle is None:
            return -1, -1
        if "\ufffd" in text and last:
            at = max((at for at, _ in self._marks(f"(?={re.escape(text)})", low, high)), default=-1)
            return at, source.forth(at, len(text)) if at >= 0 else -1
        if "\ufffd" in text:
            return next(self._marks(re.escape(text), low, high), (-1, -1))
        at = (source.rfind if last else source.find)(needle, low, high)
        return at, at + len(needle)

    def _marks(self, pattern: str, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Where a pattern matches, in bytes: for what bytes that are broken may be read as."""
        text = Span(self.extent.source, low, high)
        for window, match in Finder(_compile(pattern)).each(text, low):
            yield window.byte(match.start()), window.byte(match.end())

    def _bounds(self, start: int | None, end: int | None) -> tuple[int, int]:
        """The bytes of a range of characters as `str.find` takes it; crossed when it begins
        behind the end of the text."""
        low = self.extent.start if start is None else self._byte(start)
        high = self.extent.end if end is None else self._byte(end)
        if low == self.extent.end and start is not None and start > 0 and start > len(self):
            return 1, 0
        return low, high

    def count(self, text: str, start: int | None = None, end: int | None = None) -> int:
        """See `str`."""
        low, high = self._bounds(start, end)
        if low > high:
            return 0
        if not text:
            return self._chars(high) - self._chars(low) + 1
        needle = _needle(text)
        if needle is None:
            return 0
        if "\ufffd" in text:
            return sum(1 for _ in self._marks(re.escape(text), low, high))
        return self.extent.source.count(needle, low, high)

    def startswith(self, prefix: Any, start: int | None = None, end: int | None = None) -> bool:
        """See `str`."""
        if isinstance(prefix, tuple):
            return any(self.startswith(one, start, end) for one in prefix)
        _check_affix("startswith", prefix)
        low, high = self._bounds(start, end)
        return bool(low <= high and self._few(low, high, len(prefix)) == prefix)

    def endswith(self, suffix: Any, start: int | None = None, end: int | None = None) -> bool:
        """See `str`."""
        if isinstance(suffix, tuple):
            return any(self.endswith(one, start, end) for one in suffix)
        _check_affix("endswith", suffix)
        low, high = self._bounds(start, end)
        if low > high:
            return False
        begin = max(low, self.extent.source.back(high, len(suffix))) if suffix else high
        return bool(self.extent.source.text(begin, high) == suffix)

    def _few(self, low: int, high: int, chars: int) -> str:
        return self.extent.source.text(low, min(high, self.extent.source.forth(low, chars)))

    def isascii(self) -> bool:
        """See `str`."""
        return all(text.isascii() for text in self.windows())

    def scan(self, pattern: Any, start: int = 0) -> Iterator[tuple[int, int]]:
        """Where a regular expression (text or compiled) matches from a character on: start and
        end of each match, in characters, as soon as it is found.

        Raises:
            TooLarge: whether there is one depends on more than `Sizes.reach`.
        """
        from .patterns import compile

        for match in compile(pattern).finditer(self, start):
            yield match.span()

    def line_at(self, position: int) -> tuple[int, int]:
        """Where the line of a character starts and ends (its line feed left out)."""
        source, at = self.extent.source, self._byte(position)
        start = source.rfind(b"\n", self.extent.start, at) + 1 or self.extent.start
        end = source.find(b"\n", at, self.extent.end)
        return self._chars(start), self._chars(self.extent.end if end < 0 else end)

    def line_number(self, position: int) -> int:
        """The number of the line that a character is in, from 1 on; kept as far as counted."""
        source = self.extent.source
        before = source.lines_before(self.extent.start)
        return source.lines_before(self._byte(position)) - before + 1

    def bounded(self, pos: int, endpos: int) -> tuple[Span, int]:
        """What a search from `pos` to `endpos` goes over, and from which byte on."""
        end = self.extent.end if endpos == sys.maxsize else self._byte(max(0, endpos))
        return Span(self.extent.source, self.extent.start, end), self._byte(max(0, pos))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, str):
            return NotImplemented
        if getattr(other, "extent", None) == self.extent:
            return True
        return self._compared(other) == 0

    def __lt__(self, other: str) -> bool:
        return self._compared(other) < 0

    def __le__(self, other: str) -> bool:
        return self._compared(other) <= 0

    def __gt__(self, other: str) -> bool:
        return self._compared(other) > 0

    def __ge__(self, other: str) -> bool:
        return self._compared(other) >= 0

    def _compared(self, other: Any) -> int:
        """Below, at or above 0, as this text is less than, equal to or more than another."""
        if not isinstance(other, str):
            raise TypeError(f"a text cannot be compared with {type(other).__name__}")
        at = 0
        for text in self.windows():
            there = str(other[at : at + len(text)])
            if text != there:
                return -1 if text < there else 1
            at += len(text)
        return -1 if other[at : at + 1] else 0

    def __hash__(self) -> int:
        source, start, end = self.extent.source, self.extent.start, self.extent.end
        head = source.read(start, min(end, start + SAMPLE_BYTES))
        return hash((end - start, head, source.read(max(start, end - SAMPLE_BYTES), end)))

    def __str__(self) -> str:
        raise self._too_large("str() of", "take a slice, as context[:2000], or print one")

    def __format__(self, spec: str) -> str:
        raise self._too_large("an f-string with", "put a slice into it: f'{context[a:b]}'")

    def __repr__(self) -> str:
        source, start, end = self.extent.source, self.extent.start, self.extent.end
        try:
            head = self._few(start, end, SHOWN_CHARS)
            tail = source.text(max(start, source.back(end, SHOWN_CHARS)), end)
        except TextChanged as gone:
            return f"<text of {self.size_bytes:,} bytes: {gone}>"
        return f"<text of {self.size_bytes:,} bytes: {head!r} ... {tail!r}>"

    def __add__(self, other: Any) -> str:
        raise self._too_large("joining", "join a slice: prompt + context[a:b]")

    __radd__ = __mul__ = __rmul__ = __mod__ = __add__

    def __reduce__(self) -> Any:
        raise self._too_large("a copy of", "keep positions, and slice `context` again")

    def __copy__(self) -> BigText:
        return self

    def __deepcopy__(self, _: object) -> BigText:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(str, name):
            raise AttributeError(f"'str' object has no attribute {name!r}")

        def refused(*_: object, **__: object) -> None:
            raise self._too_large(f".{name}() of", _INSTEAD.get(name, f"context[a:b].{name}(...)"))

        return refused

    def _too_large(self, what: str, instead: str) -> TooLarge:
        return TooLarge(
            f"{what} this text would take {self.size_bytes:,} bytes of memory: {instead}"
        )


def _must(at: int) -> int:
    if at < 0:
        raise ValueError("substring not found")
    return at


def _needle(text: Any) -> bytes | None:
    """A text as bytes to be looked for; None where no text in UTF-8 has it."""
    if type(text) is BigText:
        raise TooLarge("a text that is not in memory cannot be looked for: give a shorter one")
    if not isinstance(text, str):
        raise TypeError(f"must be str, not {type(text).__name__}")
    try:
        return text.encode()
    except UnicodeEncodeError:
        return None


def _check_affix(name: str, text: Any) -> None:
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"{name} first arg must be str or a tuple of str, not {kind}")
