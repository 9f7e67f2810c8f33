"""Schemas: types and their values, and whatever else may be given for them."""

from __future__ import annotations

import contextlib
import datetime
import enum
import json
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.models.structured import named, strict
from unspool.sandboxes.worker.shapes import ShapeError, build, schema_of
from unspool.schema import found
from unspool.schema.faults import MOST_FAULTS, BadSchema, faults
from unspool.schema.items import packed_answers, packed_prompt
from unspool.schema.value import DoesNotFit, Schema, plain_data


class Shade(enum.Enum):
    DARK = 1
    LIGHT = "light"


@dataclass(frozen=True)
class Leaf:
    name: str
    weight: float = 0.5
    shade: Shade = Shade.DARK


class Pair(NamedTuple):
    a: int
    b: Leaf | None


TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
LEAVES: st.SearchStrategy[Leaf] = st.builds(Leaf, TEXT, st.floats(-9, 9), st.sampled_from(Shade))
PLAIN: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    str: TEXT,
    None: st.none(),
    datetime.datetime: st.datetimes(),
    datetime.date: st.dates(),
    Literal["a", "b"]: st.sampled_from("ab"),
    Shade: st.sampled_from(Shade),
    Leaf: LEAVES,
    Pair: st.builds(Pair, st.integers(), st.none() | LEAVES),
}
Kinds = tuple[Any, st.SearchStrategy[Any]]


def containers(inner: st.SearchStrategy[Kinds]) -> st.SearchStrategy[Kinds]:
    def around(one: tuple[Any, Any]) -> list[Kinds]:
        kind: Any
        kind, values = one
        return [
            (list[kind], st.lists(values, max_size=3)),
            (tuple[kind, ...], st.lists(values, max_size=3).map(tuple)),
            (tuple[int, kind], st.tuples(st.integers(), values)),
            (dict[str, kind], st.dictionaries(TEXT, values, max_size=3)),
            (dict[int, kind], st.dictionaries(st.integers(), values, max_size=3)),
            ([kind], st.lists(values, max_size=3)),
            ({"field": kind, "other": "int"}, st.fixed_dictionaries(
                {"field": values, "other": st.integers()})),
        ]  # fmt: skip

    return inner.map(around).flatmap(st.sampled_from)


KINDS = st.recursive(st.sampled_from(list(PLAIN.items())), containers, max_leaves=4)
KINDS_AND_VALUES = KINDS.flatmap(lambda one: st.tuples(st.just(one[0]), one[1]))


def schema_for(kind: Any) -> Schema:
    return Schema.of_json(schema_of(kind), partial(build, kind))


def json_of(value: Any) -> Any:
    """As a model would write it: a class as an object of its fields."""
    if isinstance(value, Leaf):
        return {"name": value.name, "weight": value.weight, "shade": value.shade.value}
    if isinstance(value, Pair):
        return {"a": value.a, "b": json_of(value.b)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): json_of(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_of(item) for item in value]
    return plain_data(value)


@given(KINDS_AND_VALUES)
def test_a_value_written_as_json_is_read_back_with_its_type(one: tuple[Any, Any]) -> None:
    kind, value = one
    schema, text = schema_for(kind), json.dumps(json_of(value))
    wrapped = json.dumps({"value": json_of(value)})
    assert schema.accept(json_of(value)) == value
    for reply in (wrapped, f"Here it is:\n```json\n{wrapped}\n```\nDone."):
        back = schema.parse(reply)
        assert (back, type(back)) == (value, type(value))
    if schema.json.get("type") != "string":
        assert schema.parse(text) == value


@given(KINDS)
def test_every_schema_can_be_asked_for_and_held_to(one: Kinds) -> None:
    schema = schema_for(one[0])
    assert schema.wire["type"] == "object"
    assert schema.instruction
    assert json.dumps(named(schema.wire))
    prompt, wire = packed_prompt("q", ["a", "b"], schema)
    assert "[2] b" in prompt
    assert Schema.of_json(wire)


@given(KINDS_AND_VALUES)
def test_packed_answers_are_each_their_items(one: tuple[Any, Any]) -> None:
    kind, value = one
    answers = [{"number": n, "answer": json_of(value)} for n in (3, 1)]
    given_back = packed_answers(json.dumps({"answers": answers}), 3, schema_for(kind))
    assert given_back == {0: value, 2: value}


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.just("#/$defs/a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        TEXT | st.sampled_from(
            "type properties items enum anyOf oneOf not $ref $defs required pattern a".split()),
        inner | st.sampled_from(["string", "object", "array", "integer"]), max_size=3),
    max_leaves=12,
)  # fmt: skip


@given(ANYTHING, ANYTHING)
def test_whatever_is_given_for_a_schema_is_one_or_is_refused(data: Any, value: Any) -> None:
    with contextlib.suppress(ShapeError, BadSchema):
        schema = Schema.of_json(schema_of(data), trusted=True)
        assert schema.instruction
        assert isinstance(strict(schema.wire), bool)
        with contextlib.suppress(DoesNotFit):
            schema.accept(value)
        with contextlib.suppress(DoesNotFit):
            schema.parse(json.dumps(value, default=str))


@given(st.text(max_size=200) | st.text("{}[]\",:1a'\\`\n", max_size=200))
def test_looking_for_json_never_raises(text: str) -> None:
    list(found.values(text))
    found.plain(text)
    with contextlib.suppress(ShapeError):
        schema_of(text)


def test_looking_for_json_among_a_million_brackets_ends() -> None:
    for text in ("[" * 1_000_000, '{"a":' * 300_000, "```\n" * 300_000):
        assert list(found.values(text)) == []


@pytest.mark.parametrize("schema", [{"enum": [b"x"]}, {"const": {1, 2}}, {"type": "object", 1: 2}])
def test_a_schema_that_is_no_json_is_refused(schema: Any) -> None:
    with pytest.raises((BadSchema, ShapeError)):
        Schema.of_json(schema_of(schema))


UNCHECKABLE = {
    "too long to be shown": (10**5000, {"maximum": 3}),
    "too large to be divided": (10**5000, {"multipleOf": 0.5}),
    "infinite": (float("inf"), {"multipleOf": 0.5}),
    "no number": (float("nan"), {"multipleOf": 2}),
    "one of many": ([10**5000], {"items": {"type": "string"}}),
}


@pytest.mark.parametrize("case", UNCHECKABLE)
def test_a_value_that_cannot_be_checked_does_not_fit(case: str) -> None:
    value, schema = UNCHECKABLE[case]
    with pytest.raises(DoesNotFit):
        Schema.of_json(schema).accept(value)


def test_what_does_not_fit_is_said_by_its_place() -> None:
    schema = schema_of({"people": [{"name": "str", "age": "int"}], "note": "str | None"})
    wrong = {"people": [{"name": "A", "age": 1}, {"name": 2, "agee": 3}], "note": 4}
    assert faults(wrong, schema) == [
        "people[1]: the field 'age' is missing",
        "people[1].name: 2 is not text",
        "people[1]: there is no field 'agee'; fields: name, age",
        "note: 4 is not text or note: 4 is not null",
    ]
    assert len(faults([{}] * 50, {"items": {"required": ["a"]}})) == MOST_FAULTS


CHECKS: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    ({"type": "integer"}, [1, 2.0, -5], [1.5, True, "1", None]),
    ({"type": ["number", "null"]}, [1.5, None], ["x", False]),
    ({"enum": [1, "a", None]}, [1, "a", None], [True, "b", 0]),
    ({"const": 0}, [0], [False, 1]),
    ({"minimum": 1, "exclusiveMaximum": 3}, [1, 2.9, "x"], [0, 3]),
    ({"multipleOf": 0.1}, [0.3, 2], [0.35]),
    ({"minLength": 2, "maxLength": 3, "pattern": "^a"}, ["ab", 7], ["a", "abcd", "bb"]),
    ({"items": {"type": "string"}, "minItems": 1}, [["a"]], [[], [1]]),
    ({"uniqueItems": True}, [[1, "1"]], [["a", "a"]]),
    ({"prefixItems": [{"type": "integer"}], "items": False}, [[1], []], [["a"], [1, 2]]),
    ({"required": ["a"], "properties": {"a": {"type": "null"}}}, [{"a": None, "b": 1}],
     [{}, {"a": 1}]),
    ({"additionalProperties": {"type": "integer"}, "maxProperties": 1}, [{"x": 1}],
     [{"x": "y"}, {"x": 1, "y": 1}]),
    ({"oneOf": [{"minimum": 2}, {"multipleOf": 2}]}, [3, 0], [4, 1]),
    ({"not": {"type": "string"}}, [1], ["x"]),
    ({"allOf": [{"minimum": 2}, {"maximum": 3}]}, [2], [1, 4]),
    ({"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "integer"}}}, [1], ["x"]),
    ({"$ref": "#/definitions/n",
      "definitions": {"n": {"items": {"$ref": "#/definitions/n"}, "type": "array"}}},
     [[[], [[]]]], [[1]]),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "fitting", "wrong"), CHECKS, ids=lambda one: str(one)[:40])
def test_json_schema_is_checked_by_its_words(
    schema: dict[str, Any], fitting: list[Any], wrong: list[Any]
) -> None:
    assert [faults(value, schema) for value in fitting] == [[]] * len(fitting)
    assert all(faults(value, schema) for value in wrong)
