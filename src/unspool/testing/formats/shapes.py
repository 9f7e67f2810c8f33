"""What the strict servers share: requests held to their published shape, answers in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from unspool.schema.faults import faults
from unspool.testing.connection import HttpRequest
from unspool.testing.render import Wire, plain, streamed
from unspool.testing.script import ChatRequest, Reply

FAR = 10_000_000


def closed(required: Sequence[str] = (), **fields: Any) -> dict[str, Any]:
    """The schema of an object that has these fields and no others."""
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


def listed(item: Any, least: int = 0, most: int = FAR) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": item, "minItems": least, "maxItems": most}


def one_of(*values: Any) -> dict[str, Any]:
    """The schema of a few fixed values."""
    return {"enum": list(values)}


def number(least: float, most: float = FAR) -> dict[str, Any]:
    """The schema of a number within bounds."""
    return {"type": "number", "minimum": least, "maximum": most}


def whole(least: int, most: int = FAR) -> dict[str, Any]:
    """The schema of a whole number within bounds."""
    return {"type": "integer", "minimum": least, "maximum": most}


TEXT = {"type": "string"}
SOME_TEXT = {"type": "string", "pattern": r"\S"}
TRUTH = {"type": "boolean"}
OBJECT = {"type": "object"}


def shape_fault(body: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What of a request is not of its published shape; empty: nothing."""
    return "; ".join(faults(body, schema))


def header_fault(request: HttpRequest) -> str:
    """Whether the body is announced as what it is; empty: it is."""
    kind = request.headers.get("content-type", "")
    return "" if kind.startswith("application/json") else f"content-type is {kind!r}, not JSON"


def open_objects(schema: Any) -> bool:
    """Whether an object in a JSON schema may have fields that it does not name."""
    if isinstance(schema, list):
        return any(map(open_objects, schema))
    if not isinstance(schema, dict):
        return False
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return True
    return any(map(open_objects, schema.values()))


def pieces(reply: Reply) -> list[str]:
    """The text of a streamed reply, piece by piece."""
    step = reply.piece_chars
    return [reply.text[start : start + step] for start in range(0, len(reply.text), step)]


def event(value: Mapping[str, Any], *, named: bool = True) -> bytes:
    """One server-sent event; `named`: by its type too."""
    name = f"event: {value['type']}\n" if named else ""
    return f"{name}data: {json.dumps(value)}\n\n".encode()


def rendered(
    request: ChatRequest,
    reply: Reply,
    *,
    error: Callable[[Reply], Any],
    whole: Callable[[], Any],
    events: Callable[[], Iterable[bytes]],
) -> Wire:
    """`reply` as bytes: an error, one body, or events when it is streamed."""
    if reply.cut_after_chars == 0:
        return Wire((b"",), close=True, whole=False)
    if reply.body is not None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        return streamed([body], reply) if request.streamed else plain(body, reply)
    if reply.status != 200:
        return plain(json.dumps(error(reply)).encode(), reply)
    if request.streamed:
        return streamed(list(events()), reply)
    return plain(json.dumps(whole()).encode(), reply)
