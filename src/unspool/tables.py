"""Data files in TOML, whose faults are told by the name of the file and what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from unspool.errors import ConfigurationError

KINDS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    bool: "true or false",
    list: "a list",
    dict: "a table",
}


def read(path: Path) -> dict[str, Any]:
    """What is in a file.

    Raises:
        ConfigurationError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as failed:
        reason = failed.strerror if isinstance(failed, OSError) else "it is not UTF-8"
        raise ConfigurationError(f"{path} cannot be read: {reason}.") from failed
    except tomllib.TOMLDecodeError as wrong:
        raise ConfigurationError(f"{path} is not TOML: {wrong}.") from wrong


def check(
    data: Mapping[str, Any],
    fields: Mapping[str, type | tuple[type, ...]],
    where: str,
    *,
    required: Iterable[str] = (),
) -> None:
    """Holds a table to the fields that it may have, and those that it must have.

    Raises:
        ConfigurationError: it differs; the message begins with `where`.
    """
    for name in data:
        if name not in fields:
            raise ConfigurationError(
                f"{where}: no field is called {name!r}; there are: {', '.join(fields)}."
            )
    for name in required:
        if name not in data:
            raise ConfigurationError(f"{where}: the field {name!r} is missing.")
    for name, value in data.items():
        wanted = fields[name]
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        if not any(_is(value, kind) for kind in kinds):
            known = " or ".join(KINDS[kind] for kind in kinds)
            raise ConfigurationError(f"{where}: {name!r} has to be {known}, not {value!r:.60}.")


def texts(value: Any, where: str) -> tuple[str, ...]:
    """A text, or a list of them.

    Raises:
        ConfigurationError: there is something else in it.
    """
    items: Collection[Any] = [value] if isinstance(value, str) else value
    for item in items:
        if not isinstance(item, str):
            raise ConfigurationError(f"{where}: each has to be a text, not {item!r:.60}.")
    return tuple(items)


def _is(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)
