"""Names for what was asked: two that are equal were asked the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from unspool.ports import Model
from unspool.types import Request

KEY_BYTES = 16


def key_of_request(model: Model, request: Request) -> str:
    """Of a request to a model: which model where, the messages, and what shapes the reply."""
    parts = [str(getattr(model, "address", "")), model.name]
    parts += (part for one in request.messages for part in (one.role, one.content))
    shaping = (request.max_tokens, request.temperature, request.stop, request.extra, request.schema)
    return key_of([*parts, *(_text(value) for value in shaping)])


def key_of(parts: Iterable[Any]) -> str:
    """Of anything that is made of text or JSON-like data, in that order: 32 hex digits."""
    state = hashlib.blake2b(digest_size=KEY_BYTES)
    for part in parts:
        data = _text(part).encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
    return state.hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, default=_other)


def _other(value: Any) -> Any:
    """What JSON has not. A set has no order of its own."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(_text, value))
    return f"{type(value).__name__}: {value!r}"
