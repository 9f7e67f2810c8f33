"""What a run may spend, and how it is said that it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from unspool.errors import ConfigurationError, UnspoolError
from unspool.types import Limit

NEEDED = frozenset({"turns", "cell_seconds", "memory_bytes", "output_chars", "parallel"})
WHOLE = frozenset(
    {"turns", "tokens", "calls", "children", "memory_bytes", "output_chars", "parallel"}
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a run may spend, its children included. None, where it is allowed, is no limit.

    A limit never raises: the run ends, and its result holds the best answer so far. Dollars,
    tokens, calls, seconds and children are one pot for the whole tree, from which each run
    that is under way has the price of one last reply set aside. A child run may spend at most
    half of what its parent has left when it starts. How deep children may go is
    `RLM(max_depth=)`.
    """

    turns: int = 30
    """Replies of a root model; a child run has half as many, of its own. One more is asked for
    when they are used up without an answer."""
    seconds: float | None = None
    """From the start to the end of the run, by the clock."""
    usd: float | None = None
    """Of calls whose price is known before they are sent; the others are counted in
    `Usage.unpriced_calls`."""
    tokens: int | None = None
    """Input and output together, over all calls; cached and reasoning tokens count in full."""
    calls: int | None = None
    """Answered requests to models, those of roots among them. Refused and failed attempts do
    not count."""
    children: int | None = None
    """Child runs, at all depths together. Beyond it, `rlm_query` fails; the run goes on."""
    cell_seconds: float = 60.0
    """A cell's own time; waiting for models does not count."""
    memory_bytes: int = 4 << 30
    """What the variables of a run may take, besides its context; each child run as much."""
    output_chars: int = 200_000
    """Kept of what a cell prints, half from its beginning and half from its end; a pack shows
    the model less."""
    parallel: int = 512
    """Sub-calls of one run in flight at the same time."""
    hedge_seconds: float | None = None
    """After so long without an answer, a sub-call is sent a second time and the first answer
    counts. The other request is given up; it may be billed, and is in `Usage.lost_calls`."""

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


class NoMoreChildren(UnspoolError):
    """The tree has as many child runs as it may have."""
