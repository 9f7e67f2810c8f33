"""A context of many documents: a sequence over one text, of which nothing is copied."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

from .joined import Joined

SHOWN = 10
TEXT_METHODS = frozenset(name for name in vars(str) if name[0] != "_")


def head(name: str) -> str:
    """The line before a document in the whole."""
    return f"===== {name} =====\n"


class Document(str):
    """The text of one document, which knows where it is from. It never changes."""

    __slots__ = ("_entry", "_place")

    _entry: tuple[str, int, int, dict[str, Any]]
    _place: tuple[int, int]

    @property
    def text(self) -> str:
        """The text alone."""
        return str.__str__(self)

    @property
    def name(self) -> str:
        """What it is called: mostly its path."""
        return self._entry[0]

    @property
    def start(self) -> int:
        """Where it begins in the `.text` of the documents that it was taken from, in
        characters."""
        return self._entry[1]

    @property
    def end(self) -> int:
        """Where it ends there."""
        return self._entry[2]

    @property
    def place(self) -> tuple[int, int]:
        """Where it starts and ends in the whole context, whatever it was taken from."""
        return self._place

    @property
    def metadata(self) -> dict[str, Any]:
        """What else is known of it: its format, who wrote it, its columns."""
        return self._entry[3]

    def __reduce__(self) -> Any:
        return _document, (self.text, self.name, self.start, dict(self.metadata), self.place[0])


def _document(
    text: str, name: str, start: int, metadata: Mapping[str, Any], place: int
) -> Document:
    made = Document(text)
    made._entry = (name, start, start + len(text), dict(metadata))
    made._place = place, place + len(text)
    return made


class Documents(Sequence[Document]):
    """Documents in their order: `len(context)`, `context[0]`, `context[2:5]`, `for doc in
    context`, `context["name"]`. Each `doc` is its text, and has `.name`, `.text`, `.metadata`,
    `.start` and `.end`.

    `.text` is all of them as one text, each under a line with its name; there `.start` and
    `.end` count. The methods of texts (`find`, `count`, `split`, `lower` ...) and the functions
    of `re` work on that.
    """

    __slots__ = ("_begins", "_by_name", "_table", "_whole")

    def __init__(self, whole: Any, table: Sequence[Sequence[Any]]) -> None:
        """`table` has for each document its name, start, end and metadata."""
        self._whole, self._table = whole, table
        self._by_name: dict[str, int] | None = None
        self._begins: list[int] = []

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, index: int | str) -> Document: ...
    @overload
    def __getitem__(self, index: slice) -> Documents: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Documents(self._whole, self._table[index])
        if isinstance(index, str):
            index = self._numbered(index)
        name, start, end, metadata = self._table[index]
        return _document(self._whole[start:end], name, self._starts()[index], metadata, start)

    def __iter__(self) -> Iterator[Document]:
        return (self[index] for index in range(len(self._table)))

    def __contains__(self, item: object) -> bool:
        return isinstance(item, str) and (item in self.names or item in self.text)

    def __repr__(self) -> str:
        shown = [
            f"{name} ({end - start:,} characters)" for name, start, end, _ in self._table[:SHOWN]
        ]
        more = [f"... and {len(self) - SHOWN:,} more"] if len(self) > SHOWN else []
        return f"<{len(self):,} documents: {', '.join(shown + more)}>"

    def __str__(self) -> str:
        return str(self.text)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Documents):
            return NotImplemented
        return other._whole is self._whole and list(other._table) == list(self._table)

    __hash__ = None  # type: ignore[assignment]

    def __getattr__(self, name: str) -> Any:
        if name in TEXT_METHODS:
            return getattr(self.text, name)
        raise AttributeError(f"Documents have no {name!r}")

    def __reduce__(self) -> Any:
        return Documents, (str(self._whole), list(self._table))

    @property
    def names(self) -> list[str]:
        """Of each document."""
        return [entry[0] for entry in self._table]

    @property
    def starts(self) -> list[int]:
        """Where each begins in `text`."""
        return list(self._starts())

    def _starts(self) -> list[int]:
        if not self._begins:
            found, at = [], 0
            for name, start, end, _ in self._table:
                at += len(head(name))
                found.append(at)
                at += end - start + 1
            self._begins = found
        return self._begins

    @property
    def text(self) -> Any:
        """All of them as one text, each under a line with its name."""
        table = self._table
        if not table:
            return ""
        begin = table[0][1] - len(head(table[0][0]))
        if begin == 0 and table[-1][2] + 1 == len(self._whole) and self._is_run():
            return str(self._whole) if type(self._whole) is Joined else self._whole
        if self._is_run():
            return self._whole[begin : table[-1][2] + 1]
        return "".join(f"{head(doc.name)}{doc}\n" for doc in self)

    def count(self, value: Any, *where: int) -> int:
        """How often a text occurs in them."""
        return int(self.text.count(value, *where))

    def index(self, value: Any, *where: int) -> int:
        """Where a text occurs first, in `text`."""
        return int(self.text.index(value, *where))

    def numbers(self, some: Any) -> list[tuple[int, int]]:
        """Which of these documents `some` are, as runs of their numbers: the first of each, and
        one behind its last. None where one of them is not among these."""
        if type(some) is Documents:
            known = {id(entry): at for at, entry in enumerate(self._table)}
            found = [known.get(id(entry), -1) for entry in some._table]
            found = found if some._whole is self._whole else []
        elif isinstance(some, (list, tuple)) and all(type(one) is Document for one in some):
            starts = [entry[1] for entry in self._table]
            found = [self._number(one, starts) for one in some]
        else:
            return []
        if -1 in found or len(found) > len(self._table):
            return []
        runs: list[tuple[int, int]] = []
        for at in found:
            if runs and runs[-1][1] == at:
                runs[-1] = runs[-1][0], at + 1
            else:
                runs.append((at, at + 1))
        return runs

    def _number(self, one: Document, starts: Sequence[int]) -> int:
        at = bisect.bisect_left(starts, one.place[0])
        is_it = at < len(starts) and tuple(self._table[at][:3]) == (one.name, *one.place)
        return at if is_it else -1

    def _is_run(self) -> bool:
        """Whether they follow each other in the whole without a gap."""
        last = self._table[0][1] - len(head(self._table[0][0])) - 1
        for name, start, end, _ in self._table:
            if start - len(head(name)) != last + 1:
                return False
            last = end
        return True

    def _numbered(self, name: str) -> int:
        if self._by_name is None:
            self._by_name = {entry[0]: at for at, entry in enumerate(self._table)}
        if name not in self._by_name:
            raise KeyError(f"no document is called {name!r}; see context.names")
        return self._by_name[name]


def opened(whole: Any, table: Sequence[Sequence[Any]]) -> Documents:
    """The documents of a whole text, from their names, starts, lengths and metadata."""
    entries = [(name, start, start + chars, about) for name, start, chars, about in table]
    return Documents(whole, entries)
