"""Limits, and the ledger of what a tree of runs has spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Literal

from unspool.errors import ConfigurationError, UnspoolError
from unspool.types import Usage

Limit = Literal["turns", "usd", "tokens", "calls", "seconds"]

CHARS_PER_TOKEN = 4
"""A rough guess, for reservations alone: what was really spent replaces it."""

NEEDED = frozenset({"turns", "cell_seconds", "parallel"})
WHOLE = frozenset({"turns", "tokens", "calls", "parallel"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend, its children included. None, where it is allowed, is no limit.

    A limit never raises: the run ends, and its result holds the best answer so far.
    """

    turns: int = 30
    """Replies of a root model; each child run has as many of its own."""
    seconds: float | None = None
    """From the start to the end of the run."""
    usd: float | None = None
    """Of calls whose price is known."""
    tokens: int | None = None
    """Input and output together, over all calls."""
    calls: int | None = None
    """Requests to models, those of the root among them."""
    cell_seconds: float = 60.0
    """A cell's own time; waiting for models does not count."""
    parallel: int = 512
    """Sub-calls of one run in flight at the same time."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            needed = field.name in NEEDED
            whole = field.name in WHOLE
            if value is None and not needed:
                continue
            kinds = (int,) if whole else (int, float)
            if not isinstance(value, kinds) or not (value > 0 and math.isfinite(value)):
                number = "a whole number" if whole else "a number"
                or_none = "" if needed else ", or None for no limit"
                raise ConfigurationError(
                    f"Limits({field.name}={value!r}): give {number} above 0{or_none}"
                )


class LimitReached(UnspoolError):
    """No more may be spent; `limit` says of what."""

    def __init__(self, limit: Limit, message: str) -> None:
        super().__init__(message)
        self.limit: Limit = limit


class Ledger:
    """What one tree of runs has spent and has reserved. Lives on one event loop.

    Each call is reserved before it is sent and settled afterwards, so that calls in
    flight together cannot go over a limit of calls, nor far over one of tokens.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._started_s = clock()
        self._reserved_calls = 0
        self._reserved_tokens = 0
        self.spent = Usage()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._started_s

    @contextmanager
    def call(self, prompt_chars: int, max_tokens: int | None) -> Iterator[Callable[[Usage], None]]:
        """Reserves one call; the function it gives settles what the call really cost.

        Raises:
            LimitReached: the call would go over a limit; it must not be sent.
        """
        tokens = prompt_chars // CHARS_PER_TOKEN + (max_tokens or 0)
        self._admit(tokens)
        self._reserved_calls += 1
        self._reserved_tokens += tokens
        try:
            yield self._settle
        finally:
            self._reserved_calls -= 1
            self._reserved_tokens -= tokens

    def reached(self) -> Limit | None:
        """The limit at which the run has to end now, if any."""
        limits, spent = self.limits, self.spent
        if limits.calls is not None and spent.calls >= limits.calls:
            return "calls"
        if limits.tokens is not None and spent.tokens >= limits.tokens:
            return "tokens"
        if limits.usd is not None and spent.microusd >= limits.usd * 1_000_000:
            return "usd"
        if limits.seconds is not None and self.elapsed_s >= limits.seconds:
            return "seconds"
        return None

    def _admit(self, tokens: int) -> None:
        limits, limit = self.limits, self.reached()
        calls = self.spent.calls + self._reserved_calls
        if limit is None and limits.calls is not None and calls >= limits.calls:
            limit = "calls"
        planned = self.spent.tokens + self._reserved_tokens + tokens
        if limit is None and limits.tokens is not None and planned > limits.tokens:
            limit = "tokens"
        if limit is not None:
            allowed = getattr(limits, limit)
            raise LimitReached(limit, f"the run's limit of {allowed:,} {limit} is reached")

    def _settle(self, usage: Usage) -> None:
        self.spent += usage
