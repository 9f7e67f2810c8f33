"""Model strings to models: which adapter, at which address, with which key, wrapped how."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from unspool.config import Settings
from unspool.errors import ConfigurationError, UnknownModel
from unspool.models.capacity import own_rows
from unspool.models.gate import Gate, Gates
from unspool.models.http import HttpPool
from unspool.models.prices import NOTHING, Pricer, Prices, Written
from unspool.models.wrap.either import Server
from unspool.ports import Model
from unspool.types import Usage

if TYPE_CHECKING:
    from unspool.models.providers import Provider


@dataclass(frozen=True, slots=True)
class _Asked:
    """One way to ask for a model."""

    shown: str
    """What reports call it."""
    name: str
    """What the server calls it, with the fields that its requests have besides."""
    url: str
    row: Provider | None = None
    """Whose model it is, asked in its provider's format; None: it is whoever's, over chat
    completions."""
    over_chat: bool = False
    """It is asked over chat completions all the same."""

    @property
    def keys(self) -> Sequence[str]:
        """The variables that may hold the key."""
        return self.row.keys if self.row else ("OPENAI_API_KEY",)


@dataclass(frozen=True, slots=True)
class Wiring:
    """How model strings become models."""

    settings: Settings
    http: HttpPool
    gates: Gates
    base_url: str | None = None
    """A server: a string is then the name that it calls its model over chat completions. Where
    it has no such path, `anthropic/...`, `google/...` and OpenAI's models that reason are asked
    by their bare name, in their provider's own format."""
    api_key: str | None = field(default=None, repr=False)
    prices: Prices | None = None
    retries: int = 5
    """How often a request is sent again while its server is unavailable."""
    servers: dict[str, Server] = field(default_factory=dict, repr=False)
    """By provider, which format its models are asked in where there is a choice."""

    def beside(self, root: Any, sub: Any) -> Wiring:
        """The wiring for a sub-model: another provider's does not get the root's key."""
        if self.base_url or not (isinstance(root, str) and isinstance(sub, str)):
            return self
        same = root.partition("/")[0] == sub.partition("/")[0]
        return self if same else replace(self, api_key=None)

    def tree(self, root: Any, *others: Any) -> list[Model]:
        """The models that are given, in their order; None: the first. Raises what `model` does."""
        first = self.model(root)
        return [
            first,
            *(first if one is None else self.beside(root, one).model(one) for one in others),
        ]

    def model(self, given: Any) -> Model:
        """The model that `given` names; an object with the methods of one passes as it is.

        Raises:
            UnknownModel: nobody has a model of this name.
            ConfigurationError: its key is missing.
        """
        if not isinstance(given, str):
            return _checked(given)
        if not given.strip():
            raise UnknownModel("the model's name is empty: give one like 'openai/NAME'.")
        provider, slash, name = given.partition("/")
        if self.base_url:
            return self._at(self.base_url, given)
        if not slash or not name:
            return self._bare(given)
        if provider == "local":
            return self._embedded(name)
        return self._provided(provider, name)

    def _bare(self, name: str) -> Model:
        if self.settings.base_url:
            return self._alone(_Asked(name, name, self.settings.base_url))
        raise UnknownModel(
            f"the model {name!r} has no provider: write 'openai/{name}', say, or give base_url="
            " for a server of your own."
        )

    def _provided(self, provider: str, name: str) -> Model:
        from unspool.models.addresses import named_url
        from unspool.models.providers import find, providers
        from unspool.registry import added_model

        made = None if provider in providers() else added_model(provider)
        if made is not None:
            return _checked(made(name))
        row, shown = find(provider), f"{provider}/{name}"
        elsewhere = self.settings.address(row.at)
        url = named_url(row, elsewhere) if elsewhere else row.base_url
        if row.key and not (elsewhere or row.local or self._key(row.keys)):
            raise ConfigurationError(
                f"the model '{shown}' needs a key: set {' or '.join(row.keys)}, or give api_key=."
            )
        asked = _Asked(shown, name, url, row)
        if elsewhere and row.speech_of(name) == "responses":
            return self._either(asked, replace(asked, over_chat=True))
        return self._alone(asked)

    def _at(self, url: str, given: str) -> Model:
        """The model of a server that may be anything: as chat completions have it, if it can."""
        from unspool.models.addresses import is_anothers, is_its_own, own_url
        from unspool.models.providers import providers

        provider, _, name = given.partition("/")
        row = providers().get(provider)
        usual = _Asked(given, given, url)
        if row is None or not name or row.speech_of(name) == "chat":
            return self._alone(usual)
        own = _Asked(given, name, own_url(row, url), row)
        if url.strip().rstrip("/").endswith("/chat/completions") or is_anothers(row, url):
            return self._alone(usual)
        return self._alone(own) if is_its_own(row, url) else self._either(usual, own)

    def _alone(self, asked: _Asked) -> Model:
        return wrapped(self._wire(asked), self._gate(asked), attempts=self.retries + 1)

    def _either(self, first: _Asked, other: _Asked) -> Model:
        from unspool.models.wrap.either import Either

        server = self.servers.setdefault(first.shown.partition("/")[0], Server())
        wire = Either(self._wire(first), self._wire(other), server)
        return wrapped(wire, self._gate(first), attempts=self.retries + 1)

    def _gate(self, asked: _Asked) -> Gate:
        return self.gates.at(asked.url, self._key(asked.keys), asked.name.partition("?")[0])

    def _wire(self, asked: _Asked) -> Model:
        from unspool.models.speech import format_of
        from unspool.models.wire import WireModel

        name, extra = _with_options(asked.name)
        own = own_rows(self.settings.capacity_file)
        return WireModel(
            asked.shown,
            model=name,
            format=format_of(asked.row, name, own, over_chat=asked.over_chat),
            base_url=asked.url,
            api_key=self._key(asked.keys),
            http=self.http,
            extra=extra,
            pricer=self._pricer(name, asked.row, asked.url),
        )

    def _key(self, variables: Sequence[str]) -> str | None:
        return self.api_key or next(filter(None, map(self.settings.key, variables)), None)

    def _embedded(self, name: str) -> Model:
        from unspool.models.local.catalog import find
        from unspool.models.local.files import ModelFiles
        from unspool.models.local.model import EmbeddedModel

        return EmbeddedModel(find(name), ModelFiles(self.settings.model_folder), self.http)

    def _pricer(self, name: str, row: Provider | None, url: str) -> Pricer:
        """Looks the price up with the first usage: the list takes 0.2 s to load."""
        found: list[Pricer] = []

        def price(usage: Usage, written: Written = NOTHING, /) -> int | None:
            if not found:
                from unspool.models.addresses import on_this_machine
                from unspool.models.prices import pricer

                local = row.local if row else False
                listed = row.prices if row else None if on_this_machine(url) else url
                found.append(pricer(listed, name, prices=self.prices, local=local))
            return found[0](usage, written)

        return price


def wrapped(wire: Model, gate: Gate, *, attempts: int) -> Model:
    """A model of a server as runs ask it: retry(limit(hedge(wire))).

    The order is meaning. A request that waits to be tried again holds no place at the gate; the
    time after which a second one is sent begins when the first has passed the gate, and the
    second has to pass it too.
    """
    from unspool.models.wrap.hedge import Hedge
    from unspool.models.wrap.limit import Limit
    from unspool.models.wrap.retry import Retry

    return Retry(Limit(Hedge(wire, Limit(wire, gate)), gate), attempts=attempts)


def _with_options(name: str) -> tuple[str, dict[str, Any]]:
    """A model's name, and the fields that its requests have besides: `gpt-5?reasoning_effort=low`.

    Values are JSON where they are that, and text otherwise.
    """
    bare, mark, options = name.partition("?")
    extra: dict[str, Any] = {}
    for option, value in parse_qsl(options, keep_blank_values=True):
        try:
            extra[option] = json.loads(value)
        except ValueError:
            extra[option] = value
    if not bare or (mark and not extra):
        raise UnknownModel(f"{name!r} is no model: write NAME or NAME?reasoning_effort=low, say.")
    return bare, extra


def _checked(given: Any) -> Model:
    if not callable(getattr(given, "complete", None)):
        raise ConfigurationError(
            "a model is a string like 'openai/NAME', or an object with `complete`"
            f" (unspool.ports.Model), not {type(given).__name__}."
        )
    model: Model = given
    return model
