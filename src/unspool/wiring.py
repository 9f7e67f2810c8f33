"""Model strings to models: which adapter, at which address, with which key, wrapped how."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from unspool.config import Settings
from unspool.errors import ConfigurationError, UnknownModel
from unspool.models.http import HttpPool
from unspool.ports import Model
from unspool.types import Usage

Prices = Mapping[str, tuple[float, ...]]
"""USD per million tokens by model: input, output and, where it differs, cached input."""


def model_from(
    given: Any,
    *,
    settings: Settings,
    http: HttpPool,
    base_url: str | None = None,
    api_key: str | None = None,
    prices: Prices | None = None,
) -> Model:
    """The model that `given` names, retried when it is unavailable; an object passes as it is.

    With `base_url`, `given` is the name that this server calls its model. Without, it is
    `provider/name`.

    Raises:
        UnknownModel: nobody has a model of this name.
        ConfigurationError: its key is missing.
    """
    if not isinstance(given, str):
        if not callable(getattr(given, "complete", None)):
            raise ConfigurationError(
                f"a model is a string like 'openai/NAME', or an object with `complete`"
                f" (unspool.ports.Model), not {type(given).__name__}."
            )
        model: Model = given
        return model
    if not given.strip():
        raise UnknownModel("the model's name is empty: give one like 'openai/NAME'.")
    if base_url:
        return _served(
            given,
            given,
            base_url,
            api_key or settings.key("OPENAI_API_KEY"),
            http=http,
            prices=prices,
        )
    provider, slash, name = given.partition("/")
    if not slash or not name:
        if settings.base_url:
            key = api_key or settings.key("OPENAI_API_KEY")
            return _served(given, given, settings.base_url, key, http=http, prices=prices)
        raise UnknownModel(
            f"the model {given!r} has no provider: write 'openai/{given}', say, or give base_url="
            " for a server of your own."
        )
    if provider == "local":
        return _embedded(name, settings, http)
    return _provided(provider, name, settings, api_key, http=http, prices=prices)


def _provided(
    provider: str,
    name: str,
    settings: Settings,
    api_key: str | None,
    *,
    http: HttpPool,
    prices: Prices | None,
) -> Model:
    from unspool.models.providers import find, providers
    from unspool.registry import added_model

    if provider not in providers():
        made = added_model(provider)
        if made is not None:
            model: Model = made(name)
            return model
    row = find(provider)
    key = api_key or (settings.key(row.key) if row.key else None)
    if row.key and not key:
        raise ConfigurationError(
            f"the model '{provider}/{name}' needs a key: set {row.key}, or give api_key=."
        )
    return _served(
        f"{provider}/{name}",
        name,
        row.base_url,
        key,
        http=http,
        prices=prices,
        listed=row.prices,
        local=row.local,
        quirks=row.quirks(name),
    )


def _served(
    shown: str,
    name: str,
    base_url: str,
    key: str | None,
    *,
    http: HttpPool,
    prices: Prices | None,
    listed: str | None = None,
    local: bool = False,
    quirks: Any = None,
) -> Model:
    from unspool.models.chat import ChatModel
    from unspool.models.wrap.retry import Retry

    price = _lazy_pricer(name, listed or base_url, prices, local)
    chat = ChatModel(
        shown, model=name, base_url=base_url, api_key=key, http=http, quirks=quirks, pricer=price
    )
    return Retry(chat)


def _lazy_pricer(
    name: str, listed: str, prices: Prices | None, local: bool
) -> Callable[[Usage], int | None]:
    """Looks the price up with the first usage: the list takes 0.2 s to load."""
    found: list[Callable[[Usage], int | None]] = []

    def price(usage: Usage) -> int | None:
        if not found:
            from unspool.models.prices import pricer

            found.append(pricer(name, listed, prices=prices, local=local))
        return found[0](usage)

    return price


def _embedded(name: str, settings: Settings, http: HttpPool) -> Model:
    from unspool.models.local.catalog import find
    from unspool.models.local.files import ModelFiles
    from unspool.models.local.model import EmbeddedModel

    files = ModelFiles(model_folder(settings))
    return EmbeddedModel(find(name), files, http)


def model_folder(settings: Settings) -> Any:
    """Where the files of embedded models are."""
    return settings.home / "models"


def pack_for(model: str) -> str:
    """The pack that suits a model, by its name."""
    small = model.startswith("local/") or _billions(model) is not None
    return "small" if small else "general"


def _billions(model: str) -> float | None:
    """The size in the name of a small model (`...-1.5b`), when it is below eight billion."""
    import re

    found = re.findall(r"(?<![\w.])(\d+(?:\.\d+)?)b(?![a-z0-9])", os.path.basename(model.lower()))
    sizes = [float(size) for size in found]
    return sizes[0] if len(sizes) == 1 and sizes[0] < 8 else None
