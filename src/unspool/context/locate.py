"""Where in a context the texts come from that models were given."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from unspool.context.whole import Whole

GRAM_CHARS = 24
LEAST_STEP, MOST_GRAMS = 16, 250_000
MOST_PLACES = 4
"""Looked at of a passage that the context has several times."""
LEAST_CHARS = 8
"""A shorter text may come from anywhere."""
SCANNED_CHARS = 4_000_000_000
"""Gone through for short pieces that stand alone, before the rest is left unfound."""
DIGITS = 12
"""Nobody counts lines further."""
_HIT = re.compile(rf"(?m)^\[(?:(?P<name>.+) )?line (?P<line>\d{{1,{DIGITS}}})\] (?P<text>.+)$")
_BREAK = re.compile(r"\r?\n|\\n|\\r")
_QUOTES = "[]()\"' ,\t\r"

Span = tuple[int, int]


class Locator:
    """Finds passages of a context in texts, by an index of the context that is small.

    Passages of some 40 characters (in contexts of up to four million; in longer ones, of a
    250,000th more of them) are found wherever they are in a text; shorter ones where they
    are whole lines, and a number of them that stand alone.
    """

    def __init__(self, whole: Whole) -> None:
        self._whole, self._text, self._size = whole, whole.text, len(whole.text)
        self._grams = self._indexed()
        self._expected = 0
        self._lines: dict[str, None] = {}
        self._scans = max(8, min(2_000, SCANNED_CHARS // max(1, self._size)))
        self.spans: list[Span] = []
        """All that was found, as it came."""

    def shown(self, text: str, *, is_own: bool) -> None:
        """Notes what a root model was shown. `is_own`: of a run over this very context, so
        that the numbers of lines mean something."""
        text = _HIT.sub(lambda hit: self._hit(hit, is_own=is_own), text)
        self.read(text)

    def read(self, text: str) -> None:
        """Notes what a model was given to read."""
        at = 0
        for start, end, place in self._runs(text):
            self._note(place, place + end - start)
            self._leave(text[at:start])
            at = end
        self._leave(text[at:])

    def finish(self) -> list[Span]:
        """All spans, sorted and joined; white space at their ends is not theirs."""
        self._find_lines()
        return self._joined(sorted(filter(None, map(self._stripped, self.spans))))

    def _note(self, start: int, end: int) -> None:
        self.spans.append((start, end))

    def _hit(self, hit: re.Match[str], *, is_own: bool) -> str:
        """Notes a line that `search` gave; gives what is left to be found otherwise."""
        if is_own:
            name, line, text = hit["name"] or "", int(hit["line"]), hit["text"].strip()
            for first, last in self._bounds(name):
                start = self._whole.line_start(first, last, line)
                end = -1 if start < 0 else self._text.find("\n", start, last)
                found = -1 if start < 0 else self._text.find(text, start, last if end < 0 else end)
                if found >= 0:
                    self._note(found, found + len(text))
                    return ""
        return hit["text"]

    def _bounds(self, name: str) -> Iterator[Span]:
        """Where lines may be counted from for a name: a document's own, with its header or not."""
        if not name and len(self._whole.parts) == 1:
            yield 0, self._size
        for _, start, end in self._whole.named(name):
            yield start, end
            header = self._text.rfind("\n", 0, max(0, start - 1)) + 1
            yield header, end

    def _indexed(self) -> dict[str, list[int]]:
        grams: dict[str, list[int]] = {}
        step = max(LEAST_STEP, -(-self._size // MOST_GRAMS))
        for place, piece in self._whole.windows():
            for low in range(-place % step, len(piece) - GRAM_CHARS + 1, step):
                gram = piece[low : low + GRAM_CHARS]
                places = grams.get(gram)
                if places is not None:
                    if len(places) < MOST_PLACES:
                        places.append(place + low)
                elif len(set(gram)) > 3:
                    grams[gram] = [place + low]
        return grams

    def _runs(self, text: str) -> Iterator[tuple[int, int, int]]:
        """Passages of the context in `text`: where each starts and ends there, and its place."""
        at = 0
        for low, high, place in self._continued(text):
            yield low, high, place
            at = high
        grams, last = self._grams, len(text) - GRAM_CHARS
        while at <= last:
            places: list[int] | None = None
            for start in range(at, last + 1):
                places = grams.get(text[start : start + GRAM_CHARS])
                if places:
                    break
            if not places:
                return
            low, high, place = max(
                (self._stretched(text, start, one, at) for one in places),
                key=lambda run: run[1] - run[0],
            )
            self._expected, at = place + high - low, high
            yield low, high, place

    def _continued(self, text: str) -> Iterator[tuple[int, int, int]]:
        """The passage that follows what was read last: of equal ones it is the likely one."""
        ahead = str(self._text[self._expected : self._expected + 3 * GRAM_CHARS]).lstrip()
        probe = ahead[:GRAM_CHARS]
        start = text.find(probe) if self._expected and len(probe) == GRAM_CHARS else -1
        if start < 0 or any(text[at : at + GRAM_CHARS] in self._grams for at in range(start)):
            return
        place = self._text.find(probe, self._expected, self._expected + 4 * GRAM_CHARS)
        if place >= 0:
            low, high, place = self._stretched(text, start, place, 0)
            self._expected = place + high - low
            yield low, high, place

    def _stretched(self, text: str, at: int, place: int, least: int) -> tuple[int, int, int]:
        """As far as a text and the context are equal around two equal places."""
        after = _equal(
            min(len(text) - at, self._size - place),
            lambda low, high: text[at + low : at + high] == self._slice(place + low, place + high),
        )
        before = _equal(
            min(at - least, place),
            lambda low, high: text[at - high : at - low] == self._slice(place - high, place - low),
        )
        return at - before, at + after, place - before

    def _slice(self, start: int, end: int) -> str:
        return str(self._text[start:end])

    def _leave(self, text: str) -> None:
        """Keeps for later what was not found by its passages."""
        for line in _BREAK.split(text):
            line = line.strip(_QUOTES)
            if len(line) >= LEAST_CHARS:
                self._lines[line] = None

    def _find_lines(self) -> None:
        left, self._lines = self._lines, {}
        if not left:
            return
        for place, piece in self._whole.windows():
            stripped = {line.strip(_QUOTES) for line in piece.split("\n")}
            for line in left.keys() & stripped:
                at = piece.find(line)
                while at >= 0 and not _is_line(piece, at, len(line)):
                    at = piece.find(line, at + 1)
                if at >= 0:
                    self._note(place + at, place + at + len(line))
                    del left[line]
        for line in sorted(left, key=len, reverse=True)[: self._scans]:
            at = self._text.find(line)
            if at >= 0:
                self._note(at, at + len(line))

    def _stripped(self, span: Span) -> Span | None:
        start, end = span
        text = self._slice(start, end)
        start, end = end - len(text.lstrip()), start + len(text.rstrip())
        return (start, end) if start < end else None

    def _joined(self, spans: Iterable[Span]) -> list[Span]:
        joined: list[Span] = []
        for start, end in spans:
            if joined:
                last, reached = joined[-1]
                gap = start - reached
                if gap <= 0 or (gap < 1_000 and self._slice(reached, start).isspace()):
                    joined[-1] = (last, max(reached, end))
                    continue
            joined.append((start, end))
        return joined


def _equal(most: int, same: Callable[[int, int], bool]) -> int:
    """How many of `most` characters are the same, by comparing stretches of them."""
    at, step = 0, 64
    while at < most:
        stop = min(most, at + step)
        if same(at, stop):
            at, step = stop, step * 4
            continue
        low, high = at, stop - 1  # the first that differs is in [low, high]
        while low < high:
            middle = (low + high + 1) // 2
            if same(low, middle):
                low = middle
            else:
                high = middle - 1
        return low
    return most


def _is_line(piece: str, at: int, chars: int) -> bool:
    """Whether what is there is all that a line has."""
    start = piece.rfind("\n", 0, at) + 1
    end = piece.find("\n", at + chars)
    around = piece[start:at] + piece[at + chars : len(piece) if end < 0 else end]
    return not around.strip(_QUOTES)
