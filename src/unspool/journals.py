"""The journals of a process, and the tasks that runs begin, go on or are told again from."""

from __future__ import annotations

import json
import secrets
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from unspool import events
from unspool.budget import Limits
from unspool.cache import Cache
from unspool.config import Settings
from unspool.context.source import Context
from unspool.errors import JournalError
from unspool.journal.codec import Values
from unspool.journal.journal import About, Journal
from unspool.journal.listing import RunRow
from unspool.journal.reading import Past
from unspool.journal.recording import Recording
from unspool.memory import Memory
from unspool.opinions.poll import Poll
from unspool.ports import Sandbox
from unspool.record import OnDifference, Record, before_turn
from unspool.recorded import (
    checked_model,
    context_of,
    end_of,
    first_of_its_kind,
    question_of,
    schema_of,
    usable,
    warn_of,
)
from unspool.sandboxes.worker import wire
from unspool.schema.value import Schema
from unspool.spec import Tool
from unspool.types import Mode, Result

VALUES = Values(
    dumps=lambda value: wire.dumps(wire.encode(value)),
    loads=lambda text: wire.decode(wire.loads(text)),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be made, and what is known of it already."""

    question: str
    context: Context
    schema: Schema | None = None
    poll: Poll = field(default_factory=Poll)
    """How many runs of the question there are to be."""
    run_id: str = field(default_factory=lambda: secrets.token_hex(6))
    seed: int = field(default_factory=lambda: secrets.randbits(60))
    record: Record = field(default_factory=Record)
    recording: Recording | None = None
    ended: Result | None = None
    """Of a run that is complete: there is nothing to be done."""
    origin: Mapping[str, Any] = field(default_factory=dict)
    """Where the context can be read again."""
    forked_from: str = ""
    forked_turn: int = 0
    session: str = ""
    """The first run of the conversation that it is part of; empty: of none."""
    after: str = ""
    """The run before it in that conversation."""
    sandbox: Sandbox | None = None
    """Where its REPL is; None: in one of its own."""
    earlier: tuple[str, ...] = ()
    first_cell: int = 1
    offline: bool = False
    """It is told from its record alone: no model is asked."""
    past: tuple[events.Event, ...] = ()
    """Of a fork: what happened before it, as if it were its own."""
    out: Path | None = None

    def memory(self, caching: str, journal: Journal | None) -> Memory:
        """What the run remembers, and how it keeps what it is told."""
        find = journal.find if caching == "all" and journal is not None else None
        cache = Cache(on=caching != "off", find=find)
        if self.recording is None:
            return Memory(self.record, cache)
        return Memory(self.record, cache, self.recording.kept)


@dataclass(frozen=True, slots=True)
class Setup:
    """What an `RLM` was made with, as far as it can be written down. Never keys."""

    models: tuple[str | None, ...]
    """Root, sub-model and those of child runs; None: an object."""
    base_url: str | None
    max_depth: int
    limits: Limits
    prices: Mapping[str, tuple[float, ...]] | None
    pack: str | None
    packs: Mapping[str, Mapping[str, Any]]
    """Of the prompts for each model: the version, and all but the texts."""
    retries: int
    isolation: str
    tools: tuple[Tool, ...]
    packages: tuple[str, ...]
    sandbox: str | None
    early: bool
    cache: str
    mode: Mode

    def plain(self, schema: Schema | None) -> Mapping[str, Any]:
        """As JSON-like data."""
        data = asdict(self)
        url = urlsplit(self.base_url or "")
        if url.username or url.password or url.query:
            data["base_url"] = url._replace(netloc=url.netloc.rpartition("@")[2], query="").geturl()
        return {**data, "schema": None if schema is None else dict(schema.wire)}


class Journals:
    """The journals of a process: one for each file."""

    def __init__(self) -> None:
        self._made: dict[tuple[Path, bool], Journal] = {}
        self._lock = threading.Lock()

    def find(
        self, given: str | Path | bool | None, settings: Settings, *, keep_contexts: bool = True
    ) -> Journal | None:
        """The journal that is asked for: a file, None for the user's own, False for none."""
        file = None if given is True else given
        path = None if file is False else settings.journal_file(file)
        path = settings.own_journal if path is None and given is True else path
        if path is None:
            return None
        key = (path, keep_contexts)
        with self._lock:
            if key not in self._made:
                self._made[key] = Journal(key[0], VALUES, keep_contexts=keep_contexts)
            return self._made[key]

    async def aclose(self) -> None:
        """Writes what waits."""
        with self._lock:
            made = list(self._made.values())
        for journal in made:
            journal.close()

    def before_fork(self) -> None:
        """Nothing is open while the process forks."""
        self._lock.acquire()
        for journal in self._made.values():
            journal.writer.before_fork()

    def after_fork(self, *, is_child: bool) -> None:
        """Goes on, in the parent or in the child."""
        for journal in self._made.values():
            journal.writer.after_fork(is_child=is_child)
        if is_child:
            self._lock = threading.Lock()
        else:
            self._lock.release()


def begun(journal: Journal | None, task: Task, model: str, setup: Setup, *, insists: bool) -> Task:
    """`task`, recorded from now on. Unless the user insists on a journal, one that cannot be
    had is done without, which a warning tells.

    Raises:
        JournalError: it cannot be had.
    """
    if journal is None or task.recording is not None or task.offline:
        return task
    about = About(
        task.run_id,
        task.question,
        model,
        {**setup.plain(task.schema), "after": task.after, **task.poll.plain()},
        task.origin,
        session=task.session,
        forked_from=task.forked_from,
        forked_turn=task.forked_turn,
    )
    try:
        return replace(task, recording=journal.begin(about, task.context, task.past))
    except JournalError as failed:
        if insists:
            raise
        warnings.warn(f"this run is not recorded: {failed}", stacklevel=2)
        return task


def warn_of_pack(task: Task, pack: str) -> None:
    """Says that a run goes on with other prompts than it began with."""
    record, began = task.record, task.record.pack(task.run_id)
    if not began or began == pack or record.closed or task.forked_from:
        return
    what = (
        "is opened anew with those"
        if record.on_difference == "anew"
        else "keeps its opening as it was; to open it anew: on_difference='anew', or a fork"
    )
    warnings.warn(
        f"run {task.run_id} began with the prompts {began}, and goes on with {pack}: it {what}.",
        stacklevel=2,
    )


def recorded_too(
    recording: Recording, listen: Callable[[events.Event], None]
) -> Callable[[events.Event], None]:
    """Has each event recorded before it is told."""

    def both(event: events.Event) -> None:
        recording.listen(event)
        listen(event)

    return both


def resumed(
    journal: Journal,
    run_id: str,
    context: Context | None,
    on_difference: OnDifference,
    model: str,
) -> Task:
    """What is left to do of a run.

    Raises:
        JournalError: there is no such run, it is under way, or damaged beyond use.
        ContextError: its context is another one now, or cannot be had.
    """
    row, past, recording = journal.take(run_id)
    try:
        usable(row)
        warn_of(past, row)
        checked_model(row, model)
        result = end_of(row, past)
        if result is not None and result.complete:
            recording.release()
            told = replace(result, recorded=result.usage)
            return Task(row.question, Context(""), run_id=row.id, ended=told)
        found = context_of(journal, row, context, on_difference)
        record = Record(past.events, on_difference)
        seed = record.seed(row.id)
        recording.resumed(record.usage, record.elapsed_s)
        return Task(
            question_of(row, past),
            found,
            schema_of(row),
            Poll.of_setup(row.setup),
            session=row.session,
            run_id=row.id,
            seed=secrets.randbits(60) if seed is None else seed,
            record=record,
            recording=recording,
        )
    except BaseException:
        recording.release()
        raise


def forked(
    journal: Journal, run_id: str, turn: int, context: Context | None, on_difference: OnDifference
) -> Task:
    """A new run that begins as another one did, up to a turn, counted from 1.

    Raises:
        JournalError: there is no such run, or it did not come to that turn.
        ContextError: its context is another one now, or cannot be had.
    """
    row = journal.row(run_id)
    past = journal.past(row)
    usable(row)
    first_of_its_kind(row)
    warn_of(past, row)
    reached = [
        event.turn
        for event in past.events
        if isinstance(event, events.TurnStarted) and event.run_id == row.id
    ]
    if not 1 <= turn <= max(reached, default=0):
        raise JournalError(f"run {row.id} has turns 1 to {max(reached, default=0)}, no {turn}.")
    name = secrets.token_hex(6)
    before = tuple(renamed(before_turn(past.events, row.id, turn), row.id, name))
    record = Record(before, on_difference, ended=True, openings=False)
    return Task(
        question_of(row, past),
        context_of(journal, row, context, on_difference),
        schema_of(row),
        forked_from=row.id,
        forked_turn=turn,
        origin=json.loads(row.origin),
        run_id=name,
        seed=record.seed(name) or secrets.randbits(60),
        record=record,
        past=before,
    )


def replayed(row: RunRow, past: Past, context: Context, on_difference: OnDifference) -> Task:
    """A run that is told again from its record alone."""
    record = Record(past.events, on_difference, ended=bool(row.status), closed=True)
    return Task(
        question_of(row, past),
        context,
        schema_of(row),
        Poll.of_setup(row.setup),
        run_id=row.id,
        session=row.session,
        seed=record.seed(row.id) or 0,
        record=record,
        offline=True,
    )


def renamed(past: Iterable[events.Event], old: str, new: str) -> Iterable[events.Event]:
    """The same events of a tree of another name."""
    for event in past:
        changed: dict[str, Any] = {"run_id": new + event.run_id.removeprefix(old)}
        if isinstance(event, events.RunStarted) and event.parent_id is not None:
            changed["parent_id"] = new + event.parent_id.removeprefix(old)
        yield replace(event, **changed)
