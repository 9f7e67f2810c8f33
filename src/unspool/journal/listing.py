"""The list of the runs that a journal has. What is here needs little else: it is read quickly."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

from unspool.errors import JournalError
from unspool.journal.store import BROKEN, explained, for_reading

RUN = (
    "number, id, started, question, model, setup, context, origin, session, forked_from,"
    " forked_turn, status, error, turns, calls, tokens, microusd, unpriced, seconds, imported,"
    " redacted"
)
FIXED = (
    *("id", "started", "question", "model", "setup", "origin"),
    *("session", "forked_from", "forked_turn", "imported", "redacted"),
)
"""What of a run is known from its beginning."""
MOST_HOLES = 200
"""Behind so many places where a table cannot be read, nothing of it is looked for."""


class RunRow(NamedTuple):
    """One run of the journal's list, without its events."""

    number: int
    id: str
    started: float
    """Seconds since 1970, by the clock of the machine; the order of runs is their `number`'s."""
    question: str
    model: str
    setup: str
    """What it was made with, as JSON."""
    context: str
    """The hash of its context; empty: it is not known yet."""
    origin: str
    """Where the context came from, as JSON."""
    session: str
    """The first run of the conversation that it is part of; empty: it is part of none."""
    forked_from: str
    forked_turn: int
    status: str
    """Empty: it has not ended, or its process was killed."""
    error: str
    turns: int
    calls: int
    tokens: int
    microusd: int
    unpriced: int
    seconds: float
    imported: int
    """1: it came from a file that somebody exported."""
    redacted: int
    """1: its texts have been removed."""

    @property
    def goes_on(self) -> bool:
        """Whether it is a later question of a conversation: it needs the variables of those
        before it."""
        return self.session not in ("", self.id)


_FIXED_OF = attrgetter(*FIXED)
_SUMS_OF = attrgetter(
    *("turns", "calls", "tokens", "microusd", "unpriced", "context", "status", "error", "seconds")
)
_SUMS = {(*(int,) * 5, *(str,) * 3, kind) for kind in (int, float)}


def listed(path: Path) -> tuple[list[RunRow], list[str]]:
    """All runs, the latest first, and in words what cannot be read of the list; nothing where
    there is no journal yet.

    Raises:
        JournalError: the file is no journal, or damaged at its root.
    """
    if not path.exists():
        return [], []
    with explained(path):
        connection = for_reading(path)
        try:
            found = list(runs(connection))
        finally:
            connection.close()
    rows = [one for one in found if isinstance(one, RunRow)]
    return rows, [one for one in found if isinstance(one, str)]


def insert(connection: sqlite3.Connection, fixed: Sequence[Any]) -> int:
    """Adds a run to the list, `fixed` being its values for `FIXED`; gives its number."""
    done = connection.execute(
        f"INSERT INTO runs ({', '.join(FIXED)}, crc) VALUES ({'?, ' * len(FIXED)}?)",
        (*fixed, check(*fixed)),
    )
    return done.lastrowid or 0


def runs(connection: sqlite3.Connection) -> Iterator[RunRow | str]:
    """All runs, the latest first; in the place of what is damaged, what is wrong with it."""
    for row in rows_of(connection, "runs", f"{RUN}, crc", order="number"):
        yield row if isinstance(row, str) else _run_row(row)


def _run_row(row: Sequence[Any]) -> RunRow | str:
    made = RunRow._make(row[:-1])
    if row[-1] != check(*_FIXED_OF(made)) or tuple(map(type, _SUMS_OF(made))) not in _SUMS:
        return f"run {made.id!r:.40} of the list is damaged"
    return made


def run(connection: sqlite3.Connection, run_id: str) -> RunRow:
    """The run of that name, or the only one whose name begins so.

    Raises:
        JournalError: there is none, or more than one.
    """
    found = runs_like(connection, run_id)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(one.id for one in found[:5])
        raise JournalError(f"several runs begin with {run_id!r}: {names}. Give more of the name.")
    raise JournalError(f"the journal has no run {run_id!r}: `unspool runs` lists those it has.")


def runs_like(connection: sqlite3.Connection, run_id: str) -> list[RunRow]:
    """The run of that name; if there is none, those whose names begin so."""
    pattern = run_id.replace("\\", "").replace("%", "").replace("_", "")
    try:
        rows = connection.execute(
            f"SELECT {RUN}, crc FROM runs WHERE id LIKE ? || '%' ORDER BY number", (pattern,)
        ).fetchall()
        read = [_run_row(row) for row in rows]
        if damaged := [one for one in read if isinstance(one, str)]:
            raise JournalError(f"{damaged[0]}: it cannot be used any more.")
        found = [one for one in read if isinstance(one, RunRow)]
    except BROKEN:
        whole = (one for one in runs(connection) if isinstance(one, RunRow))
        found = [one for one in whole if one.id.startswith(pattern)]
    exact = [one for one in found if one.id == run_id]
    return exact or (found if pattern else [])


def check(*parts: object) -> int:
    """The checksum of a row."""
    return zlib.crc32("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"))


def rows_of(
    connection: sqlite3.Connection,
    table: str,
    columns: str,
    *,
    order: str = "seq",
    tree: int | None = None,
) -> Iterator[Any]:
    """The rows of a table; in the place of what is damaged, what is wrong with it."""
    where = "" if tree is None else f"WHERE tree = {int(tree)}"
    direction = "DESC" if tree is None else "ASC"
    try:
        yield from connection.execute(
            f"SELECT {columns} FROM {table} {where} ORDER BY {order} {direction}"
        ).fetchall()
    except BROKEN:
        yield from _one_by_one(connection, table, columns, order, tree)


def _one_by_one(
    connection: sqlite3.Connection, table: str, columns: str, order: str, tree: int | None
) -> Iterator[Any]:
    """The rows that can be reached, from hole to hole."""
    query = (
        f"SELECT {columns}, {'0' if tree is None else 'tree'}, {order} FROM {table}"
        f" NOT INDEXED WHERE {order} >= ? ORDER BY {order} LIMIT 1"
    )

    def row_from(at: int) -> Sequence[Any] | None:
        row = connection.execute(query, (at,)).fetchone()
        if row is not None and (not isinstance(row[-1], int) or row[-1] < at):
            raise sqlite3.DatabaseError("its pages are not in order")
        return None if row is None else tuple(row)

    at, holes = 1, 0
    while holes < MOST_HOLES:
        try:
            row = row_from(at)
        except BROKEN:
            behind = _behind(row_from, at)
            holes += 1
            yield f"rows of {table!r} from {at:,} on cannot be read" + (
                f", up to {behind - 1:,}" if behind else ""
            )
            if behind is None:
                return
            at = behind
            continue
        if row is None:
            return
        at = row[-1] + 1
        if tree is None or row[-2] == tree:
            yield row[:-2]


def _behind(row_from: Callable[[int], Any], hole: int) -> int | None:
    """The first number behind a hole from which on rows can be reached; None: there is none."""

    def is_good(at: int) -> bool:
        try:
            row_from(at)
        except BROKEN:
            return False
        return True

    good = next((hole + (1 << n) for n in range(40) if is_good(hole + (1 << n))), None)
    if good is None:
        return None
    bad = hole
    while good - bad > 1:
        middle = (bad + good) // 2
        bad, good = (bad, middle) if is_good(middle) else (middle, good)
    return good


def as_mapping(row: RunRow) -> Mapping[str, Any]:
    """A row of the list by the names of its fields."""
    return row._asdict()
