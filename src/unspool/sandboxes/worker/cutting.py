"""`chunks`: a text in pieces that end where something ends in it."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .ends import Finder, finder, joined, lines, words
from .texts import Texts

UNITS = "lines paragraphs headings sentences code documents records tokens words characters".split()
LAZY_CHARS = 1 << 26
"""The pieces of longer texts are cut when they are asked for, and are not kept."""
ASCII_CHARS_A_TOKEN = 4

Cut = tuple[int, int]


class Cutter:
    """Cuts a context, or any text given."""

    def __init__(self, context: Any, documents: Sequence[tuple[str, int]] = ()) -> None:
        self._given = context, documents

    @functools.cached_property
    def _texts(self) -> Texts:
        return Texts(*self._given)

    def chunks(
        self,
        size: Any = None,
        by: str = "lines",
        overlap: int = 0,
        *,
        text: Any = None,
        spans: bool = False,
        measure: Callable[[str], int] | None = None,
    ) -> Any:
        """`context` in pieces of at most `size` characters, as a list of strings that end at
        lines, or `by`: paragraphs, headings, sentences, code, documents, records, words,
        characters, tokens (`size` is then in tokens). Joined they are the text; with
        `overlap` each begins with up to so much of the one before. Without a size each unit
        is a piece of its own. `text` is what to cut in place of `context`. With `spans`, each
        is a tuple (start, end, name, text)."""
        size, by, text = _sorted_out(size, by, text)
        overlap = _whole("overlap", overlap)
        if text is not None:
            return Cutter(text).chunks(size, by, overlap, spans=spans, measure=measure)
        _check(size, by, overlap)
        measure = measure or (tokens if by == "tokens" else None)
        cuts = (
            (number, *cut)
            for number, one in enumerate(self._texts.all)
            for cut in _cuts(one, finder(by, one, self._texts.begins), (size, overlap), measure)
        )
        if sum(map(len, self._texts.all)) > LAZY_CHARS:
            return LazyPieces(self._texts, cuts, spans=spans)
        return [_piece(self._texts, cut, spans=spans) for cut in cuts]


class LazyPieces(Sequence[Any]):
    """Pieces of a text that is too long to be held twice: each is cut when it is asked for."""

    def __init__(self, texts: Texts, cuts: Iterator[tuple[int, int, int]], *, spans: bool) -> None:
        self._texts, self._cuts, self._spans = texts, cuts, spans
        self._known: list[tuple[int, int, int]] = []

    def __iter__(self) -> Iterator[Any]:
        for number in itertools.count():
            if number >= len(self._known) and not self._more():
                return
            yield _piece(self._texts, self._known[number], spans=self._spans)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice) or at < 0:
            len(self)
        while not isinstance(at, slice) and at >= len(self._known) and self._more():
            pass
        found = self._known[at]
        if isinstance(at, slice):
            return [_piece(self._texts, one, spans=self._spans) for one in self._known[at]]
        return _piece(self._texts, found, spans=self._spans)

    def __len__(self) -> int:
        while self._more():
            pass
        return len(self._known)

    def __repr__(self) -> str:
        return f"<{len(self):,} pieces, each read when it is asked for>"

    def _more(self) -> bool:
        found = next(self._cuts, None)
        if found is not None:
            self._known.append(found)
        return found is not None


def tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    plain = len(text.encode("ascii", "ignore"))
    return -(-plain // ASCII_CHARS_A_TOKEN) + len(text) - plain


def _sorted_out(size: Any, by: Any, text: Any) -> tuple[Any, str, Any]:
    """The arguments in their places: models also give the text first, or the size second."""
    if size is not None and not isinstance(size, (int, float)):
        if isinstance(size, str) and size in UNITS and text is None:
            return None, size, None
        text, size, by = size, by, "lines"
        if isinstance(size, str):
            size, by = None, size
    elif isinstance(by, int):
        raise TypeError("chunks(size, by='lines', overlap=0): give overlap by its name")
    return (None if size is None else _whole("size", size, cut=True)), by, text


def _whole(name: str, given: Any, *, cut: bool = False) -> int:
    """A number of characters. `cut`: what it has behind its point, as what models have divided
    has, does not count."""
    try:
        whole = int(given)
        right = cut or whole == given
    except (TypeError, ValueError, OverflowError):  # no number, or none that ends
        right = False
    if not right:
        raise ValueError(f"{name}={given!r:.100}: give a whole number")
    return whole


def _check(size: int | None, by: str, overlap: int) -> None:
    if by not in UNITS:
        raise ValueError(f"chunks by {by!r}: give one of {', '.join(UNITS)}")
    if size is None and (by in ("tokens", "characters") or overlap):
        raise ValueError("chunks needs a size here: chunks(10_000, ...)")
    if size is not None and (size < 1 or not 0 <= overlap < size):
        raise ValueError(
            f"size={size}, overlap={overlap}: give a size of 1 or more, and less overlap"
        )


def _piece(texts: Texts, cut: tuple[int, int, int], *, spans: bool) -> Any:
    number, start, end = cut
    text = str(texts.all[number][start:end])
    return (start, end, texts.name(number, start), text) if spans else text


def _cuts(
    text: Any, ends: Finder, bounds: tuple[int | None, int], measure: Callable[[str], int] | None
) -> Iterator[Cut]:
    (size, overlap), stop, start, reached = bounds, len(text), 0, 0
    while start < stop:
        if size is None:
            end = ends.first(text, start)
        else:
            limit = _limit(text, start, size, measure)
            end = stop if limit >= stop else ends.last(text, start, limit)
            end = end or _between_characters(text, start, limit)
        if end <= reached:  # what overlaps leaves no room for anything new
            start = reached
            continue
        yield start, end
        reached = end
        if end >= stop:
            return
        start = _back(text, start, end, overlap, measure) if overlap else end


def _limit(text: Any, start: int, size: int, measure: Callable[[str], int] | None) -> int:
    """How far a piece may go that begins at `start`."""
    if measure is None:
        return start + size
    low, high = 1, max(8, 4 * size)
    while start + high < len(text) and measure(str(text[start : start + high])) <= size:
        low, high = high, 2 * high
    if start + high >= len(text) and measure(str(text[start:])) <= size:
        return len(text)
    while high - low > 1:
        middle = (low + high) // 2
        if measure(str(text[start : start + middle])) <= size:
            low = middle
        else:
            high = middle
    return start + low


def _back(
    text: Any, start: int, end: int, overlap: int, measure: Callable[[str], int] | None
) -> int:
    """Where the next piece begins: at a line or word of the last one, if it has one there."""
    low = max(start + 1, end - overlap * (1 if measure is None else 8))
    while measure is not None and low < end and measure(str(text[low:end])) > overlap:
        low += max(1, (end - low) // 8)
    shared = str(text[max(0, low - 1) : end])
    for ends in (lines, words):
        for at in ends(shared):
            found = max(0, low - 1) + at
            if low <= found < end and not joined(shared, at):
                return found
    found = _between_characters(text, start, low)
    return found if start < found < end else end


def _between_characters(text: Any, start: int, limit: int) -> int:
    """The last place up to `limit` that is not within one character as people see it; after
    `limit` where a single one is longer than that."""
    stop, reach = len(text), 64
    while True:
        low = max(start, limit - reach)
        piece = str(text[low : limit + reach])
        for at in range(limit - low, 0, -1):
            if low + at >= stop or not joined(piece, at):
                return low + at
        if low > start:
            reach *= 8
            continue
        for at in range(limit - low + 1, len(piece)):
            if not joined(piece, at):
                return low + at
        if low + len(piece) >= stop:
            return stop
        reach *= 8
