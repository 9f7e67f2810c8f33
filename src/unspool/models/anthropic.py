"""The Messages API: Claude."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unspool.errors import ModelError
from unspool.models.alternate import alternating, system_texts
from unspool.models.capacity import Capacity
from unspool.models.chat_reply import Finish
from unspool.models.effort import budget_tokens, parted
from unspool.models.prices import Written
from unspool.models.providers import Quirks
from unspool.models.refusals import error_named
from unspool.models.structured import closed
from unspool.models.told import count, estimate, mapping
from unspool.models.wire import Counted, Draft, merged
from unspool.types import Request, Usage

_VERSION = "2023-06-01"
"""The next one refuses `temperature`, which older models still take."""
_MARK = {"type": "ephemeral"}
_LEAST_REPLY = 4096
_LONG_REPLY = 8_192
"""Tokens: some models take ten minutes for a longer reply, and connections are cut by then."""
_LEAST_BUDGET = 1024
_BYTES_PER_TOKEN_AT_LEAST = 2
_STATUSES = {
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_FINISHES: Mapping[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


@dataclass(frozen=True, slots=True)
class AnthropicFormat:
    """How a model is asked over the Messages API."""

    capacity: Capacity = field(default_factory=Capacity)
    quirks: Quirks = field(default_factory=Quirks)

    def path(self, model: str, *, streamed: bool) -> str:
        """See `unspool.models.wire.Format`, also for what follows."""
        return "/messages"

    def headers(self, key: str | None) -> Mapping[str, str]:
        version = {"anthropic-version": _VERSION}
        return version | {"x-api-key": key} if key else version

    def fields(self, model: str, request: Request, *, streamed: bool) -> dict[str, Any]:
        effort, own = parted(request.extra)
        most = self._most(request)
        own = merged(self._reasoning(effort, most), own) if effort else own
        thinking = mapping(own.get("thinking")).get("type")
        body: dict[str, Any] = {
            "model": model,
            "max_tokens": most,
            "messages": self._messages(request, prefill=thinking != "enabled"),
        }
        if system := system_texts(request.messages):
            blocks = [{"type": "text", "text": text} for text in system]
            body["system"] = [*blocks[:-1], blocks[-1] | {"cache_control": _MARK}]
        takes = "temperature" not in self.quirks.refused
        if request.temperature is not None and takes and thinking not in ("enabled", "adaptive"):
            body["temperature"] = min(1.0, request.temperature)
        # Of white space alone they are refused; the reply is cut at those when it is here.
        if stops := [stop for stop in request.stop if stop.strip()]:
            body["stop_sequences"] = stops
        if streamed:
            body["stream"] = True
        return merged(body, own)

    def held(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self.quirks.json_schema:
            return None
        return {"output_config": {"format": {"type": "json_schema", "schema": closed(schema)}}}

    def streams_by_itself(self, request: Request) -> bool:
        return self._most(request) > _LONG_REPLY

    def add(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        if value.get("type") == "error":
            raise _failed(draft, mapping(value.get("error")))
        if value.get("type") != "message" or not isinstance(value.get("content"), list):
            return False
        self._begin(draft, value)
        for block in value["content"]:
            _add_block(draft, mapping(block))
        self._end(draft, value)
        return True

    def add_event(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        match value.get("type"):
            case "error":
                raise _failed(draft, mapping(value.get("error")))
            case "message_start":
                self._begin(draft, mapping(value.get("message")))
            case "content_block_start":
                _add_block(draft, mapping(value.get("content_block")))
            case "content_block_delta":
                _add_block(draft, mapping(value.get("delta")))
            case "message_delta":
                _take_usage(draft, value)
                self._end(draft, mapping(value.get("delta")))
            case "message_stop":
                draft.finished = True
                return True
        return False

    def counted(self, told: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Counted:
        cached = count(told.get("cache_read_input_tokens"))
        written = count(told.get("cache_creation_input_tokens"))
        fresh = told.get("input_tokens")
        for_an_hour = count(mapping(told.get("cache_creation")).get("ephemeral_1h_input_tokens"))
        read = count(fresh) + cached + written
        output = told.get("output_tokens")
        thought = count(mapping(told.get("output_tokens_details")).get("thinking_tokens"))
        usage = Usage(
            calls=1,
            input_tokens=estimate(prompt_chars) if fresh is None else read,
            cached_tokens=cached,
            output_tokens=estimate(reply_chars) if output is None else count(output),
            reasoning_tokens=thought,
        )
        return Counted(usage, written=Written(written, min(written, for_an_hour)))

    def _most(self, request: Request) -> int:
        """The API wants a bound, and none above the model's own: that one, where none is asked
        for, but less where the prompt takes up the window."""
        if request.max_tokens is not None:
            return max(1, min(self.capacity.output, request.max_tokens))
        size = sum(len(message.content.encode()) for message in request.messages)
        left = self.capacity.window - size // _BYTES_PER_TOKEN_AT_LEAST
        return min(self.capacity.output, max(_LEAST_REPLY, left))

    def _reasoning(self, effort: Any, most: int) -> dict[str, Any]:
        """The fields that say how much to reason, in a reply of `most` tokens at most."""
        if self.quirks.thinks == "never":
            return {}
        if self.quirks.thinks == "budget":
            tokens = min(budget_tokens(effort), most // 2)  # what is left is the reply's
            on = {"type": "enabled", "budget_tokens": tokens}
            return {"thinking": on} if tokens >= _LEAST_BUDGET else {}
        level = {"output_config": {"effort": "low" if effort in ("none", "minimal") else effort}}
        if self.quirks.thinks == "adaptive" and effort != "none":
            return level | {"thinking": {"type": "adaptive"}}
        return level

    def _messages(self, request: Request, *, prefill: bool) -> list[dict[str, Any]]:
        """The last block of a history that grows is marked: the next turn reads it from there."""
        prefill = prefill and "prefill" not in self.quirks.refused
        said = alternating(request.messages, prefill=prefill)
        messages = [
            {"role": one.role, "content": [{"type": "text", "text": text} for text in one.texts]}
            for one in said
        ]
        if request.is_root or len(said) > 1:
            last: dict[str, Any] = messages[-1]["content"][-1]  # type: ignore[assignment]
            last["cache_control"] = _MARK
        return messages

    def _begin(self, draft: Draft, message: Mapping[str, Any]) -> None:
        draft.model = str(message.get("model") or draft.model)
        _take_usage(draft, message)

    def _end(self, draft: Draft, ending: Mapping[str, Any]) -> None:
        reason = ending.get("stop_reason")
        if not reason:
            return
        draft.ended(_FINISHES.get(str(reason), "other"))
        if reason == "refusal":
            details = mapping(ending.get("stop_details"))
            draft.refused = str(details.get("explanation") or details.get("category") or reason)


def _failed(draft: Draft, error: Mapping[str, Any]) -> ModelError:
    name = str(error.get("type") or "api_error")
    return error_named(draft.asked, name, error.get("message"), _STATUSES)


def _take_usage(draft: Draft, value: Mapping[str, Any]) -> None:
    """A later report is of the whole reply, and may leave out what has not changed."""
    told = mapping(value.get("usage"))
    # Of what is read before the reply, some servers say 0 at its end.
    known = {name: number for name, number in told.items() if number is not None}
    draft.told |= {name: one for name, one in known.items() if one or name not in draft.told}


def _add_block(draft: Draft, block: Mapping[str, Any]) -> None:
    if isinstance(text := block.get("text"), str) and text:
        draft.pieces.append(text)
    if isinstance(thought := block.get("thinking"), str) and thought:
        draft.reasoning.append(thought)
