"""What calls cost: the user's own prices, or the list of the optional extra `prices`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple, Protocol

from unspool.errors import ConfigurationError
from unspool.types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice

Prices = Mapping[str, tuple[float, ...]]
"""By model: USD per million tokens of input, of output, and, if given, of cached input and of
input that is written into the cache."""


class Written(NamedTuple):
    """Input tokens that a server wrote into its prompt cache, as some charge for."""

    tokens: int = 0
    for_an_hour: int = 0
    """Of these, those that it keeps for so long."""


NOTHING = Written()


class Pricer(Protocol):
    """The cost of a usage in microusd, rounded up; None when it is not known."""

    def __call__(self, usage: Usage, written: Written = NOTHING, /) -> int | None:
        """`written` is among the usage's input tokens, and not among the cached ones."""
        ...


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
) -> Pricer:
    """What knows the cost of a model's usages.

    `prices` comes first, by the bare name or as `provider/model`; then `local`, which
    costs nothing; then the price list, in which `provider` is the list's own name for it
    (`Provider.prices`) or a base URL. The list is loaded here: about 0.2 s the first time.

    Raises:
        ConfigurationError: the model's entry in `prices` is not two to four numbers >= 0.
    """
    own = (prices or {}).get(model) or (prices or {}).get(f"{provider}/{model}")
    if own is not None:
        return _own(model, own)
    if local:
        return free
    listed = _listed(model, provider) if provider else None
    return _unknown if listed is None else _from_list(listed)


def free(usage: Usage, written: Written = NOTHING, /) -> int:
    """The cost of what runs on this machine."""
    return 0


def _unknown(usage: Usage, written: Written = NOTHING, /) -> None:
    return None


def _own(model: str, own: tuple[float, ...]) -> Pricer:
    if len(own) not in (2, 3, 4) or not all(0 <= price < math.inf for price in own):
        raise ConfigurationError(
            f"prices[{model!r}] is {own!r}: it has to be USD per million tokens of input and "
            "of output, and, if wanted, of cached input and of input written into the cache"
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


def _from_list(listed: ModelPrice) -> Pricer:
    read, write = listed.input_mtok, listed.output_mtok
    # Older lists have no price for what is kept for an hour.
    for_an_hour = getattr(listed, "cache_write_1h_mtok", None)
    cached = (listed.cache_read_mtok, listed.cache_write_mtok, for_an_hour)
    flat = tuple(price for price in cached if price is None or isinstance(price, Decimal))
    if isinstance(read, Decimal) and isinstance(write, Decimal) and flat == cached:
        # A hundred times faster than the list's own arithmetic, and the same.
        return _linear(read, write, *flat)

    def price(usage: Usage, written: Written = NOTHING, /) -> int | None:
        return _by_the_list(listed, usage, written)

    return price


def _by_the_list(listed: ModelPrice, usage: Usage, written: Written) -> int | None:
    from genai_prices import Usage as Counted

    counted = Counted(
        input_tokens=max(usage.input_tokens, usage.cached_tokens + written.tokens),
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=written.tokens,
        cache_write_1h_tokens=written.for_an_hour,
        output_tokens=usage.output_tokens,
    )
    return math.ceil(listed.calc_price(counted)["total_price"] * 1_000_000)


def _linear(
    read: Decimal,
    write: Decimal,
    cached: Decimal | None = None,
    into_cache: Decimal | None = None,
    for_an_hour: Decimal | None = None,
) -> Pricer:
    """USD per million tokens is microusd per token."""
    cached = read if cached is None else cached
    into_cache = read if into_cache is None else into_cache
    for_an_hour = into_cache if for_an_hour is None else for_an_hour

    def price(usage: Usage, written: Written = NOTHING, /) -> int:
        # Some servers count what was cached apart from what was read.
        fresh = max(0, usage.input_tokens - usage.cached_tokens - written.tokens)
        return math.ceil(
            fresh * read
            + usage.cached_tokens * cached
            + (written.tokens - written.for_an_hour) * into_cache
            + written.for_an_hour * for_an_hour
            + usage.output_tokens * write
        )

    return price
