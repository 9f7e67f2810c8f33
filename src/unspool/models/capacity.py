"""How much models read and write: `capacity.toml`, the user's own, and the price list."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from unspool.errors import ConfigurationError
from unspool.models.providers import by_beginning

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a model reads and writes, in tokens."""

    window: int = 128_000
    """Prompt and reply together."""
    output: int = 8_192
    """The longest reply, its reasoning included."""


def capacity(provider: str | None, model: str, own: Rows | None = None) -> Capacity:
    """What is known about a model: of the rows whose name begins the model's name, the one
    with the longest name. Those of `own` come first, field by field; a window that no row has
    is taken from the price list, where that is installed.

    `provider` is the price list's name for it. The list is loaded only when it is needed:
    about 0.2 s the first time.
    """
    row = row_of(model, own)
    window = row.get("window") or (provider and _listed(provider, model)) or Capacity().window
    return Capacity(int(window), int(row.get("output", Capacity().output)))


def row_of(model: str, own: Rows | None = None) -> Mapping[str, int]:
    """What the rows alone say of a model: `window` and `output`, where they do."""
    # Some sell `claude-opus-4.5` for what is `claude-opus-4-5`.
    name = model.rpartition("/")[2]
    name = name.replace(".", "-") if name.startswith("claude") else name
    return {**by_beginning(_shipped(), name, {}), **by_beginning(own or {}, name, {})}


def own_rows(path: Path) -> Rows:
    """The user's own rows; none where there is no such file.

    Raises:
        ConfigurationError: the file is not one of rows of whole numbers.
    """
    try:
        rows = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as wrong:
        raise ConfigurationError(f"{path} cannot be read: {wrong}") from wrong
    for name, row in rows.items():
        told = row if isinstance(row, dict) else {"": 0}
        if not all(key in _FIELDS and type(n) is int and n > 0 for key, n in told.items()):
            raise ConfigurationError(
                f"{path}: [{name}] may have `window` and `output`, whole numbers of"
                " tokens; a name with a dot in it is written in quotes"
            )
    return rows


_FIELDS = frozenset({"window", "output"})


@cache
def _shipped() -> Rows:
    text = files("unspool.models").joinpath("capacity.toml").read_text(encoding="utf-8")
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
