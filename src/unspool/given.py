"""What callers of `RLM` give, as what runs are made of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypedDict, get_args

from unspool.answers import Out
from unspool.config import DEFAULT_LOCAL, Settings
from unspool.context.source import Context
from unspool.errors import ConfigurationError
from unspool.ports import Model
from unspool.record import OnDifference
from unspool.sandboxes.worker.shapes import ShapeError, build, schema_of
from unspool.schema.faults import BadSchema
from unspool.schema.value import Schema
from unspool.types import Mode

Isolation = Literal["confined", "none"]
Caching = Literal["off", "run", "all"]


class Also(TypedDict, total=False):
    """What a run may be given besides its question, context and schema: see `RLM.run`."""

    verify: bool | None
    samples: int | None
    out: Out


class How(TypedDict, total=False):
    """How a run is gone on with: see `RLM.resume`."""

    on_difference: OnDifference
    out: Out


SHORT_PROMPT_CHARS = 4_000
"""A prompt up to this long is shown to the model whole; of a longer one it is told."""


def schema_given(given: Any) -> Schema:
    """What an answer has to be.

    Raises:
        ConfigurationError: `given` is no schema.
    """
    try:
        return Schema.of_json(schema_of(given), partial(build, given), trusted=True)
    except (ShapeError, BadSchema) as wrong:
        raise ConfigurationError(f"schema={given!r:.100}: {wrong}.") from wrong


def default_model(settings: Settings, base_url: str | None) -> str:
    """The model where none is named; of the embedded one, a warning tells.

    Raises:
        ConfigurationError: none can be guessed.
    """
    if base_url:
        raise ConfigurationError("base_url needs a model: say what this server calls it.")
    model = settings.default_model()
    if model == DEFAULT_LOCAL:
        warnings.warn(
            f"no model was named and no key is set: the embedded model answers ({model})",
            stacklevel=3,
        )
    return model


def split(prompt: str | Sequence[Mapping[str, Any]]) -> tuple[str, Context]:
    """The question to put, and the whole prompt as context."""
    if isinstance(prompt, str):
        question, data = prompt, Context(prompt)
    else:
        messages = [dict(message) for message in prompt]
        asked = [m.get("content") for m in messages if m.get("role") == "user"]
        question = str(asked[-1]) if asked else ""
        data = Context(messages)
    if len(question) > SHORT_PROMPT_CHARS:
        question = (
            "`context` holds a prompt that is too long to be shown. Find out what it asks for,"
            " which mostly stands at its beginning or its end, and do that."
        )
    return question, data


def name_of(given: Any) -> str | None:
    """The name of a model or sandbox; None of one that was given as an object."""
    return given if isinstance(given, str) else None


def check_choices(max_depth: int, isolation: str, cache: str, mode: str) -> None:
    """
    Raises:
        ConfigurationError: one of them makes no sense.
    """
    if max_depth < 0:
        raise ConfigurationError(f"max_depth={max_depth}: give 0 or more")
    for name, given, choices in (
        ("isolation", isolation, Isolation),
        ("cache", cache, Caching),
        ("mode", mode, Mode),
    ):
        if given not in get_args(choices):
            known = " or ".join(map(repr, get_args(choices)))
            raise ConfigurationError(f"{name}={given!r}: give {known}")
    if mode == "mapreduce" and not max_depth:
        raise ConfigurationError(
            "mode='mapreduce' has models read the pieces, and max_depth=0 lets no cell ask one:"
            " give max_depth=1 or more, or another mode."
        )


def each_depth(given: str | Model | Sequence[str | Model] | None) -> Sequence[str | Model]:
    """The models of child runs, from depth 1 on."""
    if given is None:
        return ()
    return given if isinstance(given, (list, tuple)) else (given,)
