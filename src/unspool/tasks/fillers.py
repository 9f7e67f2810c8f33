"""Texts of any length that tell nothing asked for, in eight shapes, with sentences among them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unspool.tasks.dice import Dice
from unspool.tasks.facts import FIRST_NAMES

_NOUNS = tuple(
    "anchor beacon cedar dagger ember falcon garnet harbor island jasmine kettle lantern market "
    "needle orchard parapet quarry river saddle timber umbrella valley window yard".split()
)
_QUALITIES = tuple(
    "old new quiet narrow wet bright heavy cheap borrowed painted broken famous".split()
)
_PLACES = tuple("Aldermoor Brackwater Cinderford Duskhollow Elmsworth Fernleigh Gullhaven".split())
_LEVELS = ("INFO", "WARN", "DEBUG", "ERROR")
_SENTENCES = (
    "{p} carried the {q} {n} from {t} to the {m} and back.",
    "In {t} the {n} was thought {q}, and {k} people said so.",
    "After {k} days nobody spoke of the {q} {n} any more.",
    "The {n} beside the {m} had been {q} since the year of the frost.",
    "{p} wrote that the {m} of {t} was no {n}.",
    "There were {k} of them, each with a {q} {n}.",
    "What the {n} is to {t}, the {m} is to the hills around it.",
    "Neither the {q} {n} nor the {m} was ever paid for.",
    "{p} bought a {n}, sold it, and bought it again for {k} pence.",
    "Rain fell on {t} until the {m} was as {q} as the {n}.",
    "It takes {k} hours to walk from the {n} to the {m}.",
    "The {q} {m} was left to {p}, who had asked for the {n}.",
)


@dataclass(frozen=True, slots=True)
class Filler:
    """One shape of text."""

    name: str
    line: Callable[[Dice, str | None], str]
    """A line, or a few, of it; the one that holds a sentence, where one is given."""


def filled(filler: Filler, dice: Dice, chars: int, placed: Sequence[tuple[float, str]]) -> str:
    """A text of at most `chars` characters, and nearly as many, with the sentences of `placed`
    in it, each at its share of the way through. They are all there, however few characters
    there may be."""
    carried = [(share, filler.line(dice, sentence)) for share, sentence in sorted(placed)]
    left = chars - sum(len(line) + 1 for _, line in carried)
    lines: list[str] = []
    while True:
        line = filler.line(dice, None)
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
    parts: list[str] = []
    begin = 0
    for share, line in carried:
        end = int(share * len(lines))
        parts += lines[begin:end]
        parts.append(line)
        begin = end
    return "\n".join(parts + lines[begin:])


def _sentence(dice: Dice) -> str:
    return dice.pick(_SENTENCES).format(
        p=f"{dice.pick(FIRST_NAMES)} {dice.surname()}",
        q=dice.pick(_QUALITIES),
        n=dice.pick(_NOUNS),
        m=dice.pick(_NOUNS),
        t=dice.pick(_PLACES),
        k=dice.between(3, 99),
    )


def _paragraph(dice: Dice, sentence: str | None) -> str:
    if sentence is not None:
        return f"{_sentence(dice)} {sentence}\n"
    return " ".join(_sentence(dice) for _ in range(dice.between(2, 5))) + "\n"


def _stamp(dice: Dice) -> str:
    return (
        f"2024-{dice.between(1, 12):02}-{dice.between(1, 28):02} "
        f"{dice.below(24):02}:{dice.below(60):02}:{dice.below(60):02}"
    )


def _log(dice: Dice, sentence: str | None) -> str:
    if sentence is not None:
        return f"{_stamp(dice)} {dice.pick(_LEVELS)} notes {sentence}"
    return (
        f"{_stamp(dice)} {dice.pick(_LEVELS)} {dice.pick(_NOUNS)}.{dice.pick(_NOUNS)} "
        f"request {dice.below(9999)} took {dice.below(9000)} ms"
    )


def _csv(dice: Dice, sentence: str | None) -> str:
    note = sentence or f"a {dice.pick(_QUALITIES)} {dice.pick(_NOUNS)}"
    return (
        f"{dice.below(9999)},{_stamp(dice)[:10]},{dice.pick(_PLACES)},"
        f'{dice.below(900)}.{dice.below(100):02},"{note}"'
    )


def _json(dice: Dice, sentence: str | None) -> str:
    return json.dumps(
        {
            "at": _stamp(dice),
            "from": f"{dice.pick(FIRST_NAMES)} {dice.surname()}",
            "kind": dice.pick(_NOUNS),
            "note": sentence or _sentence(dice),
        }
    )


def _chat(dice: Dice, sentence: str | None) -> str:
    who = f"{dice.pick(FIRST_NAMES)} {dice.surname()}"
    return f"[{dice.below(24):02}:{dice.below(60):02}] {who}: {sentence or _sentence(dice)}"


def _settings(dice: Dice, sentence: str | None) -> str:
    if sentence is not None:
        return f"; {sentence}"
    if dice.below(9) == 0:
        return f"\n[{dice.pick(_NOUNS)}.{dice.pick(_NOUNS)}]"
    return f"{dice.pick(_NOUNS)}_{dice.pick(_NOUNS)} = {dice.below(9999)}"


def _outline(dice: Dice, sentence: str | None) -> str:
    if sentence is None and dice.below(8) == 0:
        return f"\n## The {dice.pick(_QUALITIES)} {dice.pick(_NOUNS)} of {dice.pick(_PLACES)}\n"
    return f"- {sentence or _sentence(dice)}"


def _program(dice: Dice, sentence: str | None) -> str:
    if sentence is not None:
        return f"    # {sentence}"
    return (
        f"def {dice.pick(_NOUNS)}_{dice.pick(_QUALITIES)}({dice.pick(_NOUNS)}):\n"
        f"    # The {dice.pick(_NOUNS)} goes before the {dice.pick(_NOUNS)}.\n"
        f"    return {dice.pick(_NOUNS)}({dice.below(9999)}) + {dice.below(99)}\n"
    )


FILLERS: tuple[Filler, ...] = (
    Filler("prose", _paragraph),
    Filler("log", _log),
    Filler("csv", _csv),
    Filler("json", _json),
    Filler("chat", _chat),
    Filler("settings", _settings),
    Filler("outline", _outline),
    Filler("program", _program),
)
