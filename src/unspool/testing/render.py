"""From a scripted reply to the bytes of an OpenAI-compatible server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from unspool.testing.script import ChatRequest, Reply
from unspool.types import Usage

_EXTRA_LENGTH = 512
_KINDS = {401: "invalid_request_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Wire:
    """A reply as it goes over the connection."""

    pieces: tuple[bytes, ...]
    """Written one after the other; the first one holds the head."""
    close: bool
    """True: the connection ends after the last piece."""
    whole: bool
    """False: what is sent is cut off."""


def spent(request: ChatRequest, reply: Reply) -> Usage:
    """What `reply` costs in tokens, by its own numbers or by lengths."""
    read = reply.input_tokens
    written = reply.output_tokens
    return Usage(
        calls=1,
        input_tokens=max(1, request.prompt_chars // 4) if read is None else read,
        cached_tokens=reply.cached_tokens,
        output_tokens=max(1, len(reply.text) // 4) if written is None else written,
        reasoning_tokens=reply.reasoning_tokens,
    )


def bounded(request: ChatRequest, reply: Reply) -> Reply:
    """`reply`, cut at the request's `max_tokens`."""
    most, written = request.max_tokens, spent(request, reply).output_tokens
    if most is None or written <= most or reply.status != 200 or reply.body is not None:
        return reply
    text = reply.text[: 4 * most]
    return replace(reply, text=text, output_tokens=most, finish_reason="length")


def render(request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
    """`reply` as bytes: one JSON body, or server-sent events when it is streamed."""
    if reply.cut_after_chars == 0:
        return Wire((b"",), close=True, whole=False)
    if request.streamed and reply.status == 200:
        return streamed(_events(request, reply, usage), reply)
    return plain(_body(request, reply, usage), reply)


def stopped(request: ChatRequest, reply: Reply) -> Reply:
    """`reply` as a server sends it that obeys the request's stop sequences."""
    ends = [reply.text.find(stop) for stop in request.body.get("stop") or () if stop]
    found = [end for end in ends if end >= 0]
    return replace(reply, text=reply.text[: min(found)]) if found else reply


def render_json(value: Any, status: int = 200) -> Wire:
    """`value` as a JSON response."""
    return plain(json.dumps(value).encode(), Reply(status=status))


def error_body(message: str, status: int, code: str | None = None) -> dict[str, Any]:
    """An error as OpenAI shapes it."""
    kind = _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _body(request: ChatRequest, reply: Reply, usage: Usage) -> bytes:
    if reply.body is not None:
        return _bytes(reply.body)
    if reply.status >= 400:
        return json.dumps(error_body(reply.text, reply.status, reply.error_code)).encode()
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if reply.reasoning_content:
        message["reasoning_content"] = reply.reasoning_content
    choice: dict[str, Any] = {"index": 0, "message": message}
    choice["finish_reason"] = reply.finish_reason
    value = _envelope(request, reply, "chat.completion", [choice])
    if reply.with_usage:
        value["usage"] = _usage_body(usage)
    return json.dumps(value).encode()


def plain(body: bytes, reply: Reply) -> Wire:
    """One JSON body, with what befalls it."""
    announced = len(body) + (_EXTRA_LENGTH if reply.wrong_length else 0)
    head = _head(reply, "application/json", f"content-length: {announced}")
    cut = reply.cut_after_chars
    if cut is not None:
        return Wire((head + _first_chars(body, cut),), close=True, whole=False)
    step = reply.piece_chars if reply.drip_s else max(1, len(body))
    pieces = tuple(body[start : start + step] for start in range(0, len(body), step))
    return Wire((head, *pieces), close=reply.wrong_length, whole=not reply.wrong_length)


def streamed(sent: Sequence[bytes], reply: Reply) -> Wire:
    """Server-sent events, with what befalls them."""
    head = _head(reply, "text/event-stream", "transfer-encoding: chunked")
    events, left = [], reply.cut_after_chars
    for event in sent:
        if left is not None and len(event) > left:
            events.append(_chunk(event)[: left + 4])
            return Wire((head, *events), close=True, whole=False)
        left = None if left is None else left - len(event)
        events.append(_chunk(event))
    if reply.wrong_length:  # only the mark of the end is missing
        return Wire((head, *events), close=True, whole=True)
    return Wire((head, *events, b"0\r\n\r\n"), close=False, whole=True)


def _events(request: ChatRequest, reply: Reply, usage: Usage) -> list[bytes]:
    if reply.body is not None:
        return [_bytes(reply.body)]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if reply.reasoning_content:
        deltas.append({"reasoning_content": reply.reasoning_content})
    step = reply.piece_chars
    for start in range(0, len(reply.text), step):
        deltas.append({"content": reply.text[start : start + step]})
    choices: list[dict[str, Any]] = [
        {"index": 0, "delta": delta, "finish_reason": None} for delta in deltas
    ]
    choices.append({"index": 0, "delta": {}, "finish_reason": reply.finish_reason})
    values = [_envelope(request, reply, "chat.completion.chunk", [choice]) for choice in choices]
    options = request.body.get("stream_options") or {}
    if options.get("include_usage") and reply.with_usage:
        last = _envelope(request, reply, "chat.completion.chunk", [])
        values.append(last | {"usage": _usage_body(usage)})
    events = [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]
    return [*events, b"data: [DONE]\n\n"] if reply.done else events


def _envelope(request: ChatRequest, reply: Reply, kind: str, choices: list[Any]) -> dict[str, Any]:
    return {
        "id": reply.id or f"chatcmpl-{id(request):x}",
        "object": kind,
        "created": 0,
        "model": request.model,
        "choices": choices,
    }


def _usage_body(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _head(reply: Reply, kind: str, framing: str) -> bytes:
    try:
        reason = HTTPStatus(reply.status).phrase
    except ValueError:
        reason = "Scripted"
    sent = {"content-type": kind} | {name.lower(): text for name, text in reply.headers.items()}
    lines = "".join(f"{name}: {text}\r\n" for name, text in sent.items())
    return f"HTTP/1.1 {reply.status} {reason}\r\n{lines}{framing}\r\n\r\n".encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _first_chars(body: bytes, chars: int) -> bytes:
    return body.decode(errors="replace")[:chars].encode()


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body
