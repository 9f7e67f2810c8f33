"""What readers of sources give, and how it becomes one context."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from unspool.context.source import Context, Document
from unspool.errors import ContextError
from unspool.loaders.formats.chosen import Patterns

MOST_CHARS = 1 << 30
"""Of several documents together; a single text may be of any length."""
NAMES_TOLD = 4
NOT_TEXT = "not text"
"""Why a file is left out that nothing here reads: of those, only the count is told."""


@dataclass(frozen=True, slots=True)
class Part:
    """One document."""

    name: str
    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lost:
    """A file that cannot be read, or not whole."""

    name: str
    why: str


class Parser(Protocol):
    """Reads formats that a stranger may have written, where they can do no harm."""

    def parse(
        self, fd: int, name: str, *, take: Patterns = (), leave: Patterns = ()
    ) -> Iterator[Part | Lost]:
        """The documents in the file behind `fd`, from its beginning.

        `take` and `leave` say which files inside of it: see `formats.chosen`.
        """
        ...


class Gathering:
    """Collects documents into one text, with a line before each that has its name."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._documents: list[Document] = []
        self._chars = 0
        self._lost: list[Lost] = []
        self._notes: list[str] = []
        self._left_out: collections.Counter[str] = collections.Counter()

    def add(self, part: Part | Lost) -> None:
        """A document; an empty one is only counted."""
        if isinstance(part, Lost) and part.why == NOT_TEXT:
            self._left_out[NOT_TEXT] += 1
            return
        if isinstance(part, Lost):
            self._lost.append(part)
            return
        if not part.text:
            self._left_out["empty"] += 1
            return
        name = printable(part.name)
        head = f"===== {name} =====\n"
        start = self._chars + len(head)
        self._pieces += (head, part.text, "\n")
        self._documents.append(Document(name, start, len(part.text), part.metadata))
        self._chars = start + len(part.text) + 1
        if self._chars > MOST_CHARS:
            raise ContextError(
                f"these files have more than {MOST_CHARS:,} characters in all: take fewer of them"
                " (include=, exclude=), or give one large file by itself."
            )

    def leave_out(self, why: str, count: int = 1) -> None:
        """Files that are not read, for a reason of which only the count is told."""
        self._left_out[why] += count

    def note(self, text: str) -> None:
        """Something to be told of one of the files."""
        if text:
            self._notes.append(text)

    def context(self, sources: Sequence[str], *, single: bool = False) -> Context:
        """The context of all that was collected. With `single`, one document that goes by its
        file's name is a plain text.

        Raises:
            ContextError: there is no document.
        """
        notes = [*self._notes[:3], *self._told()]
        if not self._documents:
            told = f" {' '.join(notes)}" if notes else ""
            raise ContextError(f"there is no text in {', '.join(sources)[:300]}.{told}")
        if single and len(self._documents) == 1 and self._documents[0].name == sources[0]:
            return Context(self._pieces[1], notes=tuple(notes))
        text = "".join(self._pieces)
        self._pieces.clear()
        return Context(text, tuple(self._documents), tuple(notes))

    def _told(self) -> Iterator[str]:
        if self._lost:
            shown = "; ".join(
                f"{printable(one.name)} ({one.why})" for one in self._lost[:NAMES_TOLD]
            )
            more = len(self._lost) - NAMES_TOLD
            yield f"Not read, or not whole: {shown}{f'; and {more:,} more' if more > 0 else ''}."
        if self._left_out:
            counts = ", ".join(f"{count:,} {why}" for why, count in self._left_out.items())
            yield f"Files left out: {counts}."


def printable(name: str) -> str:
    """A name that fits in one line, whatever bytes it was made of."""
    if name.isprintable():
        return name
    plain = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in plain)
