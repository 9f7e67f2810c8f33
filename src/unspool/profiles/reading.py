"""Profiles by the names of models: the user's own, and those that come with unspool."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, get_args

from unspool import tables
from unspool.errors import ConfigurationError
from unspool.profiles.profile import Profile, Strategy

SHIPPED = Path(__file__).parent / "data"
FIELDS: Mapping[str, type] = {
    "models": list,
    "pack": str,
    "window_tokens": int,
    "output_tokens": int,
    "effective_tokens": dict,
    "codes": float,
    "fences": float,
    "batches": float,
    "stops": float,
    "items_per_call": int,
    "chunk_tokens": int,
    "strategy": str,
    "measured": str,
}
SHARES = ("codes", "fences", "batches", "stops")
COUNTS = ("window_tokens", "output_tokens", "items_per_call", "chunk_tokens")
TINY_BILLIONS, SMALL_BILLIONS = 1.0, 8.0
"""Models of fewer parameters than the first are tiny, of no more than the second small."""


def profile_of(model: str, own: Path | None = None) -> Profile:
    """What is known of a model: of the profiles in the folder `own`, else of those that come
    with unspool, the one whose pattern says most of its name. One that nobody knows is taken
    for what the size in its name says.

    Raises:
        ConfigurationError: a profile of the user's has a fault.
    """
    for profiles in (_own(own).values(), shipped().values()):
        found = _best(model.lower(), profiles)
        if found is not None:
            return found
    return Profile("unknown", (model,), _pack_by_size(model))


def known(own: Path | None = None) -> dict[str, Profile]:
    """All profiles by name; the user's own in the place of others of the name."""
    return {**shipped(), **_own(own)}


@cache
def shipped() -> Mapping[str, Profile]:
    """Those that come with unspool, by name."""
    return {path.stem: read(path) for path in sorted(SHIPPED.glob("*.toml"))}


def read(path: Path) -> Profile:
    """The profile in a file.

    Raises:
        ConfigurationError: the file has a fault; the message says which.
    """
    where = f"the profile {path}"
    data = tables.read(path)
    tables.check(data, FIELDS, where, required=("models", "pack"))
    data["models"] = tables.texts(data["models"], f"{where}: 'models'")
    if not data["models"]:
        raise ConfigurationError(f"{where}: 'models' names no model.")
    for name in (*SHARES, *COUNTS):
        _check_range(name, data.get(name), where)
    for name, value in data.get("effective_tokens", {}).items():
        tables.check({name: value}, {name: int}, f"{where}, effective_tokens")
        _check_range(name, value, where)
    if data.get("strategy", "rlm") not in get_args(Strategy):
        raise ConfigurationError(
            f"{where}: 'strategy' has to be one of {', '.join(get_args(Strategy))}."
        )
    return Profile(path.stem, **data)


def _check_range(name: str, value: Any, where: str) -> None:
    if value is None:
        return
    most = 1 if name in SHARES else None
    least = 0 if name in SHARES or name not in COUNTS else 1
    if value < least or (most is not None and value > most):
        bounds = "a share from 0 to 1" if most else f"{least} or more"
        raise ConfigurationError(f"{where}: {name!r} has to be {bounds}, not {value}.")


def _own(folder: Path | None) -> Mapping[str, Profile]:
    if folder is None or not folder.is_dir():
        return {}
    return {path.stem: read(path) for path in sorted(folder.glob("*.toml"))}


def _best(model: str, profiles: Iterable[Profile]) -> Profile | None:
    """The profile with the pattern that holds for the model and has the most characters."""
    fitting = [
        (len(pattern.replace("*", "")), profile)
        for profile in profiles
        for pattern in profile.models
        if _holds(pattern.lower(), model)
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def _holds(pattern: str, model: str) -> bool:
    """Whether a model's name is like the pattern: no regular expressions, for each would have
    to be compiled once a process."""
    first, *others = pattern.split("*")
    if not others:
        return pattern == model
    if not model.startswith(first):
        return False
    at, last = len(first), others.pop()
    for part in others:
        found = model.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(model) - at >= len(last) and model.endswith(last)


def _pack_by_size(model: str) -> str:
    billions = _billions(model)
    if billions is None:
        return "small" if model.startswith("local/") else "coder"
    if billions < TINY_BILLIONS:
        return "tiny"
    return "small" if billions <= SMALL_BILLIONS else "coder"


def _billions(model: str) -> float | None:
    """The size that a name tells (`...-1.5b`), in billions of parameters; None where it tells
    none, or several."""
    found = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])", model.lower().rpartition("/")[2])
    return float(found[0]) if len(found) == 1 else None
