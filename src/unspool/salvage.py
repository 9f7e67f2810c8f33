"""What a run that ended without an answer has found all the same."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.types import Answer, Observation

_LEADING = ("final", "answer", "result", "conclusion", "summary", "output", "report", "found")
_NO_DATA = ("function", "type", "method", "module")


def leading(seen: Sequence[Observation]) -> str | None:
    """The variable that most likely holds what a run was about to answer, by its name."""
    variables = [text.partition(": ") for text in seen[-1].names] if seen else []
    names = [name for name, _, kind in variables if not kind.startswith(_NO_DATA)]
    return next((name for like in _LEADING for name in names[::-1] if like in name.lower()), None)


def printed(seen: Sequence[Observation]) -> Answer | None:
    """The last thing that a cell showed before it ended well: better than nothing."""
    shown = (one.value.text or one.stdout.text for one in reversed(seen) if not one.error)
    text = next((text.strip() for text in shown if text.strip()), None)
    return None if text is None else Answer(text, ready=False)
