"""Contexts in the journal: by their hash, and as far as they are to be kept, as text."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from unspool.context.source import Context, Document
from unspool.context.text import FileText, Text, is_text
from unspool.journal.codec import Values
from unspool.journal.store import (
    HASH_BYTES,
    connected,
    explained,
    fetch_text,
    has_text,
    keep_text,
)

PIECE_CHARS = 1 << 20


def fingerprint(context: Context, values: Values) -> str:
    """The hash of what a context holds and of how it is divided, but not of when its files
    were written; takes a second for a gigabyte."""
    state = hashlib.blake2b(digest_size=HASH_BYTES)
    state.update(_about(_timeless(context)).encode("utf-8", "surrogatepass"))
    for piece in _pieces(context.value, values):
        state.update(piece.encode("utf-8", "surrogatepass"))
    return state.hexdigest()


def keep(path: Path, context: Context, name: str, values: Values) -> None:
    """Keeps the text of a context under its hash, unless it is there.

    Raises:
        JournalError: it cannot be written.
    """
    with explained(path):
        connection = connected(path)
        try:
            if not _is_there(connection, name):
                _write(connection, context, name, values)
        finally:
            connection.close()


def fetch(connection: sqlite3.Connection, name: str, values: Values) -> Context | None:
    """The context of that hash; None: its text was not kept.

    Raises:
        ValueError: it is damaged.
    """
    row = connection.execute(
        "SELECT kind, parts, about FROM contexts WHERE hash = ?", (name,)
    ).fetchone()
    if row is None:
        return None
    try:
        kind, parts, about = row
        context = _made(connection, kind, parts, about, values)
    except (KeyError, TypeError, AttributeError, RecursionError) as wrong:
        raise ValueError(f"{type(wrong).__name__}: {wrong}") from wrong
    if fingerprint(context, values) != name:
        raise ValueError("it has been changed")
    return context


def _made(
    connection: sqlite3.Connection, kind: str, parts: str, about: str, values: Values
) -> Context:
    text = "".join(fetch_text(connection, part) for part in json.loads(parts))
    divided = json.loads(about)
    return Context(
        text if kind == "text" else values.loads(text),
        tuple(Document(**one) for one in divided["documents"]),
        tuple(divided["notes"]),
    )


def _is_there(connection: sqlite3.Connection, name: str) -> bool:
    row = connection.execute("SELECT 1 FROM contexts WHERE hash = ?", (name,)).fetchone()
    return row is not None


def _write(connection: sqlite3.Connection, context: Context, name: str, values: Values) -> None:
    parts = []
    for piece in _pieces(context.value, values):  # each by itself: replies are not to wait
        connection.execute("BEGIN IMMEDIATE")
        parts.append(keep_text(connection, piece))
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    if not all(has_text(connection, part) for part in parts):  # `unspool gc` came in between
        for piece in _pieces(context.value, values):
            keep_text(connection, piece)
    connection.execute(
        "INSERT OR IGNORE INTO contexts (hash, kind, chars, parts, about) VALUES (?, ?, ?, ?, ?)",
        (name, _kind(context.value), context.chars, json.dumps(parts), _about(context)),
    )
    connection.execute("COMMIT")


def _pieces(value: Any, values: Values) -> Iterator[str]:
    if isinstance(value, Text):
        yield from value.samples() if isinstance(value, FileText) else [value.text()]
        return
    text = value if isinstance(value, str) else values.dumps(value)
    for at in range(0, len(text), PIECE_CHARS):
        yield text[at : at + PIECE_CHARS]


def _kind(value: Any) -> str:
    return "text" if is_text(value) else "json"


def _timeless(context: Context) -> Context:
    documents = (
        replace(one, metadata={k: v for k, v in one.metadata.items() if k != "modified"})
        for one in context.documents
    )
    return replace(context, documents=tuple(documents))


def _about(context: Context) -> str:
    documents = [asdict(one) for one in context.documents]
    about = {"kind": _kind(context.value), "documents": documents, "notes": context.notes}
    return json.dumps(about, default=str)
