"""A run as one JSON value, to be kept or given to others, and back.

What is read here may have been written by anybody: it is checked whole before any of it is
used. Its replies are never given to other runs as cached ones.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unspool.context.source import Context
from unspool.errors import JournalError
from unspool.journal import contexts, listing, reading
from unspool.journal.codec import Codec, Values
from unspool.journal.listing import RunRow
from unspool.journal.reading import Past
from unspool.journal.store import (
    HASH_BYTES,
    fetch_text,
    hash_of,
    in_memory,
    keep_text,
    transaction,
)

WHAT = "exported run"
FORMAT = 1
FIELDS = tuple(name for name in RunRow._fields if name not in ("number", "imported"))
WORDS = frozenset("id question model setup context origin session forked_from status error".split())
NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")
INSIDE = re.compile(r"(\.opinion[0-9]{1,9})?(\.[0-9]{1,9}){0,50}")
HASH = re.compile(rf"[0-9a-f]{{{2 * HASH_BYTES}}}")
TEXT_OF = re.compile(rf'\{{"#":"([0-9a-f]{{{2 * HASH_BYTES}}})"\}}')
"""Where the body of an event has a text that is kept apart. Inside of a string of the body
the quotes would be escaped."""


def exported(
    connection: sqlite3.Connection, row: RunRow, codec: Codec
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """All that is whole of a run, and in words what is not."""
    texts: dict[str, str] = {}
    rows, faults = reading.whole(connection, row, codec)
    for _, _, _, body in rows:
        for name in TEXT_OF.findall(body):
            texts.setdefault(name, fetch_text(connection, name))
    context, wrong = _context(connection, row, codec.values, texts)
    plain = {
        "unspool": WHAT,
        "format": FORMAT,
        "run": {name: getattr(row, name) for name in FIELDS},
        "events": [list(one) for one in rows],
        "texts": texts,
        "context": context,
    }
    return {**plain, "check": _check(plain)}, (*faults, *wrong)


def imported(connection: sqlite3.Connection, plain: Mapping[str, Any], codec: Codec) -> bool:
    """Adds a checked run; False: the same one is there.

    Raises:
        JournalError: another one of its name is there.
    """
    name = plain["run"]["id"]
    with transaction(connection):
        there = [one for one in listing.runs_like(connection, name) if one.id == name]
        if there and exported(connection, there[0], codec)[0] == plain:
            return False
        if there:
            raise JournalError(f"the journal has another run {name}: nothing was imported.")
        _insert(connection, plain)
    return True


def read(path: Path) -> Any:
    """What a file of one run has in it, not checked yet.

    Raises:
        JournalError: it is not there, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as failed:
        raise JournalError(f"{path} cannot be read: {failed.strerror or failed}.") from failed
    except (ValueError, RecursionError) as failed:
        raise JournalError(f"{path} is no exported run, or is damaged: {failed}.") from failed


class Exported:
    """One run that was exported, held in memory: it is read as one of a journal is.

    Raises:
        JournalError: `plain` is no exported run, is damaged, or was made up.
    """

    def __init__(self, plain: Any, source: str, codec: Codec) -> None:
        self._codec, self._connection = codec, in_memory()
        try:
            self.plain = _checked(plain)
            _insert(self._connection, self.plain)
            self.row = listing.run(self._connection, self.plain["run"]["id"])
            self._past = reading.past(self._connection, self.row, codec)
            self.context(self.row)
            if self._past.faults:
                raise ValueError("; ".join(self._past.faults[:3]))
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as wrong:
            raise JournalError(
                f"{source} is no exported run, or is damaged: {wrong}. Nothing was changed."
            ) from wrong

    def past(self, row: RunRow) -> Past:
        """What happened in it."""
        return self._past

    def context(self, row: RunRow) -> Context | None:
        """Its context, where that was kept."""
        return contexts.fetch(self._connection, row.context, self._codec.values)

    def fingerprint(self, context: Context) -> str:
        """The hash that a context is known by."""
        return contexts.fingerprint(context, self._codec.values)


def _context(
    connection: sqlite3.Connection, row: RunRow, values: Values, texts: dict[str, str]
) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    try:
        if contexts.fetch(connection, row.context, values) is None:
            return None, ()
    except ValueError as damaged:
        return None, (f"its context is damaged: {damaged}",)
    kind, chars, parts, about = connection.execute(
        "SELECT kind, chars, parts, about FROM contexts WHERE hash = ?", (row.context,)
    ).fetchone()
    texts.update({name: fetch_text(connection, name) for name in json.loads(parts)})
    return {"kind": kind, "chars": chars, "parts": json.loads(parts), "about": about}, ()


def _insert(connection: sqlite3.Connection, plain: Mapping[str, Any]) -> None:
    run, context = plain["run"], plain["context"]
    for text in plain["texts"].values():
        keep_text(connection, text)
    number = listing.insert(
        connection, tuple(1 if name == "imported" else run[name] for name in listing.FIXED)
    )
    sums = [name for name in FIELDS if name not in listing.FIXED]
    connection.execute(
        f"UPDATE runs SET {', '.join(f'{name} = ?' for name in sums)} WHERE number = ?",
        (*(run[name] for name in sums), number),
    )
    connection.executemany(
        "INSERT INTO events (tree, place, run, kind, body, crc) VALUES (?, ?, ?, ?, ?, ?)",
        ((number, *one, listing.check(run["id"], *one)) for one in plain["events"]),
    )
    if context is not None:
        connection.execute(
            "INSERT OR IGNORE INTO contexts (hash, kind, chars, parts, about)"
            " VALUES (?, ?, ?, ?, ?)",
            (
                run["context"],
                context["kind"],
                context["chars"],
                json.dumps(context["parts"]),
                context["about"],
            ),
        )


def _check(plain: Mapping[str, Any]) -> str:
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=HASH_BYTES).hexdigest()


def _checked(plain: Any) -> Mapping[str, Any]:
    """
    Raises:
        ValueError, TypeError, KeyError: it is no exported run.
    """
    _need(isinstance(plain, dict) and plain.get("unspool") == WHAT, "what it says that it is")
    if plain["format"] != FORMAT:
        raise ValueError(f"its format is {plain['format']!r:.20}, and this unspool knows {FORMAT}")
    names = {"unspool", "format", "run", "events", "texts", "context", "check"}
    _need(plain.keys() == names, "the list of its parts")
    rest = {name: part for name, part in plain.items() if name != "check"}
    _need(plain["check"] == _check(rest), "its checksum")
    _check_run(plain["run"])
    for name, text in plain["texts"].items():
        _need(isinstance(text, str) and hash_of(text) == name, f"the text {name!r:.40}")
    _check_events(plain["events"], plain["texts"])
    if plain["context"] is not None:
        _check_context(plain["context"], plain["texts"])
        _need(HASH.fullmatch(plain["run"]["context"]) is not None, "the hash of its context")
    return rest | {"check": plain["check"]}


def _check_run(run: Any) -> None:
    _need(isinstance(run, dict) and run.keys() == set(FIELDS), "the run's fields")
    for name, value in run.items():
        if name in WORDS:
            _need(isinstance(value, str), f"the run's {name}")
        elif name in ("started", "seconds"):
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            _need(number and 0 <= value < 1e12 and math.isfinite(value), f"the run's {name}")
        else:
            _need(type(value) is int and 0 <= value < 1 << 60, f"the run's {name}")
    _need(NAME.fullmatch(run["id"]) is not None, "the run's id")
    for name in ("setup", "origin"):
        _need(isinstance(json.loads(run[name]), dict), f"the run's {name}")


def _check_events(rows: Any, texts: Mapping[str, str]) -> None:
    _need(isinstance(rows, list), "its events")
    before = 0
    for row in rows:
        _need(isinstance(row, list) and len(row) == 4, f"what follows event {before}")
        place, inside, kind, body = row
        _need(type(place) is int and before < place < 1 << 60, f"what follows event {before}")
        words = all(isinstance(one, str) for one in (inside, kind, body))
        _need(words and INSIDE.fullmatch(inside) is not None, f"event {place}")
        _need(all(name in texts for name in TEXT_OF.findall(body)), f"a text of event {place}")
        before = place


def _check_context(context: Any, texts: Mapping[str, str]) -> None:
    _need(
        isinstance(context, dict)
        and context.keys() == {"kind", "chars", "parts", "about"}
        and context["kind"] in ("text", "json")
        and type(context["chars"]) is int
        and 0 <= context["chars"] < 1 << 60
        and isinstance(context["about"], str)
        and isinstance(context["parts"], list)
        and all(isinstance(name, str) and name in texts for name in context["parts"]),
        "its context",
    )


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"{what} cannot be right")
