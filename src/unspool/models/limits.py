"""How much models read and write: `limits.toml`, and windows from the price list."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a model reads and writes, in tokens."""

    window: int = 128_000
    """Prompt and reply together."""
    output: int = 8_192
    """The longest reply, its reasoning included."""


def limits(provider: str | None, model: str) -> Limits:
    """What is known about a model: the row whose name begins the model's name longest; a
    window that it leaves out is taken from the price list, where that is installed.

    `provider` is the price list's name for it. The list is loaded only when it is needed:
    about 0.2 s the first time.
    """
    row = _row(model.rpartition("/")[2])
    window = row.get("window") or (provider and _listed(provider, model)) or Limits().window
    return Limits(int(window), int(row.get("output", Limits().output)))


def _row(model: str) -> Mapping[str, Any]:
    fitting = [name for name in _rows() if model.startswith(name)]
    return _rows()[max(fitting, key=len)] if fitting else {}


@cache
def _rows() -> Mapping[str, Mapping[str, Any]]:
    text = files("unspool.models").joinpath("limits.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _listed(provider: str, model: str) -> int | None:
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    try:
        _, found = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    return found.context_window
