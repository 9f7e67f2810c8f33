"""What calls cost."""

from __future__ import annotations

import math
import sys

import pytest

from unspool.errors import ConfigurationError
from unspool.models.prices import Written, price_microusd, pricer
from unspool.models.providers import providers
from unspool.types import Usage

USAGE = Usage(calls=1, input_tokens=1000, cached_tokens=400, output_tokens=50)


def test_a_users_own_prices_come_first_and_round_up() -> None:
    prices = {"m": (1.0, 3.0), "openai/gpt-5": (0.0001, 0.0), "c": (1.0, 3.0, 0.1)}
    assert price_microusd(None, "m", USAGE, prices=prices) == 1150
    assert price_microusd("openai", "gpt-5", USAGE, prices=prices) == 1
    assert price_microusd(None, "c", USAGE, prices=prices) == 790


def test_what_is_cached_beside_what_is_read_costs_no_less_than_nothing() -> None:
    beside = Usage(calls=1, input_tokens=10, cached_tokens=5000)
    assert pricer(None, "c", prices={"c": (3.0, 15.0, 0.3)})(beside) == 1500
    pytest.importorskip("genai_prices")
    listed = price_microusd("openai", "gpt-5", beside)
    assert listed is not None
    assert listed > 0


def test_what_is_written_into_a_cache_may_have_a_price_of_its_own() -> None:
    prices = {"c": (1.0, 3.0, 0.1), "d": (1.0, 3.0, 0.1, 1.5)}
    assert pricer(None, "c", prices=prices)(USAGE, Written(200)) == 790
    assert pricer(None, "d", prices=prices)(USAGE, Written(200)) == 890


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("anthropic", "claude-opus-4-5"),
        ("anthropic", "claude-sonnet-4-5"),
        ("openai", "gpt-5.6-sol"),
        ("openai", "gpt-5"),
        ("google", "gemini-2.5-pro"),
    ],
)
def test_what_is_written_into_a_cache_is_priced_by_the_list(provider: str, model: str) -> None:
    genai_prices = pytest.importorskip("genai_prices")
    counted = genai_prices.Usage(
        input_tokens=1000,
        cache_read_tokens=400,
        cache_write_tokens=300,
        cache_write_1h_tokens=100,
        output_tokens=50,
    )
    listed = genai_prices.calc_price(counted, model_ref=model, provider_id=provider)
    expected = math.ceil(listed.total_price * 1_000_000)
    assert pricer(provider, model)(USAGE, Written(300, 100)) == expected


def test_local_models_cost_nothing_and_unknown_ones_have_no_price() -> None:
    assert price_microusd(None, "m", USAGE, local=True) == 0
    assert price_microusd(None, "m", USAGE) is None


@pytest.mark.parametrize("own", [(1.0,), (1.0, -2.0), (1.0, math.inf), (1.0, 2.0, 3.0, 4.0, 5.0)])
def test_prices_that_are_none_are_told(own: tuple[float, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"prices\['m'\]"):
        pricer(None, "m", prices={"m": own})


def test_without_the_extra_there_is_no_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)
    assert price_microusd("openai", "gpt-5", USAGE) is None


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-mini", "gpt-4o", "o3"])
def test_the_price_list_agrees_with_its_own_arithmetic(model: str) -> None:
    genai_prices = pytest.importorskip("genai_prices")
    counted = genai_prices.Usage(input_tokens=1000, cache_read_tokens=400, output_tokens=50)
    listed = genai_prices.calc_price(counted, model_ref=model, provider_id="openai")
    expected = math.ceil(listed.total_price * 1_000_000)
    assert price_microusd("openai", model, USAGE) == expected
    assert price_microusd("https://api.openai.com/v1", model, USAGE) == expected


def test_tiered_prices_are_left_to_the_list() -> None:
    genai_prices = pytest.importorskip("genai_prices")
    counted = genai_prices.Usage(input_tokens=300_000, output_tokens=50)
    listed = genai_prices.calc_price(counted, model_ref="gemini-2.5-pro", provider_id="google")
    usage = Usage(calls=1, input_tokens=300_000, output_tokens=50)
    expected = math.ceil(listed.total_price * 1_000_000)
    assert price_microusd("google", "gemini-2.5-pro", usage) == expected


def test_the_price_list_does_not_know_everything() -> None:
    assert price_microusd("openai", "no-such-model", USAGE) is None
    assert price_microusd("no-such-provider", "gpt-5", USAGE) is None
    assert price_microusd("http://127.0.0.1:8000/v1", "gpt-5", USAGE) is None


def test_every_row_of_the_providers_is_known_to_the_price_list() -> None:
    snapshot = pytest.importorskip("genai_prices.data_snapshot").get_snapshot()
    known = {provider.id for provider in snapshot.providers}
    assert {row.prices for row in providers().values() if row.prices} <= known
