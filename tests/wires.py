"""The wire formats beside chat completions, and servers of ours that speak them strictly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support import ScriptedServer
from unspool.models.http import HttpPool
from unspool.models.providers import find
from unspool.models.speech import format_of
from unspool.models.wire import Format, WireModel
from unspool.testing.dialect import Dialect
from unspool.testing.formats.anthropic import AnthropicDialect
from unspool.testing.formats.gemini import GeminiDialect
from unspool.testing.formats.responses import ResponsesDialect
from unspool.testing.script import Script

KEY = "sk-test-0123456789abcdef"


@dataclass(frozen=True)
class Spoken:
    """A format, and a model that is asked in it."""

    provider: str
    model: str
    dialect: Callable[[], Dialect]
    too_long: str
    """How the real server says that a request does not fit."""

    def server(self, script: Script, **options: Any) -> ScriptedServer:
        return ScriptedServer(script, api_key=KEY, speaks=self.dialect(), **options)

    def model_at(self, server: ScriptedServer, http: HttpPool, **options: Any) -> WireModel:
        settings: dict[str, Any] = {"model": self.model, "api_key": KEY} | options
        form: Format = format_of(find(self.provider), settings["model"])
        return WireModel("test", format=form, base_url=server.base_url, http=http, **settings)


ANTHROPIC = Spoken(
    "anthropic",
    "claude-sonnet-4-5",
    AnthropicDialect,
    "prompt is too long: 208310 tokens > 200000 maximum",
)
GEMINI = Spoken(
    "google",
    "gemini-2.5-pro",
    GeminiDialect,
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
)
RESPONSES = Spoken(
    "openai",
    "gpt-5",
    ResponsesDialect,
    "Your input exceeds the context window of this model. Please adjust your input.",
)
SPOKEN = {"anthropic": ANTHROPIC, "gemini": GEMINI, "responses": RESPONSES}
