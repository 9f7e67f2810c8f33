"""What servers tell in a reply's JSON, read with patience."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CHARS_PER_TOKEN = 4


def mapping(value: Any) -> Mapping[str, Any]:
    """An object of JSON; an empty one where something else is."""
    return value if isinstance(value, dict) else {}


def count(value: Any) -> int:
    """A number of tokens; 0 where there is none."""
    return value if type(value) is int and value > 0 else 0


def estimate(chars: int) -> int:
    """The tokens of a text for which the server told none: at least 1."""
    return max(1, chars // _CHARS_PER_TOKEN)
