"""An index of the words of long texts, which ranks their parts by BM25."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

BLOCK_CHARS = 4_000
"""Of one row of the index; it ends with a line."""
PAGE_CACHE_KB = 64_000
MERGE_BYTES = 1 << 22
"""Gathered in memory before it is written."""

Block = tuple[int, int, int]
"""Which text, and where a block starts and ends in it."""


class NoIndex(Exception):
    """This build of SQLite has no full-text search, or there is no room for an index."""


class WordIndex:
    """The words of `texts`, in a file at `path`; one that is there already is taken for it.
    Without a path it is in memory.

    Raises:
        NoIndex: there cannot be one here.
    """

    def __init__(self, texts: Sequence[Any], path: str = "") -> None:
        self._path, self._kept = path, None
        with _failing():
            if not path:
                self._kept = _opened(":memory:")
                _fill(self._kept, texts)
            elif not os.path.exists(path):
                _build(texts, path)

    def best(self, stems: Sequence[str], limit: int) -> tuple[list[Block], dict[str, float]]:
        """The blocks in which words begin with these, best first, and how rare each stem is.

        Raises:
            NoIndex: the file cannot be read.
        """
        terms = {stem: f'"{stem}"*' for stem in stems if re.fullmatch(r"[^\W_]+", stem)}
        if not terms:
            return [], {}
        with _failing(), self._connection() as made:
            rows = made.execute("select max(id) from block").fetchone()[0] or 0
            rare = {stem: math.log(1 + rows / _count(made, t)) for stem, t in terms.items()}
            found = made.execute(
                "select number, start, stop from"
                " (select rowid, rank from words where words match ? order by rank limit ?)"
                " as hit join block on block.id = hit.rowid order by hit.rank, block.id",
                (" OR ".join(terms.values()), limit),
            ).fetchall()
        return found, rare

    def _connection(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """One for each question: a file may be read after a fork, a connection may not."""
        if self._kept is not None:
            return contextlib.nullcontext(self._kept)
        import sqlite3

        return contextlib.closing(sqlite3.connect(self._path))


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        import sqlite3
    except ImportError as missing:
        raise NoIndex(str(missing)) from missing
    try:
        yield
    except (sqlite3.Error, OSError) as failed:
        raise NoIndex(str(failed)) from failed


def _build(texts: Sequence[Any], path: str) -> None:
    building = f"{path}.{os.getpid()}"
    try:
        with contextlib.closing(_opened(building)) as made:
            _fill(made, texts)
        os.replace(building, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(building)


def _opened(path: str) -> sqlite3.Connection:
    import sqlite3

    made = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode=off", "synchronous=off", f"cache_size=-{PAGE_CACHE_KB}"):
        made.execute(f"pragma {setting}")
    made.execute("create table block (id integer primary key, number int, start int, stop int)")
    made.execute("create virtual table words using fts5(text, content='')")
    for name, value in (("automerge", 0), ("crisismerge", 1_000), ("hashsize", MERGE_BYTES)):
        made.execute("insert into words(words, rank) values (?, ?)", (name, value))
    return made


def _fill(made: sqlite3.Connection, texts: Sequence[Any]) -> None:
    places: list[tuple[int, int, int, int]] = []

    def rows() -> Iterator[tuple[int, str]]:
        for number, text in enumerate(texts):
            for start, stop in _blocks(text):
                places.append((len(places) + 1, number, start, stop))
                yield len(places), str(text[start:stop]).encode("utf-8", "replace").decode()

    made.execute("begin")
    made.executemany("insert into words(rowid, text) values (?, ?)", rows())
    made.executemany("insert into block values (?, ?, ?, ?)", places)
    made.execute("commit")


def _blocks(text: Any) -> Iterator[tuple[int, int]]:
    start, size = 0, len(text)
    while start < size:
        stop = min(size, start + BLOCK_CHARS)
        if stop < size:
            near = text.find("\n", stop, min(size, stop + BLOCK_CHARS)) + 1
            stop = near or text.rfind(" ", start, stop) + 1 or stop
        yield start, stop
        start = stop


def _count(made: sqlite3.Connection, term: str) -> int:
    found = made.execute("select count(*) from words where words match ?", (term,)).fetchone()
    return max(1, int(found[0]))
