"""How many runs of one question there are to be, and what their answers come to together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from unspool.errors import ConfigurationError

MOST_SAMPLES = 32
"""They run at the same time, and each has a process of its own."""


@dataclass(frozen=True, slots=True)
class Poll:
    """How many runs of one question there are to be."""

    samples: int = 1
    """That begin in the same way, at the same time, each at a temperature above 0."""
    verify: bool = False
    """A second run at least, which makes its own sub-calls; and one more where no answer has a
    majority."""

    def __bool__(self) -> bool:
        return self.verify or self.samples > 1

    @property
    def first(self) -> int:
        """Runs to begin with."""
        return max(self.samples, 2 if self.verify else 1)

    @property
    def most(self) -> int:
        """Runs in all."""
        return self.first + self.verify

    @classmethod
    def of_setup(cls, setup: str) -> Poll:
        """That of a recorded run, whose setup has what `plain` gave. Raises what `given` does."""
        plain = json.loads(setup)
        return cls().given(plain.get("samples"), plain.get("verify"))

    def plain(self) -> Mapping[str, Any]:
        """As JSON-like data."""
        return {"samples": self.samples, "verify": self.verify} if self else {}

    def given(self, samples: int | None, verify: bool | None) -> Poll:
        """The same, but for what is given.

        Raises:
            ConfigurationError: that makes no sense.
        """
        samples = self.samples if samples is None else samples
        verify = self.verify if verify is None else verify
        if type(samples) is not int or not 1 <= samples <= MOST_SAMPLES:
            raise ConfigurationError(
                f"samples={samples!r}: give how many runs the question is to have, from 1 to"
                f" {MOST_SAMPLES}"
            )
        if not isinstance(verify, bool):
            raise ConfigurationError(f"verify={verify!r}: give True or False")
        return Poll(samples, verify)


@dataclass(frozen=True, slots=True)
class Vote:
    """One complete answer."""

    key: Hashable
    """The same for answers that say the same."""
    price: tuple[int, int] = (0, 0)
    """What its run took: microusd, tokens."""


@dataclass(frozen=True, slots=True)
class Count:
    """The votes of several runs, by their numbers; `open` is how many may still come."""

    votes: Mapping[int, Vote]
    open: int = 0
    by_price: bool = True
    """Of answers with as many votes, the cheaper counts as the better; else the earlier."""

    def of(self, number: int) -> int:
        """How many runs came to the answer of that one."""
        vote = self.votes.get(number)
        return 0 if vote is None else self._counted()[vote.key]

    @property
    def winner(self) -> int | None:
        """The first run that came to the best answer; None: no run is complete."""
        if not self.votes:
            return None
        counted = self._counted()

        def rank(number: int) -> tuple[object, ...]:
            vote = self.votes[number]
            same = [one.price for one in self.votes.values() if one.key == vote.key]
            return (-counted[vote.key], min(same) if self.by_price else (), number)

        best = self.votes[min(self.votes, key=rank)].key
        return min(number for number, vote in self.votes.items() if vote.key == best)

    @property
    def decided(self) -> bool:
        """Whether no run that may still come can change which answer is the best."""
        if not self.open:
            return True
        most = [count for _, count in self._counted().most_common(2)]
        return bool(most) and most[0] > sum(most[1:]) + self.open

    @property
    def has_majority(self) -> bool:
        """Whether two runs or more came to the best answer, and they are more than half of
        those that have answered or might have."""
        votes = 0 if self.winner is None else self.of(self.winner)
        return votes > 1 and 2 * votes > len(self.votes) + self.open

    def _counted(self) -> Counter[Hashable]:
        return Counter(vote.key for vote in self.votes.values())
