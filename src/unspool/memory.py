"""What a tree of runs remembers: what it was told before, and how it keeps what it is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from unspool.cache import Cache
from unspool.record import Record


async def _at_once() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Memory:
    """One for a whole tree of runs. By itself it remembers nothing."""

    record: Record = field(default_factory=Record)
    cache: Cache = field(default_factory=Cache)
    kept: Callable[[], Awaitable[None]] = _at_once
    """Waits until all that has happened is where no crash can take it.

    Raises:
        JournalError: it cannot be kept.
    """
