"""A JSON schema as an example with gaps: what a small model fills in, and does not recite."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_GAPS: Mapping[str, str] = {
    "string": "<text>",
    "integer": "<whole number>",
    "number": "<number>",
    "boolean": "<true or false>",
    "null": "null",
    "array": "[...]",
    "object": "{...}",
}
_TOLD = frozenset("type properties required additionalProperties items enum const anyOf".split())
_TOLD |= frozenset("title description minimum maximum minItems maxItems prefixItems $defs".split())
_TOLD |= frozenset("default format definitions".split())


def sketch(schema: Any) -> str:
    """The form of the data in about the length of the data; empty where a form cannot tell
    all of it, as with references."""
    try:
        return _sketch(schema)
    except _Untold:
        return ""


class _Untold(Exception):
    """The schema has something that the form has no word for."""


def _sketch(schema: Any) -> str:
    if not isinstance(schema, Mapping) or not schema:
        return "<anything>"
    if not set(schema) <= _TOLD:
        raise _Untold
    if "const" in schema:
        return _json(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_json, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(_sketch, schema["anyOf"])))
    kind = schema.get("type", "object" if "properties" in schema else None)
    if not isinstance(kind, str):
        raise _Untold
    if kind == "object":
        return _object(schema)
    if kind == "array":
        return _array(schema)
    return _gap(schema, _GAPS[kind])


def _object(schema: Mapping[str, Any]) -> str:
    needed = schema.get("required", ())
    fields = [
        f"{_json(name)}: {_sketch(one)}{'' if name in needed else ' (optional)'}"
        for name, one in schema.get("properties", {}).items()
    ]
    rest = schema.get("additionalProperties", False)
    if isinstance(rest, Mapping):
        fields.append(f"<name>: {_sketch(rest)}, ...")
    return f"{{{', '.join(fields)}}}" if fields else _GAPS["object"]


def _array(schema: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(map(_sketch, schema['prefixItems']))}]"
    if "minItems" in schema or "maxItems" in schema:
        low, high = schema.get("minItems", 0), schema.get("maxItems", "any number")
        return f"[{_sketch(schema.get('items'))}, ...] ({low} to {high} items)"
    return f"[{_sketch(schema['items'])}, ...]" if schema.get("items") else _GAPS["array"]


def _gap(schema: Mapping[str, Any], gap: str) -> str:
    told = [str(schema[name]) for name in ("description", "format") if schema.get(name)]
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        told.append(f"{low} to {high}")
    elif low is not None or high is not None:
        told.append(f"at least {low}" if high is None else f"at most {high}")
    return f"{gap[:-1]}: {', '.join(told)}>" if told else gap


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
