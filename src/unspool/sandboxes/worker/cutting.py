"""`chunks`: a text in pieces that end where something ends in it."""

from __future__ import annotations

import bisect
import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .texts import Texts

UNITS = "lines paragraphs headings sentences code documents records tokens words characters".split()
LAZY_CHARS = 1 << 26
"""The pieces of longer texts are cut when they are asked for, and are not kept."""
HEAD_CHARS = 1 << 14
"""By which the form of records is told."""
UNIT_CHARS = 256
"""Looked at, at first, where a unit may have any length."""
TAIL_CHARS = 4_000
"""Looked at first for the last end in a piece."""
AHEAD_CHARS = 400
"""Seen beyond the largest piece, to tell what begins there."""
ASCII_CHARS_A_TOKEN = 4

Cut = tuple[int, int]
Ends = Callable[[str], Iterator[int]]
"""Where pieces may end in a text that begins where a piece does; in rising order."""

_BLANK = re.compile(r"\n[ \t\r]*\n(?:[ \t\r]*\n)*")
_HEADING = re.compile(
    r"(?m)^(?=#{1,6}[ \t]+\S|={3,} .+ ={3,}\r?$|\\(?:part|chapter|(?:sub)*section)\b"
    r"|(?:CHAPTER|Chapter|PART|Part|SECTION|Section|ARTICLE|Article|BOOK|Book)[ \t]+[\dIVXLC]+\b"
    r"|\S.*\n(?:={3,}|-{3,})[ \t]*\r?$)"
)
_FENCE = re.compile(r"(?m)^ {0,3}(`{3,}(?=[^`\n]*$)|~{3,})(.*)$")
_SENTENCE = re.compile(
    r"[.!?…。！？\n](?:(?<=\n)\s*\n|(?<=[。！？])[」』）]*"
    r"|(?<=[.!?…])[.!?…]*[\"'”’)\]»]*\s+(?=[\"'“‘(\[«]*[^\W_a-z]))"
)
_DEFINITION = re.compile(
    r"(?m)^(?=(?:(?:@|#\[|///?|#(?!!)|/\*|\*/| \*).*\n)*"
    r"(?:(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|unsafe"
    r"|extern|inline|override|virtual|sealed|pub(?:\(\w+\))?|const)[ \t]+)*"
    r"(?:def|class|function|func|fn|struct|enum|union|trait|impl|interface|module|mod|namespace"
    r"|type|object|record|package|sub|macro_rules!|typedef|template)\b"
    r"|[A-Za-z_][\w:<>,*&\[\] \t]*[ \t*&]\w+[ \t]*\([^;{}]*\)[^;{}]*\{))"
)
_CLOSED = re.compile(r"(?m)^[}\])]+[;,]?[ \t\r]*\n")
_SPACE = re.compile(r"\s+")


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
        if text is not None:
            return Cutter(text).chunks(size, by, overlap, spans=spans, measure=measure)
        _check(size, by, overlap)
        measure = measure or (tokens if by == "tokens" else None)
        cuts = (
            (number, *cut)
            for number, one in enumerate(self._texts.all)
            for cut in _cuts(one, self._ends(by, one), (size, overlap), measure)
        )
        if sum(map(len, self._texts.all)) > LAZY_CHARS:
            return LazyPieces(self._texts, cuts, spans=spans)
        return [_piece(self._texts, cut, spans=spans) for cut in cuts]

    def _ends(self, by: str, text: Any) -> _Finder:
        if by == "documents":
            return _Places(self._texts.begins)
        if by == "records":
            return _Shapes([_records(str(text[:HEAD_CHARS])), _lines])
        if by == "headings":
            return _Headings()
        finer: list[Ends] = [_lines, _sentences, _words]
        first: dict[str, list[Ends]] = {
            "lines": finer, "tokens": finer, "paragraphs": [_paragraphs, *finer],
            "sentences": finer[1:],
            "code": [_definitions, _paragraphs, *finer], "words": finer[2:], "characters": [],
        }  # fmt: skip
        return _Shapes(first[by])


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
    return (None if size is None else int(size)), by, text


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


class _Finder:
    """Finds where pieces may end."""

    def last(self, text: Any, start: int, limit: int) -> int:
        """The last good end in (start, limit]; 0 where there is none."""
        raise NotImplementedError

    def first(self, text: Any, start: int) -> int:
        """The first end of a unit after `start`."""
        raise NotImplementedError


class _Shapes(_Finder):
    """Ends that show in the text itself: of the coarsest unit that has one, else of a finer."""

    def __init__(self, levels: Sequence[Ends]) -> None:
        self._levels = levels

    def last(self, text: Any, start: int, limit: int) -> int:
        piece = str(text[start : limit + AHEAD_CHARS])
        for ends in self._levels:
            if ends is _lines:  # millions of them: never one by one
                good = piece.rfind("\n", 0, limit - start) + 1
            else:
                tail = piece.rfind("\n", 0, max(0, limit - start - TAIL_CHARS)) + 1
                good = _last(ends, piece, tail if ends in _ANYWHERE else 0, limit - start)
                if tail and not good:
                    good = _last(ends, piece, 0, limit - start)
            if good:
                return start + good
        return 0

    def first(self, text: Any, start: int) -> int:
        if self._levels[0] is _lines:
            return int(text.find("\n", start)) + 1 or len(text)
        width, size = UNIT_CHARS, len(text)
        while True:
            piece = str(text[start : start + width + AHEAD_CHARS])
            for end in self._levels[0](piece):
                if end > width:
                    break
                if end and not _joined(piece, end):
                    return min(size, start + end)
            if start + width >= size:
                return size
            width *= 4


def _last(ends: Ends, piece: str, start: int, limit: int) -> int:
    """The last end up to `limit` that breaks no character; 0 where there is none."""
    found = [
        start + end
        for end in itertools.takewhile(lambda end: start + end <= limit, ends(piece[start:]))
        if end
    ]
    while found and _joined(piece, found[-1]):
        found.pop()
    return found[-1] if found else 0


class _Headings(_Finder):
    """Ends at headings; what is within a fence of code is none. Starts are asked for in order."""

    def __init__(self) -> None:
        self._known, self._fence = 0, ""

    def last(self, text: Any, start: int, limit: int) -> int:
        return self._from(text, start).last(text, start, limit)

    def first(self, text: Any, start: int) -> int:
        return self._from(text, start).first(text, start)

    def _from(self, text: Any, start: int) -> _Shapes:
        """The ends behind `start`, which may be within a fence."""
        while self._known < start:
            end = min(start, self._known + HEAD_CHARS)
            end = int(text.rfind("\n", self._known, end)) + 1 or end
            _, self._fence = _fenced(str(text[self._known : end]), self._fence)
            self._known = end
        fence = self._fence
        own: Ends = lambda piece: _headings(piece, fence)  # noqa: E731
        return _Shapes([own, _paragraphs, _lines, _sentences, _words])


class _Places(_Finder):
    """Ends at places that are known beforehand; finer ones where there is none."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places, self._finer = places, _Shapes([_lines, _words])

    def last(self, text: Any, start: int, limit: int) -> int:
        at = bisect.bisect_right(self._places, limit) - 1
        if at >= 0 and self._places[at] > start:
            return self._places[at]
        return self._finer.last(text, start, limit)

    def first(self, text: Any, start: int) -> int:
        at = bisect.bisect_right(self._places, start)
        return self._places[at] if at < len(self._places) else len(text)


def _cuts(
    text: Any, ends: _Finder, bounds: tuple[int | None, int], measure: Callable[[str], int] | None
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
    for ends in (_lines, _words):
        for at in ends(shared):
            found = max(0, low - 1) + at
            if low <= found < end and not _joined(shared, at):
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
            if low + at >= stop or not _joined(piece, at):
                return low + at
        if low > start:
            reach *= 8
            continue
        for at in range(limit - low + 1, len(piece)):
            if not _joined(piece, at):
                return low + at
        if low + len(piece) >= stop:
            return stop
        reach *= 8


def _joined(text: str, at: int) -> bool:
    """Whether what is before `at` and what follows are one character, as people see them."""
    if not 0 < at < len(text):
        return False
    left, right = text[at - 1], text[at]
    if right < "\u0300":
        return left == "\r" and right == "\n"
    if left in "\r\n":
        return False
    if "\udc00" <= right <= "\udfff":
        return "\ud800" <= left <= "\udbff"
    if left == "\u200d" or right == "\u200d" or "\U0001f3fb" <= right <= "\U0001f3ff":
        return True
    if _is_flag(left) and _is_flag(right):
        before = at - 1
        while before and _is_flag(text[before - 1]):
            before -= 1
        return (at - before) % 2 == 1
    return unicodedata.category(right)[0] == "M"


def _is_flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _lines(piece: str) -> Iterator[int]:
    return (match.end() for match in re.finditer("\n", piece))


def _paragraphs(piece: str) -> Iterator[int]:
    return (match.end() for match in _BLANK.finditer(piece))


def _headings(piece: str, fence: str) -> Iterator[int]:
    """Where headings are, in a piece that begins within a fence of code, or in none."""
    fenced, _ = _fenced(piece, fence)
    fenced.reverse()
    for match in _HEADING.finditer(piece):
        while fenced and fenced[-1][1] <= match.start():
            fenced.pop()
        if not (fenced and fenced[-1][0] <= match.start()):
            yield match.start()


def _fenced(piece: str, fence: str) -> tuple[list[tuple[int, int]], str]:
    """What is within fences in a piece, and the fence that its end is in; `fence` is that of
    its beginning. Empty: none."""
    spans, begun = [], 0
    if "```" in piece or "~~~" in piece:
        for match in _FENCE.finditer(piece):
            mark, more = match.groups()
            if not fence:
                fence, begun = mark, match.start()
            elif mark.startswith(fence) and not more.strip():
                spans.append((begun, match.end()))
                fence = ""
    return [*spans, (begun, len(piece))] if fence else spans, fence


def _sentences(piece: str) -> Iterator[int]:
    return (match.end() for match in _SENTENCE.finditer(piece))


def _words(piece: str) -> Iterator[int]:
    return (match.end() for match in _SPACE.finditer(piece))


_ANYWHERE = (_paragraphs, _sentences, _words)
"""Ends that show without what comes before them, but for its being the start of a line."""


def _definitions(piece: str) -> Iterator[int]:
    """Starts of definitions that are not indented, with what belongs to them; ends of braces."""
    begun = (match.start() for match in _DEFINITION.finditer(piece))
    closed = (match.end() for match in _CLOSED.finditer(piece))
    covered = -1
    for at in sorted({*begun, *closed}):
        if at > covered:
            yield at
        lead = _DEFINITION.match(piece, at)
        covered = _after_lead(piece, at) if lead else at


def _after_lead(piece: str, at: int) -> int:
    """Where the decorators and comments before a definition end."""
    found = re.compile(r"(?:(?:@|#|//|/\*|\*/| \*).*\n)*").match(piece, at)
    return found.end() if found else at


def _records(head: str) -> Ends:
    """How the records of a text that begins like this end."""
    first = head.lstrip()[:1]
    if first in ("{", "["):
        return _lines
    lines = [line for line in head.split("\n")[:20] if line.strip()]
    for mark in (",", "\t", ";"):
        if len(lines) > 1 and min(line.count(mark) for line in lines[:1]) > 0:
            return _quoted_lines
    return _paragraphs if _BLANK.search(head) else _lines


def _quoted_lines(piece: str) -> Iterator[int]:
    """Ends of lines that are not within quotes: a field of CSV may have some."""
    quoted = False
    for match in re.finditer('["\\n]', piece):
        if match.group() == '"':
            quoted = not quoted
        elif not quoted:
            yield match.end()
