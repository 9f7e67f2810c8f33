"""A stretch of a source, and what is cut out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .source import Source

NOTED_BYTES, NOTED_HEAD, MOST_NOTED = 1 << 15, 256, 100_000
"""Of a slice so long it is noted where it was, by so many of its characters; of so many slices."""


@dataclass(frozen=True)
class Span:
    """Bytes `start` to `end` of a source, both of them boundaries."""

    source: Source
    start: int
    end: int

    def part(self, start: int, end: int) -> Any:
        """A `str` where it is short, else a `BigText` over the same file."""
        if end - start <= self.source.sizes.string:
            text = self.source.text(start, end)
            if end - start >= NOTED_BYTES and len(self.source.given) < MOST_NOTED:
                self.source.given[hash(text[:NOTED_HEAD])] = start, end
            return text
        from .big import BigText

        return BigText(self.source, start, end)
