"""`unspool resume`, `fork` and `replay`: recorded runs made again."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable
from typing import Any, cast

from unspool import RLM, Limits, Result, Stream
from unspool.cli.ask import pulled, source_of, tell, watched
from unspool.cli.output import bill
from unspool.cli.progress import Progress, progress_for
from unspool.cli.runs import journal_of
from unspool.errors import ConfigurationError, ContextDiffers, ReplayDiffers
from unspool.journal.listing import RunRow
from unspool.packs.reading import is_file
from unspool.record import BEFORE_WAYS, OnDifference
from unspool.types import Usage

Start = Callable[[OnDifference], Stream]


def resume(options: argparse.Namespace) -> int:
    """Goes on with a run; gives the exit code."""
    journal = journal_of(options)
    row = journal.row(options.run)
    progress = progress_for(quiet=options.quiet)
    rlm = _rlm(row, options, progress)
    context = _given(options)
    if row.goes_on:  # the questions before it come first
        result = rlm.resume(row.id, context, on_difference=options.on_difference or "stop")
    else:
        result = _decided(
            lambda choice: rlm.stream_resume(
                row.id, context, on_difference=choice, out=options.out
            ),
            options,
            progress,
        )
    paid = Usage() if row.status == "complete" else _less(result.usage, result.recorded)
    before = result.usage if row.status == "complete" else result.recorded
    bills = f"paid before: {bill(before)}; now: {bill(paid)}"
    return tell(result, options, progress, bills, paths=_paths(row, options))


def fork(options: argparse.Namespace) -> int:
    """Makes a new run that begins as a recorded one did; gives the exit code."""
    journal = journal_of(options)
    row = journal.row(options.run)
    progress = progress_for(quiet=options.quiet)
    rlm = _rlm(row, options, progress)
    context = _given(options)
    result = _decided(
        lambda choice: rlm.stream_fork(row.id, options.turn, context, on_difference=choice),
        options,
        progress,
    )
    paid = _less(result.usage, result.recorded)
    bills = f"paid by run {row.id} until then: {bill(result.recorded)}; now: {bill(paid)}"
    return tell(result, options, progress, bills, paths=_paths(row, options))


def replay(options: argparse.Namespace) -> int:
    """Makes a run again from its record; gives the exit code."""
    progress = progress_for(quiet=options.quiet)
    context = _given(options)
    result = _decided(
        lambda choice: RLM.stream_replay(
            options.run,
            options.journal,
            context,
            on_difference=choice,
            isolation=options.isolation or "confined",
        ),
        options,
        progress,
    )
    return tell(result, options, progress, "nothing was paid and nothing recorded", resumable=False)


def _given(options: argparse.Namespace) -> Any:
    """The context that the command line names; None: the one that the run had."""
    return source_of(options.paths) if options.paths else None


def _paths(row: RunRow, options: argparse.Namespace) -> list[str]:
    """Where the context is, or was when the run began."""
    return list(options.paths or json.loads(row.origin).get("paths") or ["-"])


def _decided(start: Start, options: argparse.Namespace, progress: Progress) -> Result:
    """The run's result. Where something differs from the record and nobody has said what to do
    then, the user is asked, if there is one."""
    try:
        return watched(start(options.on_difference or "stop"), progress)
    except (ReplayDiffers, ContextDiffers) as differs:
        if options.on_difference:
            raise
        choice = _asked(str(differs)) if sys.stdin.isatty() and sys.stderr.isatty() else None
        if choice is None:
            print("On the command line: --on-difference record, or anew.", file=sys.stderr)
            raise
        return watched(start(choice), progress)


def _asked(what: str) -> OnDifference | None:
    print(f"{what}\nGo on as it is now (y), as it was recorded (r), or not (n)?", file=sys.stderr)
    answer = sys.stdin.readline().strip().lower()[:1]
    return cast("dict[str, OnDifference]", {"y": "anew", "r": "record"}).get(answer)


def _rlm(row: RunRow, options: argparse.Namespace, progress: Progress) -> RLM:
    """What the run was made with, as far as `options` does not say otherwise; keys come from
    the environment.

    Raises:
        ConfigurationError: it was made with objects or functions of a program, or came from a
            file and would ask a server that its writer has chosen.
    """
    setup = json.loads(row.setup)
    root, sub, *children = setup["models"]
    root = getattr(options, "model", None) or root
    sub = getattr(options, "sub_model", None) or sub
    _check_objects(row, setup, [root, sub, *children])
    limits = {**setup["limits"], **_limits(options)}
    for name in {root, sub, *children}:
        if not (options.base_url or setup["base_url"]):
            pulled(name, progress)
    return RLM(
        root,
        base_url=options.base_url or _base_url(row, setup),
        sub_model=sub,
        child_model=children or None,
        max_depth=setup["max_depth"],
        limits=Limits(**limits),
        prices=setup["prices"],
        pack=getattr(options, "pack", None) or _pack(row, setup),
        retries=setup["retries"],
        isolation=options.isolation or ("confined" if row.imported else setup["isolation"]),
        packages=setup["packages"],
        sandbox=setup["sandbox"],
        early=setup["early"],
        cache=setup["cache"],
        mode=setup.get("mode", BEFORE_WAYS),
        journal=options.journal,
    )


def _check_objects(row: RunRow, setup: dict[str, Any], models: list[str | None]) -> None:
    if None in models:
        raise ConfigurationError(
            f"run {row.id} was made by a program, with a model that is an object of it: go on with"
            f" it there (rlm.resume({row.id!r})), or fork it here with --model and --sub-model."
        )
    if setup["tools"]:
        names = ", ".join(str(one["name"]) for one in setup["tools"])
        raise ConfigurationError(
            f"run {row.id} was made by a program, with functions of its own ({names}): go on with"
            f" it there: rlm.resume({row.id!r})."
        )


def _base_url(row: RunRow, setup: dict[str, Any]) -> str | None:
    if row.imported and setup["base_url"]:
        raise ConfigurationError(
            f"run {row.id} came from a file, which says to send your key to {setup['base_url']}:"
            " give the address yourself (--base-url)."
        )
    return cast("str | None", setup["base_url"])


def _pack(row: RunRow, setup: dict[str, Any]) -> str | None:
    pack = cast("str | None", setup["pack"])
    if row.imported and pack is not None and is_file(pack):
        raise ConfigurationError(
            f"run {row.id} came from a file, which says to read the prompts in {pack}: fork it with"
            " prompts that you choose (--pack)."
        )
    return pack


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "turns": options.max_turns,
        "seconds": options.max_seconds,
        "usd": options.max_usd,
    }
    return {name: value for name, value in given.items() if value is not None}


def _less(whole: Usage, part: Usage) -> Usage:
    return Usage(
        **{
            field.name: getattr(whole, field.name) - getattr(part, field.name)
            for field in dataclasses.fields(Usage)
        }
    )
