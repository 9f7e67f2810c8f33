"""What a calibration may spend: minutes and dollars."""

from __future__ import annotations

import time
from collections.abc import Callable

from unspool.budget import Limits
from unspool.types import Usage


class Purse:
    """Time and money, of which each stage may take a share of the whole."""

    def __init__(
        self, seconds: float, usd: float | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds, self._usd, self._clock = seconds, usd, clock
        self._began_s = clock()
        self._share = 1.0
        self.spent = Usage()

    def up_to(self, share: float) -> None:
        """From now on, no more than this share of the whole time may be gone."""
        self._share = share

    def pay(self, usage: Usage) -> None:
        """Counts what was spent."""
        self.spent += usage

    @property
    def left_s(self) -> float:
        """Seconds that the stage still has, not below 0."""
        return max(0.0, self._seconds * self._share - (self._clock() - self._began_s))

    @property
    def left_usd(self) -> float | None:
        """Dollars that are left, not below 0; None: there is no limit."""
        return None if self._usd is None else max(0.0, self._usd - self.spent.microusd / 1e6)

    @property
    def empty(self) -> bool:
        """Whether the stage has to end."""
        return self.left_s == 0 or self.left_usd == 0

    def limits(self, turns: int = 30, most_s: float | None = None) -> Limits:
        """Limits for what is done next; only where the purse is not empty."""
        seconds = self.left_s if most_s is None else min(self.left_s, most_s)
        return Limits(turns=turns, seconds=max(seconds, 1e-3), usd=self.left_usd or None)
