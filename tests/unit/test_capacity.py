"""What is known of how much models read and write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unspool.errors import ConfigurationError
from unspool.models.capacity import Capacity, capacity, own_rows


@pytest.mark.parametrize(
    ("provider", "model", "known"),
    [
        ("anthropic", "claude-sonnet-4-5-20250929", Capacity(200_000, 64_000)),
        ("anthropic", "claude-opus-4-7", Capacity(1_000_000, 128_000)),
        ("google", "gemini-2.5-pro", Capacity(1_048_576, 65_536)),
        ("openai", "gpt-5-mini", Capacity(400_000, 128_000)),
        ("openai", "o3-mini", Capacity(200_000, 100_000)),
        ("openai", "gpt-5.3-codex", Capacity(400_000, 128_000)),
        ("openai", "gpt-6-sol", Capacity(1_050_000, 128_000)),
        ("openrouter", "anthropic/claude-3-haiku", Capacity(200_000, 4_096)),
        ("openrouter", "anthropic/claude-opus-4.6", Capacity(1_000_000, 128_000)),
        (None, "who-knows", Capacity(128_000, 8_192)),
    ],
)
def test_the_longest_name_that_fits_counts(
    provider: str | None, model: str, known: Capacity
) -> None:
    assert capacity(provider, model) == known


def test_a_window_that_no_row_has_is_the_price_lists() -> None:
    pytest.importorskip("genai_prices")
    assert capacity("openai", "gpt-3.5-turbo-16k") == Capacity(16_385, 8_192)
    assert capacity("openai", "gpt-4-turbo") == Capacity(128_000, 8_192)


def test_the_rows_say_what_the_price_list_says() -> None:
    """They are there so that it need not be loaded before the first request."""
    snapshot = pytest.importorskip("genai_prices.data_snapshot").get_snapshot()
    beside_text = re.compile("audio|image|live|realtime|robotics|search|transcribe|tts")
    told = 0
    for provider in snapshot.providers:
        for model in provider.models if provider.id in ("anthropic", "google", "openai") else ():
            if model.context_window and not beside_text.search(model.id):
                known = capacity(provider.id, model.id).window
                assert known == pytest.approx(model.context_window, rel=0.06), model.id
                told += 1
    assert told > 60


def test_the_users_own_rows_come_first_field_by_field(tmp_path: Path) -> None:
    file = tmp_path / "capacity.toml"
    assert own_rows(file) == {}
    file.write_text("[claude-sonnet-4-5]\noutput = 1000\n[new]\nwindow = 10\n")
    own = own_rows(file)
    assert capacity("anthropic", "claude-sonnet-4-5", own) == Capacity(200_000, 1000)
    assert capacity(None, "newest", own) == Capacity(10, 8_192)


@pytest.mark.parametrize("text", ["[a", "a = 1", "[a]\nwindow = '1'", "[a]\nreply = 5", "[a.b]"])
def test_a_file_of_something_else_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "capacity.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"capacity\.toml"):
        own_rows(file)
