"""What a journal holds, read back; of a damaged one, what is whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from unspool import events
from unspool.journal.codec import Codec
from unspool.journal.listing import RunRow, check, rows_of
from unspool.journal.store import BROKEN, fetch_text

EventRow = tuple[int, str, str, str]
"""Its place among those of its tree, counted from 1; which run inside of the tree; its kind;
and its body."""


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in one tree of runs."""

    events: tuple[events.Event, ...]
    faults: tuple[str, ...] = ()
    """What of it is damaged, in words."""
    places: int = 0
    """How many events were recorded, those that are damaged among them."""


def past(connection: sqlite3.Connection, of: RunRow, codec: Codec) -> Past:
    """The events of a run and of those inside of it, in order."""
    read = list(_events(connection, of, codec))
    found = tuple(one.event for one in read if isinstance(one, _Read) and one.event is not None)
    faults = [one for one in read if isinstance(one, str)]
    if of.status and not any(isinstance(one, events.RunEnded) for one in found):
        faults.append("its end is missing")
    return Past(found, tuple(faults), _places(connection, of))


def _places(connection: sqlite3.Connection, of: RunRow) -> int:
    try:
        [last] = connection.execute(
            "SELECT max(place) FROM events WHERE tree = ?", (of.number,)
        ).fetchone()
    except BROKEN:
        last = None
    return last if isinstance(last, int) else 0


def whole(
    connection: sqlite3.Connection, of: RunRow, codec: Codec
) -> tuple[list[EventRow], list[str]]:
    """The rows of the same events as they are kept, and in words what of them is damaged."""
    read = list(_events(connection, of, codec))
    rows = [one.row for one in read if isinstance(one, _Read)]
    return rows, [one for one in read if isinstance(one, str)]


@dataclass(frozen=True, slots=True)
class _Read:
    row: EventRow
    event: events.Event | None
    """None: this version does not know its kind."""


def _events(connection: sqlite3.Connection, of: RunRow, codec: Codec) -> Iterator[_Read | str]:
    places = 0
    fetch = partial(fetch_text, connection)
    for row in rows_of(connection, "events", "place, run, kind, body, crc", tree=of.number):
        if isinstance(row, str):
            yield row
            continue
        place, inside, kind, body, crc = row
        try:
            if crc != check(of.id, place, inside, kind, body):
                places += 1
                raise ValueError("it has been changed")
            if place <= places:
                raise ValueError("it is there twice, or not in its place")
            missing, places = place - places - 1, place
            if missing:
                yield f"{missing:,} events before event {place} are missing"
            event = codec.decode(kind, of.id + inside, body, fetch)
        except (ValueError, TypeError, KeyError, AttributeError, *BROKEN) as wrong:
            yield f"event {place!r:.20} ({kind!r:.30}): {wrong}"
            continue
        yield _Read((place, inside, kind, body), event)
