"""The file of the journal: SQLite in WAL mode, readable by its owner alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from unspool.errors import JournalError

APPLICATION = 0x75_6E_73_70
"""What marks the file as a journal: `unsp`."""
BUSY_S = 60.0
"""How long one process waits for another that is writing."""
PACKED_CHARS = 512
"""Longer texts are compressed."""
HASH_BYTES = 16

BROKEN = (sqlite3.Error, UnicodeDecodeError)
"""What SQLite raises over a damaged file; the second when its own message is."""

MIGRATIONS = (
    """
    CREATE TABLE runs (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        started REAL NOT NULL,
        question TEXT NOT NULL,
        model TEXT NOT NULL,
        setup TEXT NOT NULL,
        context TEXT NOT NULL DEFAULT '',
        origin TEXT NOT NULL DEFAULT '{}',
        session TEXT NOT NULL DEFAULT '',
        forked_from TEXT NOT NULL DEFAULT '',
        forked_turn INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT '',
        error TEXT NOT NULL DEFAULT '',
        turns INTEGER NOT NULL DEFAULT 0,
        calls INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL DEFAULT 0,
        microusd INTEGER NOT NULL DEFAULT 0,
        unpriced INTEGER NOT NULL DEFAULT 0,
        seconds REAL NOT NULL DEFAULT 0,
        imported INTEGER NOT NULL DEFAULT 0,
        redacted INTEGER NOT NULL DEFAULT 0,
        crc INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        tree INTEGER NOT NULL,
        place INTEGER NOT NULL,
        run TEXT NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        crc INTEGER NOT NULL
    );
    CREATE INDEX events_of_tree ON events (tree, seq);
    CREATE TABLE replies (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE texts (number INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, data BLOB NOT NULL);
    CREATE TABLE contexts (
        hash TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        chars INTEGER NOT NULL,
        parts TEXT NOT NULL,
        about TEXT NOT NULL
    );
    """,
)


def connected(path: Path) -> sqlite3.Connection:
    """A connection to the journal in that file, which is made if there is none.

    Raises:
        JournalError: it is no journal, was written by a newer unspool (and was not touched),
            or cannot be opened.
    """
    with explained(path):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = _open(path)
        try:
            _checked(connection, path)
            _patiently(connection, _set_up)
        except BaseException:
            connection.close()
            raise
        return connection


def in_memory() -> sqlite3.Connection:
    """A journal that is in no file."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    _migrate(connection)
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written in it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _set_up(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before all else
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
    _migrate(connection)


def _patiently(connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], None]) -> None:
    """Of two who make a new file at the same time, SQLite refuses one without waiting."""
    until = time.monotonic() + BUSY_S
    while True:
        try:
            return work(connection)
        except sqlite3.OperationalError as failed:
            if failed.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
        time.sleep(0.005)


def for_reading(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing.

    Raises:
        JournalError: there is no such file, or it is no journal that this version can read.
    """
    with explained(path):
        if not path.exists():
            raise JournalError(f"there is no journal {path}: no run has been recorded there yet.")
        connection = _open(path)
        try:
            _checked(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Has what SQLite and the system raise say which file it is about, and what to do."""
    try:
        yield
    except BROKEN as failed:
        raise JournalError(f"the journal {path} {_what_is_wrong(failed)}") from failed
    except OSError as failed:
        why = failed.strerror or failed
        raise JournalError(
            f"the journal {path} cannot be opened: {why}. Give another file (journal=, --journal,"
            " UNSPOOL_HOME), or none (journal=False, --no-journal)."
        ) from failed


def hash_of(text: str) -> str:
    """What a text is kept under."""
    data = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=HASH_BYTES).hexdigest()


def packed(text: str) -> bytes:
    """A text as it is kept."""
    data = text.encode("utf-8", "surrogatepass")
    return b"z" + zlib.compress(data, 1) if len(data) > PACKED_CHARS else b"p" + data


def unpacked(data: bytes) -> str:
    """The text that was kept.

    Raises:
        ValueError: it is damaged.
    """
    kind, rest = data[:1], data[1:]
    try:
        plain = zlib.decompress(rest) if kind == b"z" else rest
    except zlib.error as failed:
        raise ValueError(str(failed)) from failed
    return plain.decode("utf-8", "surrogatepass")


def keep_text(connection: sqlite3.Connection, text: str) -> str:
    """Keeps a text once, and gives its hash."""
    name = hash_of(text)
    if not has_text(connection, name):
        connection.execute(
            "INSERT OR IGNORE INTO texts (hash, data) VALUES (?, ?)", (name, packed(text))
        )
    return name


def has_text(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the text of that hash is kept."""
    row = connection.execute("SELECT 1 FROM texts WHERE hash = ?", (name,)).fetchone()
    return row is not None


def fetch_text(connection: sqlite3.Connection, name: str) -> str:
    """The text of that hash.

    Raises:
        ValueError: it is missing or damaged.
    """
    row = connection.execute("SELECT data FROM texts WHERE hash = ?", (name,)).fetchone()
    if row is None:
        raise ValueError(f"the text {name} is missing")
    text = unpacked(row[0])
    if hash_of(text) != name:
        raise ValueError(f"the text {name} is damaged")
    return text


def _open(path: Path) -> sqlite3.Connection:
    # Each statement is its own transaction, unless one is begun. To read, too, the index of the
    # log has to be written.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )


def _checked(connection: sqlite3.Connection, path: Path) -> None:
    """Looks whose file it is, before anything is done to it.

    SQLite looks, not we: a process that closes a descriptor of its own to a database lets go
    of all locks that its connections have there (https://www.sqlite.org/howtocorrupt.html).
    """
    owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
    if owner != APPLICATION and (owner or not _is_empty(connection)):
        raise JournalError(f"{path} is a database of another program. Give another file.")
    if _version(connection) > len(MIGRATIONS):
        raise JournalError(
            f"the journal {path} was written by a newer unspool (format {_version(connection)},"
            f" this one knows {len(MIGRATIONS)}). It was not touched. Update unspool, or give"
            " another file."
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _migrate(connection: sqlite3.Connection) -> None:
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in _missing(connection):
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


def _missing(connection: sqlite3.Connection) -> Sequence[str]:
    return MIGRATIONS[_version(connection) :]


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _what_is_wrong(failed: Exception) -> str:
    code = getattr(failed, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return "cannot be written: the disk is full. Make room, then resume the run."
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            "is damaged. What is whole of it can still be read (unspool runs, show, export)."
            " Move it away, and a new one is begun."
        )
    if code == sqlite3.SQLITE_BUSY:
        return f"was locked by another process for {BUSY_S:.0f} seconds. Try again."
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return (
            f"cannot be written ({failed}). Make sure that there is room, and that the file and"
            " its folder are yours; then resume the run."
        )
    return f"cannot be used: {failed}."
