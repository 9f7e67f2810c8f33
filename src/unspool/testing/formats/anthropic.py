"""A strict server of the Messages API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from unspool.testing.connection import HttpRequest
from unspool.testing.dialect import body_of, no_object
from unspool.testing.formats import shapes
from unspool.testing.formats.shapes import OBJECT, SOME_TEXT, TEXT, TRUTH, closed, listed, one_of
from unspool.testing.render import Wire, bounded, stopped
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Usage

_CACHE = closed(["type"], type=one_of("ephemeral"), ttl=one_of("5m", "1h"))
_BLOCK = closed(["type", "text"], type=one_of("text"), text=SOME_TEXT, cache_control=_CACHE)
_SAID = {"anyOf": [SOME_TEXT, listed(_BLOCK, 1)]}
_THINKING = closed(
    ["type"],
    type=one_of("enabled", "disabled", "adaptive"),
    budget_tokens=shapes.whole(1024),
    display=one_of("summarized", "omitted"),
)
_OUTPUT = closed(
    effort=one_of("low", "medium", "high", "xhigh", "max"),
    format=closed(["type", "schema"], type=one_of("json_schema"), schema=OBJECT),
)
REQUEST = closed(
    ["model", "max_tokens", "messages"],
    model=SOME_TEXT,
    max_tokens=shapes.whole(1),
    messages=listed(
        closed(["role", "content"], role=one_of("user", "assistant"), content=_SAID), 1
    ),
    system=_SAID,
    stop_sequences=listed(SOME_TEXT),
    stream=TRUTH,
    temperature=shapes.number(0, 1),
    top_p=shapes.number(0, 1),
    top_k=shapes.whole(0),
    metadata=closed(user_id=TEXT),
    thinking=_THINKING,
    output_config=_OUTPUT,
    cache_control=_CACHE,
    service_tier=one_of("auto", "standard_only"),
    inference_geo=TEXT,
    tools=listed(OBJECT),
    tool_choice=OBJECT,
)
"""The published shape of a request, as far as text goes."""

_FIXED_SAMPLING = re.compile(r"claude-(opus-4-[78]|(opus|sonnet|haiku)-5|fable|mythos)")
_NO_PREFILL = re.compile(
    r"claude-((opus|sonnet)-4-6|opus-4-[78]|(opus|sonnet|haiku)-5|fable|mythos)"
)
_NO_EFFORT = re.compile(r"claude-([23]|opus-4-[012]|sonnet-4-[0235]|haiku-4)")
_NO_BUDGET = re.compile(r"claude-(opus-4-[78]|(opus|sonnet|haiku)-5|fable|mythos)")
_NO_ADAPTIVE = re.compile(r"claude-([23]|opus-4-[0125]|sonnet-4-[0235]|haiku-4)")
_NO_SCHEMAS = re.compile(r"claude-(3|opus-4-[01]|opus-4-2|sonnet-4-[02])")
_LONGEST = [
    (re.compile(models), tokens)
    for models, tokens in (
        ("claude-3-5", 8192),
        ("claude-3-7", 64_000),
        ("claude-[23]", 4096),
        (r"claude-opus-4-([01](\D|$)|2)", 32_000),
        ("claude-(opus-4-5|(haiku|sonnet)-[45])", 64_000),
        ("", 128_000),
    )
]
"""The longest reply of models, in tokens; the first that fits."""
_SAMPLING = ("temperature", "top_p", "top_k")
_NEWEST = "2026-10-21"
"""The version of the API that knows no sampling any more."""
_MOST_MARKS = 4
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "refusal": "refusal",
    "content_filter": "refusal",
}


class AnthropicDialect:
    """The Messages API, as `ScriptedServer(speaks=...)` takes it."""

    root = "/v1"

    def serves(self, path: str) -> bool:
        """See `unspool.testing.dialect.Dialect`, also for what follows."""
        return path == "/v1/messages"

    def key_problem(self, request: HttpRequest, key: str | None) -> Reply | None:
        """The key comes in either header: `x-api-key` is the older one."""
        given = (request.headers.get("x-api-key"), request.headers.get("authorization"))
        if key is None or given in ((key, None), (None, f"Bearer {key}")):
            return None
        return Reply("invalid x-api-key", status=401)

    def parse(self, request: HttpRequest) -> tuple[ChatRequest, Reply | None]:
        body = body_of(request)
        if body is None:
            return ChatRequest({}, request.headers), no_object()
        wrong = (
            shapes.header_fault(request)
            or _version_fault(request, body)
            or shapes.shape_fault(body, REQUEST)
            or next(_faults(body), "")
        )
        chat = ChatRequest(_as_chat(body), request.headers, body)
        return chat, Reply(wrong, status=400) if wrong else None

    def bounded(self, request: ChatRequest, reply: Reply) -> Reply:
        return bounded(request, stopped(request, reply))

    def render(self, request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
        return shapes.rendered(
            request,
            reply,
            error=_error,
            whole=lambda: _message(request, reply, usage),
            events=lambda: map(shapes.event, _events(request, reply, usage)),
        )


def _version_fault(request: HttpRequest, body: Mapping[str, Any]) -> str:
    given = request.headers.get("anthropic-version")
    if given is None:
        return "anthropic-version: header is required"
    if given not in ("2023-06-01", _NEWEST):
        return f"anthropic-version: {given!r} is not a valid version"
    gone = [name for name in _SAMPLING if name in body and given == _NEWEST]
    return f"{gone[0]}: Extra inputs are not permitted" if gone else ""


def _faults(body: Mapping[str, Any]) -> Iterator[str]:
    """What the shape does not say: what does not go together, and what a model refuses."""
    model, messages = body["model"], body["messages"]
    roles = [message["role"] for message in messages]
    if roles[0] != "user":
        yield "messages: first message must use the user role"
    if any(a == b for a, b in pairwise(roles)):
        yield "messages: roles must alternate between user and assistant"
    if roles[-1] == "assistant" and _NO_PREFILL.match(model):
        yield "This model does not support assistant message prefill."
    if roles[-1] == "assistant" and _texts(messages[-1])[-1] != _texts(messages[-1])[-1].rstrip():
        yield "messages: final assistant content cannot end with trailing whitespace"
    if json.dumps(body).count('"cache_control"') > _MOST_MARKS:
        yield f"A maximum of {_MOST_MARKS} blocks with cache_control may be provided."
    most = next(tokens for models, tokens in _LONGEST if models.match(model))
    if body["max_tokens"] > most:
        yield (
            f"max_tokens: {body['max_tokens']} > {most}, which is the maximum allowed number of "
            f"output tokens for {model}"
        )
    yield from _sampling_faults(model, body)
    yield from _thinking_faults(model, body)
    held = body.get("output_config", {}).get("format")
    if held and _NO_SCHEMAS.match(model):
        yield "output_config.format: Extra inputs are not permitted"
    if held and shapes.open_objects(held["schema"]):
        yield (
            "output_config.format.schema: For 'object' type, 'additionalProperties' must be "
            "explicitly set to false"
        )


def _sampling_faults(model: str, body: Mapping[str, Any]) -> Iterator[str]:
    for name in _SAMPLING:
        if name in body and _FIXED_SAMPLING.match(model):
            yield f"`{name}` is deprecated for this model."
    if "temperature" in body and "top_p" in body:
        yield "`temperature` and `top_p` cannot both be specified for this model."
    on = body.get("thinking", {}).get("type") in ("enabled", "adaptive")
    if on and body.get("temperature", 1) != 1:
        yield "`temperature` may only be set to 1 when thinking is enabled."


def _thinking_faults(model: str, body: Mapping[str, Any]) -> Iterator[str]:
    thinking = body.get("thinking", {})
    kind = thinking.get("type")
    if "effort" in body.get("output_config", {}) and _NO_EFFORT.match(model):
        yield "This model does not support the effort parameter."
    if kind == "adaptive" and _NO_ADAPTIVE.match(model):
        yield "adaptive thinking is not supported on this model"
    if kind == "enabled" and _NO_BUDGET.match(model):
        yield '"thinking.type.enabled" is not supported for this model.'
    if kind == "enabled" and thinking.get("budget_tokens", 0) >= body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."
    if kind == "enabled" and body["messages"][-1]["role"] == "assistant":
        yield "messages: when `thinking` is enabled, the final message cannot be a prefill"


def _texts(message: Mapping[str, Any]) -> list[str]:
    content = message["content"]
    return [content] if isinstance(content, str) else [block["text"] for block in content]


def _as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    system = body.get("system")
    first = [{"role": "system", "content": system}] if system else []
    return {
        "model": body.get("model", ""),
        "messages": [*first, *(body.get("messages") or ())],
        "max_tokens": body.get("max_tokens"),
        "stream": body.get("stream", False),
        "stop": body.get("stop_sequences"),
    }


def _error(reply: Reply) -> dict[str, Any]:
    kind = reply.error_code or _KINDS.get(reply.status, "api_error")
    error = {"type": kind, "message": reply.text}
    return {"type": "error", "error": error, "request_id": "req_scripted"}


def _message(request: ChatRequest, reply: Reply, usage: Usage) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if reply.reasoning_content:
        thought = {"thinking": reply.reasoning_content, "signature": "c2lnbmVk"}
        blocks.append({"type": "thinking"} | thought)
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    value = _envelope(request, reply, blocks) | _ending(request, reply)
    return value | {"usage": _usage(usage)} if reply.with_usage else value


def _envelope(request: ChatRequest, reply: Reply, content: list[Any]) -> dict[str, Any]:
    return {
        "id": reply.id or f"msg_{id(request):x}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
    }


def _ending(request: ChatRequest, reply: Reply) -> dict[str, Any]:
    reason = _REASONS.get(str(reply.finish_reason), reply.finish_reason)
    details = None
    if reason == "refusal":
        details = {"type": "refusal", "category": "bio", "explanation": "It could do harm."}
    return {"stop_reason": reason, "stop_sequence": None, "stop_details": details}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"thinking_tokens": usage.reasoning_tokens},
        "service_tier": "standard",
    }


def _events(request: ChatRequest, reply: Reply, usage: Usage) -> Iterator[dict[str, Any]]:
    counted = _usage(usage)
    begun = _envelope(request, reply, []) | {"stop_reason": None, "stop_sequence": None}
    if reply.with_usage:
        begun["usage"] = counted | {"output_tokens": 1}
    yield {"type": "message_start", "message": begun}
    yield {"type": "ping"}
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if reply.reasoning_content:
        thought = {"type": "thinking_delta", "thinking": reply.reasoning_content}
        signed = {"type": "signature_delta", "signature": "c2lnbmVk"}
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, [thought, signed]))
    deltas = [{"type": "text_delta", "text": piece} for piece in shapes.pieces(reply)]
    blocks.append(({"type": "text", "text": ""}, deltas))
    for index, (block, parts) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for part in parts:
            yield {"type": "content_block_delta", "index": index, "delta": part}
        yield {"type": "content_block_stop", "index": index}
    last: dict[str, Any] = {"type": "message_delta", "delta": _ending(request, reply)}
    if reply.with_usage:
        last["usage"] = {"output_tokens": usage.output_tokens}
        last["usage"]["output_tokens_details"] = counted["output_tokens_details"]
    yield last
    if reply.done:
        yield {"type": "message_stop"}
