"""Long texts with one sentence in them that a question asks about, made from a seed."""

from __future__ import annotations

import random
import string
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ADJECTIVES = "amber brisk calm dusty eager faded gentle hollow ivory jagged keen lunar".split()
NOUNS = (
    "anchor beacon cedar dagger ember falcon garnet harbor island jasmine kettle lantern".split()
)
FIRST = "Alma Bruno Clara Dmitri Edith Farouk Greta Hugo Ines Jonas Kira Leopold".split()
LAST = "Abernathy Bellweather Castellan Dunmore Eastgate Fairbrook Grimaldi Holloway".split()
TOWNS = "Aldermoor Brackwater Cinderford Duskhollow Elmsworth Fernleigh Gullhaven".split()


@dataclass(frozen=True, slots=True)
class Needle:
    """One sentence to hide, what to ask about it, and what a right answer contains."""

    sentence: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Task:
    """A text with a needle in it."""

    seed: int
    text: str
    needle: Needle
    haystack: str


def task(seed: int, chars: int) -> Task:
    """The task of that seed: always the same text, needle and place."""
    rng = random.Random(seed)
    kind = rng.choice(sorted(HAYSTACKS))
    text = HAYSTACKS[kind](rng, chars)
    needle = rng.choice(NEEDLES)(rng)
    at = text.find("\n", rng.randrange(len(text)))
    at = len(text) if at < 0 else at
    return Task(seed, f"{text[:at]}\n{needle.sentence}{text[at:]}", needle, kind)


def _magic(rng: random.Random) -> Needle:
    key = f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}"
    value = str(rng.randrange(1_000_000, 10_000_000))
    return Needle(
        f"One of the special magic numbers for {key} is: {value}.",
        f"What is the special magic number for {key} mentioned in the text?",
        value,
    )


def _uuid(rng: random.Random) -> Needle:
    digits = "".join(rng.choices("0123456789abcdef", k=32))
    value = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    key = rng.choice(NOUNS)
    return Needle(
        f"The special magic uuid for the {key} is: {value}.",
        f"Which uuid belongs to the {key}?",
        value,
    )


def _code(rng: random.Random) -> Needle:
    who = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    code = "".join(rng.choices(string.ascii_uppercase, k=3)) + str(rng.randrange(1000, 10000))
    return Needle(
        f"Note for the night shift: {who} keeps the vault under the pass phrase {code}.",
        f"What is the pass phrase of {who}'s vault?",
        code,
    )


def _town(rng: random.Random) -> Needle:
    ship, town, year = rng.choice(NOUNS).title(), rng.choice(TOWNS), rng.randrange(1820, 1930)
    return Needle(
        f"The steamship {ship} Queen was launched at {town} in the spring of {year}.",
        f"In which town was the ship {ship} Queen launched?",
        town,
    )


def _year(rng: random.Random) -> Needle:
    who, year = f"{rng.choice(FIRST)} {rng.choice(LAST)}", str(rng.randrange(1801, 1990))
    return Needle(
        f"It was in {year} that {who} was at last elected president of the chess society.",
        f"When did {who} become president of the chess society?",
        year,
    )


def _price(rng: random.Random) -> Needle:
    town, price = rng.choice(TOWNS), f"{rng.randrange(11, 98)},{rng.randrange(100, 999)}"
    return Needle(
        f"The old mill near {town} changed hands for {price} crowns, furniture included.",
        f"For how many crowns was the mill at {town} sold?",
        price,
    )


def _setting(rng: random.Random) -> Needle:
    name = f"{rng.choice(ADJECTIVES)}_{rng.choice(NOUNS)}_timeout"
    value = str(rng.randrange(1_001, 99_999))
    return Needle(f"{name.upper()} = {value}", f"What value does {name.upper()} have?", value)


NEEDLES: tuple[Callable[[random.Random], Needle], ...] = (
    _magic, _uuid, _code, _town, _year, _price, _setting,
)  # fmt: skip


@cache
def _library() -> list[str]:
    folder = Path(sysconfig.get_path("stdlib"))
    paths = [p for p in sorted(folder.rglob("*.py")) if "site-packages" not in p.parts]
    return [p.read_text(encoding="utf-8", errors="replace") for p in paths]


def _sources(rng: random.Random, chars: int) -> str:
    files, parts, size = _library(), [], 0
    while size < chars:
        parts.append(rng.choice(files))
        size += len(parts[-1]) + 1
    return "\n".join(parts)[:chars]


@cache
def _sentences() -> list[str]:
    """Sentences of comments and docstrings: prose that every machine has."""
    lines = (line.strip() for text in _library() for line in text.splitlines())
    return [
        line
        for line in lines
        if line[:1].isupper() and line.endswith(".") and " " in line and "=" not in line
    ]


def _prose(rng: random.Random, chars: int) -> str:
    sentences, paragraphs, size = _sentences(), [], 0
    while size < chars:
        paragraphs.append(" ".join(rng.choices(sentences, k=rng.randrange(3, 9))))
        size += len(paragraphs[-1]) + 2
    return "\n\n".join(paragraphs)[:chars]


def _noise(rng: random.Random, chars: int) -> str:
    line = (
        "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
    )
    return "\n".join([line] * (chars // (len(line) + 1) + 1))[:chars]


def _log(rng: random.Random, chars: int) -> str:
    lines, size = [], 0
    while size < chars:
        lines.append(
            f"2024-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02} "
            f"{rng.choice(('INFO', 'WARN', 'DEBUG'))} {rng.choice(NOUNS)}.{rng.choice(NOUNS)} "
            f"request {rng.randrange(10**6)} took {rng.randrange(9000)} ms"
        )
        size += len(lines[-1]) + 1
    return "\n".join(lines)[:chars]


HAYSTACKS: dict[str, Callable[[random.Random, int], str]] = {
    "sources": _sources, "prose": _prose, "noise": _noise, "log": _log,
}  # fmt: skip
