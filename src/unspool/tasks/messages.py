"""Short messages with labels: generated ones, and real ones where a folder has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unspool.errors import ConfigurationError
from unspool.tasks.dice import Dice
from unspool.tasks.facts import FIRST_NAMES
from unspool.tasks.real import rows


@dataclass(frozen=True, slots=True)
class Labelling:
    """One way to sort messages."""

    name: str
    noun: str
    """What the messages are, in the plural."""
    meanings: Mapping[str, str]
    """The labels, and how a question says what each is for."""

    @property
    def question(self) -> str:
        """What to ask of one message."""
        sorts = "; ".join(f"{label}: {self.noun} {text}" for label, text in self.meanings.items())
        return (
            f"Of which sort is the text below? {sorts}. Answer with one word:"
            f" {', '.join(self.meanings)}."
        )


GENERATED: tuple[Labelling, ...] = (
    Labelling(
        "reviews", "reviews",
        {"positive": "whose writers are content", "negative": "whose writers are not content"},
    ),
    Labelling(
        "errands", "requests to an assistant",
        {
            "weather": "that are about the weather", "music": "that are about playing music",
            "table": "that are about a table at a restaurant", "travel": "that are about a journey",
        },
    ),
    Labelling(
        "inbox", "messages",
        {"advert": "that want to sell something", "private": "that are from a friend"},
    ),
)  # fmt: skip

REAL: tuple[Labelling, ...] = (
    Labelling(
        "snips7", "requests to an assistant",
        {
            "AddToPlaylist": "that ask to add a song or an artist to a playlist",
            "BookRestaurant": "that ask to book a table at a restaurant",
            "GetWeather": "that ask about the weather", "PlayMusic": "that ask to play music",
            "RateBook": "that ask to rate a book",
            "SearchCreativeWork": "that ask to find a work, such as a book, a game or a song",
            "SearchScreeningEvent": "that ask when or where films are shown",
        },
    ),
    Labelling(
        "polarity2", "snippets of film reviews",
        {"positive": "that speak well of the film", "negative": "that speak ill of the film"},
    ),
    Labelling(
        "sms_spam2", "text messages",
        {"ham": "that are ordinary messages between people", "spam": "that are unwanted adverts"},
    ),
)  # fmt: skip

_TEMPLATES: Mapping[tuple[str, str], Sequence[str]] = {
    ("reviews", "positive"): (
        "The {n} arrived early and works better than my old one, thank you {p}.",
        "Could not be happier with this {n}, {k} months and not a scratch.",
        "{p} bought the {n} for me and I use it every single day, lovely.",
        "Quiet, sturdy, well made: the {n} is worth every penny.",
        "After {k} tries with other shops, finally a {n} that does what it says!",
        "My neighbours keep asking where I found such a good {n}.",
        "I was wary of the price, but the {n} won me over within {k} days.",
    ),
    ("reviews", "negative"): (
        "The {n} broke after {k} days and nobody answers my letters.",
        "I want my money back, this {n} is an insult.",
        "{p} warned me about the {n}, and {p} was right: useless.",
        "Loud, flimsy, and it smells of glue. Do not buy this {n}.",
        "Waited {k} weeks for a {n} that does not even fit.",
        "The {n} looked fine in the picture; what came was a sad joke.",
        "Third {n} in a row that stopped working, I give up on this brand.",
    ),
    ("errands", "weather"): (
        "Will it rain in {t} on the {k}th?",
        "Do I need a coat in {t} tonight",
        "how cold does it get in {t} this week, asks {p}",
        "Tell me whether there is fog around {t} before {k} o'clock.",
        "is a storm coming to {t}",
    ),
    ("errands", "music"): (
        "Play something by {p} from the eighties",
        "put on the {k}th song of that album again, louder",
        "I would like to hear the fiddle tune by {p}",
        "Start my playlist called {n} and shuffle it.",
        "play the newest record of {p} please",
    ),
    ("errands", "table"): (
        "Book a table for {k} at the fish place in {t}",
        "We are {k} people and hungry, find us a restaurant in {t}.",
        "reserve a seat for {p} and me at the tavern by the {n} tonight",
        "Can you get us in for dinner in {t} at seven, {k} of us",
        "I need a reservation at a bistro that serves {n} soup",
    ),
    ("errands", "travel"): (
        "When does the next train to {t} leave?",
        "find me a cheap flight to {t} for {p}",
        "How long is the bus ride from {t} to the {n} museum",
        "Buy {k} ferry tickets to {t} for Monday morning.",
        "which platform for the night train to {t}",
    ),
    ("inbox", "advert"): (
        "LAST CHANCE! {k}% off every {n} until midnight, order now!",
        "Dear customer, you have been chosen for a free {n}. Call within {k} hours to claim.",
        "Our new {n} is in the shops of {t}: buy two, pay for one.",
        "Win a {n} worth {k}00 crowns, text WIN to the number below.",
        "Upgrade your {n} today from only {k} a month. Terms apply.",
    ),
    ("inbox", "private"): (
        "running late, {k} min, sorry! start without me",
        "did {p} tell you about the {n}? i laughed so hard",
        "Mum says hi from {t}, she found your {n} under the sofa",
        "are you still on for lunch with {p} and me on the {k}th",
        "ok got home. that {n} of yours is still in my car btw",
    ),
}
_NOUNS = tuple(
    "kettle lamp drill blender tent radio pillow saddle toaster ladder clock mixer".split()
)
_TOWNS = tuple("Aldermoor Brackwater Cinderford Duskhollow Elmsworth Fernleigh Gullhaven".split())


def chosen(dice: Dice, data: Path | None, name: str | None) -> Labelling:
    """A way to sort the messages of `data`, or generated ones where that is None."""
    ways = GENERATED if data is None else REAL
    if name is None:
        return dice.pick(ways)
    for way in (*GENERATED, *REAL):
        if way.name == name and (way in GENERATED or data is not None):
            return way
    known = ", ".join(way.name for way in ways)
    raise ConfigurationError(f"there are no messages called {name!r} here; there are: {known}")


def messages(way: Labelling, dice: Dice, chars: int, data: Path | None) -> list[tuple[str, str]]:
    """Messages and their labels, of at most so many characters together, and at least one.

    Raises `ConfigurationError` when `data` has no file for it.
    """
    source = iter(()) if way in GENERATED else iter(_real(way, dice, data))
    made: list[tuple[str, str]] = []
    while True:
        drawn = _generated(way, dice) if way in GENERATED else next(source, None)
        if drawn is None:
            return made
        chars -= len(drawn[0]) + 1
        if chars < 0 and made:
            return made
        made.append(drawn)


def _generated(way: Labelling, dice: Dice) -> tuple[str, str]:
    label = dice.pick(tuple(way.meanings))
    text = dice.pick(_TEMPLATES[way.name, label]).format(
        n=dice.pick(_NOUNS), p=dice.pick(FIRST_NAMES), t=dice.pick(_TOWNS), k=dice.between(4, 28)
    )
    return text, label


def _real(way: Labelling, dice: Dice, data: Path | None) -> list[tuple[str, str]]:
    assert data is not None
    found = rows(data / "labelled" / f"{way.name}.jsonl", "messages")
    pairs = [(" ".join(str(row["text"]).split()), str(row["label"])) for row in found]
    return dice.several(pairs, len(pairs))
