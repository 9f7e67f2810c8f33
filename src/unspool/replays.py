"""Runs that are made again from what was recorded of them, and from nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from unspool import events
from unspool.budget import LimitReached, Limits
from unspool.context.source import Context
from unspool.errors import ConfigurationError, JournalError, ModelError
from unspool.journal.codec import Codec
from unspool.journal.journal import Journal
from unspool.journal.listing import RunRow
from unspool.journal.reading import Past
from unspool.journal.sharing import Exported, read
from unspool.journals import VALUES, Task
from unspool.journals import replayed as told_again
from unspool.packs.pack import Pack
from unspool.record import BEFORE_WAYS, OnDifference
from unspool.recorded import context_of, end_of, first_of_its_kind, usable, warn_of
from unspool.spec import Tool
from unspool.tools import Tools
from unspool.types import Completion, Limit, OnText, Request


@dataclass(frozen=True, slots=True)
class Silent:
    """A model that was asked already: what it said is in the record, and more it does not say."""

    name: str
    run_id: str
    ended_by: Limit | None = None
    """The limit that ended the run, if one did: there it ends again."""

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """
        Raises:
            LimitReached, ModelError: always.
        """
        if self.ended_by is not None:
            raise LimitReached(self.ended_by, f"the recorded run ended at its limit in {self.name}")
        raise ModelError(
            f"the record of run {self.run_id} has no reply of {self.name!r} to this request: it"
            " was not made then, or was not answered."
        )

    async def aclose(self) -> None:
        """Holds nothing."""


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded run, and what it is made again with."""

    task: Task
    root: Silent
    sub: Silent
    children: tuple[Silent, ...]
    tools: Tools
    packs: Mapping[str, Pack]
    """By the models' names; empty: the run was recorded without, and `options` says which."""
    options: Mapping[str, Any]
    """Of `RLM`."""


def replay(
    given: str | Path,
    journal: Journal | None,
    context: Context | None,
    on_difference: OnDifference,
) -> Replay:
    """The run of that name in `journal`, or the one in that exported file.

    Raises:
        JournalError: there is none, or it is damaged.
        ContextError: its context was not kept, or is another one.
    """
    if isinstance(given, Path) or given.endswith(".json"):
        path = Path(given)
        exported = Exported(read(path), str(path), Codec(VALUES))
        row, past = exported.row, exported.past(exported.row)
        usable(row)
        found = context_of(exported, row, context, on_difference, origin=False)
    else:
        if journal is None:
            raise ConfigurationError("journal=False: without a journal there is nothing recorded.")
        row = journal.row(given)
        usable(row)
        past = journal.past(row)
        found = context_of(journal, row, context, on_difference, origin=False)
    first_of_its_kind(row)
    warn_of(past, row)
    return _made(row, past, replace(told_again(row, past, found, on_difference), offline=False))


def _made(row: RunRow, past: Past, task: Task) -> Replay:
    setup = json.loads(row.setup)
    started = [one for one in past.events if isinstance(one, events.RunStarted)]
    by_depth = {one.depth: one.model for one in reversed(started)}
    names = list(_names(setup.get("models", ()), by_depth, row.model))
    limit = _limit(past, row)
    recorded = setup.get("packs", {}).items()
    packs = {name: Pack.of_record(one) for name, one in recorded if isinstance(one, dict)}
    sub = next((one.sub_model for one in started), row.model)
    return Replay(
        task,
        Silent(row.model, row.id, limit),
        Silent(sub, row.id, limit),
        tuple(Silent(name, row.id, limit) for name in names),
        _tools(setup.get("tools", ())),
        packs,
        {
            "max_depth": setup["max_depth"],
            "limits": _limits(setup["limits"], past, row, limit),
            "pack": None if packs else setup["pack"],
            "packages": tuple(setup["packages"]),
            "sandbox": setup["sandbox"],
            "early": setup["early"],
            "cache": setup["cache"],
            "mode": setup.get("mode", BEFORE_WAYS),
            "journal": False,
        },
    )


def _names(given: Any, by_depth: Mapping[int, str], root: str) -> Iterator[str]:
    """Who wrote the code of child runs, by depth."""
    for depth, name in enumerate(given[2:], start=1):
        yield name or by_depth.get(depth, root)


def _limit(past: Past, row: RunRow) -> Limit | None:
    """The limit that ended the run; None: none did."""
    end = end_of(row, past)
    return cast(Limit, end.status) if end is not None and end.status in get_args(Limit) else None


def _limits(given: Mapping[str, Any], past: Past, row: RunRow, ended_by: Limit | None) -> Limits:
    """Those of the run; when it was resumed with more turns, with as many as it had. Time and
    money are not spent again."""
    limits = replace(Limits(**given), seconds=None, usd=None, hedge_seconds=None)
    turns = [
        one.turn
        for one in past.events
        if isinstance(one, events.TurnStarted) and one.run_id == row.id
    ]
    most = max(turns, default=limits.turns)
    return replace(limits, turns=most if ended_by == "turns" else max(limits.turns, most))


def _tools(given: Any) -> Tools:
    """The user's functions by name alone: what they gave is in the record."""
    offered = tuple(Tool(**one) for one in given)

    def unknown(name: str) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            raise JournalError(f"the record has no such call of the tool {name!r}.")

        return call

    return Tools({one.name: unknown(one.name) for one in offered}, offered)
