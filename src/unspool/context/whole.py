"""A context as one text with named parts, whatever its shape."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from unspool.context.source import Context
from unspool.context.stored import is_text, text_of

WINDOW_CHARS = 1 << 20


class Whole:
    """One text in which each part (a document, an item of a list) has its place.

    `text` is a `str`, or what is sliced and searched like one. Text that belongs to no part,
    as a header line between documents, is not counted.
    """

    def __init__(self, context: Context) -> None:
        value = context.value
        parts: list[tuple[str, int, int]] = []
        if is_text(value):
            text = text_of(value)
            parts = [(one.name, one.start, one.start + one.chars) for one in context.documents]
            parts = parts or [("", 0, len(text))]
        else:
            texts, at = [], 0
            for name, leaf in _leaves(value, ""):
                parts.append((name, at, at + len(leaf)))
                texts.append(leaf)
                at += len(leaf) + 1
            text = "\n".join(texts) if texts else ""
        self.text: Any = text
        self.parts = parts
        self._starts = [start for _, start, _ in parts]
        self._ends: dict[int, int] = {}

    @property
    def chars(self) -> int:
        """Of all parts together."""
        return sum(end - start for _, start, end in self.parts)

    def windows(self) -> Iterator[tuple[int, str]]:
        """The text in pieces that end with lines, each with its place."""
        at, size = 0, len(self.text)
        while at < size:
            piece = str(self.text[at : at + WINDOW_CHARS])
            if at + len(piece) < size:
                piece = piece[: piece.rfind("\n") + 1] or piece
            yield at, piece
            at += len(piece)

    def part(self, at: int) -> tuple[str, int, int]:
        """The part that a place is in, or the first one."""
        return self.parts[max(0, bisect.bisect_right(self._starts, at) - 1)]

    def named(self, name: str) -> Iterator[tuple[str, int, int]]:
        """The parts of that name."""
        return (one for one in self.parts if one[0] == name)

    def line_start(self, first: int, last: int, line: int) -> int:
        """Where the line of that number begins, counted from 1 at `first`; -1 where there is
        none, before `last`."""
        left, at = line - 1, first
        if left < 0:
            return -1
        while left:
            stop = min(last, at + WINDOW_CHARS)
            piece = str(self.text[at:stop])
            count = piece.count("\n")
            if count >= left:
                ends = itertools.islice(re.finditer("\n", piece), left - 1, None)
                return at + next(ends).end()
            if stop >= last:
                return -1
            left, at = left - count, stop
        return at

    def line_of(self, at: int) -> int:
        """The line of a place in its part, counted from 1."""
        return int(self.text.count("\n", self.part(at)[1], at)) + 1

    def line_around(self, at: int, most: int) -> tuple[int, int]:
        """The line of a place, or up to `most` characters to each side of it."""
        _, first, last = self.part(at)
        low, high = max(first, at - most), min(last, at + most)
        start = self.text.rfind("\n", low, at) + 1 or low
        end = self.text.find("\n", at, high)
        return start, end if end >= 0 else high


def _leaves(value: Any, name: str) -> Iterator[tuple[str, str]]:
    """All texts in data, each by the way to it."""
    if isinstance(value, str):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{name}[{key!r}]" if name else str(key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{name}[{number}]")
    elif value is not None:
        yield name, str(value)
