"""How much a model is to reason: one word for all providers, as each of them takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unspool.errors import ConfigurationError

FIELD = "reasoning_effort"
"""What the word is called in chat completions, and in `Request.extra` for every format."""
_TOKENS = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24_576,
    "xhigh": 24_576,
    "max": 24_576,
}


def parted(extra: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The word in `extra`, None where there is none, and the other fields."""
    return extra.get(FIELD), {name: value for name, value in extra.items() if name != FIELD}


def budget_tokens(effort: Any) -> int:
    """The tokens of reasoning that a word stands for, where a number is asked for.

    Raises:
        ConfigurationError: it is no word that is known.
    """
    if effort not in _TOKENS:
        raise ConfigurationError(
            f"{FIELD} is {effort!r}: for this model it has to be one of {', '.join(_TOKENS)}."
        )
    return _TOKENS[effort]
