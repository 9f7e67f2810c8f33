"""Models behind an OpenAI-compatible `/chat/completions`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unspool.models.chat_reply import (
    BROKEN_FINISHES,
    billed_microusd,
    finish_of,
    reasoning_of,
    text_of,
    tool_arguments,
    usage_of,
)
from unspool.models.prices import Written
from unspool.models.providers import Quirks
from unspool.models.refusals import error_in_reply
from unspool.models.structured import named
from unspool.models.told import count, mapping
from unspool.models.wire import Counted, Draft, merged
from unspool.types import Request

_DECLINED = frozenset({"content_filter", "refusal", "safety"})


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """How a model is asked over chat completions; `quirks` say how its server departs from the
    common form."""

    quirks: Quirks = field(default_factory=Quirks)

    def path(self, model: str, *, streamed: bool) -> str:
        """See `unspool.models.wire.Format`, also for what follows."""
        return "/chat/completions"

    def headers(self, key: str | None) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def fields(self, model: str, request: Request, *, streamed: bool) -> dict[str, Any]:
        quirks = self.quirks
        fields: dict[str, Any] = {
            "model": model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        }
        if request.max_tokens is not None:
            fields[quirks.max_tokens_field] = request.max_tokens
        if request.temperature is not None and "temperature" not in quirks.refused:
            fields["temperature"] = request.temperature
        if request.stop and "stop" not in quirks.refused:
            fields["stop"] = list(request.stop)
        if streamed:
            fields["stream"] = True
            if quirks.stream_usage:
                fields["stream_options"] = {"include_usage": True}
        return merged(fields, request.extra)

    def held(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self.quirks.json_schema:
            return None
        return {"response_format": {"type": "json_schema", "json_schema": named(schema)}}

    def streams_by_itself(self, request: Request) -> bool:
        return False

    def add(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        return _add(draft, value, "message")

    def add_event(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        _add(draft, value, "delta")
        return False  # `[DONE]` is the end

    def counted(self, told: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Counted:
        usage = usage_of(told, prompt_chars=prompt_chars, reply_chars=reply_chars)
        details = mapping(mapping(told.get("usage")).get("prompt_tokens_details"))
        written = Written(count(details.get("cache_write_tokens")))
        return Counted(usage, billed_microusd(told), written)


def _add(draft: Draft, body: Mapping[str, Any], key: str) -> bool:
    """Takes in one body or event; False when it has no choice."""
    if body.get("error") or body.get("object") == "error":
        raise error_in_reply(draft.asked, body.get("error") or body)
    for name in ("usage", "timings", "x_groq"):
        if body.get(name):
            draft.told[name] = body[name]
    if isinstance(body.get("model"), str) and body["model"]:
        draft.model = body["model"]
    choices = body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, dict):
        return False
    message = choice.get(key) or choice.get("message")
    if isinstance(message, dict):
        _add_message(draft, message)
    _add_finish(draft, choice)
    return True


def _add_message(draft: Draft, message: Mapping[str, Any]) -> None:
    if text := text_of(message):
        draft.pieces.append(text)
    if reasoning := reasoning_of(message):
        draft.reasoning.append(reasoning)
    for index, text in tool_arguments(message).items():
        draft.arguments[index] = draft.arguments.get(index, "") + text


def _add_finish(draft: Draft, choice: Mapping[str, Any]) -> None:
    reason = str(choice.get("finish_reason") or "")
    if choice.get("error") or reason in BROKEN_FINISHES:
        raise error_in_reply(draft.asked, choice.get("error") or f"finish_reason {reason}")
    if reason:
        draft.ended(finish_of(reason))
        draft.refused = reason if reason in _DECLINED else ""
