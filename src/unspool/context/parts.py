"""Parts of a context, for child runs: they have its memory, and know what they are of."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from unspool.context.source import Context, Document
from unspool.context.text import FileText, Part, TextPart, TextParts, places_of

Runs = Sequence[tuple[int, int]]
"""Which documents, as runs of numbers: the first of each, and one behind its last."""


def part(context: Context, start: int, end: int) -> Context:
    """A part of one text. See `TextPart` for what the ends count; it has the names of the
    documents that it is of.

    Raises:
        ValueError: there is no such part.
    """
    value, place = context.value, (start, end)
    if not 0 <= start < end <= _size(value):
        raise ValueError(f"the context has no part from {start} to {end}")
    made = _taken(value, [place])
    first, last = _overlapping(context.documents, start, end)
    if first == last:
        return Context(made, part_of=place)
    documents = [_clipped(one, start, end) for one in context.documents[first:last]]
    line = context.first_line if not first else 1
    begin = context.documents[first].start
    if begin < start:
        line += sum(_whole(value).count("\n", *one) for one in places_of(value, begin, start))
    return Context(made, tuple(documents), part_of=place, is_text=True, first_line=line)


def chosen(context: Context, runs: Runs) -> Context:
    """Some of its documents.

    Raises:
        ValueError: it has not got them, or they are more than it has.
    """
    documents, count = context.documents, len(context.documents)
    right = all(0 <= first < last <= count for first, last in runs)
    if not runs or not right or sum(last - first for first, last in runs) > count:
        raise ValueError(f"the context has {count:,} documents, and not those that were asked for")
    taken: list[Document] = []
    places, at = [], 0
    for first, last in runs:
        start, end = _begin(documents, first), _end(documents, last - 1, context.chars)
        places.append((start, end))
        taken += _moved(documents[first:last], at - start)
        at += end - start
    return Context(_taken(context.value, places), tuple(taken), part_of=tuple(runs))


def _taken(value: Any, places: Iterable[tuple[int, int]]) -> Part:
    """What is at these places, one after the other."""
    found: list[tuple[int, int]] = []
    for place in places:
        for start, end in places_of(value, *place):
            if found and found[-1][1] == start:
                found[-1] = found[-1][0], end
            else:
                found.append((start, end))
    if len(found) == 1:
        return TextPart(_whole(value), *found[0])
    return TextParts(_whole(value), tuple(found))


def _whole(value: Any) -> Any:
    return value.whole if isinstance(value, Part) else value


def _size(value: Any) -> int:
    if isinstance(value, Part):
        return value.chars
    if isinstance(value, FileText):
        return value.chars if value.is_whole else value.most_bytes
    return len(value) if isinstance(value, str) else -1


def _begin(documents: Sequence[Document], number: int) -> int:
    """Where the line with its name begins: right behind the document before it."""
    if not number:
        return 0
    before = documents[number - 1]
    return min(documents[number].start, before.start + before.chars + 1)


def _end(documents: Sequence[Document], number: int, most: int) -> int:
    return min(most, documents[number].start + documents[number].chars + 1)


def _moved(documents: Sequence[Document], by: int) -> Iterable[Document]:
    if not by:
        return documents
    return (Document(d.name, d.start + by, d.chars, d.metadata) for d in documents)


def _overlapping(documents: Sequence[Document], start: int, end: int) -> tuple[int, int]:
    """The first of those that have something between two places, and one behind the last."""
    starting = attrgetter("start")
    first = bisect.bisect_right(documents, start, key=starting)
    last = bisect.bisect_left(documents, end, key=starting)
    if first and documents[first - 1].start + documents[first - 1].chars > start:
        first -= 1
    return first, max(first, last)


def _clipped(one: Document, start: int, end: int) -> Document:
    low, high = max(start, one.start), min(end, one.start + one.chars)
    return Document(one.name, low - start, high - low, one.metadata)
