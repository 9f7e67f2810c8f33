"""Draws from a seed that come out the same on every Python, and names that no other seed has."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date
from itertools import count
from typing import TypeVar

from unspool.errors import ConfigurationError

Thing = TypeVar("Thing")

MOST_SEEDS = 400_000
NAMES_A_SEED = 256
"""How many names of their own the tasks of one seed may use."""

_ONSETS = tuple("b br d dr f g gr h j k l m n p r s sk st t tr v w z zh".split())
_RIMES = tuple("a e i o u an ar el en er il in ir ol on or um un im ul".split())
_SYLLABLES = len(_ONSETS) * len(_RIMES)
_SPACE = _SYLLABLES**3
_STEP = 61_803_401
"""Shares no factor with `_SPACE`, so that multiples of it visit all of it."""
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_MONTHS = (
    "January February March April May June July August September October November December".split()
)


class Dice:
    """Draws made from one seed for one kind of task."""

    __slots__ = ("_names", "_seed", "random")

    def __init__(self, kind: str, seed: int) -> None:
        """Raises `ConfigurationError` when the seed is not from 0 to below `MOST_SEEDS`."""
        if not 0 <= seed < MOST_SEEDS:
            raise ConfigurationError(f"seed {seed} is not from 0 to {MOST_SEEDS - 1}")
        self._seed = seed
        self._names = count()
        # Of Python's generator only this method is promised to stay the same.
        self.random = random.Random(f"{kind}/{seed}").random

    def below(self, end: int) -> int:
        """A whole number from 0 to below `end`."""
        return int(self.random() * end)

    def between(self, first: int, last: int) -> int:
        """A whole number from `first` to `last`, both included."""
        return first + int(self.random() * (last - first + 1))

    def pick(self, things: Sequence[Thing]) -> Thing:
        """One of `things`."""
        return things[int(self.random() * len(things))]

    def several(self, things: Sequence[Thing], number: int) -> list[Thing]:
        """So many of `things`, each at most once, in an order of chance."""
        left = list(things)
        for at in range(number):
            other = at + int(self.random() * (len(left) - at))
            left[at], left[other] = left[other], left[at]
        return left[:number]

    def own_name(self) -> str:
        """A word that no other seed's `own_name` gives, and that this one gives once."""
        number = next(self._names)
        if number >= NAMES_A_SEED:
            raise ConfigurationError(f"a task has at most {NAMES_A_SEED} names of its own")
        # The letters read back in one way alone: each syllable begins with its consonants.
        place = (1 + self._seed * NAMES_A_SEED + number) * _STEP % _SPACE
        word = ""
        for _ in range(3):
            place, syllable = divmod(place, _SYLLABLES)
            onset, rime = divmod(syllable, len(_RIMES))
            word += _ONSETS[onset] + _RIMES[rime] + "-"
        return word.replace("-", "").title()

    def surname(self) -> str:
        """A word of two syllables, as `own_name` makes them, which others may have too."""
        return (self.pick(_ONSETS) + self.pick(_RIMES) + self.pick(_ONSETS)).title() + self.pick(
            ("a", "en", "ic", "oy", "er", "ton", "man", "well")
        )

    def digits(self, number: int) -> str:
        """So many digits, the first of which is not 0."""
        return str(self.between(10 ** (number - 1), 10**number - 1))

    def letters(self, number: int) -> str:
        """So many capital letters."""
        return "".join(self.pick(_LETTERS) for _ in range(number))

    def day(self, first: int, last: int) -> date:
        """A day of the years from `first` to `last`."""
        return date(self.between(first, last), self.between(1, 12), self.between(1, 28))


def long_day(day: date) -> str:
    """The day as a text has it: 4 May 1871."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
