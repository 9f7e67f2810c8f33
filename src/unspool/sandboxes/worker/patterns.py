"""Regular expressions over long texts: in linear time by RE2 where that finds exactly what
`re` finds, by `re` under a limit of time elsewhere."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from . import linear

WINDOW_CHARS = 4 << 20
"""Looked at in one go, and then up to the end of the line."""
OVERLAP_CHARS = 1 << 16
"""Of a text that is not in memory: the longest match that is found whole in any case, where
it goes over line ends or lies in a line longer than a window."""
LIMIT_S = 10
"""Processor time that `re` may take for one search."""
_WITH_ENDS = r"\\.|\(\?#[^)]*\)|\[\^?\]?(?:\\.|[^\]\\])*\]|(\$)"
"""What a pattern is made of, as far as it tells a `$` from what only looks like one."""


class TooSlow(TimeoutError):
    """A pattern for which `re` takes very long; the text says what to do."""


class Pattern:
    """What to look for in texts: a regular expression, or the text itself where it is none.

    Case does not matter, `^` and `$` are the ends of any line, whether it ends with `\\n` or
    `\\r\\n`, and empty matches are no matches; else it finds what `re.finditer` does.
    """

    def __init__(self, pattern: str, flags: int = 0) -> None:
        flags |= re.IGNORECASE | re.MULTILINE
        try:
            self.regex = re.compile(pattern, flags)
        except (re.error, OverflowError, RecursionError):
            pattern = re.escape(pattern)
            self.regex = re.compile(pattern, flags)
        self._linear = linear.Linear(pattern, flags)
        self._crlf = _before_crlf(self.regex)

    def spans(self, text: Any) -> Iterator[tuple[int, int]]:
        """Where it matches in a `str` or a text of that kind, as (start, end), in order.

        Raises:
            TooSlow: `re` had to do it, and took more than `LIMIT_S`.
        """
        if not in_memory(text) and self._linear.crosses and hasattr(text, "scan"):
            yield from (span for span in text.scan(self._crlf) if span[1] > span[0])
            return
        for at, piece, keep in windows(text, lines=not self._linear.crosses):
            for low, high in self._in_piece(piece):
                if low >= keep:
                    break
                if high > low:
                    yield at + low, at + high

    def _in_piece(self, piece: str) -> Iterator[tuple[int, int]]:
        found = self._linear.spans(piece)
        if found is not None:
            return found
        lines = self._linear.lines(piece)
        return iter(self._by_re(piece, [(0, len(piece))] if lines is None else lines))

    def _by_re(self, piece: str, parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        regex = self._crlf if "\r\n" in piece else self.regex
        with _limited(self.regex.pattern, explosive=self._linear.explosive):
            return [
                match.span() for start, end in parts for match in regex.finditer(piece, start, end)
            ]


def _before_crlf(regex: re.Pattern[str]) -> re.Pattern[str]:
    """The same, with a `$` that is also before `\\r\\n`."""
    comments = "|#[^\n]*" if regex.flags & re.VERBOSE else ""
    known = re.compile(_WITH_ENDS + comments, re.DOTALL)
    both = known.sub(lambda one: r"(?:$|(?=\r\n))" if one[1] else one[0], regex.pattern)
    return regex if both == regex.pattern else re.compile(both, regex.flags)


def in_memory(text: Any) -> bool:
    """Whether a text is a `str` indeed: one that stays in its file may call itself one."""
    return issubclass(type(text), str)


def windows(text: Any, *, lines: bool = True) -> Iterator[tuple[int, str, int]]:
    """A text in pieces: where each begins, the piece, and how much of it is not in the next.

    With `lines` pieces end where lines do; without, a `str` is one piece.
    """
    if in_memory(text):
        yield from _of_str(text, lines=lines)
        return
    at, held = 0, ""
    for piece in _read(text):
        held += piece
        keep = held.rfind("\n") + 1 if lines else 0
        keep = keep or len(held) - OVERLAP_CHARS
        if keep > 0:
            yield at, held, keep
            at, held = at + keep, held[keep:]
    if held:
        yield at, held, len(held)


def _of_str(text: str, *, lines: bool) -> Iterator[tuple[int, str, int]]:
    start, size = 0, len(text)
    while start < size:
        end = start + WINDOW_CHARS
        end = text.find("\n", end - 1) + 1 or size if lines and end < size else size
        piece = text if start == 0 and end == size else text[start:end]
        yield start, piece, len(piece)
        start = end


def _read(text: Any) -> Iterator[str]:
    """All of a text in order: by its own means, where it has some that know no positions."""
    if hasattr(text, "windows"):
        yield from text.windows(WINDOW_CHARS)
        return
    for start in range(0, len(text), WINDOW_CHARS):
        yield str(text[start : start + WINDOW_CHARS])


@contextlib.contextmanager
def _limited(pattern: str, *, explosive: bool) -> Iterator[None]:
    """Ends what runs inside after `LIMIT_S` of processor time.

    `re` lets nothing else run while it matches, except signals, and those in the main thread
    alone; elsewhere a pattern that may take for ever is not begun.
    """
    if not _has_timer():
        if explosive:
            raise TooSlow(_advice(pattern, "may take very long"))
        yield
        return

    def over(signum: int, frame: FrameType | None) -> None:
        raise TooSlow(_advice(pattern, f"took more than {LIMIT_S} s"))

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _has_timer() -> bool:
    """Whether a signal can end what this thread does, and the timer is nobody else's."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_VIRTUAL)[0] == 0


def _advice(pattern: str, how: str) -> str:
    return (
        f"the search for {pattern[:100]!r} {how}: a repetition inside of a repetition, as (a+)+,"
        " can be matched in too many ways. Write it without, or search for words."
    )
