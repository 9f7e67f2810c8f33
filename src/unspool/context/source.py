"""A context as a frozen value, and its description in constant size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """What `context` holds in the REPL: a `str`, or JSON-like data."""

    value: Any = field(repr=False)
    documents: tuple[Document, ...] = ()
    """The parts of a `str` that was joined from several; empty when it is one."""
    notes: tuple[str, ...] = ()
    """What the reader has to tell: files left out, bytes that were no text."""

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
        if self.documents:
            return f"{len(self.documents):,} documents"
        name = type(self.value).__name__
        if isinstance(self.value, (str, int, float)) or self.value is None:
            return name
        return f"{name} of {len(self.value):,} items"


def count_chars(value: Any) -> int:
    """Characters of all text in `value`, keys and items of containers included."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(count_chars(key) + count_chars(item) for key, item in value.items())
    if isinstance(value, (list, tuple, set, frozenset)):
        return sum(map(count_chars, value))
    return 0 if value is None else len(str(value))
