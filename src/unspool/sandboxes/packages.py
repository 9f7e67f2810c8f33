"""Packages of this machine's that a REPL may import: where they are."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass

from unspool.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Packages:
    """What a REPL can import besides the standard library. Nothing of it is imported here."""

    names: tuple[str, ...] = ()
    """Sorted; imported before a REPL is forked."""
    folders: tuple[str, ...] = ()
    """Where they and what they need are looked for."""


def located(names: Iterable[str]) -> Packages:
    """The packages of these names.

    Raises:
        ConfigurationError: one is not installed here, or the name is none.
    """
    if isinstance(names, str):
        raise ConfigurationError(f"packages={names!r}: give a list, as [{names!r}].")
    wanted = sorted(set(names))
    folders = dict.fromkeys(folder for name in wanted for folder in _folders(name))
    return Packages(tuple(wanted), tuple(folders))


def own() -> Packages:
    """What REPLs use themselves where it is installed: a search in linear time."""
    try:
        return located(["re2"])
    except ConfigurationError:
        return Packages()


def _folders(name: str) -> list[str]:
    if not all(part.isidentifier() for part in str(name).split(".")):
        raise ConfigurationError(f"packages=[{name!r}]: give a name that can be imported.")
    top = name.partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise ConfigurationError(
            f"packages=[{name!r}]: {sys.executable} has no package {top!r}. Install it where"
            " unspool runs (the name to install may differ), or leave it out."
        )
    if top in sys.stdlib_module_names:
        return []
    places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    return [os.path.dirname(os.path.abspath(place)) for place in places]
