"""The servers that are known by name: rows of `providers.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal, TypeVar

from unspool.errors import UnknownModel

Speech = Literal["chat", "responses", "anthropic", "gemini"]
"""The wire formats: chat completions, OpenAI's Responses, Anthropic's Messages, Google's
generateContent."""
Thinks = Literal["effort", "adaptive", "budget", "never"]
"""How a model is told how much to reason: by a word, by one and a field besides, by a number of
tokens, or not at all."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a server departs from the common form of its format."""

    max_tokens_field: str = "max_tokens"
    stream_usage: bool = True
    """False: it refuses `stream_options`."""
    json_schema: bool = True
    """False: it cannot hold a reply to a JSON schema."""
    refused: frozenset[str] = frozenset()
    """Fields that are left out of requests: `temperature`, `stop`. `prefill`: the assistant
    may not have the last word; `system`: there are no system messages, what they say is the
    user's."""
    thinks: Thinks = "effort"


@dataclass(frozen=True, slots=True)
class Provider:
    """One row: where a provider's models are, and how to ask them."""

    name: str
    base_url: str
    """Ends before what the format adds: `/chat/completions`, `/messages`, `/responses`,
    `/models/NAME:generateContent`."""
    key: str | None = None
    """The environment variable that holds the key; None: no key is needed."""
    also_keys: tuple[str, ...] = ()
    """Other variables that may hold it."""
    at: str | None = None
    """The variable that may name another address than `base_url`."""
    speaks: Speech = "chat"
    """The wire format of its models, but for those of `speech`."""
    local: bool = False
    """True: the server is the user's own; its calls cost nothing."""
    prices: str | None = None
    """The provider's name in the price list; None: it has none there."""
    max_tokens_field: str = "max_tokens"
    stream_usage: bool = True
    json_schema: bool = True
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Fields that models refuse, by the beginning of the model's name; the longest counts."""
    speech: Mapping[str, Speech] = field(default_factory=dict)
    """Models that speak another format, in the same way."""
    thinks: Mapping[str, Thinks] = field(default_factory=dict)
    """How models are told how much to reason, in the same way; the others by a word."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The variables that may hold the key; the first that is set counts. Servers of the
        user's own need none."""
        return (self.key, *self.also_keys) if self.key else ()

    def speech_of(self, model: str) -> Speech:
        """The wire format that `model` is asked in."""
        return by_beginning(self.speech, model, self.speaks)

    def quirks(self, model: str) -> Quirks:
        """The quirks that hold for `model`."""
        return Quirks(
            self.max_tokens_field,
            self.stream_usage,
            self.json_schema,
            frozenset(by_beginning(self.refused, model, ())),
            by_beginning(self.thinks, model, "effort"),
        )


@cache
def providers() -> Mapping[str, Provider]:
    """Every known provider by its name."""
    text = files("unspool.models").joinpath("providers.toml").read_text(encoding="utf-8")
    return {name: _provider(name, row) for name, row in tomllib.loads(text).items()}


def find(name: str) -> Provider:
    """The provider called `name`.

    Raises:
        UnknownModel: there is none; the message lists those that there are.
    """
    known = providers()
    if name not in known:
        raise UnknownModel(
            f"no provider is called {name!r}. Known: {', '.join(sorted(known))}. For any other "
            "OpenAI-compatible server, pass base_url= and the bare model name."
        )
    return known[name]


def by_beginning(table: Mapping[str, _T], model: str, otherwise: _T) -> _T:
    """What a table has for a model: of the names that begin the model's, the longest counts."""
    fitting = [beginning for beginning in table if model.startswith(beginning)]
    return table[max(fitting, key=len)] if fitting else otherwise


def _provider(name: str, row: dict[str, object]) -> Provider:
    refused = row.pop("refused", {})
    assert isinstance(refused, dict)
    fields = {model: tuple(names) for model, names in refused.items()}
    row["also_keys"] = tuple(row.get("also_keys", ()))  # type: ignore[arg-type]
    return Provider(name=name, refused=fields, **row)  # type: ignore[arg-type]
