"""Finds what a regular expression matches in a text that is read window by window."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import fast, reach
from .source import Source, TooLarge, broken_places, count_chars, decoded

if TYPE_CHECKING:
    from .span import Span

DENSE = 4_096
"""More candidates in a window than this are better looked for by `re` itself."""
GROWTH = 4
NEXT_BYTES = 16
"""Seen of what is behind a place where nothing is to be taken."""


class Place:
    """Where a window begins; matches share it."""

    def __init__(self, source: Source, low: int) -> None:
        self._source, self._low = source, low
        self._chars = -1

    def chars(self) -> int:
        """Characters before it in the source."""
        if self._chars < 0:
            self._chars = self._source.chars_before(self._low)
        return self._chars


class Found:
    """One match: where its groups are, in characters from a place, and their text alone."""

    __slots__ = ("_from", "_place", "_text", "lastgroup", "lastindex", "regs")

    def __init__(self, place: Place, match: re.Match[str]) -> None:
        self.regs: tuple[tuple[int, int], ...] = match.regs
        self.lastindex, self.lastgroup = match.lastindex, match.lastgroup
        self._place = place
        self._from = min(start for start, _ in self.regs if start >= 0)
        self._text = match.string[self._from : max(end for _, end in self.regs)]

    def group(self, number: int) -> str | None:
        """The text of a group; None where it is in no match."""
        start, end = self.regs[number]
        return None if start < 0 else self._text[start - self._from : end - self._from]

    def chars_before(self) -> int:
        """Characters of the source before the place from which `regs` counts."""
        return self._place.chars()


class Window:
    """A piece of a text: some characters before `start`, from where is searched, and what
    there is behind it, up to some size. `start` and `safe` are places in its `data`."""

    def __init__(self, text: Span, start: int, size: int, before: int) -> None:
        source = self.source = text.source
        self.low = max(text.start, source.boundary(start - 4 * before))
        high = source.boundary(min(text.end, start + size))
        self.is_last = high >= text.end
        self.data = source.read(self.low, min(high, text.end))
        self.start = start - self.low
        self.safe = len(self.data)
        """From where on what begins may depend on what is behind the window."""
        self.place = Place(source, self.low)
        self._text: str | None = None
        self._cursor = (0, 0)
        self._breaks: list[tuple[int, int]] | None = None

    @property
    def text(self) -> str:
        """Its characters."""
        if self._text is None:
            self._text = decoded(self.data)
        return self._text

    def is_sound(self) -> bool:
        """Whether its characters are its bytes, none of them standing for what is broken."""
        return self.data.isascii() or "\ufffd" not in self.text

    def chars(self, at: int, since: tuple[int, int] = (0, 0)) -> int:
        """The number of the character at byte `at`; `since` is such a pair before it."""
        return since[1] + count_chars(self.data[since[0] : at])

    def byte(self, char: int) -> int:
        """Where a character is in the source, in bytes."""
        if self.data.isascii():
            return self.low + char
        at, byte = self._cursor if self._cursor[0] <= char else (0, 0)
        if self._breaks is None:
            self._breaks = broken_places(self.data)
        while at < char:
            index = bisect.bisect_left(self._breaks, (at, 0))
            broken, taken = self._breaks[index] if index < len(self._breaks) else (char, 0)
            stop = min(broken, char)
            byte += len(self.text[at:stop].encode())
            at = stop
            if broken == at < char:
                at, byte = at + 1, byte + taken
        self._cursor = at, byte
        return self.low + byte


class Finder:
    """One pattern, and what is known of it."""

    def __init__(self, real: re.Pattern[str]) -> None:
        self._real, flags = real, real.flags
        tree = reach.parsed(real.pattern, flags)
        steps = reach.Reach.of(tree, flags).steps
        self._before = reach.looks_back(tree) + 2
        self._literal = reach.literal(tree, flags).encode()
        self._fast: fast.Prefilter | None = None
        self._head: re.Pattern[str] | None = None
        self._firm: re.Pattern[str] | None = None
        if steps is not None:
            self._through = [steps]
            if tree.getwidth()[0] > 0:
                self._fast = fast.prefilter(tree, flags)
        else:
            parts = reach.wild_parts(tree, flags)
            self._through = parts.steps
            self._head = reach.compiled(parts.head, flags)
            self._firm = None if parts.firm is None else reach.compiled(parts.firm, flags)

    def all(self, text: Span, at: int) -> Iterator[Found]:
        """All matches in the text from byte `at` on, each as soon as it is found.

        Raises:
            TooLarge: whether there is one depends on more than `Sizes.reach`.
        """
        return (Found(window.place, match) for window, match in self.each(text, at))

    def each(
        self, text: Span, at: int, *, behind_empty: bool = False
    ) -> Iterator[tuple[Window, re.Match[str]]]:
        """The same as matches in windows. `behind_empty`: an empty match was found there."""
        size = text.source.sizes.window
        while at <= text.end:
            window, last = self._window(text, at, size), None
            for match in self._in(window, skip_empty=behind_empty):
                yield window, match
                last = match
            if window.is_last:
                return
            ended = at if last is None else window.byte(last.end())
            resume = max(ended, self._searched_until(window, last))
            if last is not None:
                behind_empty = last.start() == last.end() and resume == ended
            elif resume > at:
                behind_empty = False
            size = self._larger(text, at, size) if resume == at else text.source.sizes.window
            at = resume

    def here(self, text: Span, at: int) -> Found | None:
        """The match that begins at byte `at`, if there is one."""
        size = text.source.sizes.window
        while at <= text.end:
            window = self._window(text, at, size)
            if window.is_last or window.safe >= window.start:
                first = window.chars(window.start)
                match = self._real.match(window.text, first)
                if window.is_last or self._head is None or self._is_settled(window, match, first):
                    return None if match is None else Found(window.place, match)
            size = self._larger(text, at, size)
        return None

    def behind(self, text: Span, at: int, end: int) -> Found | None:
        """The match at byte `at` of what is to go no further than `end`, which is before it: of
        nothing, if of anything; `re` has its own rules for which patterns match there."""
        window = Window(text, at, NEXT_BYTES, self._before)
        last = window.chars(max(0, end - window.low))
        match = self._real.match(window.text, window.chars(window.start), last)
        return None if match is None else Found(window.place, match)

    def whole(self, text: Span, at: int) -> Found | None:
        """The match of all that is behind byte `at`, if there is one.

        Raises:
            TooLarge: that is more than `Sizes.reach`.
        """
        if text.end - at > text.source.sizes.reach:
            raise self._too_far(text, at)
        window = Window(text, at, text.end - at, self._before)
        match = self._real.fullmatch(window.text, window.chars(window.start))
        return None if match is None else Found(window.place, match)

    def cut(self, text: Span, place: Any) -> tuple[list[Any], Any]:
        """Cuts as `re.split` does; see `pieces.Cut`."""
        at, behind_empty = place or (text.start, False)
        pieces: list[Any] = []
        start = at
        for window, match in self.each(text, at, behind_empty=behind_empty):
            low, high = window.byte(match.start()), window.byte(match.end())
            pieces += (text.part(start, low), *match.groups())
            start = high
            if start - at > text.source.sizes.window:
                return pieces, (high, low == high)
        return [*pieces, text.part(start, text.end)], None

    def _window(self, text: Span, at: int, size: int) -> Window:
        window = Window(text, at, size, self._before)
        if not window.is_last:
            window.safe = min(reach.last_start(steps, window.data) for steps in self._through)
        return window

    def _in(self, window: Window, *, skip_empty: bool) -> Iterator[re.Match[str]]:
        """The matches in a window that are certain, up to the first that is not."""
        if self._literal and window.data.find(self._literal, window.start) < 0:
            return
        if window.safe < window.start:
            return
        if self._fast is not None:
            yield from self._fast_in(window, self._fast)
            return
        end = first = window.chars(window.start)
        last = window.chars(window.safe)
        for match in self._real.finditer(window.text, first):
            if skip_empty and match.end() == first:
                skip_empty = False
                continue
            if not window.is_last and not self._is_certain(window, match, end, last):
                return
            end = match.end()
            yield match

    def _is_certain(self, window: Window, match: re.Match[str], after: int, last: int) -> bool:
        """Whether a match, the first behind `after`, is also that of the whole text."""
        if match.start() > last:
            return False
        if self._head is None:
            return True
        head = self._head.search(window.text, after)
        if head is None or head.start() != match.start():
            return False
        return self._is_firm(window, match, last)

    def _is_firm(self, window: Window, match: re.Match[str], last: int) -> bool:
        """Whether a match of a wild pattern came about without any of its earlier parts having
        been tried in a second way, which they might not have been with more text."""
        if self._firm is None or match.end() > last:
            return False
        firm = self._firm.match(window.text, match.start())
        return firm is not None and firm.regs == match.regs

    def _is_settled(self, window: Window, match: re.Match[str] | None, first: int) -> bool:
        """Whether what a wild pattern matches at one place is what it does in the whole text."""
        assert self._head is not None
        if match is None:
            return self._head.match(window.text, first) is None
        return self._is_firm(window, match, window.chars(window.safe))

    def _searched_until(self, window: Window, last: re.Match[str] | None) -> int:
        """Before which byte of the source no further match can begin."""
        if window.safe < window.start:
            return -1
        if self._head is not None:
            after = window.chars(window.start) if last is None else last.end()
            head = self._head.search(window.text, after)
            if head is not None and head.start() <= window.chars(window.safe):
                return window.byte(head.start())
        return window.source.boundary(window.low + window.safe + 1)

    def _fast_in(self, window: Window, look: fast.Prefilter) -> Iterator[re.Match[str]]:
        """The same by a prefilter, which passes over whatever cannot be a match."""
        at, known = look(window.data, window.start), (0, 0)
        if not 0 <= at <= window.safe:
            return
        if not window.is_sound():
            yield from self._slow_in(window, window.start)
            return
        for _ in range(DENSE):
            while at < len(window.data) and window.data[at] & 0xC0 == 0x80:
                at += 1  # inside of a character
            known = at, window.chars(at, known)
            match = self._real.match(window.text, known[1])
            if match is None:
                at += 1
            elif at > window.safe:
                return
            else:
                yield match
                at += len(match.group().encode())
            at = look(window.data, at)
            if not 0 <= at <= window.safe:
                return
        yield from self._slow_in(window, at)

    def _slow_in(self, window: Window, at: int) -> Iterator[re.Match[str]]:
        last = window.chars(window.safe)
        for match in self._real.finditer(window.text, window.chars(at)):
            if match.start() > last:
                return
            yield match

    def _larger(self, text: Span, at: int, size: int) -> int:
        if size >= text.source.sizes.reach:
            raise self._too_far(text, at)
        return min(size * GROWTH, text.source.sizes.reach)

    def _too_far(self, text: Span, at: int) -> TooLarge:
        pattern = self._real.pattern
        shown = pattern if len(pattern) <= 80 else pattern[:80] + "..."
        size = text.source.sizes.reach
        return TooLarge(
            f"what {shown!r} matches from byte {at - text.start:,} of this text on depends on more"
            f" than {size:,} bytes: bound the pattern (.{{0,5000}}? or [^\\n]* in place of .*),"
            " or search in a slice, as context[a:b]"
        )
