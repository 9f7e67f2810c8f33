"""`Schema`: what a value has to look like, and how to get one from a model's reply."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from unspool.schema import found
from unspool.schema.faults import BadSchema, check_schema, faults, faulty
from unspool.schema.sketch import sketch

_DEFINITIONS = ("$defs", "definitions")
WRAPPED = "value"
"""Servers take an object alone as the outermost form: other values are put in one."""
MANY = 10
"""Items of a list of which some are good and some are not."""


class DoesNotFit(ValueError):
    """A value is not what the schema asks for; the message says why, for the model."""


@dataclass(frozen=True)
class Schema:
    """What a value has to look like. Make one with `of_json`."""

    json: Mapping[str, Any]
    """The JSON schema."""
    build: Callable[[Any], Any] | None = field(default=None, compare=False)
    """Makes the Python value from JSON data that fits; None leaves it as it is."""

    @classmethod
    def of_json(
        cls,
        schema: Any,
        build: Callable[[Any], Any] | None = None,
        *,
        trusted: bool = False,
    ) -> Schema:
        """The `Schema` of a JSON schema; one that is not `trusted` may hold no pattern.

        Raises:
            BadSchema: it is none.
        """
        if not isinstance(schema, Mapping):
            raise BadSchema(f"a JSON schema is an object, not {type(schema).__name__}")
        check_schema(schema, patterns=trusted)
        return cls(schema, build)

    @cached_property
    def wire(self) -> Mapping[str, Any]:
        """The JSON schema of the reply: always an object."""
        if self.json.get("type") == "object":
            return self.json
        return self.around({WRAPPED: self.inner})

    @property
    def inner(self) -> dict[str, Any]:
        """The JSON schema without its definitions, which `around` keeps at the root."""
        return {name: one for name, one in self.json.items() if name not in _DEFINITIONS}

    def around(self, properties: Mapping[str, Any]) -> dict[str, Any]:
        """An object with these fields, in which `inner` still finds its definitions."""
        kept = {name: self.json[name] for name in _DEFINITIONS if name in self.json}
        return {
            "type": "object",
            "properties": dict(properties),
            "required": list(properties),
            "additionalProperties": False,
            **kept,
        }

    @cached_property
    def form(self) -> str:
        """What a value looks like, in words that a model understands."""
        return sketch(self.json) or f"(JSON schema) {_json(self.json)}"

    @cached_property
    def instruction(self) -> str:
        """The end of a prompt whose reply has to fit."""
        return instruction(self.wire)

    def parse(self, reply: str) -> Any:
        """The value in a model's reply: the first in it that fits.

        Raises:
            DoesNotFit: there is none.
        """
        why = ""
        for data in found.values(reply):
            for value in _unwrapped(data):
                try:
                    return self._made(value)
                except DoesNotFit as wrong:
                    why = why or str(wrong)
        text = found.plain(reply)
        if why and text[:1] in ("{", "["):
            raise DoesNotFit(why)
        try:
            return self._made(text)  # of a text or a label, quotes may be missing
        except DoesNotFit:
            raise DoesNotFit(why or "the reply has no JSON in it") from None

    def accept(self, value: Any) -> Any:
        """`value`, which code has made, as what was asked for. A text may hold the JSON of it.

        Raises:
            DoesNotFit: it does not fit.
        """
        try:
            made = self._made(plain_data(value))
            return value if self.build is None else made
        except DoesNotFit:
            if not isinstance(value, str):
                raise
            try:
                return self.parse(value)
            except DoesNotFit:
                pass
            raise

    @cached_property
    def item(self) -> Schema | None:
        """What each item of a list has to look like; None where it is no list of like items."""
        if self.json.get("type") != "array" or "prefixItems" in self.json:
            return None
        inner = self.json.get("items")
        kept = {name: self.json[name] for name in _DEFINITIONS if name in self.json}
        return Schema({**inner, **kept}) if isinstance(inner, Mapping) else None

    def faulty(self, data: Any) -> dict[int, str]:
        """Which items of a list do not fit, by position, with what is wrong with each; empty
        where it is no list, or that is not all that is wrong with it."""
        if self.item is None or not isinstance(data, list):
            return {}
        try:
            but_items = {**self.json, "items": True}
            return {} if faults(data, but_items) else faulty(data, self.json)
        except Exception:  # it cannot be checked, which is told where it is checked as a whole
            return {}

    def _extent(self, data: Any) -> str:
        """Of a long list, how many of its items are meant."""
        wrong = self.faulty(data)
        if not wrong or len(data) < MANY:
            return ""
        return f"{len(wrong):,} of {len(data):,} items do not fit, the others do: "

    def _made(self, data: Any) -> Any:
        try:
            wrong = faults(data, self.json)
        except BadSchema as bad:
            raise DoesNotFit(str(bad)) from bad
        except Exception as odd:  # numbers too large to be shown or divided, say
            raise DoesNotFit(f"it cannot be checked: {odd}") from odd
        if wrong:
            raise DoesNotFit(f"{self._extent(data)}{'; '.join(wrong)}")
        if self.build is None:
            return data
        try:
            return self.build(data)
        except Exception as refused:  # the user's own types may refuse with anything
            raise DoesNotFit(_why(refused)) from refused


def instruction(schema: Mapping[str, Any]) -> str:
    """Asks for JSON that fits, in words."""
    shape = sketch(schema)
    if shape:
        return f"Reply with JSON alone, of this form:\n{shape}"
    return f"Reply with JSON alone, a value that fits this JSON schema:\n{_json(schema)}"


def plain_data(value: Any) -> Any:
    """`value` as the JSON data that it would be."""
    if isinstance(value, Mapping):
        return {str(key): plain_data(item) for key, item in value.items()}
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset)) or (
        isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    ):
        return [plain_data(item) for item in value]
    return value


def _unwrapped(data: Any) -> list[Any]:
    if isinstance(data, dict) and set(data) == {WRAPPED}:
        return [data[WRAPPED], data]
    return [data]


def _why(refused: Exception) -> str:
    """Why a type refused a value; of a pydantic model field by field."""
    try:
        listed = refused.errors()  # type: ignore[attr-defined]
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in listed)[:1000]
    except Exception:  # it is no such exception
        return f"{type(refused).__name__}: {refused}"[:1000]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
