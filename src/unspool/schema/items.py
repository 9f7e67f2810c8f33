"""Many items under one question: the prompts, and whose answer is whose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from unspool.schema import found
from unspool.schema.value import DoesNotFit, Schema, instruction, plain_data

TEXT = Schema({"type": "string"})


def text_of(item: Any) -> str:
    """An item as a model reads it: text as it is, other data as JSON."""
    if isinstance(item, str):
        return item
    return json.dumps(plain_data(item), ensure_ascii=False, default=str)


def one_prompt(question: str, item: str) -> str:
    """The question for a single item."""
    return f"{question}\n\n{item}"


def packed_prompt(question: str, items: Sequence[str], schema: Schema) -> tuple[str, Any]:
    """The question for several items, and the JSON schema of the reply."""
    listed = "\n\n".join(f"[{n}] {item}" for n, item in enumerate(items, 1))
    answer = {"number": {"type": "integer"}, "answer": schema.inner}
    each = Schema({}).around(answer)
    wire = schema.around({"answers": {"type": "array", "items": each}})
    text = (
        f"{question}\n\nThere are {len(items)} items, numbered [1] to [{len(items)}]. Answer for"
        f" each of them by itself.\n\n{listed}\n\n{instruction(wire)}\nGive an answer for every"
        f" number from 1 to {len(items)}, with that number."
    )
    return text, wire


def packed_answers(reply: str, count: int, schema: Schema) -> dict[int, Any]:
    """The answers in a reply by position, from 0: those whose number is sure and that fit."""
    for data in found.values(reply):
        answers = data.get("answers") if isinstance(data, dict) else data
        if isinstance(answers, list):
            return _sure(answers, count, schema)
    return {}


def _sure(answers: list[Any], count: int, schema: Schema) -> dict[int, Any]:
    given: dict[int, list[Any]] = {}
    for one in answers:
        match one:
            case {"number": int(number), "answer": value} if 1 <= number <= count:
                given.setdefault(number, []).append(value)
            case _:
                pass
    sure = {}
    for number, values in given.items():
        if any(value != values[0] for value in values):
            continue  # the same number twice, with different answers
        try:
            sure[number - 1] = schema.accept(values[0])
        except DoesNotFit:
            continue
    return sure
