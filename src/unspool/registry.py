"""Names to adapters, imported when they are first used.

Packages add adapters under the entry-point group `unspool.models`: the entry's name is the
provider, the part of a model string before its first slash, and the object a function
`(model_name) -> Model`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from unspool.errors import UnknownModel

MODELS = "unspool.models"


def added_model(provider: str) -> Callable[[str], Any] | None:
    """What makes models of `provider`, or None when no installed package adds it.

    Raises:
        UnknownModel: the package that adds it cannot be imported.
    """
    for entry in entry_points(group=MODELS, name=provider):
        try:
            made: Callable[[str], Any] = entry.load()
        except Exception as broken:  # a plug-in's import may raise anything
            raise UnknownModel(
                f"the adapter for {provider!r} ({entry.value}) cannot be imported: {broken}"
            ) from broken
        return made
    return None
