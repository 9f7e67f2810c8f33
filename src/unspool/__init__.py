"""Recursive Language Models: questions about texts that fit in no window."""

from unspool.api import RLM, Stream
from unspool.budget import Limits
from unspool.context.source import Context
from unspool.errors import (
    ConfigurationError,
    ContextError,
    ModelError,
    SandboxError,
    UnknownModel,
    UnspoolError,
)
from unspool.types import Cell, Observation, Result, SubCall, Turn, Usage

__version__ = "0.1.0"

__all__ = [
    "RLM",
    "Cell",
    "ConfigurationError",
    "Context",
    "ContextError",
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
]
