"""Names to adapters, imported when they are first used.

Packages add adapters under the entry-point groups `unspool.models`, `unspool.sandboxes` and
`unspool.loaders`. A model's entry is named as the provider, the part of a model string before
its first slash, and is a function `(model_name) -> Model`; a sandbox's entry is named as the
sandbox, and is a function or class `() -> Sandbox`; a loader's entry is named as the ending
of its files' names (`dwg`), and is a `Loader`, which is imported where it runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from unspool.errors import ConfigurationError, UnknownModel

MODELS = "unspool.models"
SANDBOXES = "unspool.sandboxes"
LOADERS = "unspool.loaders"


def added_model(provider: str) -> Callable[[str], Any] | None:
    """What makes models of `provider`, or None when no installed package adds it.

    Raises:
        UnknownModel: the package that adds it cannot be imported.
    """
    try:
        return _added(MODELS, provider)
    except ConfigurationError as broken:
        raise UnknownModel(str(broken)) from broken


def added_sandbox(name: str) -> Callable[[], Any] | None:
    """What makes the sandbox `name`, or None when no installed package adds it.

    Raises:
        ConfigurationError: the package that adds it cannot be imported.
    """
    return _added(SANDBOXES, name)


@functools.cache
def added_loaders() -> dict[str, tuple[str, str, str]]:
    """What installed packages add: by the ending of names, with its dot, each loader's module,
    its name in that, and the folder that the package is in."""
    found = {}
    for entry in _entry_points(group=LOADERS):
        folder = str(entry.dist.locate_file("")) if entry.dist is not None else ""
        found[f".{entry.name.lower().lstrip('.')}"] = (entry.module, entry.attr, folder)
    return found


def added_names(group: str) -> list[str]:
    """The names that installed packages add to `group`."""
    return sorted({entry.name for entry in _entry_points(group=group)})


def _added(group: str, name: str) -> Callable[..., Any] | None:
    for entry in _entry_points(group=group, name=name):
        try:
            made: Callable[..., Any] = entry.load()
        except Exception as broken:  # a plug-in's import may raise anything
            raise ConfigurationError(
                f"the adapter for {name!r} ({entry.value}) cannot be imported: {broken}"
            ) from broken
        return made
    return None


def _entry_points(**chosen: str) -> Any:
    """What installed packages add; what looks for it takes a while to import."""
    from importlib.metadata import entry_points

    return entry_points(**chosen)
