"""Whatever a context is, as texts that have names."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .documents import Document, head


class Texts:
    """The texts of a context: one where it is a text, else one for each item.

    A text is a `str`, or of a type that is sliced and searched like one. `documents` are the
    parts of one text that was joined from several, as (name, start) in its order. `first_line`
    is the number that the first line has in the first of them.
    """

    def __init__(
        self, context: Any, documents: Sequence[tuple[str, int]] = (), first_line: int = 1
    ) -> None:
        if not documents:
            documents = parts_of(context)
        named = list(_named(context))
        self._first_line = first_line
        self.names = [name for name, _ in named]
        self.all: list[Any] = [text for _, text in named]
        self.documents = [name for name, _ in documents]
        self.starts = [start for _, start in documents]
        self.begins = [self._begin(*one) for one in documents]
        """The same with the line that is the document's head."""
        self.heads = [
            (begin - (begin > 0), start)
            for begin, start in zip(self.begins, self.starts)  # noqa: B905
            if begin < start
        ]
        """Where those lines are in the first text, each with the line end before it: they are
        no part of what a document says."""
        self._counted: dict[int, tuple[list[int], list[int]]] = {}

    def _begin(self, name: str, start: int) -> int:
        begin = max(0, start - len(head(name)))
        return begin if head(name).endswith(str(self.all[0][begin:start])) else start

    def head(self, number: int, at: int) -> int:
        """Which of the `heads` a place is in; -1 where it is in none."""
        found = (
            bisect.bisect_right(self.heads, (at, len(self.all[0]) + 1)) - 1 if self.heads else -1
        )
        return found if found >= 0 and not number and at < self.heads[found][1] else -1

    def document(self, number: int, at: int) -> int:
        """Which document a place is in; of texts that are no documents, each has its own."""
        return bisect.bisect_right(self.begins, at) - 1 if self.documents else -1 - number

    def name(self, number: int, at: int) -> str:
        """What the document, or the item, is called; empty where there is one text alone."""
        if not self.documents:
            return self.names[number]
        return self.documents[max(0, self.document(number, at))]

    def line(self, number: int, at: int) -> int:
        """The line of a place in its document, counted from 1."""
        document = max(0, self.document(number, at))
        first = self.starts[document] if self.documents else 0
        begin = 1 if document else self._first_line
        return self._lines_before(number, at) - self._lines_before(number, first) + begin

    def _lines_before(self, number: int, at: int) -> int:
        """Line ends before `at`, counted from the nearest place where that is known."""
        if hasattr(self.all[number], "line_number"):  # a text that counts, and keeps what it has
            return int(self.all[number].line_number(at)) - 1
        places, counts = self._counted.setdefault(number, ([0], [0]))
        near = bisect.bisect_right(places, at) - 1
        if places[near] == at:
            return counts[near]
        found = counts[near] + int(self.all[number].count("\n", places[near], at))
        places.insert(near + 1, at)
        counts.insert(near + 1, found)
        return found


def is_text(value: Any) -> bool:
    """Whether `value` is a `str`, or can be cut and searched like one."""
    if isinstance(value, str):
        return True
    wanted = ("find", "rfind", "count")
    return all(hasattr(value, name) for name in wanted) and not hasattr(value, "decode")


def parts_of(context: Any) -> Sequence[tuple[str, int]]:
    """The documents of a context that is a sequence of those, as (name, start)."""
    names, text = getattr(context, "names", None), getattr(context, "text", None)
    if not isinstance(names, (list, tuple)) or text is None or isinstance(context, str):
        return ()
    starts = getattr(context, "starts", None)
    if starts is None:
        starts = [document.start for document in context]
    return list(zip(names, starts))  # noqa: B905


def _named(context: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(context, str) and parts_of(context):
        yield "", context.text
    elif is_text(context):
        yield _own_name(context, ""), context
    else:
        for name, item in _items(context):
            yield str(name), item if is_text(item) else _as_text(item)


def _items(context: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(context, Mapping):
        return context.items()
    if isinstance(context, (list, tuple)):
        return ((_own_name(item, f"[{number}]"), item) for number, item in enumerate(context))
    return [("", context)]


def _own_name(item: Any, other: str) -> str:
    return item.name if type(item) is Document else other


def _as_text(item: Any) -> str:
    try:
        return json.dumps(item, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(item)
