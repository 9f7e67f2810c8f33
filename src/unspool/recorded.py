"""A run as a journal or an exported file has it: what it came to, and what is needed to make
it again."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

from unspool import events
from unspool.context.files import Files
from unspool.context.source import Context
from unspool.errors import ConfigurationError, ContextDiffers, ContextError, JournalError
from unspool.journal.listing import RunRow
from unspool.journal.reading import Past
from unspool.parsing import load as load_context
from unspool.record import OnDifference
from unspool.schema.value import Schema
from unspool.trajectory import Trajectory
from unspool.types import Result


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


def warn_of(past: Past, row: RunRow) -> None:
    """Says what of a run is damaged."""
    if past.faults:
        shown = "; ".join(past.faults[:3])
        warnings.warn(
            f"{len(past.faults):,} events of run {row.id} are damaged and count as not recorded:"
            f" {shown}",
            stacklevel=2,
        )


def end_of(row: RunRow, past: Past) -> Result | None:
    """What a recorded run has ended with; None: it has not."""
    last = past.events[-1] if past.events else None
    if not isinstance(last, events.RunEnded) or last.run_id != row.id:
        return None
    chosen = next((one.run_id for one in last.result.opinions if one.chosen), row.id)
    return replace(last.result, turns=trajectory_of(row, past, chosen).turns)


def result_of(row: RunRow, past: Past) -> Result:
    """What a recorded run has come to, so far."""
    result = end_of(row, past)
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


def question_of(row: RunRow, past: Past) -> str:
    """What was asked, to the letter: the list has only what any file can hold."""
    started = (one for one in past.events if isinstance(one, events.RunStarted))
    return next((one.question for one in started if one.run_id == row.id), row.question)


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
