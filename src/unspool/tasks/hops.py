"""Facts in two steps: the first leads to a name, and what is asked is told of that name alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from unspool.tasks.dice import Dice
from unspool.tasks.facts import code, date, person, place


@dataclass(frozen=True, slots=True)
class Chain:
    """One kind of two facts: `{s}` leads to `{m}`, and `{m}` to `{v}`."""

    name: str
    start: Callable[[Dice], str]
    middle: Callable[[Dice], str]
    end: Callable[[Dice], str]
    first: tuple[str, ...]
    """Sentences that tell of `{m}` for `{s}`."""
    second: tuple[str, ...]
    """Sentences that tell of `{v}` for `{m}`."""
    asks: tuple[str, ...]


def _parcel(dice: Dice) -> str:
    return f"{dice.letters(2)}-{dice.own_name()}"


def _title(dice: Dice) -> str:
    subject = dice.pick(("Night", "Two Sisters", "The Ferry", "Market Day", "Winter", "A Feast"))
    return f"{subject} at {dice.own_name()}"


def _house(dice: Dice) -> str:
    return f"the {dice.own_name()} {dice.pick(('Museum', 'Gallery', 'Foundation'))}"


def _company(dice: Dice) -> str:
    return f"{dice.own_name()} {dice.pick(('Works', 'Lines', 'Trading', 'Brothers'))}"


def _vessel(dice: Dice) -> str:
    return f"Star of {dice.own_name()}"


def _service(dice: Dice) -> str:
    return f"{dice.own_name().lower()}-{dice.pick(('api', 'queue', 'index', 'mailer'))}"


def _machine(dice: Dice) -> str:
    return f"node-{dice.own_name().lower()}"


def _bridge(dice: Dice) -> str:
    return f"{dice.own_name()} Bridge"


def _locker(dice: Dice) -> str:
    return f"locker {dice.own_name()}-{dice.digits(2)}"


def _key(dice: Dice) -> str:
    return f"key {dice.own_name()}{dice.digits(3)}"


def _moth(dice: Dice) -> str:
    return f"the {dice.own_name()} moth"


CHAINS: tuple[Chain, ...] = (
    Chain(
        "courier", _parcel, person, place,
        (
            "The parcel {s} was handed to the courier {m}.",
            "{m} signed as the courier for the parcel {s}.",
        ),
        (
            "{m} has lived in {v} ever since the flood.",
            "The home of {m} is a narrow house in {v}.",
        ),
        (
            "In which town does the courier of the parcel {s} live?",
            "Where is the home of whoever carries the parcel {s}?",
            "Name the town in which the courier who took the parcel {s} lives.",
        ),
    ),
    Chain(
        "painting", _title, _house, place,
        (
            "The painting {s} now belongs to {m}.",
            "The owner of {s}, an oil painting, is {m}.",
        ),
        (
            "Visitors of {m} have to travel to {v}, where it stands by the canal.",
            "In {v} one finds {m}, open on all days but Monday.",
        ),
        (
            "In which town can the painting {s} be seen, if it hangs at its owner's house?",
            "In which town is the owner of the painting {s} found?",
            "To which town do visitors travel for the owner of the painting {s}?",
        ),
    ),
    Chain(
        "founder", _company, person, place,
        (
            "{s} was founded by {m} with borrowed money.",
            "It was {m} who founded {s} above a bakery.",
        ),
        (
            "{m} was born in {v}, the fourth of nine children.",
            "The birthplace of {m} is {v}.",
        ),
        (
            "In which town was the founder of {s} born?",
            "What is the birthplace of the person who founded {s}?",
            "Where was whoever founded {s} born?",
        ),
    ),
    Chain(
        "captain", _vessel, person, date,
        (
            "On that crossing {m} was captain of the {s}.",
            "The captain of the {s} was called {m}.",
        ),
        (
            "{m} got a pilot's licence on {v}.",
            "The pilot's licence of {m} is dated {v}.",
        ),
        (
            "On what date did the captain of the {s} get a pilot's licence?",
            "What is the date of the pilot's licence of the captain of the {s}?",
            "On which day of which year did the captain of the {s} get the pilot's licence?",
        ),
    ),
    Chain(
        "host", _service, _machine, code,
        (
            "The service {s} runs on {m} since the last move.",
            "Operators placed the service {s} on {m}.",
        ),
        (
            "{m} stands in the rack {v}.",
            "In the rack {v}, third from below, is {m}.",
        ),
        (
            "In which rack is the machine on which the service {s} runs?",
            "What is the code of the rack that holds the machine of the service {s}?",
            "The service {s} runs on a machine: in which rack does that machine stand?",
        ),
    ),
    Chain(
        "translator", _title, person, date,
        (
            "The novel {s} was translated by {m}.",
            "{m} is the translator of the novel {s}.",
        ),
        (
            "{m} was born on {v} and wrote until the end.",
            "The birthday of {m} is {v}.",
        ),
        (
            "On which day of which year was the translator of the novel {s} born?",
            "What is the date of birth of whoever translated the novel {s}?",
            "On what date was the translator of the novel {s} born?",
        ),
    ),
    Chain(
        "engineer", _bridge, person, person,
        (
            "{s} was designed by {m} in a single month.",
            "The plans of {s} are signed by {m}, who designed it.",
        ),
        (
            "{m} learned the trade from {v}.",
            "The teacher of {m} was {v}.",
        ),
        (
            "Who was the teacher of the engineer who designed {s}?",
            "From whom did the designer of {s} learn the trade?",
            "Name the teacher of the person who designed {s}.",
        ),
    ),
    Chain(
        "locker", _locker, _key, person,
        (
            "Only {m} opens {s}.",
            "For {s} one needs {m}, the others do not fit.",
        ),
        (
            "The holder of {m} is {v}.",
            "{v} carries {m} on a string.",
        ),
        (
            "Who holds the key that opens {s}?",
            "Which person carries the key of {s}?",
            "To open {s} a key is needed: what is the name of the person who has it?",
        ),
    ),
    Chain(
        "moth", _moth, person, code,
        (
            "{m} was the first to describe {s}.",
            "The first description of {s} is by {m}.",
        ),
        (
            "The papers of {m} are kept under the shelf mark {v}.",
            "Shelf mark {v} has the papers of {m}.",
        ),
        (
            "Under which shelf mark are the papers of whoever first described {s} kept?",
            "What is the shelf mark of the papers of the person who first described {s}?",
            "Somebody first described {s}: which shelf mark have that person's papers?",
        ),
    ),
)  # fmt: skip
