"""A strict server of generateContent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from unspool.testing.connection import HttpRequest
from unspool.testing.dialect import body_of, no_object
from unspool.testing.formats import shapes
from unspool.testing.formats.shapes import OBJECT, SOME_TEXT, TEXT, TRUTH, closed, listed, one_of
from unspool.testing.render import Wire, bounded, stopped
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Usage

_PART = closed(["text"], text=SOME_TEXT, thought=TRUTH, thoughtSignature=TEXT)
_PARTS = listed(_PART, 1)
_SETTINGS = closed(
    temperature=shapes.number(0, 2),
    topP=shapes.number(0, 1),
    topK=shapes.whole(1),
    candidateCount=shapes.whole(1, 8),
    maxOutputTokens=shapes.whole(1),
    stopSequences=listed(TEXT, 0, 5),
    responseMimeType=one_of("text/plain", "application/json", "text/x.enum"),
    responseSchema=OBJECT,
    responseJsonSchema=OBJECT,
    seed={"type": "integer"},
    presencePenalty=shapes.number(-2, 2),
    frequencyPenalty=shapes.number(-2, 2),
    thinkingConfig=closed(
        includeThoughts=TRUTH,
        thinkingBudget=shapes.whole(-1),
        thinkingLevel={"type": "string", "pattern": "^(?i:minimal|low|medium|high|xhigh)$"},
    ),
)
REQUEST = closed(
    ["contents"],
    contents=listed(closed(["role", "parts"], role=one_of("user", "model"), parts=_PARTS), 1),
    systemInstruction=closed(["parts"], role=TEXT, parts=_PARTS),
    generationConfig=_SETTINGS,
    safetySettings=listed(OBJECT),
    tools=listed(OBJECT),
    toolConfig=OBJECT,
    cachedContent=TEXT,
    serviceTier=TEXT,
    store=TRUTH,
)
"""The published shape of a request, as far as text goes."""

_PATH = re.compile(
    r"/v1beta/models/([^/:?]+):(?:(generateContent)|streamGenerateContent\?alt=sse)$"
)
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_REASONS = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "refusal": "SAFETY",
    "content_filter": "PROHIBITED_CONTENT",
}
_BLOCKED = "blocked"
"""The finish reason by which a script says that the prompt is not even answered."""


class GeminiDialect:
    """generateContent and streamGenerateContent, as `ScriptedServer(speaks=...)` takes them.

    A `Retry-After` header of an error is told as the real server tells it, in the body. The
    finish reason `blocked`: the prompt is refused before there is a candidate.
    """

    root = "/v1beta"

    def serves(self, path: str) -> bool:
        """See `unspool.testing.dialect.Dialect`, also for what follows."""
        return bool(_PATH.match(path))

    def key_problem(self, request: HttpRequest, key: str | None) -> Reply | None:
        if key is None or request.headers.get("x-goog-api-key") == key:
            return None
        return Reply("API key not valid. Please pass a valid API key.", status=400)

    def parse(self, request: HttpRequest) -> tuple[ChatRequest, Reply | None]:
        body, asked = body_of(request), _PATH.match(request.path)
        assert asked is not None
        if body is None:
            return ChatRequest({}, request.headers), no_object()
        wrong = (
            shapes.header_fault(request)
            or shapes.shape_fault(body, REQUEST)
            or next(_faults(asked[1], body), "")
        )
        known = {"model": unquote(asked[1]), "stream": asked[2] is None}
        chat = ChatRequest(_as_chat(body) | known, request.headers, body)
        return chat, Reply(wrong, status=400) if wrong else None

    def bounded(self, request: ChatRequest, reply: Reply) -> Reply:
        return bounded(request, stopped(request, reply))

    def render(self, request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
        wait = next((v for k, v in reply.headers.items() if k.lower() == "retry-after"), None)
        sent = {k: v for k, v in reply.headers.items() if k.lower() != "retry-after"}
        return shapes.rendered(
            request,
            replace(reply, headers=sent),
            error=lambda failed: _error(failed, wait),
            whole=lambda: _whole(request, reply, usage),
            events=lambda: _events(request, reply, usage),
        )


def _faults(model: str, body: Mapping[str, Any]) -> Iterator[str]:
    """What the shape does not say: what does not go together, and what a model refuses."""
    if "systemInstruction" in body and model.startswith("gemma-3"):
        yield f"Developer instruction is not enabled for models/{model}"
    roles = [content["role"] for content in body["contents"]]
    if roles[-1] != "user":
        yield "Please ensure that multiturn requests end with a user role."
    if any(a == b for a, b in pairwise(roles)):
        yield "Please ensure that multiturn requests alternate between user and model."
    settings = body.get("generationConfig", {})
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if name in settings]
    if len(schemas) > 1:
        yield "responseSchema and responseJsonSchema cannot both be set."
    if schemas and settings.get("responseMimeType") != "application/json":
        yield f"{schemas[0]} needs responseMimeType application/json."
    yield from _thinking_faults(model, settings.get("thinkingConfig", {}))


def _thinking_faults(model: str, thinking: Mapping[str, Any]) -> Iterator[str]:
    if thinking and model.startswith(("gemini-1", "gemini-2.0", "gemma")):
        yield "Thinking is not enabled for this model."
    if "thinkingLevel" in thinking and model.startswith("gemini-2"):
        yield "Thinking level is not supported for this model."
    if thinking.get("thinkingBudget") == 0 and "pro" in model:
        yield "Budget 0 is invalid. This model only works in thinking mode."
    if thinking.get("thinkingLevel") == "minimal" and "pro" in model:
        yield "Thinking level MINIMAL is not supported for this model."
    if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
        yield "thinkingBudget and thinkingLevel cannot both be set."


def _as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    settings = body.get("generationConfig") or {}
    system = body.get("systemInstruction")
    first = [{"role": "system", "content": system.get("parts")}] if system else []
    said = [
        {
            "role": "assistant" if content.get("role") == "model" else "user",
            "content": content.get("parts"),
        }
        for content in body.get("contents") or ()
        if isinstance(content, dict)
    ]
    return {
        "messages": [*first, *said],
        "max_tokens": settings.get("maxOutputTokens"),
        "stop": settings.get("stopSequences"),
    }


def _error(reply: Reply, wait: str | None) -> dict[str, Any]:
    status = reply.error_code or _STATUSES.get(reply.status, "UNKNOWN")
    error: dict[str, Any] = {"code": reply.status, "message": reply.text, "status": status}
    if wait is not None:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        error["details"] = [{"@type": kind, "retryDelay": f"{wait}s"}]
    return {"error": error}


def _whole(request: ChatRequest, reply: Reply, usage: Usage) -> dict[str, Any]:
    if reply.finish_reason == _BLOCKED:
        return _part(request, reply, usage, None)
    parts = [{"text": reply.reasoning_content, "thought": True}] if reply.reasoning_content else []
    if reply.text:
        parts.append({"text": reply.text})
    return _part(request, reply, usage, _candidate(parts, reply.finish_reason))


def _candidate(parts: list[Any], reason: str | None) -> dict[str, Any]:
    candidate: dict[str, Any] = {"index": 0}
    if parts:
        candidate["content"] = {"role": "model", "parts": parts}
    if reason is not None:
        candidate["finishReason"] = _REASONS.get(reason, reason)
    return candidate


def _part(
    request: ChatRequest, reply: Reply, usage: Usage, candidate: Mapping[str, Any] | None
) -> dict[str, Any]:
    value: dict[str, Any] = {
        "modelVersion": request.model,
        "responseId": reply.id or f"r{id(request):x}",
    }
    if candidate is None:
        value["promptFeedback"] = {"blockReason": "PROHIBITED_CONTENT"}
    else:
        value["candidates"] = [candidate]
    if reply.with_usage:
        value["usageMetadata"] = _usage(usage)
    return value


def _usage(usage: Usage) -> dict[str, Any]:
    """What is 0 is left out, as the real server does."""
    told = {
        "promptTokenCount": usage.input_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
        "candidatesTokenCount": usage.output_tokens - usage.reasoning_tokens,
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": usage.tokens,
    }
    return {name: tokens for name, tokens in told.items() if tokens}


def _events(request: ChatRequest, reply: Reply, usage: Usage) -> Iterator[bytes]:
    if reply.finish_reason == _BLOCKED:
        yield shapes.event(_part(request, reply, usage, None), named=False)
        return
    parts = [{"text": reply.reasoning_content, "thought": True}] if reply.reasoning_content else []
    said = [*parts, *({"text": piece} for piece in shapes.pieces(reply))]
    so_far = replace(usage, output_tokens=usage.reasoning_tokens)
    for part in said[:-1]:
        value = _part(request, reply, so_far, _candidate([part], None))
        yield shapes.event(value, named=False)
    if reply.done:
        last = _candidate(said[-1:], reply.finish_reason)
        yield shapes.event(_part(request, reply, usage, last), named=False)
