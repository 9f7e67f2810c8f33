"""Lists of pieces of a text that is not in memory: they are cut when they are asked for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from .source import bytes_of, decoded

if TYPE_CHECKING:
    from .span import Span

Cut = Callable[["Span", Any], tuple[list[Any], Any]]
"""Gives the pieces from a place on, some at a time, and the next place. The first place is
None, and what is given last has None behind it."""

SHOWN = 3
_SPACE = re.compile(r"\s")
BREAKS = (
    *(bytes([code]) for code in b"\n\r\x0b\x0c\x1c\x1d\x1e"),
    "\x85".encode(),
    "\u2028".encode(),
    "\u2029".encode(),
)
"""What ends a line for `str.splitlines`."""


class Pieces(Sequence[Any]):
    """What `split` and `splitlines` of a `BigText` give: used like a list, cut on demand.

    How many there are is known after one pass; some places are kept, so that any piece is
    found soon again.
    """

    def __init__(self, span: Span, cut: Cut) -> None:
        self._span, self._cut = span, cut
        self._places: list[tuple[int, Any]] = [(0, None)]
        """The number of the first piece, and from where it is cut."""
        self._count = -1
        self._recent: tuple[int, list[Any]] = (-1, [])

    def __len__(self) -> int:
        while self._count < 0:
            self._go_on()
        return self._count

    def __bool__(self) -> bool:
        return any(True for _ in self)

    def __iter__(self) -> Iterator[Any]:
        for number in itertools.count():
            if number >= len(self._places) and self._count < 0:
                self._go_on()
            if number >= len(self._places):
                return
            yield from self._at(number)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            start, stop, step = index.start, index.stop, index.step
            if all(one is None or one >= 0 for one in (start, stop)) and step in (None, 1):
                return self._some(start or 0, stop)
            return [self[number] for number in range(*index.indices(len(self)))]
        number = index.__index__()
        if number < 0:
            number += len(self)
        found = self._some(number, number + 1) if number >= 0 else []
        if not found:
            raise IndexError("there are fewer pieces")
        return found[0]

    def _some(self, start: int, stop: int | None) -> list[Any]:
        while self._count < 0 and self._places[-1][0] <= start:
            self._go_on()
        number = max(n for n, (first, _) in enumerate(self._places) if first <= start)
        found: list[Any] = []
        while stop is None or self._places[number][0] < stop:
            first, pieces = self._places[number][0], self._at(number)
            most = len(pieces) if stop is None else max(0, stop - first)
            found += pieces[max(0, start - first) : most]
            number += 1
            if number >= len(self._places) and self._count < 0:
                self._go_on()
            if number >= len(self._places):
                break
        return found

    def _at(self, number: int) -> list[Any]:
        if self._recent[0] != number:
            self._recent = number, self._cut(self._span, self._places[number][1])[0]
        return self._recent[1]

    def _go_on(self) -> None:
        """Cuts once more behind what is known."""
        first, place = self._places[-1]
        pieces, behind = self._cut(self._span, place)
        self._recent = len(self._places) - 1, pieces
        if behind is None:
            self._count = first + len(pieces)
        else:
            self._places.append((first + len(pieces), behind))

    def copy(self) -> Pieces:
        """Itself: it never changes."""
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, Pieces)):
            return NotImplemented
        nothing = object()
        pairs = itertools.zip_longest(self, other, fillvalue=nothing)
        return all(one == another for one, another in pairs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{str(one[:100])!r}" for one in itertools.islice(self, SHOWN))
        return f"[{shown}, ...] (pieces of a text, cut on demand: use a slice)"


def lines(*, keep_ends: bool) -> Cut:
    """Cuts as `str.splitlines` does."""

    def cut(span: Span, place: Any) -> tuple[list[Any], Any]:
        source, start = span.source, span.start if place is None else place
        high = source.boundary(min(span.end, start + source.sizes.window))
        if high >= span.end:
            return source.text(start, span.end).splitlines(keep_ends), None
        data = source.read(start, high)
        text = decoded(data)
        found = text.splitlines(keepends=True)
        if len(found) == 1:
            ends, behind = _line_end(span, start)
            piece = span.part(start, behind if keep_ends else ends)
            return [piece], behind if behind < span.end else None
        kept = len(text) - len(found[-1])
        behind = kept if data.isascii() else bytes_of(data, kept)
        return (found if keep_ends else text.splitlines())[:-1], start + behind

    return cut


def _line_end(span: Span, at: int) -> tuple[int, int]:
    """Where the line that `at` is in ends, and where the next one begins."""
    source = span.source
    while at < span.end:
        high = min(span.end, at + source.sizes.window)
        data = source.read(at, min(span.end, high + 2))
        found = [(data.find(one), len(one)) for one in BREAKS]
        place, size = min((one for one in found if one[0] >= 0), default=(-1, 0))
        if 0 <= place < high - at:
            size += data[place : place + 2] == b"\r\n"
            return at + place, at + place + size
        at = high
    return span.end, span.end


def parts(separator: str) -> Cut:
    """Cuts as `str.split` does at a separator."""
    mark = separator.encode("utf-8", "surrogatepass")
    overlaps = any(mark.endswith(mark[:size]) for size in range(1, len(mark)))

    def cut(span: Span, place: Any) -> tuple[list[Any], Any]:
        source, start = span.source, span.start if place is None else place
        high = min(span.end, start + max(source.sizes.window, 4 * len(mark)))
        data = source.read(start, high)
        last = data.rfind(mark)
        if overlaps:  # the last one that is cut at may be another
            last = len(data) - len(data.split(mark)[-1]) - len(mark)
        if high >= span.end and len(data) <= source.sizes.string:
            return decoded(data).split(separator), None
        if last < 0:
            found = source.find(mark, start, span.end)
            if found < 0:
                return [span.part(start, span.end)], None
            return [span.part(start, found)], found + len(mark)
        return decoded(data[:last]).split(separator), start + last + len(mark)

    return cut


def words(span: Span, place: Any) -> tuple[list[Any], Any]:
    """Cuts as `str.split` does at white space."""
    source, start = span.source, span.start if place is None else place
    high = source.boundary(min(span.end, start + source.sizes.window))
    text = source.text(start, high)
    found: list[Any] = text.split()
    if high >= span.end:
        return found, None
    if text[-1].isspace() or not found:
        return found, high
    begun = found.pop()
    if found:
        return found, source.back(high, len(begun))
    low = start + bytes_of(source.read(start, high), len(text) - len(begun))
    while high < span.end:
        behind = source.boundary(min(span.end, high + source.sizes.window))
        space = _SPACE.search(source.text(high, behind))
        if space is not None:
            high = source.forth(high, space.start())
            return [span.part(low, high)], high
        high = behind
    return [span.part(low, span.end)], None
