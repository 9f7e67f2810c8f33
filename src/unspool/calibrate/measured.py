"""From kept answers to a profile."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from unspool.calibrate.curve import curves, effective
from unspool.calibrate.kept import Kept, Row
from unspool.calibrate.runs import Habits, best_pack, better_guided, habits
from unspool.profiles import Profile, Strategy

LEAST_SHARE = 0.5
"""Of replies that hold code which runs: a model with less is better guided."""


def file_name(model: str) -> str:
    """What the profile of a model is called: its name, as far as file names can have it."""
    return re.sub(r"[^\w.-]+", "-", model).strip("-.") or "model"


def profile(kept: Kept, model: str, known: Profile, day: date) -> Profile:
    """The profile that the answers make; what they do not tell, or not for certain, stays as it
    was known."""
    runs, items = kept.rows("run"), kept.rows("items")
    drawn = curves(kept.rows("length"))
    found = {kind: effective(points) for kind, points in drawn.items()}
    shortest = drawn["needle"][0].read if "needle" in drawn else None
    pack = best_pack(runs, known.pack) if runs else known.pack
    seen = habits([row for row in runs if row["pack"] == pack])
    stands = known.items_per_call if known.measured else None
    made = replace(
        known,
        name=file_name(model),
        models=(model,),
        pack=pack,
        effective_tokens={**known.effective_tokens, **found},
        items_per_call=per_call(items, stands) or known.items_per_call,
        chunk_tokens=found.get("needle") or known.chunk_tokens or shortest,
        measured=_told(kept, day),
    )
    if runs:
        made = replace(
            made,
            codes=known.codes if seen.codes is None else seen.codes,
            fences=known.fences if seen.fences is None else seen.fences,
            batches=known.batches if seen.batches is None else seen.batches,
            stops=known.stops if seen.stops is None else seen.stops,
            strategy=_strategy(runs, pack, seen, known.strategy),
        )
    return made


def per_call(rows: Sequence[Row], known: int | None = None) -> int | None:
    """The number of items in one request with which labels took the fewest tokens, of those
    with which they were as right as with the best, but for what chance makes: the `known` one,
    where it is one of these. None where nothing was measured.

    Numbers are compared over the messages that were labelled with each of them.
    """
    by_seed: dict[int, dict[int, Row]] = {}
    for row in rows:
        by_seed.setdefault(row["seed"], {})[row["per_call"]] = row
    numbers = sorted({int(row["per_call"]) for row in rows})
    common = [each for each in by_seed.values() if len(each) == len(numbers)]
    if not common:
        return known
    of = sum(int(each[numbers[0]]["of"]) for each in common)
    right = {n: sum(int(each[n]["right"]) for each in common) / of for n in numbers}
    best = max(right.values())
    chance = math.sqrt(max(best * (1 - best), 0.02) / of)
    good = [n for n in numbers if right[n] >= best - chance]
    if known in good:
        return known
    return min(good, key=lambda n: sum(int(each[n]["tokens"]) for each in common))


def _strategy(runs: Sequence[Row], pack: str, seen: Habits, known: Strategy) -> Strategy:
    guided = better_guided(runs, pack)
    if seen.codes is not None and seen.codes < LEAST_SHARE:
        guided = True
    return known if guided is None else "guided" if guided else "rlm"


def _told(kept: Kept, day: date) -> str:
    """When, on which seeds, how many answers."""
    parts = []
    for probe, words in (("length", "questions"), ("run", "runs"), ("items", "labelled lists")):
        rows = kept.rows(probe)
        if rows:
            seeds = sorted({int(row["seed"]) for row in rows})
            shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans(seeds))
            parts.append(f"{len(rows)} {words} (seeds {shown})")
    return f"{day.isoformat()}, unspool calibrate: {', '.join(parts)}" if parts else ""


def spans(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted numbers, those that follow each other as the first and the last of them."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found
