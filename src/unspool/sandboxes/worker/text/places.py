"""Which part of the context a text is: a child run then gets its place, not the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..documents import Document, Documents, head
from ..records import Chosen, Part
from ..tools import Road
from .big import BigText
from .span import NOTED_HEAD

LEAST_CHARS = 1 << 15
"""A shorter text travels as it is."""
MOST_TRIES = 16
"""Places that begin as the text does are compared with it, up to so many."""


class Changing:
    """The road of calls to the host, on which the contexts of child runs are changed."""

    def __init__(self, road: Road, change: Callable[[Any], Any]) -> None:
        self._road, self._change = road, change

    def call(self, name: str, args: list[Any]) -> Any:
        """See `Channel.call`."""
        if name == "rlm_query":
            args[1] = self._change(args[1])
        elif name == "rlm_query_batched":
            args[1] = [self._change(one) for one in args[1]]
        return self._road.call(name, args)


def named(value: Any) -> Any:
    """Documents as a text with their names; where there are no child runs, it is a prompt's."""
    some = value if isinstance(value, (list, tuple)) else ()
    if type(value) is Documents or (some and all(type(one) is Document for one in some)):
        return "".join(f"{head(one.name)}{one}\n" for one in value)
    return value


class Places:
    """Finds texts in the context they were cut from, in about the time it takes to read them;
    and documents by their numbers."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._last = (0, 0)

    def __call__(self, value: Any) -> Any:
        """`value`, or the part of the context that it is."""
        if type(self._context) is Documents:
            numbers = self._context.numbers([value] if type(value) is Document else value)
            if numbers and type(value) is Document:
                return Part(*value.place)
            if numbers:
                return Chosen(numbers)
        return self._place(value)

    def _place(self, value: Any) -> Any:
        whole = self._context
        if not isinstance(value, str):
            return value
        if type(whole) is Documents:
            whole = whole.text if len(value) >= LEAST_CHARS else ""
        if type(whole) is BigText:
            return _in_file(whole, value)
        if type(whole) is not str or len(value) < LEAST_CHARS:
            return value
        at = self._found(whole, value)
        if at < 0:
            return value
        self._last = at, at + len(value)
        return Part(*self._last)

    def _found(self, whole: str, value: str) -> int:
        """Mostly it is the last one again or follows on it; else it is looked for from there,
        then from the beginning."""
        for at in self._last:
            if whole.startswith(value, at):
                return at
        lead, behind = value[:NOTED_HEAD], self._last[1]
        tries = 0
        for start, end in ((behind, len(whole)), (0, behind + len(value))):
            at = whole.find(lead, start, end)
            while at >= 0 and tries < MOST_TRIES:
                if whole.startswith(value, at):
                    return at
                tries += 1
                at = whole.find(lead, at + 1, end)
        return -1


def _in_file(whole: BigText, value: Any) -> Any:
    span = whole.extent
    if type(value) is BigText:
        if value.extent.source is not span.source:
            return value
        return Part(value.extent.start - span.start, value.extent.end - span.start)
    if len(value) < LEAST_CHARS:
        return value
    start, end = span.source.given.get(hash(value[:NOTED_HEAD]), (0, 0))
    if start < end and span.source.text(start, end) == value:
        return Part(start - span.start, end - span.start)
    return value
