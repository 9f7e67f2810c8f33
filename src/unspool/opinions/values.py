"""Answers compared by value: those that are the same have the same key.

That is an equivalence by construction. Numbers are compared as numbers, texts without regard to
case, white space, articles and punctuation, and lists without regard to their order where the
question asks for none. Where in doubt two answers are different: the cost is one run more, and
not an answer that is wrongly called confirmed.
"""

from __future__ import annotations

import ast
import dataclasses
import datetime
import decimal
import enum
import fractions
import json
import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from unspool.opinions.wording import LEAD, SIGNS, Asked, number_in, pieces, tokens

DIGITS = 9
"""Of a fraction that count: the last ones depend on the order of the additions."""
DEEPEST = 50
PROSE_TOKENS = 40
"""A longer text is worded differently each time, unless it is a list of short items."""
ITEM_TOKENS = 12
PROSE_CHARS = 20_000
"""As much of a text shows what it is."""
SENTENCES = re.compile(r"[a-z]{2}[.!?] +[A-Z]")
PARSED_CHARS = 1 << 20


def key_of_value(value: Any, question: str = "") -> Hashable:
    """The same for two answers to `question` that say the same."""
    return _Comparison(Asked.of(question)).outermost(value)


def is_prose(value: Any) -> bool:
    """Whether an answer is so long a text that its words say little about agreement."""
    value = value[:PROSE_CHARS] if isinstance(value, str) else ""
    if len(tokens(value)) <= PROSE_TOKENS:
        return False
    if value.lstrip()[:1] in ("[", "{"):
        return False
    is_long = len(tokens(value)) > ITEM_TOKENS * len(pieces(value))
    return is_long or SENTENCES.search(value) is not None


class _Comparison:
    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def outermost(self, value: Any) -> Hashable:
        """Of a whole answer: a text may list items, or be the JSON of what it means."""
        if isinstance(value, str):
            lead = LEAD.match(value)
            text = value[lead.end() :] if lead else value
            data = _data(text)
            if data is not None:
                return self.outermost(data)
            if not number_in(text, self._asked):
                parts = pieces(text)
                return self._items(parts) if len(parts) > 1 else self._text(parts[0])
        if isinstance(value, (list, set, frozenset)):
            return self._items(value, ordered=isinstance(value, list))
        return self._key(value, 0)

    def _items(self, items: Iterable[Any], *, ordered: bool = True) -> Hashable:
        keys = [self._key(item, 1) for item in items]
        if len(keys) == 1 and keys[0][0] in ("text", "number", "is"):
            return keys[0]  # one that was asked for, and given as a list of one
        return ("row", tuple(keys)) if ordered and self._asked.ordered else _many(keys)

    # One line for each kind of value that there is.
    def _key(self, value: Any, depth: int) -> tuple[Any, ...]:  # noqa: C901
        if depth > DEEPEST:
            return ("other", _ByEquality(value))
        match value:
            case None | bool():
                return ("is", value)
            case enum.Enum():
                return self._key(value.value, depth + 1)
            case int() | float() | decimal.Decimal() | fractions.Fraction():
                return _number(value)
            case complex():
                return ("complex", value)
            case str():
                return self._text(value)
            case bytes() | bytearray():
                return ("bytes", bytes(value))
            case datetime.date() | datetime.time():
                return self._text(str(value))
            case Mapping():
                return self._fields(value.items(), depth)
            case set() | frozenset():
                return _many([self._key(item, depth + 1) for item in value])
            case Sequence():
                return ("row", tuple(self._key(item, depth + 1) for item in value))
            case _:
                return self._object(value, depth)

    def _object(self, value: Any, depth: int) -> tuple[Any, ...]:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [one.name for one in dataclasses.fields(value)]
            return self._fields([(name, getattr(value, name)) for name in names], depth)
        dumped = getattr(value, "model_dump", None)
        if callable(dumped):  # a pydantic model
            with suppress(Exception):  # or something of the user's, which may raise anything
                return self._fields(dumped().items(), depth)
        return ("other", _ByEquality(value))

    def _fields(self, items: Iterable[tuple[Any, Any]], depth: int) -> tuple[Any, ...]:
        pairs = ((self._key(k, depth + 1), self._value(v, depth + 1)) for k, v in items)
        return ("fields", frozenset(Counter(pairs).items()))

    def _value(self, value: Any, depth: int) -> Hashable:
        """Of a field: a list in it is as free of an order as one that is the whole answer."""
        if isinstance(value, list) and not self._asked.ordered and depth <= DEEPEST:
            return _many([self._key(item, depth + 1) for item in value])
        return self._key(value, depth)

    def _text(self, text: str) -> tuple[Any, ...]:
        number = number_in(text, self._asked)
        if number:
            return _number(decimal.Decimal(number))
        words = tokens(text)
        if len(words) == 1 and words[0] in SIGNS:
            return ("is", SIGNS[words[0]])
        return ("text", words)


def _many(keys: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    return ("many", frozenset(Counter(keys).items()))


def _number(value: float | decimal.Decimal | fractions.Fraction) -> tuple[Any, ...]:
    """Whole numbers to the last digit, others to `DIGITS`."""
    try:
        if isinstance(value, int):
            return ("number", int(value))
        if isinstance(value, decimal.Decimal) and abs(value.adjusted()) > 400:
            return ("number", str(value.normalize()))
        if value == (whole := int(value)):
            return ("number", whole)
        rounded = float(f"{float(value):.{DIGITS}g}")
        return ("number", int(rounded) if rounded.is_integer() else rounded)
    except (ValueError, OverflowError, decimal.InvalidOperation):  # infinite, or no number
        name = str(value).lower()
        return ("number", "nan" if "nan" in name else name.replace("infinity", "inf"))


def _data(text: str) -> Any:
    """The list or dict that a text is written as, in JSON or in Python; None: it is none."""
    stripped = text.strip()
    if stripped[:1] not in ("[", "{") or len(stripped) > PARSED_CHARS:
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(stripped)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, (list, dict, set)) else None
    return None


class _ByEquality:
    """A value of a kind that says itself what it is equal to."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _ByEquality):
            return False
        try:
            return self._value is other._value or bool(self._value == other._value)
        except Exception:  # arrays, for one, do not say it in a word
            return False

    def __hash__(self) -> int:
        return hash(type(self._value))
