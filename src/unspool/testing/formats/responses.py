"""A strict server of OpenAI's Responses API."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from unspool.testing.connection import HttpRequest
from unspool.testing.dialect import bearer_problem, body_of, no_object
from unspool.testing.formats import shapes
from unspool.testing.formats.shapes import OBJECT, SOME_TEXT, TEXT, TRUTH, closed, listed, one_of
from unspool.testing.render import Wire, bounded, error_body, stopped
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Usage

_PART = closed(["type", "text"], type=one_of("input_text", "output_text"), text=SOME_TEXT)
_SAID = {"anyOf": [SOME_TEXT, listed(_PART, 1)]}
_MESSAGE = closed(
    ["role", "content"],
    type=one_of("message"),
    role=one_of("user", "assistant", "system", "developer"),
    content=_SAID,
    phase=one_of("commentary", "final_answer"),
)
_FORMAT = closed(
    ["type"],
    type=one_of("text", "json_object", "json_schema"),
    name={"type": "string", "pattern": r"^[a-zA-Z0-9_-]{1,64}$"},
    description=TEXT,
    schema=OBJECT,
    strict=TRUTH,
)
REQUEST = closed(
    ["model", "input"],
    model=SOME_TEXT,
    input={"anyOf": [SOME_TEXT, listed(_MESSAGE, 1)]},
    instructions=TEXT,
    max_output_tokens=shapes.whole(16),
    reasoning=closed(
        effort=one_of("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        summary=one_of("auto", "concise", "detailed"),
        context=one_of("auto", "current_turn", "all_turns"),
    ),
    text=closed(format=_FORMAT, verbosity=one_of("low", "medium", "high")),
    store=TRUTH,
    stream=TRUTH,
    stream_options=closed(include_obfuscation=TRUTH),
    temperature=shapes.number(0, 2),
    top_p=shapes.number(0, 1),
    truncation=one_of("auto", "disabled"),
    include=listed(TEXT),
    metadata=OBJECT,
    previous_response_id=TEXT,
    prompt_cache_key={"type": "string", "maxLength": 64},
    prompt_cache_options=OBJECT,
    safety_identifier=TEXT,
    service_tier=TEXT,
    parallel_tool_calls=TRUTH,
    tools=listed(OBJECT),
    tool_choice={},
    user=TEXT,
)
"""The published shape of a request, as far as text goes."""

_REASONS_ITSELF = re.compile(r"o\d|gpt-([6-9]|5(?!.*chat))")
_UNKNOWN = re.compile(r"there is no field '(\w+)'")


class ResponsesDialect:
    """The Responses API, as `ScriptedServer(speaks=...)` takes it."""

    root = "/v1"

    def serves(self, path: str) -> bool:
        """See `unspool.testing.dialect.Dialect`, also for what follows."""
        return path == "/v1/responses"

    def key_problem(self, request: HttpRequest, key: str | None) -> Reply | None:
        return bearer_problem(request, key)

    def parse(self, request: HttpRequest) -> tuple[ChatRequest, Reply | None]:
        body = body_of(request)
        if body is None:
            return ChatRequest({}, request.headers), no_object()
        chat = ChatRequest(_as_chat(body), request.headers, body)
        wrong = shapes.header_fault(request) or shapes.shape_fault(body, REQUEST)
        if unknown := _UNKNOWN.search(wrong):
            said = f"Unknown parameter: '{unknown[1]}'."
            return chat, Reply(said, status=400, error_code="unknown_parameter")
        wrong = wrong or next(_faults(body), "")
        return chat, Reply(wrong, status=400) if wrong else None

    def bounded(self, request: ChatRequest, reply: Reply) -> Reply:
        return bounded(request, stopped(request, reply))

    def render(self, request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
        return shapes.rendered(
            request,
            reply,
            error=lambda failed: error_body(failed.text, failed.status, failed.error_code),
            whole=lambda: _response(request, reply, usage),
            events=lambda: _events(request, reply, usage),
        )


def _faults(body: Mapping[str, Any]) -> Iterator[str]:
    """What the shape does not say: what does not go together, and what a model refuses."""
    reasons = bool(_REASONS_ITSELF.match(body["model"]))
    for name in ("temperature", "top_p"):
        if reasons and name in body:
            yield f"Unsupported parameter: '{name}' is not supported with this model."
    if not reasons and "reasoning" in body:
        yield "Unsupported parameter: 'reasoning.effort' is not supported with this model."
    if "stream_options" in body and not body.get("stream"):
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled."
    held = body.get("text", {}).get("format", {})
    if held.get("type") == "json_schema":
        for name in ("name", "schema"):
            if name not in held:
                yield f"Missing required parameter: 'text.format.{name}'."
        if held.get("strict") and shapes.open_objects(held["schema"]):
            yield (
                "Invalid schema for response_format 'reply': 'additionalProperties' is required "
                "to be supplied and to be false."
            )


def _as_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    asked = body.get("input")
    said = [{"role": "user", "content": asked}] if isinstance(asked, str) else asked
    first = body.get("instructions")
    return {
        "model": body.get("model", ""),
        "messages": [*([{"role": "system", "content": first}] if first else ()), *(said or ())],
        "max_tokens": body.get("max_output_tokens"),
        "stream": body.get("stream", False),
    }


def _status(reply: Reply) -> tuple[str, dict[str, Any] | None]:
    match reply.finish_reason:
        case "length":
            return "incomplete", {"reason": "max_output_tokens"}
        case "content_filter":
            return "incomplete", {"reason": "content_filter"}
        case "error":
            return "failed", None
    return "completed", None


def _envelope(request: ChatRequest, reply: Reply, status: str) -> dict[str, Any]:
    return {
        "id": reply.id or f"resp_{id(request):x}",
        "object": "response",
        "created_at": 0,
        "status": status,
        "model": request.model,
        "output": [],
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None,
    }


def _response(request: ChatRequest, reply: Reply, usage: Usage) -> dict[str, Any]:
    status, details = _status(reply)
    value = _envelope(request, reply, status) | {"incomplete_details": details}
    if status == "failed":
        return value | {"error": {"code": reply.error_code or "server_error", "message": "gone"}}
    if reply.reasoning_content:
        summary = [{"type": "summary_text", "text": reply.reasoning_content}]
        value["output"].append({"id": "rs_1", "type": "reasoning", "summary": summary})
    if reply.text:
        item = {"id": "msg_1", "type": "message", "role": "assistant"}
        state = "completed" if status == "completed" else "incomplete"
        value["output"].append(item | {"status": state, "content": [_content(reply)]})
    return value | {"usage": _usage(usage)} if reply.with_usage else value


def _content(reply: Reply) -> dict[str, Any]:
    if reply.finish_reason == "refusal":
        return {"type": "refusal", "refusal": reply.text}
    return {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.tokens,
    }


def _events(request: ChatRequest, reply: Reply, usage: Usage) -> Iterator[bytes]:
    numbers = count()
    for value in _values(request, reply, usage):
        yield shapes.event(value | {"sequence_number": next(numbers)})


def _values(request: ChatRequest, reply: Reply, usage: Usage) -> Iterator[dict[str, Any]]:
    begun = _envelope(request, reply, "in_progress")
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    whole = _response(request, reply, usage)
    for index, item in enumerate(whole["output"]):
        empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"summary": []}
        place = {"output_index": index}
        added = item | empty | {"status": "in_progress"}
        yield {"type": "response.output_item.added", "item": added} | place
        yield from _item_values(item, reply, place | {"item_id": item["id"]})
        yield {"type": "response.output_item.done", "item": item} | place
    if reply.done:
        yield {"type": f"response.{whole['status']}", "response": whole}


def _item_values(
    item: Mapping[str, Any], reply: Reply, place: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    if item["type"] == "reasoning":
        at: dict[str, Any] = {**place, "summary_index": 0}
        kind = "response.reasoning_summary_text"
        yield {"type": f"{kind}.delta", "delta": reply.reasoning_content} | at
        yield {"type": f"{kind}.done", "text": reply.reasoning_content} | at
        return
    at = {**place, "content_index": 0}
    part = item["content"][0]
    refused = part["type"] == "refusal"
    kind = "response.refusal" if refused else "response.output_text"
    name = "refusal" if refused else "text"
    more: dict[str, Any] = {} if refused else {"logprobs": []}
    yield {"type": "response.content_part.added", "part": part | {name: ""}} | at
    for piece in shapes.pieces(reply):
        yield {"type": f"{kind}.delta", "delta": piece} | more | at
    yield {"type": f"{kind}.done", name: reply.text} | more | at
    yield {"type": "response.content_part.done", "part": part} | at
