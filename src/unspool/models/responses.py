"""OpenAI's Responses API: models that reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unspool.errors import ModelError
from unspool.models.chat_reply import Finish
from unspool.models.effort import parted
from unspool.models.prices import Written
from unspool.models.providers import Quirks
from unspool.models.refusals import error_in_reply, error_named
from unspool.models.structured import named
from unspool.models.told import count, estimate, mapping
from unspool.models.wire import Counted, Draft, merged
from unspool.types import Request, Usage

_LEAST_TOKENS = 16
"""The API refuses a lower bound on the reply."""
_KEY_CHARS = 64
_STATUSES = {
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "server_error": 500,
    "server_is_overloaded": 503,
    "service_unavailable_error": 503,
    "slow_down": 503,
    "vector_store_timeout": 504,
}
_CUT: Mapping[str, Finish] = {"max_output_tokens": "length"}
_DELTAS = ("response.output_text.delta", "response.refusal.delta")
_REASONING = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")
_ENDS = ("response.completed", "response.incomplete", "response.failed")


@dataclass(frozen=True, slots=True)
class ResponsesFormat:
    """How a model is asked over the Responses API. Models that reason take no temperature and
    no stop texts: the one is left out, the reply is cut at the others when it is here."""

    quirks: Quirks = field(default_factory=Quirks)

    def path(self, model: str, *, streamed: bool) -> str:
        """See `unspool.models.wire.Format`, also for what follows."""
        return "/responses"

    def headers(self, key: str | None) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def fields(self, model: str, request: Request, *, streamed: bool) -> dict[str, Any]:
        effort, own = parted(request.extra)
        if effort:
            own = merged({"reasoning": {"effort": effort}}, own)
        body: dict[str, Any] = {
            "model": model,
            "input": _input(request),
            # What a run sends is nobody's to keep: without this it is, for a month.
            "store": False,
        }
        if request.max_tokens is not None:
            body["max_output_tokens"] = max(_LEAST_TOKENS, request.max_tokens)
        if request.is_root and request.tree_id:
            # The turns of one run share a beginning: they go where it is in the cache.
            body["prompt_cache_key"] = request.tree_id[:_KEY_CHARS]
        if streamed:
            body["stream"] = True
        return merged(body, own)

    def held(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self.quirks.json_schema:
            return None
        return {"text": {"format": {"type": "json_schema"} | named(schema)}}

    def streams_by_itself(self, request: Request) -> bool:
        return False

    def add(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        if value.get("object") != "response" or not isinstance(value.get("output"), list):
            if value.get("error"):
                raise error_in_reply(draft.asked, value["error"])
            return False
        self._end(draft, value)
        return True

    def add_event(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        kind = value.get("type")
        if kind == "error":
            raise _failed(draft, mapping(value.get("error")) or value)
        if kind in _DELTAS or kind in _REASONING:
            into = draft.pieces if kind in _DELTAS else draft.reasoning
            if isinstance(delta := value.get("delta"), str) and delta:
                into.append(delta)
            if kind == "response.refusal.delta":
                draft.refused = "refusal"
        if kind in _ENDS:
            self._end(draft, mapping(value.get("response")))
            return True
        return False

    def counted(self, told: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Counted:
        read, written = told.get("input_tokens"), told.get("output_tokens")
        details = mapping(told.get("input_tokens_details"))
        thought = count(mapping(told.get("output_tokens_details")).get("reasoning_tokens"))
        usage = Usage(
            calls=1,
            input_tokens=estimate(prompt_chars) if read is None else count(read),
            cached_tokens=count(details.get("cached_tokens")),
            output_tokens=estimate(reply_chars) if written is None else count(written),
            reasoning_tokens=thought,
        )
        return Counted(usage, written=Written(count(details.get("cache_write_tokens"))))

    def _end(self, draft: Draft, response: Mapping[str, Any]) -> None:
        if response.get("status") == "failed" or response.get("error"):
            raise _failed(draft, mapping(response.get("error")))
        draft.model = str(response.get("model") or draft.model)
        draft.told |= mapping(response.get("usage"))
        heard, thought = bool(draft.pieces), bool(draft.reasoning)
        for item in response.get("output") or ():
            _add_item(draft, mapping(item), heard=heard, thought=thought)
        if response.get("status") == "incomplete":
            reason = str(mapping(response.get("incomplete_details")).get("reason"))
            draft.ended(_CUT.get(reason, "other"))
            if draft.finish == "other":
                draft.refused = reason
        else:
            draft.ended("other" if draft.refused else "stop")


def _input(request: Request) -> list[dict[str, str]]:
    said = [m for m in request.messages if m.content.strip()]
    messages = [
        {"role": "developer" if m.role == "system" else m.role, "content": m.content} for m in said
    ]
    return messages or [{"role": "user", "content": "(empty)"}]


def _add_item(draft: Draft, item: Mapping[str, Any], *, heard: bool, thought: bool) -> None:
    """One item of the output; `heard`, `thought`: its text, its reasoning has come already, in
    pieces."""
    if item.get("type") == "reasoning" and not thought:
        parts = [*(item.get("summary") or ()), *(item.get("content") or ())]
        draft.reasoning += [str(mapping(part).get("text") or "") for part in parts]
    if item.get("type") != "message":
        return
    for part in map(mapping, item.get("content") or ()):
        if part.get("type") == "refusal":
            draft.refused = "refusal"
        if not heard:
            draft.pieces.append(str(part.get("text") or part.get("refusal") or ""))


def _failed(draft: Draft, error: Mapping[str, Any]) -> ModelError:
    kind = error.get("type")
    name = str(error.get("code") or (kind if kind != "error" else "") or "server_error")
    return error_named(draft.asked, name, error.get("message"), _STATUSES)
