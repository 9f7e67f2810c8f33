"""Addresses as users give them."""

from __future__ import annotations

import pytest

from unspool import ConfigurationError
from unspool.models.addresses import named_url, own_url
from unspool.models.providers import find, providers


@pytest.mark.parametrize(
    ("provider", "given", "wanted"),
    [
        ("anthropic", "https://h", "https://h/v1"),
        ("anthropic", "https://h/v1/", "https://h/v1"),
        ("anthropic", "https://h/v1/messages", "https://h/v1"),
        ("anthropic", "https://h/anthropic", "https://h/anthropic/v1"),
        ("google", "https://h", "https://h/v1beta"),
        ("google", "https://h/v1beta/", "https://h/v1beta"),
        ("google", "https://h/v1alpha/models", "https://h/v1alpha"),
        ("google", "https://h/v1", "https://h/v1beta"),
        ("google", "https://h/v1beta/openai", "https://h/v1beta"),
        ("google", "https://h/gemini", "https://h/gemini/v1beta"),
        ("openai", "https://h", "https://h/v1"),
        ("openai", "https://h/v1/responses", "https://h/v1"),
        ("openai", "https://h/openai/v1", "https://h/openai/v1"),
        ("openai", "https://h/gateway", "https://h/gateway"),
    ],
)
def test_a_version_that_is_left_out_is_added(provider: str, given: str, wanted: str) -> None:
    assert own_url(find(provider), given) == wanted


@pytest.mark.parametrize("given", ["https://h/v1?api-version=1", "https://h/v1#x"])
def test_an_address_with_a_query_is_told(given: str) -> None:
    with pytest.raises(ConfigurationError, match="leave out what stands behind"):
        own_url(find("openai"), given)


def test_the_addresses_that_are_known_are_whole() -> None:
    for row in providers().values():
        assert own_url(row, row.base_url) == row.base_url


@pytest.mark.parametrize(
    ("provider", "given", "wanted"),
    [
        ("ollama", "0.0.0.0", "http://127.0.0.1:11434/v1"),
        ("ollama", "0.0.0.0:8080", "http://127.0.0.1:8080/v1"),
        ("ollama", ":8080", "http://127.0.0.1:8080/v1"),
        ("ollama", "[::1]:8080", "http://[::1]:8080/v1"),
        ("ollama", "gpu-box", "http://gpu-box:11434/v1"),
        ("ollama", "https://u:p@ollama.example.com/", "https://u:p@ollama.example.com/v1"),
        ("vllm", "http://gpu-box:9000/v1", "http://gpu-box:9000/v1"),
        ("vllm", "http://gpu-box", "http://gpu-box:8000/v1"),
        ("openai", "https://h/v1", "https://h/v1"),
    ],
)
def test_a_server_of_ones_own_is_found_by_what_it_listens_at(
    provider: str, given: str, wanted: str
) -> None:
    assert named_url(find(provider), given) == wanted


@pytest.mark.parametrize(
    ("provider", "given"), [("ollama", "h:port"), ("ollama", "a b"), ("anthropic", "ftp://h")]
)
def test_what_is_no_address_is_told_with_its_variable(provider: str, given: str) -> None:
    with pytest.raises(ConfigurationError, match=str(find(provider).at)):
        named_url(find(provider), given)
