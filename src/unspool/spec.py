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
