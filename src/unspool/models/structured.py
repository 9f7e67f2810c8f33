"""Holding a model to a JSON schema, where its server can do that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from unspool.errors import ContextTooLong, ModelRefused

_ABOUT_SCHEMA = re.compile(
    r"response_format|json_?schema|json mode|structured.?output|schema|grammar"
    r"|failed to (?:generate|validate) json|unsupported|not supported|extra.{0,20}(?:field|input)",
    re.IGNORECASE,
)
_KINDS = frozenset({"type", "enum", "const", "anyOf", "$ref"})
_NAMED = frozenset({"properties", "$defs", "definitions"})
_HOLDING = frozenset({"items", "prefixItems", "anyOf", "oneOf", "allOf"})
_NOT_TAKEN = frozenset({400, 404, 415, 422, 501})


def named(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that replies are to fit, as OpenAI's servers take it."""
    return {"name": "reply", "schema": dict(schema), "strict": strict(schema)}


def strict(schema: Any) -> bool:
    """Whether every object in the schema is closed and complete, as servers ask of a schema
    that they are to follow to the letter."""
    if not isinstance(schema, Mapping) or _KINDS.isdisjoint(schema):
        return False
    fields = schema.get("properties", {})
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(fields)
    ):
        return False
    if schema.get("type") == "array" and "items" not in schema:
        return False
    inner = [*fields.values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", ())]
    if "items" in schema:
        inner.append(schema["items"])
    return all(map(strict, inner))


def closed(schema: Any) -> Any:
    """`schema` with no other fields than those it names in the objects that leave that open:
    what fits it fits the first one too. An object that names none stays open."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    inner = {name: _inside(name, value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), Mapping):
        return {"additionalProperties": False} | inner
    return inner


def _inside(keyword: str, value: Any) -> Any:
    if keyword in _NAMED and isinstance(value, Mapping):
        return {name: closed(one) for name, one in value.items()}
    return closed(value) if keyword in _HOLDING else value


def refused_schema(refused: ModelRefused) -> bool:
    """Whether a request was refused, as it seems, for the schema that it came with."""
    if isinstance(refused, ContextTooLong) or refused.status not in _NOT_TAKEN:
        return False
    return bool(_ABOUT_SCHEMA.search(str(refused)))
