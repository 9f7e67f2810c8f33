"""Recursive Language Models: questions about texts that fit in no window."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unspool.api import RLM
    from unspool.budget import Limits
    from unspool.context.files import Files
    from unspool.context.source import Context
    from unspool.errors import (
        ConfigurationError,
        ContextError,
        ModelError,
        SandboxError,
        UnknownModel,
        UnspoolError,
    )
    from unspool.finding import chunks, search
    from unspool.types import Cell, Observation, Result, SubCall, Turn, Usage
    from unspool.underway import Stream

__version__ = "0.1.0"

__all__ = [
    "RLM",
    "Cell",
    "ConfigurationError",
    "Context",
    "ContextError",
    "Files",
    "Limits",
    "ModelError",
    "Observation",
    "Result",
    "SandboxError",
    "Stream",
    "SubCall",
    "Turn",
    "UnknownModel",
    "UnspoolError",
    "Usage",
    "__version__",
    "chunks",
    "search",
]

_HOMES = {"api": "RLM", "underway": "Stream", "budget": "Limits", "context.source": "Context"}
_HOMES |= {"finding": "chunks search"}
_HOMES |= {"context.files": "Files"}
_HOMES |= {"types": "Cell Observation Result SubCall Turn Usage"}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    """Imports a public name when it is first used: a program pays for what it uses."""
    if name not in __all__:
        raise AttributeError(f"module 'unspool' has no attribute {name!r}")
    module = import_module(f"unspool.{_MODULE_OF.get(name, 'errors')}")
    value = globals()[name] = getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
