"""What to do, as values that can travel."""

from __future__ import annotations

from dataclasses import dataclass

from unspool.budget import Limits


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One question, and within what bounds it is to be answered."""

    question: str
    run_id: str
    limits: Limits
    max_depth: int = 1
    """0: cells cannot call models; 1: they can; N: they can start runs N - 1 levels deep."""
    depth: int = 0
    """How many runs this one is inside of."""
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReplSpec:
    """What a REPL is opened with, and what its cells may take."""

    question: str = ""
    """Bound as `question`."""
    nearest: bool = False
    """A cell whose own search finds nothing is shown the nearest lines."""
    cell_seconds: float = 60.0
    """A cell's own time; waiting in the door does not count."""
    memory_bytes: int = 4 << 30
    """What the REPL may hold besides its context."""
