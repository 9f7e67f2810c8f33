"""Measures a model on generated tasks, and says what came out as a profile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from unspool.api import RLM
from unspool.calibrate import measured, runs
from unspool.calibrate.curve import GAVE_UP, Point, curves
from unspool.calibrate.kept import Kept, Row
from unspool.calibrate.plain import ITEMS, Plain, Stopped
from unspool.calibrate.purse import Purse
from unspool.ports import Model
from unspool.profiles import Profile
from unspool.tasks import VERSION, Kind

SHORTEST_TOKENS = 500
PER_CALL = (1, 5, 10, ITEMS)
CURVE_SHARE, RUNS_SHARE = 0.5, 0.85
"""Of the time: up to where the curve may go on, and then the runs; the rest is for items."""

Say = Callable[[str], None]
Open = Callable[[str, Purse], RLM]
"""Gives an `RLM` of the model with the pack of that name, or for `guided` in that mode, within
what the purse has left."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried, and how much may be spent on it."""

    seeds: Sequence[int] = range(1, 7)
    """Of the questions: as many at each length."""
    kinds: Sequence[Kind] = ("needle", "two_hop", "count")
    """Whose curves are drawn."""
    packs: Sequence[str] = ()
    """Packs that are compared, the usual one first, and `guided` where steps are compared
    with code; none: no runs are made."""
    longest_tokens: int = 131_072
    seconds: float = 900.0
    usd: float | None = None
    parallel: int = 8
    """Requests in flight at the same time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it."""

    profile: Profile
    curves: dict[str, list[Point]]
    whole: bool
    """False: time or money ended it early; the same command goes on from there."""


async def calibrate(
    model: Model,
    plan: Plan,
    answers: Path,
    *,
    known: Profile,
    rlm: Open,
    day: date,
    say: Say,
) -> Outcome:
    """Asks what was not asked before, keeps each answer in `answers`, and gives the profile
    that all of them make.

    Raises:
        ConfigurationError: `answers` holds another model's.
        ModelError: the model does not answer; what it has answered is kept.
    """
    purse = Purse(plan.seconds, plan.usd)
    with Kept(answers, model.name, VERSION) as kept:
        plain = Plain(model, kept, purse, plan.parallel)
        whole = True
        for share, stage in (
            (CURVE_SHARE, partial(_lengths, plain, plan, say)),
            (RUNS_SHARE, partial(_runs, kept, purse, plan, rlm, say)),
            (1.0, partial(_items, plain, plan, say)),
        ):
            purse.up_to(share)
            whole = await stage() and whole
        made = measured.profile(kept, model.name, known, day)
        return Outcome(made, curves(kept.rows("length")), whole)


async def _lengths(plain: Plain, plan: Plan, say: Say) -> bool:
    """Draws the curves, all kinds at one length before the next; False: not to their ends."""
    going = list(plan.kinds)
    tokens, took_s = SHORTEST_TOKENS, dict.fromkeys(plan.kinds, 0.0)
    loop = asyncio.get_running_loop()
    while going and tokens <= plan.longest_tokens:
        for kind in tuple(going):
            missing = len(_answers(plain, kind, tokens, plan)) < len(plan.seeds)
            if missing and 2 * took_s[kind] > plain.purse.left_s:
                say(f"no time is left for {kind} at {tokens:,} tokens")
                return False
            began_s = loop.time()
            try:
                await _all_of(plain, kind, tokens, plan)
            except Stopped:
                say(f"stopped at {kind}, {tokens:,} tokens: no time or money is left for it")
                return False
            took_s[kind] = loop.time() - began_s
            rows = _answers(plain, kind, tokens, plan)
            right = sum(float(row["score"]) for row in rows)
            say(f"{kind}, {tokens:,} tokens: {right:g} of {len(rows)} right ({took_s[kind]:.0f} s)")
            refused = any(row.get("refused") for row in rows)
            if right < GAVE_UP * len(rows) or refused:
                going.remove(kind)
        tokens *= 2
    return True


def _answers(plain: Plain, kind: Kind, tokens: int, plan: Plan) -> list[Row]:
    """What is kept of that kind and length, for the seeds of the plan."""
    return [
        row
        for row in plain.kept.rows("length")
        if row["kind"] == kind and row["tokens"] == tokens and row["seed"] in plan.seeds
    ]


async def _all_of(plain: Plain, kind: Kind, tokens: int, plan: Plan) -> None:
    places = asyncio.Semaphore(plan.parallel)

    async def one(seed: int) -> None:
        async with places:
            await plain.question(kind, tokens, seed)

    outcomes = await asyncio.gather(*map(one, plan.seeds), return_exceptions=True)
    for failed in outcomes:
        if isinstance(failed, BaseException):
            raise failed


async def _runs(kept: Kept, purse: Purse, plan: Plan, rlm: Open, say: Say) -> bool:
    """Small runs with each pack in turn, so that they can be compared however far it comes."""
    for seed in plan.seeds:
        for kind in runs.KINDS:
            for pack in plan.packs:
                if runs.key_of(pack, kind, seed) in kept:
                    continue
                if purse.empty:
                    say("no time or money is left for more runs")
                    return False
                try:
                    task = runs.task_of(kind, seed)
                    row, result = await runs.run(rlm(pack, purse), pack, task, purse)
                except Stopped:
                    say("stopped in a run: no time or money is left for it")
                    return False
                kept.add(row)
                say(
                    f"{kind} with the pack {pack}: {row['score']:.2f} in {len(result.turns)}"
                    f" turns ({result.seconds:.0f} s)"
                )
    return True


async def _items(plain: Plain, plan: Plan, say: Say) -> bool:
    """Labels the same messages with different numbers of them in one request."""
    for seed in list(plan.seeds)[:3]:
        for number in PER_CALL:
            try:
                await plain.items(seed, number)
            except Stopped:
                say("no time or money is left for items")
                return False
        rows = [row for row in plain.kept.rows("items") if row["seed"] == seed]
        told = ", ".join(f"{row['per_call']} a call: {row['right']}" for row in rows)
        say(f"right of {ITEMS} labels, {told}")
    return True
