"""What a journal holds, read back; of a damaged one, what is whole."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from unspool import events
from unspool.errors import JournalError
from unspool.journal.codec import Codec
from unspool.journal.store import fetch_text

RUN = (
    "number, id, started, question, model, setup, context, origin, session, forked_from,"
    " forked_turn, status, error, turns, calls, tokens, microusd, unpriced, seconds"
)


@dataclass(frozen=True, slots=True)
class RunRow:
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


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in one tree of runs."""

    events: tuple[events.Event, ...]
    faults: tuple[str, ...] = ()
    """What of it is damaged, in words."""


def runs(connection: sqlite3.Connection) -> Iterator[RunRow]:
    """All runs, the latest first."""
    for row in _rows(connection, "runs", RUN, order="number"):
        if not isinstance(row, str):
            yield RunRow(*row)


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
            f"SELECT {RUN} FROM runs WHERE id LIKE ? || '%' ORDER BY number", (pattern,)
        ).fetchall()
        found = [RunRow(*row) for row in rows]
    except sqlite3.DatabaseError:
        found = [one for one in runs(connection) if one.id.startswith(pattern)]
    exact = [one for one in found if one.id == run_id]
    return exact or (found if pattern else [])


def past(connection: sqlite3.Connection, of: RunRow, codec: Codec) -> Past:
    """The events of a run and of those inside of it, in order."""
    found: list[events.Event] = []
    faults: list[str] = []
    fetch = partial(fetch_text, connection)
    for row in _rows(connection, "events", "seq, run, kind, body, crc", tree=of.number):
        if isinstance(row, str):
            faults.append(row)
            continue
        seq, inside, kind, body, crc = row
        try:
            if crc != check(kind, body):
                raise ValueError("it has been changed")
            event = codec.decode(kind, of.id + inside, body, fetch)
        except (ValueError, TypeError, KeyError, AttributeError, sqlite3.DatabaseError) as wrong:
            faults.append(f"event {seq} ({kind!r:.30}): {wrong}")
            continue
        if event is not None:
            found.append(event)
    return Past(tuple(found), tuple(faults))


def check(kind: str, body: str) -> int:
    """The checksum of an event."""
    return zlib.crc32(body.encode("utf-8", "surrogatepass"), zlib.crc32(str(kind).encode()))


def _rows(
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
    except sqlite3.DatabaseError:
        yield from _one_by_one(connection, table, columns, order, tree)


def _one_by_one(
    connection: sqlite3.Connection, table: str, columns: str, order: str, tree: int | None
) -> Iterator[Any]:
    lost, run = 0, 0
    at = last = 0
    while run < 5_000:  # beyond so many that are not there, there is nothing more
        at += 1
        try:
            row = connection.execute(
                f"SELECT {columns}{'' if tree is None else ', tree'} FROM {table} NOT INDEXED"
                f" WHERE {order} = ?",
                (at,),
            ).fetchone()
        except sqlite3.DatabaseError:
            lost, run = lost + 1, run + 1
            continue
        if row is None:
            run += 1
            continue
        run, last = 0, at
        if tree is None:
            yield row
        elif row[-1] == tree:
            yield row[:-1]
    if lost:
        yield f"{lost:,} rows of {table!r} cannot be read; the last that can is number {last:,}"


def as_mapping(row: RunRow) -> Mapping[str, Any]:
    """A row of the list by the names of its fields."""
    return {name: getattr(row, name) for name in row.__slots__}
