"""Where a text may be cut: the ends of its lines, paragraphs, sentences, records and the like."""

from __future__ import annotations

import bisect
import functools
import itertools
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from typing import Any

HEAD_CHARS = 1 << 14
"""By which the form of records is told."""
UNIT_CHARS = 256
"""Looked at, at first, where a unit may have any length."""
TAIL_CHARS = 4_000
"""Looked at first for the last end in a piece."""
AHEAD_CHARS = 400
"""Seen beyond the largest piece, to tell what begins there."""

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


class Finder:
    """Finds where pieces may end."""

    def last(self, text: Any, start: int, limit: int) -> int:
        """The last good end in (start, limit]; 0 where there is none."""
        raise NotImplementedError

    def first(self, text: Any, start: int) -> int:
        """The first end of a unit after `start`."""
        raise NotImplementedError


class _Shapes(Finder):
    """Ends that show in the text itself: of the coarsest unit that has one, else of a finer."""

    def __init__(self, levels: Sequence[Ends]) -> None:
        self._levels = levels

    def last(self, text: Any, start: int, limit: int) -> int:
        piece = str(text[start : limit + AHEAD_CHARS])
        for ends in self._levels:
            if ends is lines:  # millions of them: never one by one
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
        if self._levels[0] is lines:
            return int(text.find("\n", start)) + 1 or len(text)
        width, size = UNIT_CHARS, len(text)
        while True:
            piece = str(text[start : start + width + AHEAD_CHARS])
            for end in self._levels[0](piece):
                if end > width:
                    break
                if end and not joined(piece, end):
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
    while found and joined(piece, found[-1]):
        found.pop()
    return found[-1] if found else 0


class _Headings(Finder):
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
        own = functools.partial(_headings, fence=self._fence)
        return _Shapes([own, _paragraphs, lines, _sentences, words])


class _Places(Finder):
    """Ends at places that are known beforehand; finer ones where there is none."""

    def __init__(self, places: Sequence[int]) -> None:
        self._places, self._finer = places, _Shapes([lines, words])

    def last(self, text: Any, start: int, limit: int) -> int:
        at = bisect.bisect_right(self._places, limit) - 1
        if at >= 0 and self._places[at] > start:
            return self._places[at]
        return self._finer.last(text, start, limit)

    def first(self, text: Any, start: int) -> int:
        at = bisect.bisect_right(self._places, start)
        return self._places[at] if at < len(self._places) else len(text)


def finder(by: str, text: Any, begins: Sequence[int]) -> Finder:
    """What finds the ends of the units of that name in a text whose documents begin there."""
    if by == "documents":
        return _Places(begins)
    if by == "records":
        return _Shapes([_records(str(text[:HEAD_CHARS])), lines])
    if by == "headings":
        return _Headings()
    finer: list[Ends] = [lines, _sentences, words]
    first: dict[str, list[Ends]] = {
        "lines": finer, "tokens": finer, "paragraphs": [_paragraphs, *finer],
        "sentences": finer[1:],
        "code": [_definitions, _paragraphs, *finer], "words": finer[2:], "characters": [],
    }  # fmt: skip
    return _Shapes(first[by])


def joined(text: str, at: int) -> bool:
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


def lines(piece: str) -> Iterator[int]:
    """The ends of lines."""
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


def words(piece: str) -> Iterator[int]:
    """The ends of words, with the white space behind them."""
    return (match.end() for match in _SPACE.finditer(piece))


_ANYWHERE = (_paragraphs, _sentences, words)
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
        return lines
    filled = [line for line in head.split("\n")[:20] if line.strip()]
    if len(filled) > 1 and any(mark in filled[0] for mark in ",\t;"):
        return _quoted_lines
    return _paragraphs if _BLANK.search(head) else lines


def _quoted_lines(piece: str) -> Iterator[int]:
    """Ends of lines that are not within quotes: a field of CSV may have some."""
    quoted = False
    for match in re.finditer('["\\n]', piece):
        if match.group() == '"':
            quoted = not quoted
        elif not quoted:
            yield match.end()
