"""Types, and short ways to write them, as JSON schemas; and data as values of those types.

Runs in the REPL for what a cell gives as `schema=`, and in the host for what a user gives:
a type cannot travel, its schema can.
"""

from __future__ import annotations

import ast
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import types
import typing
import uuid
from collections.abc import Callable, Mapping
from typing import Any

_TYPES = frozenset("string integer number boolean array object null".split())
_NAMES: Mapping[str, Any] = {
    "str": str, "string": str, "text": str, "int": int, "integer": int, "float": float,
    "number": float, "bool": bool, "boolean": bool, "list": list, "array": list, "dict": dict,
    "object": dict, "tuple": tuple, "set": set, "List": list, "Dict": dict, "Tuple": tuple,
    "Set": set, "any": Any, "Any": Any, "null": None, "datetime": datetime.datetime,
    "date": datetime.date, "time": datetime.time, "Decimal": decimal.Decimal,
    "Optional": typing.Optional, "Union": typing.Union, "Literal": typing.Literal,
}  # fmt: skip
_PLAIN: Mapping[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    type(None): {"type": "null"},
    Any: {},
    object: {},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    datetime.time: {"type": "string", "format": "time"},
    uuid.UUID: {"type": "string", "format": "uuid"},
    decimal.Decimal: {"type": "number"},
}
_LISTS = (list, set, frozenset, tuple, collections.abc.Sequence, collections.abc.Iterable)
_MAPS = (dict, collections.abc.Mapping)
_SHAPED: Mapping[str, type | tuple[type, ...]] = {
    "properties": Mapping,
    "items": (Mapping, bool),
    "prefixItems": list,
    "anyOf": list,
    "oneOf": list,
    "allOf": list,
    "enum": (list, tuple),
    "$ref": str,
    "$defs": Mapping,
    "definitions": Mapping,
}
"""Keywords that make a dict a JSON schema, and what stands under them."""
_KEYWORDS = frozenset(
    "type const title description default examples required additionalProperties minItems maxItems"
    " uniqueItems minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength"
    " minProperties maxProperties pattern format not $schema $id $comment deprecated readOnly"
    " writeOnly discriminator patternProperties propertyNames if then else contains strict".split()
) | frozenset(_SHAPED)
_DEFINITIONS = ("$defs", "definitions")


class ShapeError(TypeError):
    """What was given as a schema is none."""


def schema_of(kind: Any) -> dict[str, Any]:
    """The JSON schema of a type, a dataclass, an Enum, a pydantic model, ...; of a short form
    (`"int"`, `"list[str]"`, `{"name": "str", "tags": ["str"]}`); or of a JSON schema itself.

    Raises:
        ShapeError: it is none of these.
    """
    try:
        shapes = _Shapes()
        made = shapes.of(kind)
        return {**made, **shapes.definitions} if shapes.definitions else made
    except RecursionError as deep:
        raise ShapeError("the schema contains itself, or is nested too deeply") from deep


def is_json_schema(data: Mapping[Any, Any]) -> bool:
    """Whether a dict is a JSON schema, and not field names with their types."""
    if not all(isinstance(key, str) for key in data) or not set(data) <= _KEYWORDS:
        return False
    if any(name in data and not isinstance(data[name], kind) for name, kind in _SHAPED.items()):
        return False
    kinds = data.get("type")
    if kinds is not None and not isinstance(kinds, (list, tuple)):
        return kinds in _TYPES
    return kinds is not None or "const" in data or not set(_SHAPED).isdisjoint(data)


class _Shapes:
    """One schema in the making. `definitions` is what its references point to."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self._inside: list[Any] = []
        self._again: set[Any] = set()

    def of(self, kind: Any) -> dict[str, Any]:
        if isinstance(kind, str):
            return self.of(_read(kind))
        if isinstance(kind, Mapping):
            return self._of_mapping(kind)
        if isinstance(kind, (list, tuple)):
            if len(kind) != 1:
                raise ShapeError(
                    "a list as a schema has one item, the schema of its items; for a choice"
                    f" give Literal or {{'enum': [...]}}, not {kind!r:.200}"
                )
            return {"type": "array", "items": self.of(kind[0])}
        if typing.get_origin(kind) is not None:
            return self._of_generic(kind)
        try:
            if kind in _PLAIN:
                return dict(_PLAIN[kind])
        except TypeError:  # it has no hash, so it is no type
            raise ShapeError(_none_of_them(kind)) from None
        if isinstance(kind, type) or typing.is_typeddict(kind):
            return self._of_class(kind)
        if isinstance(kind, typing.NewType):
            return self.of(kind.__supertype__)
        raise ShapeError(_none_of_them(kind))

    def _of_mapping(self, given: Mapping[Any, Any]) -> dict[str, Any]:
        if given and not is_json_schema(given):
            return self._object({str(name): kind for name, kind in given.items()}, frozenset())
        return self._hoisted(dict(given))

    def _hoisted(self, schema: dict[str, Any]) -> dict[str, Any]:
        """`schema` without its definitions, which are kept at the root: there references
        look for them."""
        for place in _DEFINITIONS:
            mine = self.definitions.setdefault(place, {}) if place in schema else {}
            for name, one in schema.pop(place, {}).items():
                if mine.setdefault(name, one) != one:
                    raise ShapeError(f"two different things in the schema are called {name!r}")
        return schema

    def _of_generic(self, kind: Any) -> dict[str, Any]:
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            told = [one for one in args[1:] if isinstance(one, str)]
            return self.of(args[0]) | ({"description": told[0]} if told else {})
        if origin is typing.Literal:
            return _choice([one.value if isinstance(one, enum.Enum) else one for one in args])
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in args]}
        if origin is tuple and args[-1:] != (Ellipsis,):
            return {
                "type": "array",
                "prefixItems": [self.of(one) for one in args],
                "minItems": len(args),
                "maxItems": len(args),
            }
        if origin in _LISTS:
            return {"type": "array", "items": self.of(args[0])}
        if origin in _MAPS:
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if origin in (typing.Required, typing.NotRequired):
            return self.of(args[0])
        return self._of_class(origin)

    def _of_class(self, kind: Any) -> dict[str, Any]:
        if issubclass(kind, enum.Enum):
            return _choice([one.value for one in kind])
        if callable(getattr(kind, "model_json_schema", None)):  # a pydantic model
            return self._hoisted(dict(kind.model_json_schema()))
        fields = fields_of(kind)
        if fields is not None:
            return self._named(kind, *fields)
        if issubclass(kind, _MAPS):
            return {"type": "object"}
        if issubclass(kind, (list, tuple, set, frozenset)):
            return {"type": "array"}
        raise ShapeError(_none_of_them(kind))

    def _named(
        self, kind: type, fields: Mapping[str, Any], optional: frozenset[str]
    ) -> dict[str, Any]:
        """A class with fields; where it contains itself, by reference."""
        here = {"$ref": f"#/$defs/{kind.__name__}"}
        if kind in self._inside:
            self._again.add(kind)
            return here
        self._inside.append(kind)
        made = self._object(fields, optional)
        self._inside.pop()
        if kind not in self._again:
            return made
        self._hoisted({"$defs": {kind.__name__: made}})
        return here

    def _object(self, fields: Mapping[str, Any], optional: frozenset[str]) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: self.of(kind) for name, kind in fields.items()},
            "required": [name for name in fields if name not in optional],
            "additionalProperties": False,
        }


def fields_of(kind: Any) -> tuple[dict[str, Any], frozenset[str]] | None:
    """The fields of a dataclass, TypedDict or named tuple with their types, and which of them
    may be missing; None of anything else.

    Raises:
        ShapeError: a field's type cannot be found.
    """
    if dataclasses.is_dataclass(kind):
        own = [one for one in dataclasses.fields(kind) if one.init]
        names = [one.name for one in own]
        missing = dataclasses.MISSING
        optional = {
            one.name
            for one in own
            if one.default is not missing or one.default_factory is not missing
        }
    elif typing.is_typeddict(kind):
        names, optional = list(kind.__annotations__), set(kind.__optional_keys__)
    elif isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names, optional = list(kind._fields), set(getattr(kind, "_field_defaults", ()))
    else:
        return None
    try:
        hints = typing.get_type_hints(kind, include_extras=True)
    except Exception as unknown:  # an annotation may be any expression
        raise ShapeError(f"the types of {kind.__name__} cannot be read: {unknown}") from unknown
    return {name: hints.get(name, Any) for name in names}, frozenset(optional)


def _choice(values: list[Any]) -> dict[str, Any]:
    kinds = {type(value) for value in values}
    kind = _PLAIN.get(kinds.pop(), {}) if len(kinds) == 1 else {}
    return {**kind, "enum": values}


def _none_of_them(kind: Any) -> str:
    shown = getattr(kind, "__name__", None) or repr(kind)
    return (
        f"no schema can be made of {shown:.200}: give a type (int, list[str], Literal['a', 'b'], a"
        " dataclass), a dict of field names and types, or a JSON schema"
    )


def _read(text: str) -> Any:
    """The type that a text like `list[str]` or `int | None` names; nothing is run for it."""
    try:
        return _named_by(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError, LookupError, TypeError, RecursionError, MemoryError) as wrong:
        known = "'str', 'int', 'float', 'bool', 'list[str]', 'dict[str, int]', 'int | None'"
        raise ShapeError(f"{text!r:.200} names no type: give one like {known}") from wrong


def _named_by(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name):
            return _NAMES[name]
        case ast.Attribute(attr=name):
            return _NAMES[name]
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return typing.Union[_named_by(left), _named_by(right)]  # noqa: UP007
        case ast.Subscript(value=ast.Name("Literal") | ast.Attribute(attr="Literal"), slice=inner):
            given = ast.literal_eval(inner)
            return typing.Literal[given if isinstance(given, tuple) else (given,)]
        case ast.Subscript(value=outer, slice=inner):
            items = inner.elts if isinstance(inner, ast.Tuple) else [inner]
            return _named_by(outer)[tuple(_named_by(item) for item in items)]
        case ast.Constant(value=value) if value is Ellipsis:
            return Ellipsis
        case _:
            raise LookupError(ast.dump(node))


def build(kind: Any, value: Any) -> Any:
    """`value`, JSON data that fits `schema_of(kind)`, as a value of that type.

    Raises:
        ValueError, TypeError: it is not one after all.
    """
    if isinstance(kind, str):
        kind = _read(kind)
    if isinstance(kind, Mapping):
        if not isinstance(value, Mapping) or is_json_schema(kind):
            return value
        return {name: build(kind.get(name, Any), item) for name, item in value.items()}
    if isinstance(kind, (list, tuple)):
        return [build(kind[0], item) for item in value]
    if typing.get_origin(kind) is not None:
        return _build_generic(kind, value)
    if isinstance(kind, typing.NewType):
        return build(kind.__supertype__, value)
    maker = _MAKERS.get(kind)
    if maker is not None:
        return maker(value)
    return _build_class(kind, value) if isinstance(kind, type) else value


def _build_generic(kind: Any, value: Any) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return build(args[0], value)
    if origin is typing.Literal:
        return next(one for one in args if getattr(one, "value", one) == value)
    if origin in (typing.Union, types.UnionType):
        return _build_first(args, value)
    if origin is tuple and args[-1:] != (Ellipsis,):
        return tuple(build(one, item) for one, item in zip(args, value, strict=True))
    if origin in _LISTS:
        made = origin if origin in (set, frozenset, tuple) else list
        return made(build(args[0], item) for item in _items(value))
    if origin in _MAPS:
        return {_key(args[0], name): build(args[1], item) for name, item in value.items()}
    return _build_class(origin, value)


def _build_first(kinds: tuple[Any, ...], value: Any) -> Any:
    """As the first of several types that it can be."""
    for kind in kinds:
        try:
            return build(kind, value)
        except (ValueError, TypeError, LookupError, AttributeError, StopIteration):
            continue
    raise ValueError(f"{value!r:.100} is none of the types that it may be")


def _build_class(kind: Any, value: Any) -> Any:
    if issubclass(kind, enum.Enum):
        return kind(value)
    if callable(getattr(kind, "model_validate", None)):
        return kind.model_validate(value)
    fields = fields_of(kind)
    if fields is not None:
        if not isinstance(value, Mapping):
            raise TypeError(f"a {kind.__name__} has named fields")
        made = {name: build(fields[0].get(name, Any), item) for name, item in value.items()}
        return made if typing.is_typeddict(kind) else kind(**made)
    if issubclass(kind, (list, tuple, set, frozenset)):
        return kind(_items(value))
    return dict(value) if issubclass(kind, dict) else value


def _items(value: Any) -> Any:
    if isinstance(value, (str, Mapping)):
        raise TypeError("a text or a dict is no list")
    return value


def _key(kind: Any, name: Any) -> Any:
    """A key of a dict: JSON has texts alone for them."""
    if kind is int and isinstance(name, str):
        return int(name)
    return float(name) if kind is float and isinstance(name, str) else build(kind, name)


def _only(kind: type) -> Callable[[Any], Any]:
    def same(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"{value!r:.100} is no {kind.__name__}")
        return value

    return same


def _int(value: Any) -> int:
    if isinstance(value, bool) or value != int(value):
        raise TypeError(f"{value!r:.100} is no whole number")
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, (bool, str)):
        raise TypeError(f"{value!r:.100} is no number")
    return float(value)


def _of_text(kind: Any) -> Callable[[Any], Any]:
    read = getattr(kind, "fromisoformat", kind)
    return lambda value: value if isinstance(value, kind) else read(value)


_MAKERS: Mapping[Any, Callable[[Any], Any]] = {
    str: _only(str),
    bool: _only(bool),
    int: _int,
    float: _float,
    None: _only(type(None)),
    type(None): _only(type(None)),
    Any: lambda value: value,
    datetime.datetime: _of_text(datetime.datetime),
    datetime.date: _of_text(datetime.date),
    datetime.time: _of_text(datetime.time),
    uuid.UUID: _of_text(uuid.UUID),
    decimal.Decimal: lambda value: decimal.Decimal(str(value)),
}
