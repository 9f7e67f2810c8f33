"""What the runs of one tree are called."""

from __future__ import annotations

import re

_OPINION = re.compile(r"[^.]*\.opinion([0-9]+)(?:\.|$)")


def opinion_id(run_id: str, number: int) -> str:
    """The name of one of several runs of the same question, the first of which is `run_id`."""
    return run_id if number == 1 else f"{run_id}.opinion{number}"


def opinion_of(run_id: str) -> int:
    """Which of several runs of the same question a run is, or is inside of; 1: the first."""
    found = _OPINION.match(run_id)
    return int(found[1]) if found else 1


def is_opinion(run_id: str) -> bool:
    """Whether a run is another one of the question that the outermost has, itself."""
    found = _OPINION.match(run_id)
    return found is not None and found.end() == len(run_id)
