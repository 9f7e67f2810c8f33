"""A context as a frozen value, and its description in constant size."""

from __future__ import annotations

from collections.abc import Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

from unspool.context.text import FileText, Part, Text
from unspool.errors import ContextError


@dataclass(frozen=True, slots=True)
class Document:
    """One text of several that were joined into one context, each under a line with its name."""

    name: str
    start: int
    """Where it begins in the whole, behind that line, in characters."""
    chars: int
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False)
    """What else is known of it, as JSON has it: its format, who wrote it, its columns."""


@dataclass(frozen=True, slots=True)
class Context:
    """What `context` holds in the REPL: a `str`, or JSON-like data. A text may also be one that
    is not in memory (see `unspool.context.text`)."""

    value: Any = field(repr=False)
    documents: tuple[Document, ...] = field(default=(), repr=False)
    """The parts of a `str` that was joined from several; empty when it is one."""
    notes: tuple[str, ...] = ()
    """What the reader has to tell: files left out, bytes that were no text."""
    part_of: tuple[int, int] | tuple[tuple[int, int], ...] | None = None
    """Where it is in the context of the run whose cell made it, if it is a part of that; or
    which documents it has of that, as runs of their numbers (the first, and one behind the
    last)."""
    is_text: bool = False
    """Whether it is one text to the model, of whatever documents it is a part."""
    first_line: int = 1
    """The number that its first line has in its first document."""
    origin: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """Where it can be read again, in a journal's words; empty: it is in memory alone."""

    _chars: int = field(default=-1, init=False, repr=False, compare=False)

    @property
    def chars(self) -> int:
        """Characters of text in the whole; counted once, which takes a while for a long list."""
        if self._chars < 0:
            object.__setattr__(self, "_chars", count_chars(self.value))
        return self._chars

    @property
    def kind(self) -> str:
        """Its Python type, and how many items it has when it is a container; or how many
        documents it joins."""
        if self.documents and not self.is_text:
            return f"{len(self.documents):,} documents"
        name = type(self.value).__name__
        if isinstance(self.value, Text):
            return "str"
        if isinstance(self.value, str) or not isinstance(self.value, Sized):
            return name
        return f"{name} of {len(self.value):,} items"

    @property
    def size(self) -> str:
        """Its length in words; of a text that nobody has counted, roughly."""
        if getattr(self.value, "exact", True):
            return f"{self.chars:,} characters"
        return f"about {self.chars:,} characters"

    def ends(self, chars: int) -> tuple[str, str]:
        """So many characters of the head and of the tail of one text; of a short one the whole,
        and nothing. Nothing of other data.

        Raises:
            ContextError: its file cannot be read any more.
        """
        value = self.value
        if isinstance(value, Text):
            return value.ends(chars)
        if not isinstance(value, str):
            return "", ""
        return (value, "") if len(value) <= 2 * chars else (value[:chars], value[-chars:])

    def in_memory(self) -> Any:
        """What it holds as plain Python, read from its file where it is in one.

        Raises:
            ContextError: it is too long for that, or its file cannot be read any more.
        """
        if isinstance(self.value, Part):
            return self.value.text()
        if not isinstance(self.value, FileText):
            return self.value
        if not self.value.is_whole:
            raise ContextError(
                f"{self.value.path} has {self.value.size:,} bytes, too many to be read at once:"
                " with sandbox='process', and in any mode but 'direct', it is read piece by piece;"
                " or give a part of it."
            )
        return "".join(self.value.pieces())


def count_chars(value: Any) -> int:
    """Characters of all text in `value`, keys and items of containers included."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Text):
        return value.chars
    if isinstance(value, Mapping):
        return sum(count_chars(key) + count_chars(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return sum(map(count_chars, value))
    return 0 if value is None else len(str(value))
