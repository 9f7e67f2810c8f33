"""Books: chapters that each tell of a person and a town of their own."""

from __future__ import annotations

from dataclasses import dataclass

from unspool.tasks.dice import Dice
from unspool.tasks.facts import person, place

CHARS_A_CHAPTER = 16_000
FEWEST, MOST = 2, 60
"""Chapters."""
ASKS = (
    "Summarize this book.",
    "Write a summary of this book, chapter by chapter.",
    "What is this book about? Leave out no chapter.",
    "Summarise the whole book in your own words.",
    "Give me an overview of this book, with a few words on each chapter.",
    "Summarize each chapter.",
)
_HEADINGS = ("Chapter {n}", "CHAPTER {n}", "## Chapter {n}", "Chapter {n}: Of a {thing}")
_EVENTS = (
    "{p} came to {t} in the {s} with no more than a {thing} and a letter.",
    "Nobody in {t} would sell {p} a {thing}, so one was borrowed from the mill.",
    "{p} mended the roof of the {house} before the first {weather} came down.",
    "On market day {p} stood at the well of {t} and told all who asked about the {thing}.",
    "The people of {t} said that {p} had found the {thing} under the floor of the {house}.",
    "For a week {p} lay ill in the {house}, and the doctor would take no money.",
    "{p} wrote three letters about the {thing}, and burned two of them.",
    "When the {weather} came over {t}, {p} let the neighbours sleep in the {house}.",
    "The {thing} was stolen in the {s}, and {p} walked from door to door to ask for it.",
    "{p} taught the children of {t} to read in the {house}, four evenings a week.",
    "There was a quarrel about the {house}, and {p} lost it before the court of {t}.",
    "At last {p} gave the {thing} away, left {t} on foot, and did not look back.",
)
_BETWEEN = (
    "The {thing} stood by the door all that day, and nobody took it in.",
    "It was the {s} of the long {weather}, and bread was dear.",
    "From the {house} one could see the road as far as the bridge.",
    "Such things are soon said and late forgotten.",
    "The dogs slept, the clock struck, and the {weather} went by behind the hills.",
    "What had been a {thing} was then no more than old iron.",
    "The older people shook their heads, and the younger ones laughed about it.",
    "Somebody had painted the {house} green, which did not become it.",
)
_WORDS = {
    "thing": tuple("lantern saddle clock trunk fiddle ledger compass kettle mirror plough".split()),
    "house": tuple("mill chapel schoolhouse forge inn boathouse granary tollhouse".split()),
    "weather": tuple("snow hail fog rain storm frost".split()),
    "s": tuple("spring summer autumn winter".split()),
}


@dataclass(frozen=True, slots=True)
class Book:
    """A book, and of whom its chapters tell."""

    text: str
    about: tuple[tuple[str, str], ...]
    """Of each chapter the person's surname and the town."""


def book(dice: Dice, chars: int) -> Book:
    """A book of at most `chars` characters, and nearly as many; a chapter has no fewer than two
    paragraphs, however few there may be."""
    number = max(FEWEST, min(MOST, chars // CHARS_A_CHAPTER))
    heading = dice.pick(_HEADINGS)
    people = [(person(dice), place(dice)) for _ in range(number)]
    parts: list[str] = []
    left = chars
    for n, (who, town) in enumerate(people, 1):
        title = heading.format(n=n, thing=dice.pick(_WORDS["thing"]))
        room = left // (number - n + 1) - len(title) - 5
        parts.append(f"{title}\n\n{_chapter(dice, who, town, room)}")
        left -= len(parts[-1]) + 3
    about = tuple((who.rpartition(" ")[2], town) for who, town in people)
    return Book("\n\n\n".join(parts) + "\n", about)


def _chapter(dice: Dice, who: str, town: str, chars: int) -> str:
    """Paragraphs of at most so many characters; what happens goes round."""
    paragraphs: list[str] = []
    left = chars
    while True:
        words = {name: dice.pick(those) for name, those in _WORDS.items()}
        told = [_EVENTS[len(paragraphs) % len(_EVENTS)].format(p=who, t=town, **words)]
        told += [dice.pick(_BETWEEN).format(**words) for _ in range(dice.between(1, 3))]
        paragraph = " ".join(told)
        left -= len(paragraph) + 2
        if left < 0 and len(paragraphs) > 1:
            return "\n\n".join(paragraphs)
        paragraphs.append(paragraph)
