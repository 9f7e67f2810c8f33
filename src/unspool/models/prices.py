"""What calls cost: the user's own prices, or the list of the optional extra `prices`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from unspool.errors import ConfigurationError
from unspool.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

Prices = Mapping[str, tuple[float, ...]]
"""By model: USD per million tokens of input, of output, and, if given, of cached input."""


def price_microusd(
    provider: str | None,
    model: str,
    usage: Usage,
    *,
    prices: Prices | None = None,
    local: bool = False,
) -> int | None:
    """The cost of `usage`, rounded up; None when the price is not known.

    For many usages of one model, `pricer` looks the price up once.
    """
    return pricer(provider, model, prices=prices, local=local)(usage)


def pricer(
    provider: str | None, model: str, *, prices: Prices | None = None, local: bool = False
) -> Callable[[Usage], int | None]:
    """A function from a usage to its cost in microusd, rounded up; None: not known.

    `prices` comes first, by the bare name or as `provider/model`; then `local`, which
    costs nothing; then the price list, in which `provider` is the list's own name for it
    (`Provider.prices`) or a base URL. The list is loaded here: about 0.2 s the first time.

    Raises:
        ConfigurationError: the model's entry in `prices` is not two or three numbers >= 0.
    """
    own = (prices or {}).get(model) or (prices or {}).get(f"{provider}/{model}")
    if own is not None:
        return _own(model, own)
    if local:
        return lambda usage: 0
    listed = _listed(model, provider) if provider else None
    return (lambda usage: None) if listed is None else _from_list(listed)


def _own(model: str, own: tuple[float, ...]) -> Callable[[Usage], int | None]:
    if len(own) not in (2, 3) or not all(0 <= price < math.inf for price in own):
        raise ConfigurationError(
            f"prices[{model!r}] is {own!r}: it has to be USD per million tokens of input and "
            "of output, and, if wanted, of cached input"
        )
    return _linear(*(Decimal(str(price)) for price in own))


def _listed(model: str, provider: str) -> ModelPrice | None:
    try:
        from genai_prices.data_snapshot import get_snapshot
    except ImportError:
        return None
    by_url = "://" in provider
    try:
        _, found = get_snapshot().find_provider_model(
            model, None, None if by_url else provider, provider if by_url else None
        )
    except LookupError:
        return None
    return found.get_prices(datetime.now(UTC))


def _from_list(listed: ModelPrice) -> Callable[[Usage], int | None]:
    read, written, cached = listed.input_mtok, listed.output_mtok, listed.cache_read_mtok
    from_cache = read if cached is None else cached
    if (
        isinstance(read, Decimal)
        and isinstance(written, Decimal)
        and isinstance(from_cache, Decimal)
    ):
        # A hundred times faster than the list's own arithmetic, and the same.
        return _linear(read, written, from_cache)
    return lambda usage: _by_the_list(listed, usage)


def _by_the_list(listed: ModelPrice, usage: Usage) -> int | None:
    from genai_prices import Usage as Counted

    counted = Counted(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
    )
    return math.ceil(listed.calc_price(counted)["total_price"] * 1_000_000)


def _linear(
    read: Decimal, written: Decimal, cached: Decimal | None = None
) -> Callable[[Usage], int | None]:
    """USD per million tokens is microusd per token."""
    from_cache = read if cached is None else cached

    def price(usage: Usage) -> int:
        fresh = usage.input_tokens - usage.cached_tokens
        return math.ceil(
            fresh * read + usage.cached_tokens * from_cache + usage.output_tokens * written
        )

    return price
