"""Runs and the journal: what a run begins, goes on or is told again from."""

from __future__ import annotations

import json
import secrets
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from unspool import events
from unspool.budget import Limits
from unspool.cache import Cache
from unspool.config import Settings
from unspool.context.files import Files
from unspool.context.source import Context
from unspool.errors import ConfigurationError, ContextDiffers, ContextError, JournalError
from unspool.journal.codec import Values
from unspool.journal.journal import About, Journal
from unspool.journal.listing import RunRow
from unspool.journal.reading import Past
from unspool.journal.recording import Recording
from unspool.loaders.sources import names_files
from unspool.memory import Memory
from unspool.opinions.poll import Poll
from unspool.parsing import load as load_context
from unspool.ports import Sandbox
from unspool.record import OnDifference, Record, before_turn
from unspool.sandboxes.worker import wire
from unspool.schema.value import Schema
from unspool.spec import Tool
from unspool.trajectory import Trajectory
from unspool.types import Mode, Result

FILE = "journal.db"
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
        path = settings.home / FILE if path is None and given is True else path
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
        result = _result(row, past)
        if result is not None and result.complete:
            recording.release()
            told = replace(result, recorded=result.usage)
            return Task(row.question, Context(""), run_id=row.id, ended=told)
        found = context_of(journal, row, context, on_difference)
        record = Record(past.events, on_difference)
        seed = record.seed(row.id)
        recording.resumed(record.usage, record.elapsed_s)
        return Task(
            _question(row, past),
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
        _question(row, past),
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
        _question(row, past),
        context,
        schema_of(row),
        Poll.of_setup(row.setup),
        run_id=row.id,
        session=row.session,
        seed=record.seed(row.id) or 0,
        record=record,
        offline=True,
    )


def _question(row: RunRow, past: Past) -> str:
    """What was asked, to the letter: the list has only what any file can hold."""
    started = (one for one in past.events if isinstance(one, events.RunStarted))
    return next((one.question for one in started if one.run_id == row.id), row.question)


def first_of_its_kind(row: RunRow) -> None:
    """
    Raises:
        JournalError: the run needs the variables of the questions before it.
    """
    if row.goes_on:
        raise JournalError(
            f"run {row.id} is a later question of a conversation, and needs the variables of those"
            " before it: use rlm.session(resume=...) or rlm.resume(...)."
        )


def renamed(past: Iterable[events.Event], old: str, new: str) -> Iterable[events.Event]:
    """The same events of a tree of another name."""
    for event in past:
        changed: dict[str, Any] = {"run_id": new + event.run_id.removeprefix(old)}
        if isinstance(event, events.RunStarted) and event.parent_id is not None:
            changed["parent_id"] = new + event.parent_id.removeprefix(old)
        yield replace(event, **changed)


class Source(Protocol):
    """Where a recorded run is: a journal, or a file that it was exported to."""

    def context(self, row: RunRow) -> Context | None:
        """Its context, where that was kept."""
        ...

    def fingerprint(self, context: Context) -> str:
        """The hash that a context is known by."""
        ...


def usable(row: RunRow) -> None:
    """
    Raises:
        JournalError: the texts of the run have been removed.
    """
    if row.redacted:
        raise JournalError(
            f"the texts of run {row.id} have been removed (unspool redact): it can be shown, and"
            " not be made again."
        )


def context_of(
    journal: Source,
    row: RunRow,
    given: Context | None,
    on_difference: OnDifference,
    *,
    origin: bool = True,
) -> Context:
    """The context of a recorded run: what is given, where it came from, or what was kept. The
    files of an imported run are not looked for: whoever wrote it may have named any.
    `origin=False`: what was kept is enough.

    Raises:
        ContextError: it is another one than it was, and the user has not chosen what to do;
            or it cannot be had at all.
    """
    kept = journal.context(row)
    if given is None and not row.imported and (origin or kept is None):
        given = _from_origin(json.loads(row.origin), kept)
    if given is None:
        if kept is None:
            raise ContextError(
                f"the context of run {row.id} was not kept: give the same one again (context=),"
                " or the same files on the command line."
            )
        return kept
    if not row.context or journal.fingerprint(given) == row.context:
        return given
    if on_difference == "anew":
        return given
    if on_difference == "record" and kept is not None:
        return kept
    raise ContextDiffers(
        f"the context of run {row.id} has changed since ({row.origin}). Go on with what it is now"
        " (on_difference='anew')"
        + (
            ", or with what it was ('record')."
            if kept is not None
            else "; what it was is not kept."
        )
    )


def origin_of(source: Any) -> Mapping[str, Any]:
    """Where a context can be read again; empty when it is in memory alone."""
    if isinstance(source, Files):
        return {
            "paths": [str(Path(name).absolute()) for name in source.names],
            "chosen": [source.include, source.exclude, source.ignored, source.max_file_bytes],
        }
    if isinstance(source, Path) or (isinstance(source, str) and names_files(source)):
        return {"paths": [str(Path(source).absolute())]}
    if isinstance(source, (list, tuple)) and source and all(isinstance(s, Path) for s in source):
        return {"paths": [str(path.absolute()) for path in source]}
    return {}


def warn_of(past: Past, row: RunRow) -> None:
    """Says what of a run is damaged."""
    if past.faults:
        shown = "; ".join(past.faults[:3])
        warnings.warn(
            f"{len(past.faults):,} events of run {row.id} are damaged and count as not recorded:"
            f" {shown}",
            stacklevel=2,
        )


def result_of(row: RunRow, past: Past) -> Result:
    """What a recorded run has come to, so far."""
    result = _result(row, past)
    if result is not None:
        return result
    turns = trajectory_of(row, past)
    return Result(
        answer=None,
        status="failed",
        question=row.question,
        model=row.model,
        run_id=row.id,
        turns=turns.turns,
        usage=turns.usage,
        seconds=row.seconds,
        error="the run has not ended: `unspool resume` goes on with it",
    )


def trajectory_of(row: RunRow, past: Past, run_id: str = "") -> Trajectory:
    """The fold over the events of a recorded run; its turns are those of the run inside of it
    that is named."""
    trajectory = Trajectory(run_id or row.id)
    for event in past.events:
        trajectory.add(event)
    return trajectory


def schema_of(row: RunRow) -> Schema | None:
    """The form of a recorded run's answer. A value of it is plain data: what class it was made
    into is not recorded."""
    form = json.loads(row.setup).get("schema")
    return None if form is None else Schema.of_json(form, trusted=True)


def checked_model(row: RunRow, model: str) -> None:
    """
    Raises:
        ConfigurationError: the run was made with another model.
    """
    if row.model != model:
        raise ConfigurationError(
            f"run {row.id} was made with {row.model!r}, not with {model!r}: resume it with the"
            " same model, or fork it."
        )


def _result(row: RunRow, past: Past) -> Result | None:
    last = past.events[-1] if past.events else None
    if not isinstance(last, events.RunEnded) or last.run_id != row.id:
        return None
    chosen = next((one.run_id for one in last.result.opinions if one.chosen), row.id)
    return replace(last.result, turns=trajectory_of(row, past, chosen).turns)


def _from_origin(origin: Mapping[str, Any], kept: Context | None) -> Context | None:
    paths = origin.get("paths")
    if not paths:
        return None
    try:
        return load_context(Files(paths, *origin.get("chosen", ())))
    except ContextError:
        if kept is None:
            raise
        return None
