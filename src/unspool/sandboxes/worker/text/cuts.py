"""How a `BigText` is cut: `split` and its like, and what `strip` takes off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import pieces
from .finder import Finder
from .source import TooLarge
from .span import Span

_compile = re.compile  # the real one: `patterns.install` puts another in its place


class Cuts:
    """The methods of `str` that cut; see there. What is short is a `str`, else a `BigText`."""

    extent: Span

    if TYPE_CHECKING:  # what the rest of a `BigText` has

        def _place(self, text: str, low: int, high: int, *, last: bool) -> tuple[int, int]: ...
        def startswith(self, prefix: Any) -> bool: ...
        def endswith(self, suffix: Any) -> bool: ...
        def __getitem__(self, index: Any) -> Any: ...

    def split(self, sep: str | None = None, maxsplit: int = -1) -> Any:
        """See `str`; without `maxsplit`, the pieces are cut when they are asked for."""
        if sep == "":
            raise ValueError("empty separator")
        if maxsplit < 0:
            cut = pieces.words if sep is None else self._parts(sep)
            return pieces.Pieces(self.extent, cut)
        return self._some(sep, maxsplit, last=False)

    def rsplit(self, sep: str | None = None, maxsplit: int = -1) -> Any:
        """See `str`; without `maxsplit` it cuts from the left."""
        if sep == "":
            raise ValueError("empty separator")
        if maxsplit < 0:
            return self.split(sep)
        return self._some(sep, maxsplit, last=True)

    def _parts(self, sep: str) -> pieces.Cut:
        if "\ufffd" in sep:
            return Finder(_compile(re.escape(sep))).cut
        return pieces.parts(sep)

    def _some(self, sep: str | None, most: int, *, last: bool) -> list[Any]:
        if sep is None:
            return self._some_words(most, last=last)
        found: list[Any] = []
        rest = self.extent
        while len(found) < most:
            start, end = self._place(sep, rest.start, rest.end, last=last)
            if start < 0:
                break
            if last:
                found.append(rest.part(end, rest.end))
                rest = Span(rest.source, rest.start, start)
            else:
                found.append(rest.part(rest.start, start))
                rest = Span(rest.source, end, rest.end)
        found.append(rest.part(rest.start, rest.end))
        return found[::-1] if last else found

    def _some_words(self, most: int, *, last: bool) -> list[Any]:
        if last:
            raise TooLarge("rsplit(None, n) of so long a text: use split, or rsplit a slice of it")
        found: list[Any] = []
        text: Any = self.lstrip()
        while text and len(found) < most:
            word, text = _word(text)
            found.append(word)
        return [*found, text] if text else found

    def splitlines(self, keepends: bool = False) -> Any:
        """See `str`; the lines are cut when they are asked for."""
        return pieces.Pieces(self.extent, pieces.lines(keep_ends=keepends))

    def partition(self, sep: str) -> tuple[Any, str, Any]:
        """See `str`."""
        before, *rest = self.split(sep, 1)
        return (before, sep, rest[0]) if rest else (self, "", "")

    def rpartition(self, sep: str) -> tuple[Any, str, Any]:
        """See `str`."""
        *before, rest = self.rsplit(sep, 1)
        return (before[0], sep, rest) if before else ("", "", self)

    def strip(self, chars: str | None = None) -> Any:
        """See `str`."""
        stripped = self.lstrip(chars)
        return stripped.rstrip(chars)

    def lstrip(self, chars: str | None = None) -> Any:
        """See `str`."""
        source, at, end = self.extent.source, self.extent.start, self.extent.end
        while at < end:
            high = source.boundary(min(end, at + source.sizes.window))
            text = source.text(at, high)
            kept = text.lstrip(chars)
            if kept:
                return self.extent.part(source.forth(at, len(text) - len(kept)), end)
            at = high
        return ""

    def rstrip(self, chars: str | None = None) -> Any:
        """See `str`."""
        source, start, end = self.extent.source, self.extent.start, self.extent.end
        while end > start:
            low = source.boundary(max(start, end - source.sizes.window))
            text = source.text(low, end)
            kept = text.rstrip(chars)
            if kept:
                return self.extent.part(start, source.forth(low, len(kept)))
            end = low
        return ""

    def removeprefix(self, prefix: str) -> Any:
        """See `str`."""
        return self[len(prefix) :] if self.startswith(prefix) else self

    def removesuffix(self, suffix: str) -> Any:
        """See `str`."""
        return self[: -len(suffix)] if suffix and self.endswith(suffix) else self

    def cut_at(self, places: Iterator[tuple[int, int, tuple[Any, ...]]]) -> list[Any]:
        """The pieces between the given bytes, with what else is to stand between them."""
        found: list[Any] = []
        at = self.extent.start
        for start, end, between in places:
            found += (self.extent.part(at, start), *between)
            at = end
        return [*found, self.extent.part(at, self.extent.end)]


def _word(text: Any) -> tuple[Any, Any]:
    """The first word, and what is behind it without the white space at its beginning."""
    if not hasattr(text, "extent"):
        first, *rest = text.split(None, 1)
        return first, rest[0] if rest else ""
    words, _ = pieces.words(text.extent, None)
    at = text.extent.source.forth(text.extent.start, len(words[0]))
    if hasattr(words[0], "extent"):
        at = words[0].extent.end
    rest = text.extent.part(at, text.extent.end)
    return words[0], rest.lstrip()
