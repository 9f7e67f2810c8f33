"""An index of the words of long texts, which ranks their parts by BM25."""

from __future__ import annotations

import bisect
import concurrent.futures
import contextlib
import functools
import math
import os
import re
import shutil
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

BLOCK_CHARS = 8_000
"""Of one row of the index; it ends with a line."""
SHARD_CHARS = 16_000_000
"""Of what goes into one file: what an interrupt can cost."""
THREADS = 2
PAGE_CACHE_KB = 16_000
MERGE_BYTES = 1 << 20
"""Gathered in memory before it is written: more of it takes longer to find in."""
LOOK_SECONDS = 0.002
"""Between two looks at whether threads have ended that were told to."""
UNFINISHED = ".part"
"""How the name of a file ends that is being made; it stays where its process is killed."""

SETTINGS = (
    "journal_mode=off",
    "synchronous=off",
    "locking_mode=exclusive",
    "secure_delete=off",
    f"cache_size=-{PAGE_CACHE_KB}",
)
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
    """The words of `texts`, in files in the folder `path`; without it, in memory. `heads` are
    the places in the first text that are no part of what it says, in their order: the names of
    documents.

    Each file is of a stretch of them, and is there whole or not at all: what was made before
    an interrupt is there for the next time.

    Raises:
        NoIndex: there cannot be one here.
    """

    def __init__(
        self, texts: Sequence[Any], path: str = "", heads: Sequence[tuple[int, int]] = ()
    ) -> None:
        shards, self._named = list(_shards(texts)), bool(heads)
        source = Source(texts, heads)
        if not path:
            self._shards = _Crew().do(
                [functools.partial(_in_memory, source, one) for one in shards]
            )
            return
        with _failing():
            os.makedirs(path, mode=0o700, exist_ok=True)
        self._shards = [os.path.join(path, str(number)) for number in range(len(shards))]
        missing = [
            functools.partial(_in_file, source, shard, file)
            for shard, file in zip(shards, self._shards)  # noqa: B905
            if not os.path.exists(file)
        ]
        try:
            _Crew().do(missing)
        except NoIndex:  # what there is of it would fill the room for nothing
            shutil.rmtree(path, ignore_errors=True)
            raise

    def best(self, stems: Sequence[str], limit: int) -> tuple[list[Block], dict[str, float]]:
        """The blocks in which words begin with these, best first, and how rare each stem is.
        Behind the best are as many that are best when names of documents count as well.

        Raises:
            NoIndex: a file cannot be read.
        """
        terms = {stem: f'"{stem}"*' for stem in stems if re.fullmatch(r"[^\W_]+", stem)}
        either = " OR ".join(terms.values())
        queries = [f"{{text}} : ({either})", either][: 1 + self._named]
        found: list[list[tuple[float, Block]]] = [[] for _ in queries]
        rows, counts = 0, dict.fromkeys(terms, 0)
        for shard in self._shards if terms else ():
            with _failing(shard), _connection(shard) as made:
                rows += made.execute("select max(id) from block").fetchone()[0] or 0
                for stem, term in terms.items():
                    counts[stem] += _count(made, f"{{text}} : {term}")
                for ranked, query in zip(found, queries):  # noqa: B905
                    for rank, *block in made.execute(BEST, (query, limit)):
                        ranked.append((rank, tuple(block)))
        blocks = (block for ranked in found for _, block in sorted(ranked)[:limit])
        rare = {stem: math.log(1 + rows / max(1, count)) for stem, count in counts.items()}
        return list(dict.fromkeys(blocks)), rare


class Source:
    """Texts, in which names may stand between what they say."""

    def __init__(self, texts: Sequence[Any], heads: Sequence[tuple[int, int]]) -> None:
        self.texts, self._heads = texts, heads
        self._ends = [end for _, end in heads]

    def passage(self, number: int, start: int, end: int) -> tuple[str, str]:
        """What is said there, and the names in it."""
        said, names, at = [], [], start
        first = len(self._heads) if number else bisect.bisect_right(self._ends, start)
        for low, high in map(self._heads.__getitem__, range(first, len(self._heads))):
            if low >= end:
                break
            said.append(str(self.texts[number][at : max(at, low)]))
            names.append(str(self.texts[number][max(at, low) : min(end, high)]))
            at = min(end, high)
        said.append(str(self.texts[number][at:end]))
        return "\n".join(said), "".join(names)


class _Crew:
    """Threads that do a few works at the same time, each told of it: a work looks now and then
    whether they were `dismissed`."""

    def __init__(self) -> None:
        self.dismissed = False
        self._busy: list[Any] = []

    def do(self, works: Sequence[Any]) -> list[Any]:
        """What these give. Where this is interrupted, or one of them fails, they end soon. This
        waits until none of them runs any more, unless interrupts come faster than it can."""
        pool = concurrent.futures.ThreadPoolExecutor(max_workers=THREADS)
        try:
            return [made.result() for made in [pool.submit(self._one, work) for work in works]]
        finally:
            self.dismissed = True
            self._leave(pool)

    def _one(self, work: Any) -> Any:
        self._busy.append(work)
        try:
            if self.dismissed:
                raise NoIndex("it was not begun")
            return work(self)
        finally:
            self._busy.remove(work)

    def _leave(self, pool: concurrent.futures.ThreadPoolExecutor) -> None:
        """Whether interrupted or not; one that comes just as this is called leaves the threads to
        end by themselves. It looks at what still runs because Python takes a thread for ended
        when waiting for its end was interrupted (bpo-45274)."""
        try:
            pool.shutdown(wait=False, cancel_futures=True)
            while self._busy:
                time.sleep(LOOK_SECONDS)
            pool.shutdown()
        except KeyboardInterrupt:
            self._leave(pool)
            raise


def _shards(texts: Sequence[Any]) -> Iterator[list[Block]]:
    """Stretches of the texts that are about equally long."""
    taken: list[Block] = []
    room = SHARD_CHARS
    for number, text in enumerate(texts):
        start, size = 0, len(text)
        while size - start > room:
            near = start + room
            stop = text.find("\n", near, min(size, near + BLOCK_CHARS)) + 1 or near
            yield [*taken, (number, start, stop)]
            taken, room, start = [], SHARD_CHARS, stop
        taken.append((number, start, size))
        room -= size - start
    yield taken


def _in_memory(source: Source, shard: Sequence[Block], crew: _Crew) -> Any:
    with _failing():
        made = _opened(":memory:")
        _fill(made, source, shard, crew)
        return made


def _in_file(source: Source, shard: Sequence[Block], file: str, crew: _Crew) -> None:
    building = f"{file}.{os.getpid()}.{id(crew)}{UNFINISHED}"
    try:
        with _failing():
            with contextlib.closing(_opened(building)) as made:
                _fill(made, source, shard, crew)
            os.replace(building, file)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(building)


def _connection(
    shard: str | sqlite3.Connection,
) -> contextlib.AbstractContextManager[sqlite3.Connection]:
    """One for each question: a file may be read after a fork, a connection may not."""
    if not isinstance(shard, str):
        return contextlib.nullcontext(shard)
    import sqlite3

    return contextlib.closing(sqlite3.connect(shard))


@contextlib.contextmanager
def _failing(shard: Any = None) -> Iterator[None]:
    """What SQLite and the system refuse is a `NoIndex`. A file that is damaged is removed: it is
    made again by the next that needs it."""
    try:
        import sqlite3
    except ImportError as missing:
        raise NoIndex(str(missing)) from missing
    try:
        yield
    except (sqlite3.Error, OSError) as failed:
        refused = isinstance(failed, (sqlite3.OperationalError, OSError))
        if isinstance(shard, str) and not refused:
            with contextlib.suppress(OSError):
                os.unlink(shard)
        raise NoIndex(str(failed)) from failed


def _opened(path: str) -> sqlite3.Connection:
    import sqlite3

    made = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for setting in SETTINGS:
        made.execute(f"pragma {setting}")
    made.execute("create table block (id integer primary key, number int, start int, stop int)")
    made.execute("create virtual table words using fts5(text, name, content='')")
    for name, value in (("automerge", 0), ("crisismerge", 1_000), ("hashsize", MERGE_BYTES)):
        made.execute("insert into words(words, rank) values (?, ?)", (name, value))
    return made


def _fill(made: sqlite3.Connection, source: Source, shard: Sequence[Block], crew: _Crew) -> None:
    places: list[tuple[int, int, int, int]] = []

    def rows() -> Iterator[tuple[int, str, str]]:
        for number, low, high in shard:
            for start, end in _blocks(source.texts[number], low, high):
                if crew.dismissed:
                    raise NoIndex("it was not finished")
                places.append((len(places) + 1, number, start, end))
                said, names = map(_writable, source.passage(number, start, end))
                yield len(places), said, names

    made.execute("begin")
    made.executemany("insert into words(rowid, text, name) values (?, ?, ?)", rows())
    made.executemany("insert into block values (?, ?, ?, ?)", places)
    made.execute("commit")


def _writable(text: str) -> str:
    """A text without half characters."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


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
