"""An index of the words of long texts, which ranks their parts by BM25."""

from __future__ import annotations

import concurrent.futures
import contextlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

BLOCK_CHARS = 8_000
"""Of one row of the index; it ends with a line."""
PAGE_CACHE_KB = 64_000
MERGE_BYTES = 1 << 22
"""Gathered in memory before it is written."""

LONG_CHARS = 4_000_000
BEST = (
    "select hit.rank, number, start, stop from"
    " (select rowid, rank from words where words match ? order by rank limit ?)"
    " as hit join block on block.id = hit.rowid"
)

Block = tuple[int, int, int]
"""Which text, and where a block starts and ends in it."""


class NoIndex(Exception):
    """This build of SQLite has no full-text search, or there is no room for an index."""


class WordIndex:
    """The words of `texts`, in a file at `path`; one that is there already is taken for it.
    Without a path it is in memory. Long texts have two halves of it, each in a file of its own
    and made at the same time: SQLite lets other threads run meanwhile.

    Raises:
        NoIndex: there cannot be one here.
    """

    def __init__(self, texts: Sequence[Any], path: str = "") -> None:
        self._halves: list[str | sqlite3.Connection] = []
        for number, ranges in enumerate(_halves(texts)):
            self._halves.append(f"{path}{'-2' * number}")
            if not path:
                self._halves[-1] = _in_memory(texts, ranges)
        missing = [
            (ranges, half)
            for ranges, half in zip(_halves(texts), self._halves)  # noqa: B905
            if isinstance(half, str) and not os.path.exists(half)
        ]
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            for made in [pool.submit(_build, texts, *one) for one in missing]:
                made.result()

    def best(self, stems: Sequence[str], limit: int) -> tuple[list[Block], dict[str, float]]:
        """The blocks in which words begin with these, best first, and how rare each stem is.

        Raises:
            NoIndex: the file cannot be read.
        """
        terms = {stem: f'"{stem}"*' for stem in stems if re.fullmatch(r"[^\W_]+", stem)}
        found: list[tuple[float, Block]] = []
        rows, counts = 0, dict.fromkeys(terms, 0)
        for half in self._halves if terms else ():
            with _failing(), _connection(half) as made:
                rows += made.execute("select max(id) from block").fetchone()[0] or 0
                for stem, term in terms.items():
                    counts[stem] += _count(made, term)
                query = (" OR ".join(terms.values()), limit)
                found += [(rank, block) for rank, *block in made.execute(BEST, query)]
        blocks = [(number, start, stop) for _, (number, start, stop) in sorted(found)]
        rare = {stem: math.log(1 + rows / max(1, count)) for stem, count in counts.items()}
        return blocks[:limit], rare


def _connection(
    half: str | sqlite3.Connection,
) -> contextlib.AbstractContextManager[sqlite3.Connection]:
    """One for each question: a file may be read after a fork, a connection may not."""
    if not isinstance(half, str):
        return contextlib.nullcontext(half)
    import sqlite3

    return contextlib.closing(sqlite3.connect(half))


def _halves(texts: Sequence[Any]) -> list[list[Block]]:
    """What each half of the index is of; one where there is little."""
    whole = [(number, 0, len(text)) for number, text in enumerate(texts)]
    size = sum(stop for _, _, stop in whole)
    if size < LONG_CHARS:
        return [whole]
    first: list[Block] = []
    left = size // 2
    while whole and left >= whole[0][2]:
        left -= whole[0][2]
        first.append(whole.pop(0))
    if whole and left:
        number, _, stop = whole[0]
        middle = texts[number].find("\n", left, min(stop, left + BLOCK_CHARS)) + 1 or left
        first.append((number, 0, middle))
        whole[0] = (number, middle, stop)
    return [first, whole]


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


def _build(texts: Sequence[Any], ranges: Sequence[Block], path: str) -> None:
    building = f"{path}.{os.getpid()}"
    try:
        with _failing(), contextlib.closing(_opened(building)) as made:
            _fill(made, texts, ranges)
        os.replace(building, path)
    except OSError as failed:
        raise NoIndex(str(failed)) from failed
    finally:
        with contextlib.suppress(OSError):
            os.unlink(building)


def _in_memory(texts: Sequence[Any], ranges: Sequence[Block]) -> sqlite3.Connection:
    with _failing():
        made = _opened(":memory:")
        _fill(made, texts, ranges)
        return made


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


def _fill(made: sqlite3.Connection, texts: Sequence[Any], ranges: Sequence[Block]) -> None:
    places: list[tuple[int, int, int, int]] = []

    def rows() -> Iterator[tuple[int, str]]:
        for number, low, high in ranges:
            for start, stop in _blocks(texts[number], low, high):
                places.append((len(places) + 1, number, start, stop))
                yield (
                    len(places),
                    str(texts[number][start:stop]).encode("utf-8", "replace").decode(),
                )

    made.execute("begin")
    made.executemany("insert into words(rowid, text) values (?, ?)", rows())
    made.executemany("insert into block values (?, ?, ?, ?)", places)
    made.execute("commit")


def _blocks(text: Any, start: int, size: int) -> Iterator[tuple[int, int]]:
    while start < size:
        stop = min(size, start + BLOCK_CHARS)
        if stop < size:
            near = text.find("\n", stop, min(size, stop + BLOCK_CHARS)) + 1
            stop = near or text.rfind(" ", start, stop) + 1 or stop
        yield start, stop
        start = stop


def _count(made: sqlite3.Connection, term: str) -> int:
    found = made.execute("select count(*) from words where words match ?", (term,)).fetchone()
    return int(found[0])
