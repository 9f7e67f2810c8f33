"""A reply that is a list some of whose items do not fit: only those are asked for again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from unspool.schema import found
from unspool.schema.items import packed_answers
from unspool.schema.value import MANY, WRAPPED, Schema, instruction

MOST_SHARE = 0.5
"""Where more of the items do not fit, the whole is asked for again."""
SHOWN = 20
"""Faults that are told."""


@dataclass(frozen=True, slots=True)
class Mostly:
    """A list most of whose items fit."""

    items: tuple[Any, ...]
    wrong: Mapping[int, str]
    """Positions of those that do not, each with what is wrong."""

    def asked(self, schema: Schema) -> tuple[str, Mapping[str, Any]]:
        """The message that asks for those that do not fit, and the JSON schema of the reply."""
        assert schema.item is not None
        answer = {"number": {"type": "integer"}, "answer": schema.item.inner}
        each = Schema({}).around(answer)
        wire = schema.around({"answers": {"type": "array", "items": each}})
        listed = list(self.wrong.items())
        told = "\n".join(f"- number {i + 1}: {why}" for i, why in listed[:SHOWN])
        rest = [str(i + 1) for i, _ in listed[SHOWN:]]
        more = f"\n- likewise: numbers {', '.join(rest)}" if rest else ""
        text = (
            f"Of your {len(self.items):,} items, counted from number 1 on, all fit but"
            f" {len(self.wrong):,}:\n{told}{more}\nGive these alone once more, mended, each with"
            f" its number. {instruction(wire)}"
        )
        return text, wire

    def mended(self, reply: str, schema: Schema) -> Mostly:
        """With those that a reply has mended."""
        assert schema.item is not None
        given = packed_answers(reply, len(self.items), schema.item)
        good = {i: value for i, value in given.items() if i in self.wrong}
        items = tuple(good.get(i, item) for i, item in enumerate(self.items))
        return replace(
            self, items=items, wrong={i: why for i, why in self.wrong.items() if i not in good}
        )


def mostly_good(reply: str, schema: Schema) -> Mostly | None:
    """The list in a reply, if most of its items fit; else None."""
    if schema.item is None:
        return None
    for data in found.values(reply):
        value = data.get(WRAPPED) if isinstance(data, dict) else data
        if isinstance(value, list):
            wrong = schema.faulty(value)
            some = len(value) >= MANY and 0 < len(wrong) <= MOST_SHARE * len(value)
            return Mostly(tuple(value), wrong) if some else None
    return None
