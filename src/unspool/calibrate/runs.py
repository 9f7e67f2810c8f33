"""Small runs with a REPL: which pack does best, and what the model's replies are like."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unspool.api import RLM
from unspool.calibrate.kept import Row
from unspool.calibrate.plain import Stopped
from unspool.calibrate.purse import Purse
from unspool.tasks import Kind, Task, make
from unspool.types import Result, Turn

CHARS, LABEL_CHARS = 60_000, 900
"""Of the texts: far more than any preview shows, and of messages about a dozen."""
KINDS: tuple[Kind, ...] = ("needle", "count", "label", "two_hop", "list")
GUIDED = "guided"
"""In the place of a pack: the model chooses steps, and writes no code."""
TURNS, TOKENS = 8, 60_000
"""Bounds of a run: none is in seconds, for what a model can do is not how busy a machine is."""
LEAST_TASKS = 3
"""Tried with all packs, before one is preferred to the usual one."""
CHANCE, FAR_FEWER = 0.5, 0.75
"""Answers more or less that say nothing, and the share of its tokens for which a pack is left
for another that is as good."""
_BATCHED = re.compile(r"\b(?:llm_query_batched|rlm_query_batched|ask_each)\s*\(")


@dataclass(frozen=True, slots=True)
class Habits:
    """Shares, from 0 to 1; None where nothing told."""

    codes: float | None
    """Of replies, those whose code ran."""
    fences: float | None
    """Of replies with code, those that have it between fences."""
    batches: float | None
    """Of runs over many items, those that asked about them in batches."""
    stops: float | None
    """Of runs that saw the answer, those that gave it in that turn or the next."""


def task_of(kind: Kind, seed: int) -> Task:
    """The task of a run."""
    return make(kind, seed, LABEL_CHARS if kind == "label" else CHARS)


def key_of(pack: str, kind: Kind, seed: int) -> str:
    """What the answer of a run is kept under."""
    return f"run/{seed:06}/{kind}/{pack}"


async def run(rlm: RLM, pack: str, task: Task, purse: Purse) -> tuple[Row, Result]:
    """One run, as it is kept.

    Raises:
        Stopped: time or money ended it.
    """
    result = await rlm.arun(task.question, task.context)
    purse.pay(result.usage)
    if result.status in ("usd", "seconds", "cancelled"):
        raise Stopped
    seen = next((n for n, turn in enumerate(result.turns) if _shows(turn, task)), None)
    return {
        "key": key_of(pack, task.kind, task.seed),
        "probe": "run",
        "pack": pack,
        "used": result.pack,
        "kind": task.kind,
        "seed": task.seed,
        "chars": len(task.context),
        "expected": task.expected if task.kind != "list" else len(str(task.expected)),
        "answer": result.answer,
        "score": task.score(result.answer),
        "status": result.status,
        "tokens": result.usage.tokens,
        "seconds": result.seconds,
        "replies": [turn.reply for turn in result.turns],
        "ran": [_ran(turn) for turn in result.turns],
        "after": None if seen is None else len(result.turns) - 1 - seen,
    }, result


def habits(rows: Sequence[Row]) -> Habits:
    """What the replies of runs are like."""
    replies = [
        (reply, ran) for row in rows for reply, ran in zip(row["replies"], row["ran"], strict=True)
    ]
    fenced = [("```" in reply) for reply, ran in replies if ran is not None]
    batched = [
        any(_BATCHED.search(reply) for reply in row["replies"])
        for row in rows
        if row["kind"] == "label"
    ]
    stopped = [row["after"] <= 1 for row in rows if row["after"] is not None]
    return Habits(
        codes=_share([bool(ran) for _, ran in replies]),
        fences=_share(fenced),
        batches=_share(batched),
        stops=_share(stopped),
    )


def best_pack(rows: Sequence[Row], usual: str) -> str:
    """The pack that was right most often, of the tasks that were tried with all of them; of
    packs that were as good, but for half an answer, the usual one, or one that took far fewer
    tokens. Few tasks say nothing."""
    packs = sorted({str(row["pack"]) for row in rows} - {GUIDED})
    common = _common(rows, packs)
    if len(common) < LEAST_TASKS:
        return usual
    right = _right(common, packs)
    tokens = {pack: sum(int(each[pack]["tokens"]) for each in common) for pack in packs}
    good = [pack for pack in packs if right[pack] >= max(right.values()) - CHANCE]
    cheapest = min(good, key=tokens.__getitem__)
    return usual if usual in good and tokens[cheapest] > FAR_FEWER * tokens[usual] else cheapest


def better_guided(rows: Sequence[Row], pack: str) -> bool | None:
    """Whether the model was right more often with steps than with code, of the tasks that were
    tried with both; None: as often, but for half an answer."""
    right = _right(_common(rows, (pack, GUIDED)), (pack, GUIDED))
    more = right[GUIDED] - right[pack]
    return more > 0 if abs(more) > CHANCE else None


def _right(common: Sequence[Mapping[str, Row]], ways: Sequence[str]) -> dict[str, float]:
    return {way: sum(float(each[way]["score"]) for each in common) for way in ways}


def _common(rows: Sequence[Row], ways: Sequence[str]) -> list[dict[str, Row]]:
    """The tasks that were tried in all these ways."""
    by_task: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        by_task.setdefault((row["kind"], row["seed"]), {})[row["pack"]] = row
    return [each for each in by_task.values() if each.keys() >= set(ways)]


def _ran(turn: Turn) -> bool | None:
    """Whether a reply's code ran; None: it had none."""
    if not turn.observations:
        return None
    return not any("SyntaxError" in one.error for one in turn.observations)


def _shows(turn: Turn, task: Task) -> bool:
    """Whether a turn's output has the answer of a question for one value."""
    if task.kind not in ("needle", "two_hop", "count"):
        return False
    value = re.escape(str(task.expected))
    pattern = re.compile(rf"(?<![\w.-]){value}(?![\w-])")
    return any(pattern.search(one.text) for one in turn.observations)


def _share(facts: Sequence[bool]) -> float | None:
    return round(sum(facts) / len(facts), 2) if facts else None
