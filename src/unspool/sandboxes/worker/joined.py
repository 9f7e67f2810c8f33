"""Parts of a text one after the other, of which nothing is copied until it is looked at."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Sequence


class Joined:
    """Parts of `whole`, each from one place to another. `str` of it is all of them as one, which
    is made once."""

    __slots__ = ("_made", "_spans", "_starts", "_whole")

    def __init__(self, whole: str, spans: Sequence[Sequence[int]]) -> None:
        self._whole, self._spans = whole, spans
        sizes = (stop - start for start, stop in spans)
        self._starts = [0, *itertools.accumulate(sizes)]
        self._made: str | None = None

    def __len__(self) -> int:
        return self._starts[-1]

    def __str__(self) -> str:
        if self._made is None:
            self._made = "".join(self._whole[start:stop] for start, stop in self._spans)
        return self._made

    def __getitem__(self, at: slice) -> str:
        start, stop, _ = at.indices(len(self))
        first = bisect.bisect_right(self._starts, start) - 1
        if self._made is not None or stop > self._starts[min(first + 1, len(self._spans))]:
            return str(self)[start:stop]
        move = self._spans[first][0] - self._starts[first] if start < stop else 0
        return self._whole[start + move : stop + move]
