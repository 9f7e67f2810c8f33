"""Taking runs and their texts out of a journal, while other processes may be writing to it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unspool.errors import JournalError
from unspool.journal import listing, reading
from unspool.journal.codec import Codec
from unspool.journal.listing import RunRow
from unspool.journal.sharing import TEXT_OF
from unspool.journal.store import transaction

PAGES_AT_ONCE = 2_000
"""Given back in one transaction, for which others have to wait."""
REBUILT_BYTES = 1 << 30
"""A larger file is not rebuilt while somebody writes to it: he would wait too long."""
QUIET_S = 20.0
"""How long is waited for a moment in which nobody reads."""

REMOVED = "(removed)"
KEPT_WORDS = frozenset(
    "model sub_model context_kind isolation pack parent_id run_id tree_id role source status finish"
    " name".split()
)
"""What of an event's words tells nothing of the run's texts."""
DATA = frozenset("outcome answer value".split())
"""Fields that may have data of any type, written as a text."""
DROPPED = frozenset("extra schema names notes stop before".split())


def remove(connection: sqlite3.Connection, row: RunRow) -> None:
    """Takes a run out; its texts stay until the next `sweep`."""
    with transaction(connection):
        connection.execute("DELETE FROM events WHERE tree = ?", (row.number,))
        connection.execute("DELETE FROM runs WHERE number = ?", (row.number,))


def sweep(connection: sqlite3.Connection, *, contexts_too: bool = True) -> int:
    """Takes out what nothing refers to any more; gives how many texts that were.

    Most of it is looked at before others are kept waiting.
    """
    used: set[str] = set()
    seen = _collect(connection, 0, used)
    with transaction(connection):
        _collect(connection, seen, used)
        connection.execute(
            "DELETE FROM replies WHERE NOT EXISTS"
            " (SELECT 1 FROM events WHERE events.seq = replies.seq)"
        )
        if contexts_too:
            connection.execute("DELETE FROM contexts WHERE hash NOT IN (SELECT context FROM runs)")
        for [parts] in connection.execute("SELECT parts FROM contexts"):
            used.update(json.loads(parts))
        texts = connection.execute("SELECT number, hash FROM texts").fetchall()
        unused = [(number,) for number, name in texts if name not in used]
        connection.executemany("DELETE FROM texts WHERE number = ?", unused)
    return len(unused)


def give_back(connection: sqlite3.Connection) -> None:
    """Makes the file smaller by what is free in it, a little at a time."""
    while (free := _number(connection, "freelist_count")) > 0:
        connection.execute(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})").fetchall()
        if _number(connection, "freelist_count") >= free:
            break
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def blank(connection: sqlite3.Connection, row: RunRow, codec: Codec) -> None:
    """Takes the texts of a run out of its rows; its turns, counts and costs stay.

    What is damaged of it goes altogether.
    """
    empty = codec.values.dumps(REMOVED)
    with transaction(connection):
        events = reading.whole(connection, row, codec)[0]
        connection.execute(
            "DELETE FROM replies WHERE seq IN (SELECT seq FROM events WHERE tree = ?)",
            (row.number,),
        )
        connection.execute("DELETE FROM events WHERE tree = ?", (row.number,))
        for place, inside, kind, body in events:
            new = json.dumps(_blank(json.loads(body), empty), separators=(",", ":"))
            check = listing.check(row.id, place, inside, kind, new)
            connection.execute(
                "INSERT INTO events (tree, place, run, kind, body, crc) VALUES (?, ?, ?, ?, ?, ?)",
                (row.number, place, inside, kind, new, check),
            )
        setup = {**json.loads(row.setup), "schema": None}
        made = row._replace(
            question=REMOVED, setup=json.dumps(setup), origin="{}", context="", redacted=1
        )
        fixed = {name: getattr(made, name) for name in listing.FIXED}
        columns = {
            **fixed,
            "crc": listing.check(*fixed.values()),
            "context": "",
            "error": row.error and REMOVED,
        }
        connection.execute(
            f"UPDATE runs SET {', '.join(f'{name} = ?' for name in columns)} WHERE number = ?",
            (*columns.values(), row.number),
        )


def rebuild(connection: sqlite3.Connection, path: Path, is_quiet: Callable[[], bool]) -> None:
    """Writes the whole file anew, so that nothing is left in it of what was taken out.

    Raises:
        JournalError: others are at the journal, and it is too large to have them wait, or they
            do not stop reading.
    """
    if path.stat().st_size > REBUILT_BYTES and not is_quiet():
        raise JournalError(
            f"runs are under way in the journal {path}: what was taken out cannot be wiped from"
            " its file until they have ended. Give the command again then."
        )
    connection.execute("VACUUM")
    until = time.monotonic() + QUIET_S
    while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > until:
            raise JournalError(
                f"another process goes on reading the journal {path}: what was taken out may be"
                f" left in {path}-wal. Give the command again when it has ended."
            )
        time.sleep(0.1)


def _collect(connection: sqlite3.Connection, after: int, used: set[str]) -> int:
    """Adds the texts that events refer to; gives the number of the last of those events."""
    last = after
    for seq, body in connection.execute(
        "SELECT seq, body FROM events WHERE seq > ? ORDER BY seq", (after,)
    ):
        last = seq
        used.update(TEXT_OF.findall(body))
    return last


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _blank(plain: Any, empty: str, name: str = "") -> Any:
    """The body of an event without its texts."""
    is_text = isinstance(plain, str) or (isinstance(plain, dict) and "#" in plain)
    if is_text and name in ("key", "reply_key"):
        return ""
    if is_text and name in KEPT_WORDS:
        return plain
    if is_text:
        return empty if name in DATA else REMOVED
    if isinstance(plain, dict):
        return {
            inner: _blank(item, empty, inner)
            for inner, item in plain.items()
            if inner not in DROPPED
        }
    return [_blank(item, empty, name) for item in plain] if isinstance(plain, list) else plain
