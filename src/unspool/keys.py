"""Names for what was asked: two that are equal were asked the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from unspool.foreign import address_of
from unspool.ports import Model
from unspool.types import Request

KEY_BYTES = 16


def key_of_request(request: Request, name: str | None) -> str:
    """Of a sub-call: the messages, what shapes the reply, and the model that the cell named.
    Who answers where it named none is not part of it."""
    parts = [name or "", *(part for one in request.messages for part in (one.role, one.content))]
    shaping = (request.max_tokens, request.temperature, request.stop, request.extra, request.schema)
    return key_of([*parts, _text(shaping) if any(shaping) or shaping[1] is not None else ""])


def key_of_reply(model: Model, asked: str) -> str:
    """Of what one model says to a request: where it is served is part of it."""
    return key_of([address_of(model), model.name, asked])


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
    try:
        return json.dumps(value, sort_keys=True, default=_other)
    except TypeError:  # keys that JSON has not, or that have no order among each other
        return json.dumps(_ordered(value), default=_other)


def _ordered(value: Any) -> Any:
    """The same, with dicts as the pairs that they have, by the text of their keys."""
    if isinstance(value, dict):
        pairs = ([type(key).__name__, _text(key), _ordered(item)] for key, item in value.items())
        return {"dict": sorted(pairs, key=lambda pair: pair[:2])}
    return [_ordered(item) for item in value] if isinstance(value, (list, tuple)) else value


def _other(value: Any) -> Any:
    """What JSON has not. A set has no order of its own."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(_text, value))
    return f"{type(value).__name__}: {value!r}"
