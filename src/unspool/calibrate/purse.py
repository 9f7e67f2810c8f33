"""What a calibration may spend: minutes and dollars."""

from __future__ import annotations

import time
from collections.abc import Callable

from unspool.budget import Limits
from unspool.ledger import Ledger
from unspool.types import Usage


class Purse:
    """Time and money, of which each stage may take a share of the whole."""

    def __init__(
        self, seconds: float, usd: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._usd, self._clock = seconds, usd, clock
        self._began_s = clock()
        self._share = 1.0
        self._paid = Usage()
        self.ledger = Ledger(Limits())
        """Of the stage's requests that are no runs: many in flight keep to the limit too."""
        self.up_to(1.0)

    def up_to(self, share: float) -> None:
        """From now on, no more than this share of all time and all money may be gone."""
        self._paid += self.ledger.spent
        self._share = share
        self.ledger = Ledger(Limits())
        if (usd := self.left_usd) is not None:
            self.ledger = Ledger(Limits(usd=max(usd, 1e-6)))

    def pay(self, usage: Usage) -> None:
        """Counts what a run has spent."""
        self._paid += usage

    @property
    def spent(self) -> Usage:
        """All of it, so far."""
        return self._paid + self.ledger.spent

    @property
    def left_s(self) -> float:
        """Seconds that the stage still has, not below 0."""
        return max(0.0, self._seconds * self._share - (self._clock() - self._began_s))

    @property
    def left_usd(self) -> float | None:
        """Dollars that the stage still has, not below 0; None: there is no limit."""
        if self._usd is None:
            return None
        return max(0.0, self._usd * self._share - self.spent.microusd / 1e6)

    @property
    def empty(self) -> bool:
        """Whether the stage has to end."""
        return self.left_s == 0 or self.left_usd == 0

    def limits(self, turns: int, tokens: int) -> Limits:
        """Limits of a run, where the purse is not empty."""
        seconds = max(self.left_s, 1e-3)
        return Limits(turns=turns, tokens=tokens, seconds=seconds, usd=self.left_usd)
