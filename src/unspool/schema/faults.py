"""Whether data fits a JSON schema, and in words what does not.

The keywords that models and servers understand are checked (2020-12); others are let pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MOST_STEPS = 200_000
"""A schema that takes more steps to check is given up: references can make it endless."""
STEPS_PER_VALUE = 50
"""So many more are taken for each value that there is to check."""
MOST_FAULTS = 5

_WORDS: Mapping[str, str] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "an object with named fields",
}
_LISTED = ("anyOf", "oneOf", "allOf", "prefixItems")
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_SINGLE = ("items", "additionalProperties", "not")

Faults = Iterator[str]


class BadSchema(ValueError):
    """A JSON schema that is none, or that cannot be checked."""


def check_schema(schema: Any, *, patterns: bool) -> None:
    """Says what is wrong with a JSON schema itself. `patterns`: whether it may have regular
    expressions, which can take for ever.

    Raises:
        BadSchema: it is none.
    """
    try:
        _check(schema, schema, patterns)
        json.dumps(schema)
    except RecursionError as deep:
        raise BadSchema("the schema is nested too deeply") from deep
    except (TypeError, ValueError) as foreign:
        if isinstance(foreign, BadSchema):
            raise
        raise BadSchema(f"the schema holds what JSON cannot: {foreign}") from foreign


def faults(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What of `value`, which is JSON data, does not fit; at most `MOST_FAULTS` of it.

    Raises:
        BadSchema: the check has no end.
    """
    try:
        found = _Checker(schema, value).faults(value, schema, "")
        return [fault for fault, _ in zip(found, range(MOST_FAULTS), strict=False)]
    except RecursionError as deep:
        raise BadSchema("the schema refers to itself without end") from deep


def faulty(items: list[Any], schema: Mapping[str, Any]) -> dict[int, str]:
    """Which items of a list do not fit the `items` of its schema, by position, each with its
    first fault.

    Raises:
        BadSchema: the check has no end.
    """
    checker, one = _Checker(schema, items), schema.get("items", True)
    try:
        firsts = (next(checker.faults(item, one, f"[{i}]"), "") for i, item in enumerate(items))
        return {i: fault for i, fault in enumerate(firsts) if fault}
    except RecursionError as deep:
        raise BadSchema("the schema refers to itself without end") from deep


def _size(value: Any) -> int:
    """How many values there are in one, itself among them."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        count += 1
        if isinstance(one, Mapping):
            left.extend(one.values())
        elif isinstance(one, list):
            left.extend(one)
    return count


class _Checker:
    def __init__(self, root: Mapping[str, Any], value: Any) -> None:
        self._root = root
        self._left = MOST_STEPS + STEPS_PER_VALUE * _size(value)

    def faults(self, value: Any, schema: Any, path: str) -> Faults:
        self._left -= 1
        if self._left < 0:
            raise BadSchema("the schema takes too long to check: make it simpler")
        if schema is False:
            yield f"{path or 'the value'}: must not be there"
        if not isinstance(schema, Mapping):
            return
        if "$ref" in schema:
            yield from self.faults(value, _target(self._root, schema["$ref"]), path)
        if "type" in schema and not _is_of_type(value, schema["type"]):
            yield f"{_at(path)}{_shown(value)} is not {_type_words(schema['type'])}"
            return
        for keyword in filter(schema.__contains__, _CHECKS):
            yield from (f"{_at(path)}{fault}" for fault in _CHECKS[keyword](value, schema[keyword]))
        if isinstance(value, Mapping):
            yield from self._in_object(value, schema, path)
        if isinstance(value, list):
            yield from self._in_list(value, schema, path)
        yield from self._in_choices(value, schema, path)

    def _in_object(self, value: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> Faults:
        known = schema.get("properties", {})
        rest = schema.get("additionalProperties", True)
        for name, item in value.items():
            inner = f"{path}.{name}" if path else name
            if name not in known and rest is False:
                yield f"{_at(path)}there is no field {name!r}; fields: {', '.join(known)}"
            else:
                yield from self.faults(item, known.get(name, rest), inner)

    def _in_list(self, value: list[Any], schema: Mapping[str, Any], path: str) -> Faults:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", True)
        for i, item in enumerate(value):
            yield from self.faults(item, first[i] if i < len(first) else rest, f"{path}[{i}]")

    def _in_choices(self, value: Any, schema: Mapping[str, Any], path: str) -> Faults:
        for one in schema.get("allOf", ()):
            yield from self.faults(value, one, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                yield from self._in_one_of(value, schema[keyword], path, only=keyword == "oneOf")
        if "not" in schema and not any(self.faults(value, schema["not"], path)):
            yield f"{_at(path)}{_shown(value)} is what it must not be"

    def _in_one_of(self, value: Any, choices: Any, path: str, *, only: bool) -> Faults:
        missed = [next(self.faults(value, one, path), None) for one in choices]
        fitting = missed.count(None)
        if not fitting:
            reasons = dict.fromkeys(fault for fault in missed if fault)
            yield " or ".join(reasons)[:400]
        if only and fitting > 1:
            yield f"{_at(path)}{_shown(value)} fits {fitting} of the choices, it may fit one"


def _is_of_type(value: Any, kind: Any) -> bool:
    if isinstance(kind, (list, tuple)):
        return any(_is_of_type(value, one) for one in kind)
    match kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "integer":
            whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
            return whole and not isinstance(value, bool)
        case "number":
            return isinstance(value, (int, float)) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "array":
            return isinstance(value, list)
        case _:
            return isinstance(value, Mapping)


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _bound(
    kinds: Callable[[Any], bool], fits: Callable[[Any, Any], bool], words: str
) -> Callable[[Any, Any], Faults]:
    def check(value: Any, bound: Any) -> Faults:
        if kinds(value) and not fits(value, bound):
            yield f"{_shown(value)} {words.format(bound)}"

    return check


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _list(value: Any) -> bool:
    return isinstance(value, list)


def _object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _any(value: Any) -> bool:
    return True


def _required(value: Any, names: Any) -> Faults:
    for name in names:
        if isinstance(value, Mapping) and name not in value:
            yield f"the field {name!r} is missing"


def _one_of(value: Any, allowed: Any) -> Faults:
    if not any(_same(value, one) for one in allowed):
        shown = ", ".join(_shown(one) for one in allowed[:20])
        yield f"{_shown(value)} is none of {shown}{', ...' if len(allowed) > 20 else ''}"


def _unique(value: Any, wanted: Any) -> Faults:
    if wanted and isinstance(value, list) and len({repr(item) for item in value}) < len(value):
        yield "the list has an item twice"


def _multiple(value: Any, of: Any) -> bool:
    if isinstance(value, int) and isinstance(of, int):
        return bool(of) and value % of == 0
    return bool(of) and abs(value / of - round(value / of)) < 1e-9


_CHECKS: Mapping[str, Callable[[Any, Any], Faults]] = {
    "enum": _one_of,
    "const": _bound(_any, _same, "is not {0!r}"),
    "required": _required,
    "uniqueItems": _unique,
    "minimum": _bound(_number, lambda v, b: v >= b, "is below {0}"),
    "maximum": _bound(_number, lambda v, b: v <= b, "is above {0}"),
    "exclusiveMinimum": _bound(_number, lambda v, b: v > b, "is not above {0}"),
    "exclusiveMaximum": _bound(_number, lambda v, b: v < b, "is not below {0}"),
    "multipleOf": _bound(_number, _multiple, "is no multiple of {0}"),
    "minLength": _bound(_text, lambda v, b: len(v) >= b, "has fewer than {0} characters"),
    "maxLength": _bound(_text, lambda v, b: len(v) <= b, "has more than {0} characters"),
    "pattern": _bound(_text, lambda v, b: bool(re.search(b, v)), "does not match {0!r}"),
    "minItems": _bound(_list, lambda v, b: len(v) >= b, "has fewer than {0} items"),
    "maxItems": _bound(_list, lambda v, b: len(v) <= b, "has more than {0} items"),
    "minProperties": _bound(_object, lambda v, b: len(v) >= b, "has fewer than {0} fields"),
    "maxProperties": _bound(_object, lambda v, b: len(v) <= b, "has more than {0} fields"),
}


def _at(path: str) -> str:
    return f"{path}: " if path else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _type_words(kind: Any) -> str:
    kinds = kind if isinstance(kind, (list, tuple)) else [kind]
    return " or ".join(_WORDS[one] for one in kinds)


def _target(root: Mapping[str, Any], reference: Any) -> Any:
    if not isinstance(reference, str) or not reference.startswith("#"):
        raise BadSchema(f"the reference {reference!r:.100} does not point into the schema itself")
    here: Any = root
    for step in reference[1:].split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if not isinstance(here, Mapping) or name not in here:
            raise BadSchema(f"the reference {reference!r:.100} points to nothing in the schema")
        here = here[name]
    return here


def _check(schema: Any, root: Any, patterns: bool) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise BadSchema(f"{_shown(schema)} is no JSON schema: that is an object of keywords")
    _check_keywords(schema, patterns)
    if "$ref" in schema:
        _target(root, schema["$ref"])
    for keyword in _LISTED:
        for one in schema.get(keyword, ()):
            _check(one, root, patterns)
    for keyword in _NAMED:
        for one in schema.get(keyword, {}).values():
            _check(one, root, patterns)
    for keyword in _SINGLE:
        _check(schema.get(keyword, True), root, patterns)


def _check_keywords(schema: Mapping[str, Any], patterns: bool) -> None:
    kinds = schema.get("type", [])
    for kind in kinds if isinstance(kinds, (list, tuple)) else [kinds]:
        if kind not in _WORDS:
            raise BadSchema(f"the type {kind!r:.60} is none; there are: {', '.join(_WORDS)}")
    for keyword in (*_LISTED, "enum", "required"):
        if not isinstance(schema.get(keyword, []), (list, tuple)):
            raise BadSchema(f"under {keyword!r} there has to be a list")
    for keyword in _NAMED:
        if not isinstance(schema.get(keyword, {}), Mapping):
            raise BadSchema(f"under {keyword!r} there has to be an object")
    for keyword in _CHECKS:
        bound = schema.get(keyword, 0)
        if keyword[:3] in ("min", "max", "exc", "mul") and not _number(bound):
            raise BadSchema(f"under {keyword!r} there has to be a number")
    _check_pattern(schema, patterns)


def _check_pattern(schema: Mapping[str, Any], patterns: bool) -> None:
    if "pattern" not in schema:
        return
    if not patterns:
        raise BadSchema("`pattern` is not taken here: check the text in your code")
    try:
        re.compile(schema["pattern"])
    except (re.error, TypeError) as wrong:
        raise BadSchema(f"the pattern {schema['pattern']!r:.100} is none: {wrong}") from wrong
