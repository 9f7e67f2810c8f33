"""What servers of `/chat/completions` send, read with patience."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

from unspool.models.told import estimate, mapping
from unspool.types import Usage

Finish = Literal["stop", "length", "other"]

_FINISHES: Mapping[str, Finish] = {
    "": "stop",
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "stop",
    "function_call": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
}
BROKEN_FINISHES = frozenset({"error", "abort", "insufficient_system_resource"})
"""Finish reasons that say that the server failed on its way."""


def finish_of(reason: Any) -> Finish:
    """The finish reason in our words; a missing one is a stop."""
    return _FINISHES.get(str(reason or ""), "other")


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message or delta: a string, a list of parts, or a refusal."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_part_text(part) for part in content)
    if isinstance(content, str) and content:
        return content
    refusal = message.get("refusal")
    return refusal if isinstance(refusal, str) else ""


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The reasoning of a message or delta, under any of its names."""
    for name in ("reasoning_content", "reasoning"):
        value = message.get(name)
        if isinstance(value, str) and value:
            return value
    content = message.get("content")
    if isinstance(content, list):
        return "".join(_part_thinking(part) for part in content)
    return ""


def tool_arguments(message: Mapping[str, Any]) -> dict[int, str]:
    """The arguments of the tool calls in a message or delta, by their index."""
    found = {}
    calls = message.get("tool_calls")
    for position, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            found[_count(call.get("index")) or position] = _as_text(function.get("arguments"))
    return found


def code_of(arguments: Mapping[int, str]) -> str:
    """The `code` of tool calls as fenced Python: a model meant it as its reply.

    Empty when no call has one.
    """
    blocks = []
    for text in arguments.values():
        try:
            value = json.loads(text)
        except ValueError:
            continue
        code = value.get("code") if isinstance(value, dict) else None
        if isinstance(code, str) and code.strip():
            blocks.append(f"```python\n{code.strip()}\n```")
    return "\n".join(blocks)


def usage_of(body: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Usage:
    """The tokens that `body` reports.

    A server that reports none is given an estimate: four characters a token, at least 1.
    """
    told = body.get("usage") or mapping(body.get("x_groq")).get("usage")
    usage = mapping(told)
    timings = mapping(body.get("timings"))
    cached = _cached(usage, timings)
    read = _count(usage.get("prompt_tokens"))
    if read is None and _count(timings.get("prompt_n")) is not None:
        read = (_count(timings.get("prompt_n")) or 0) + cached
    written = _count(usage.get("completion_tokens"))
    if written is None:
        written = _count(timings.get("predicted_n"))
    details = mapping(usage.get("completion_tokens_details"))
    reasoning = _count(details.get("reasoning_tokens")) or 0
    total = _count(usage.get("total_tokens"))
    if reasoning and written is not None and total == (read or 0) + written + reasoning:
        written += reasoning  # the total tells that this server counts reasoning apart
    return Usage(
        calls=1,
        input_tokens=estimate(prompt_chars) if read is None else read,
        cached_tokens=cached,
        output_tokens=estimate(reply_chars) if written is None else written,
        reasoning_tokens=reasoning,
    )


def billed_microusd(body: Mapping[str, Any]) -> int | None:
    """What the server says that it charged, in microusd; None where it does not say."""
    billed = mapping(body.get("usage")).get("cost")
    if isinstance(billed, int | float) and not isinstance(billed, bool) and 0 <= billed < math.inf:
        return -int(-billed * 1_000_000 // 1)
    return None


def mended(text: str) -> str:
    """`text` with halves of surrogate pairs joined, and lone ones as U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _cached(usage: Mapping[str, Any], timings: Mapping[str, Any]) -> int:
    details = mapping(usage.get("prompt_tokens_details"))
    candidates = (
        details.get("cached_tokens"),
        usage.get("prompt_cache_hit_tokens"),
        usage.get("cached_tokens"),
        timings.get("cache_n"),
    )
    return next((n for n in map(_count, candidates) if n is not None), 0)


def _part_text(part: Any) -> str:
    if isinstance(part, str):
        return part
    return _as_text(part.get("text")) if isinstance(part, dict) else ""


def _part_thinking(part: Any) -> str:
    thinking = part.get("thinking") if isinstance(part, dict) else None
    if isinstance(thinking, list):
        return "".join(_part_text(piece) for piece in thinking)
    return _as_text(thinking)


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < float("inf") else None
