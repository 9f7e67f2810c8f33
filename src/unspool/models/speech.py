"""Which wire format a provider's model is asked in."""

from __future__ import annotations

from typing import assert_never

from unspool.models.capacity import Rows, capacity
from unspool.models.chat import ChatFormat
from unspool.models.providers import Provider, Speech
from unspool.models.wire import Format


def format_of(
    provider: Provider | None, model: str, own: Rows | None = None, *, over_chat: bool = False
) -> Format:
    """The format that `provider` speaks for `model`; without a provider, or `over_chat`, chat
    completions.

    `own` is what the user knows about the capacity of models.
    """
    if provider is None:
        return ChatFormat()
    quirks = provider.quirks(model)
    speech: Speech = "chat" if over_chat else provider.speech_of(model)
    match speech:
        case "chat":
            return ChatFormat(quirks)
        case "responses":
            from unspool.models.responses import ResponsesFormat

            return ResponsesFormat(quirks)
        case "gemini":
            from unspool.models.gemini import GeminiFormat

            return GeminiFormat(quirks)
        case "anthropic":
            from unspool.models.anthropic import AnthropicFormat

            return AnthropicFormat(capacity(provider.prices, model, own), quirks)
        case _:
            assert_never(speech)
