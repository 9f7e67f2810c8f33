"""Limits, and the ledger of what a tree of runs has spent."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Literal

from unspool.errors import ConfigurationError, UnspoolError
from unspool.types import Usage

Limit = Literal["turns", "usd", "tokens", "calls", "seconds"]

CHARS_PER_TOKEN = 4
"""A rough guess, for reservations alone: what was really spent replaces it."""

NEEDED = frozenset({"turns", "cell_seconds", "memory_bytes", "output_chars", "parallel"})
WHOLE = frozenset({"turns", "tokens", "calls", "memory_bytes", "output_chars", "parallel"})


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend, its children included. None, where it is allowed, is no limit.

    A limit never raises: the run ends, and its result holds the best answer so far. A child
    run may spend at most half of what its parent has left when it starts.
    """

    turns: int = 30
    """Replies of a root model; a child run has half as many, of its own."""
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
    memory_bytes: int = 4 << 30
    """What the variables of a run may take, besides its context; each child run as much."""
    output_chars: int = 200_000
    """Kept of what a cell prints, half from its beginning and half from its end; a pack shows
    the model less."""
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
    flight together cannot go over a limit of calls, nor far over one of tokens. What is
    reserved and settled in a child's ledger is so in its parent's too.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        parent: Ledger | None = None,
    ) -> None:
        self.limits = limits
        self._clock = clock
        self._parent = parent
        self._began_s = clock()
        self._started_s: float = self._began_s if parent is None else parent._started_s
        self._reserved_calls = 0
        self._reserved_tokens = 0
        self.spent = Usage()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the outermost run began."""
        return self._clock() - self._started_s

    @property
    def left_s(self) -> float | None:
        """Seconds that this run may still take, not below 0; None: as many as it likes."""
        if self.limits.seconds is None:
            return None
        return max(0.0, self.limits.seconds - (self._clock() - self._began_s))

    def for_child(self) -> Ledger:
        """The ledger of a child run that starts now: half of what is left here is its own."""
        limits, spent = self.limits, self.spent
        calls, tokens, usd, seconds = limits.calls, limits.tokens, limits.usd, self.left_s
        share = replace(
            limits,
            turns=math.ceil(limits.turns / 2),
            calls=None if calls is None else max(1, (calls - spent.calls) // 2),
            tokens=None if tokens is None else max(1, (tokens - spent.tokens) // 2),
            usd=None if usd is None else max(1e-6, (usd - spent.microusd / 1e6) / 2),
            seconds=None if seconds is None else max(1e-3, seconds / 2),
        )
        return Ledger(share, self._clock, self)

    @contextmanager
    def call(self, prompt_chars: int, max_tokens: int | None) -> Iterator[Callable[[Usage], None]]:
        """Reserves one call; the function it gives settles what the call really cost.

        Raises:
            LimitReached: the call would go over a limit; it must not be sent.
        """
        tokens = prompt_chars // CHARS_PER_TOKEN + (max_tokens or 0)
        above = [self, *self._above()]
        for ledger in above:
            ledger._admit(tokens)
        for ledger in above:
            ledger._reserve(1, tokens)
        try:
            yield self._settle
        finally:
            for ledger in above:
                ledger._reserve(-1, -tokens)

    def reached(self) -> Limit | None:
        """The limit at which the run has to end now, if any."""
        limits, spent = self.limits, self.spent
        if limits.calls is not None and spent.calls >= limits.calls:
            return "calls"
        if limits.tokens is not None and spent.tokens >= limits.tokens:
            return "tokens"
        if limits.usd is not None and spent.microusd >= limits.usd * 1_000_000:
            return "usd"
        if self.left_s == 0:
            return "seconds"
        return None

    def _above(self) -> Iterator[Ledger]:
        ledger = self._parent
        while ledger is not None:
            yield ledger
            ledger = ledger._parent

    def _reserve(self, calls: int, tokens: int) -> None:
        self._reserved_calls += calls
        self._reserved_tokens += tokens

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
        for ledger in self._above():
            ledger.spent += usage
