"""The journal: the durable record of runs, in one file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from unspool import events
from unspool.context.source import Context
from unspool.errors import JournalError
from unspool.journal import clearing, contexts, listing, reading, sharing
from unspool.journal.codec import Codec, Values
from unspool.journal.listing import RunRow
from unspool.journal.lock import CLEARING, RunLock, is_under_way, locks_of, under_way
from unspool.journal.reading import Past
from unspool.journal.recording import Recording
from unspool.journal.sharing import Exported
from unspool.journal.store import connected, explained, fetch_text, for_reading
from unspool.journal.writer import Writer
from unspool.types import Said

KEPT_CHARS = 64 << 20
"""A longer context is known by its hash alone."""
KEPT_FILE_CHARS = 4 << 20
"""The same for one that can be read again from where it came from."""


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a run before it begins."""

    id: str
    question: str
    model: str
    setup: Mapping[str, Any] = field(default_factory=dict)
    """What it is made with, as far as that is JSON: models, limits, schema. Never keys."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where the context came from; empty: from memory."""
    session: str = ""
    forked_from: str = ""
    forked_turn: int = 0


class Journal:
    """The runs in one file. Any number of processes may use it at the same time.

    `keep_contexts=False`: contexts are known by their hashes alone, and a run is resumed with
    the context that it is given then, or that is where the first one came from.
    """

    def __init__(self, path: Path, values: Values, *, keep_contexts: bool = True) -> None:
        self.path, self._values = path, values
        self._codec = Codec(values)
        self._keep_contexts = keep_contexts
        self.writer = Writer(path)
        self._tried = False

    def begin(self, about: About, context: Context, past: Sequence[events.Event] = ()) -> Recording:
        """Records a new run. To be ended with `Recording.aclose`. Of one that begins as another
        did, `past` is what happened so far: it has that as its own.

        Raises:
            JournalError: the file cannot be written, or is no journal of this version.
        """
        lock = self._lock(about.id)
        with explained(self.path):
            if not self._tried:
                connected(self.path).close()
                self._tried = True
            lock.take()
        recording = Recording(self.writer, self._codec, lock, about.id, past=past)
        recording.write(partial(_insert, recording, about))
        recording.copy(past)
        self._know(recording, about, context)
        return recording

    def take(self, run_id: str) -> tuple[RunRow, Past, Recording]:
        """Goes on with a run: what is known of it, what happened, and what records the rest.

        Raises:
            JournalError: there is no such run, or a process has it that is under way.
        """
        lock = self._lock(self.row(run_id).id)
        lock.take()
        try:
            row = self.row(run_id)
            past = self.past(row)
        except BaseException:
            lock.release()
            raise
        recording = Recording(
            self.writer, self._codec, lock, row.id, row.number, past.events, past.places
        )
        return row, past, recording

    def row(self, run_id: str) -> RunRow:
        """The run of that name, or the only one whose name begins so.

        Raises:
            JournalError: there is none, or more than one.
        """
        with self._reading() as connection:
            return listing.run(connection, run_id)

    def runs(self) -> list[RunRow]:
        """All runs, the latest first; none where there is no journal yet."""
        return self.listed()[0]

    def listed(self) -> tuple[list[RunRow], list[str]]:
        """All runs, the latest first, and in words what cannot be read of the list."""
        return listing.listed(self.path)

    def before(self, row: RunRow) -> list[RunRow]:
        """The runs of a conversation that one goes on from, in order."""
        with self._reading() as connection:
            rows = {one.id: one for one in listing.runs(connection) if isinstance(one, RunRow)}
        found: list[RunRow] = []
        while (earlier := rows.get(json.loads(row.setup).get("after", ""))) is not None:
            row = earlier
            found.insert(0, row)
        return found

    def past(self, row: RunRow) -> Past:
        """What happened in a run and in those inside of it."""
        with self._reading() as connection:
            return reading.past(connection, row, self._codec)

    def is_under_way(self, run_id: str) -> bool:
        """Whether some process is at that run."""
        return is_under_way(self._locks, run_id)

    def context(self, row: RunRow) -> Context | None:
        """The context of a run, where its text was kept."""
        with self._reading() as connection:
            try:
                return contexts.fetch(connection, row.context, self._values)
            except ValueError as damaged:
                raise JournalError(
                    f"the context of run {row.id} is damaged in the journal: {damaged}. Give it"
                    " again (context=)."
                ) from damaged

    def export(self, run_id: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """All that is whole of a run as JSON, and in words what of it is not."""
        with self._reading() as connection:
            return sharing.exported(connection, listing.run(connection, run_id), self._codec)

    def exported(self, plain: Any, source: str) -> Exported:
        """A run that `export` gave, read as one of a journal is; `source` names it in errors.

        Raises:
            JournalError: it is none, is damaged, or was made up.
        """
        return Exported(plain, source, self._codec)

    def add(self, run: Exported) -> bool:
        """Adds a run that was exported; False: the same one is there.

        Raises:
            JournalError: another one of that name is there.
        """
        with self._writing() as connection:
            return sharing.imported(connection, run.plain, self._codec)

    def remove(self, rows: Iterable[RunRow]) -> list[RunRow]:
        """Removes runs, but those that are under way; gives those that were removed. Then
        removes what nothing refers to any more, and makes the file smaller."""
        removed = []
        with self._writing() as connection:
            for row in rows:
                if self._removed(connection, row):
                    removed.append(row)
            clearing.sweep(connection, contexts_too=not self.under_way())
            clearing.give_back(connection)
        return removed

    def redact(self, run_id: str) -> RunRow:
        """Removes the texts of a run, so that nothing of them is left in the file but what
        other runs have too.

        Raises:
            JournalError: the run is under way, or others are at the journal.
        """
        row = self.row(run_id)
        lock = self._lock(row.id)
        lock.take()
        try:
            with self._writing() as connection:
                row = listing.run(connection, row.id)
                clearing.blank(connection, row, self._codec)
                clearing.sweep(connection, contexts_too=not self.under_way(but=row.id))
                clearing.rebuild(connection, self.path, lambda: not self.under_way(but=row.id))
        finally:
            lock.release()
        return row

    def under_way(self, but: str = "") -> list[str]:
        """The runs that some process is at."""
        return [name for name in under_way(self._locks) if name not in (but, CLEARING)]

    def fingerprint(self, context: Context) -> str:
        """The hash that a context is known by."""
        return contexts.fingerprint(context, self._values)

    async def find(self, key: str) -> Said | None:
        """The reply that any run has had to a sub-call of that key."""
        return await asyncio.to_thread(self._find, key)

    def close(self) -> None:
        """Writes what waits. The journal may be used again."""
        self.writer.close()

    def _find(self, key: str) -> Said | None:
        if not self.path.exists():
            return None
        with self._reading() as connection:
            row = connection.execute(
                "SELECT id, place, run, kind, body, events.crc FROM replies"
                " JOIN events USING (seq) JOIN runs ON tree = number WHERE key = ?",
                (key,),
            ).fetchone()
            if row is None or row[-1] != listing.check(*row[:-1]):
                return None
            _, _, run, kind, body, _ = row
            try:
                fetch = partial(fetch_text, connection)
                found = self._codec.decode(kind, run, body, fetch)
            except (ValueError, KeyError, TypeError):  # a damaged reply is none
                return None
        if not isinstance(found, events.CallEnded) or found.reply_key != key:
            return None  # its run has been removed
        return Said(found.reply, found.cut)

    def _know(self, recording: Recording, about: About, context: Context) -> None:
        """Finds the hash of a context and keeps it, beside the run."""
        most = KEPT_FILE_CHARS if about.origin else KEPT_CHARS

        def work() -> None:
            name = contexts.fingerprint(context, self._values)
            recording.write(partial(_name_context, recording, name))
            if self._keep_contexts and context.chars <= most:
                contexts.keep(self.path, context, name, self._values)

        recording.beside(work)

    def _lock(self, run_id: str) -> RunLock:
        return RunLock(self._locks, run_id)

    def _removed(self, connection: sqlite3.Connection, row: RunRow) -> bool:
        """Whether nobody is at that run, so that it could be removed."""
        lock = self._lock(row.id)
        try:
            lock.take()
        except JournalError:
            return False
        try:
            clearing.remove(connection, row)
        finally:
            lock.release()
        return True

    @property
    def _locks(self) -> Path:
        return locks_of(self.path)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with explained(self.path):
            connection = for_reading(self.path)
            try:
                yield connection
            finally:
                connection.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """For one at a time, besides those who record runs."""
        lock = self._lock(CLEARING)
        with explained(self.path):
            try:
                lock.take()
            except JournalError as taken:
                raise JournalError(
                    f"another process changes what the journal {self.path} has: wait for it."
                ) from taken
            try:
                with closing(connected(self.path)) as connection:
                    yield connection
            finally:
                lock.release()


def _insert(recording: Recording, about: About, connection: sqlite3.Connection) -> None:
    fixed = (
        about.id,
        time.time(),
        about.question.encode("utf-8", "backslashreplace").decode(),
        about.model,
        json.dumps(about.setup),
        json.dumps(about.origin),
        about.session,
        about.forked_from,
        about.forked_turn,
        0,
        0,
    )
    recording.number = listing.insert(connection, fixed)


def _name_context(recording: Recording, name: str, connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE runs SET context = ? WHERE number = ?", (name, recording.number))
