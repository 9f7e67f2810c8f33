"""Answers are compared by value, whatever they are."""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.opinions.values import is_prose, key_of_value

WORD = st.from_regex(r"[b-z]{2,8}", fullmatch=True).filter(
    lambda word: word not in ("the", "an", "and", "yes", "no", "true", "false")
)
PLAIN = st.lists(WORD, min_size=1, max_size=5).map(" ".join)
NUMBERS = st.integers() | st.floats() | st.decimals()
ATOMS = st.none() | st.booleans() | NUMBERS | st.text() | st.dates() | st.binary()
KEYS = st.text() | st.integers() | st.tuples(st.integers(), st.text())
ANSWERS = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(st.integers() | st.text(), max_size=4)
    ),
    max_leaves=12,
)
QUESTIONS = st.sampled_from(["", "How many?", "In which order?", "Which version?"])


def same(one: Any, other: Any, question: str = "") -> bool:
    return key_of_value(one, question) == key_of_value(other, question)


@given(ANSWERS, ANSWERS, ANSWERS, QUESTIONS)
def test_to_be_the_same_is_an_equivalence(one: Any, two: Any, three: Any, question: str) -> None:
    keys = [key_of_value(value, question) for value in (one, two, three)]
    assert key_of_value(copy.deepcopy(one), question) == keys[0]
    classes = Counter(keys)
    for key in keys:
        assert classes[key] == sum(key == other for other in keys)


@given(PLAIN, st.sampled_from(["{}", " {}\n", "**{}**", '"{}".', "The {}", "({})", "Answer: {}"]))
def test_case_space_articles_and_punctuation_say_nothing(text: str, around: str) -> None:
    said = around.format(text.upper().replace(" ", "  "))
    assert same(said, text)


@given(st.integers(-(10**12), 10**12))
def test_a_number_is_the_same_however_it_is_written(number: int) -> None:
    written = [number, float(number), decimal.Decimal(number), str(number), f"{number:,}"]
    written += [f"{number:,}.00", f"**{number}**.", f" {number}. "]
    assert len({key_of_value(one) for one in written}) == 1


@given(st.integers(), st.integers())
def test_other_numbers_are_others(one: int, other: int) -> None:
    assert same(one, other) == (one == other) == same(str(one), other)


@given(PLAIN, PLAIN)
def test_other_words_are_others(one: str, other: str) -> None:
    assert same(one, other) == (one == other)


@given(st.lists(PLAIN | st.integers(), min_size=2, max_size=6), st.randoms())
def test_a_list_has_an_order_only_where_one_is_asked_for(items: list[Any], chance: Any) -> None:
    mixed = chance.sample(items, len(items))
    assert same(items, mixed)
    assert same(items, json.dumps(mixed))
    assert same(items, mixed, "List them in order.") == (items == mixed)
    assert not same(items, items[1:])
    assert same({"found": items}, {"found": mixed})


@given(st.lists(PLAIN, min_size=2, max_size=6, unique=True), st.sampled_from([", ", "\n- ", "; "]))
def test_a_text_that_lists_items_is_a_list(items: list[str], separator: str) -> None:
    text = separator.join(items)
    assert same(text, items)
    assert same(text, set(items))
    assert same(f"{', '.join(items[:-1])} and {items[-1]}", sorted(items))


class Colour(enum.Enum):
    RED = "red"


@dataclass
class City:
    name: str
    size: int


class Place(NamedTuple):
    x: int
    y: int


class Own:
    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and self.value == other.value

    def __hash__(self) -> int:
        return self.value


HOW_MANY = "How many ships are there?"


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        (0.1 + 0.2, 0.3, ""),
        (float("nan"), decimal.Decimal("nan"), ""),
        (Colour.RED, "Red", ""),
        (City("Ulm", 3), {"size": 3, "name": "ULM"}, ""),
        (datetime.date(2019, 3, 5), "2019-03-05", ""),
        (Place(1, 2), (1, 2), ""),
        (Own(1), Own(1), ""),
        ("yes.", True, ""),
        (["Leith"], "Leith", ""),
        ("There are 12 ships.", 12, HOW_MANY),
        ("Three ships", 3, HOW_MANY),
        ("12kg", "12 kg", ""),
        ("the O\N{RIGHT SINGLE QUOTATION MARK}Brien case", "O'Brien case", ""),
        ("\N{MINUS SIGN}5 \N{DEGREE SIGN}C", "-5\N{DEGREE SIGN}C", ""),
    ],
)
def test_what_says_the_same_is_the_same(one: Any, other: Any, question: str) -> None:
    assert same(one, other, question)


@pytest.mark.parametrize(
    ("one", "other", "question"),
    [
        ("C", "C++", ""),
        ("C#", "C", ""),
        ("-5 degrees", "5 degrees", ""),
        ("007", 7, ""),
        ("1.10", "1.1", "Which version is the latest?"),
        ("version 1.10", "version 1.1", ""),
        ("option A", "option B", ""),
        (True, 1, ""),
        (None, "", ""),
        ("There are 12 ships.", 12, ""),
        ("at least 12 ships", 12, HOW_MANY),
        ("12 million ships", 12, HOW_MANY),
        ("12 of 40", 12, HOW_MANY),
        (Place(1, 2), Place(2, 1), ""),
        ([["Ulm", 3, 4]], [["Ulm", 4, 3]], ""),
        (["a", "a", "b"], ["a", "b", "b"], ""),
        (Own(1), Own(2), ""),
        ("\N{DEVANAGARI LETTER KA}\N{DEVANAGARI VOWEL SIGN I}", "\N{DEVANAGARI LETTER KA}", ""),
        ("first Ulm, then Bonn", "first Bonn, then Ulm", ""),
    ],
)
def test_where_in_doubt_two_answers_are_different(one: Any, other: Any, question: str) -> None:
    assert not same(one, other, question)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("Leith", False),
        (", ".join(f"ship {n}" for n in range(100)), False),
        ("\n".join(f"{n}. The ship number {n}" for n in range(100)), False),
        (json.dumps(["a long sentence that goes on"] * 20), False),
        ("The ship was built at Leith and sold to Hull. " * 6, True),
        ("a ship that sails on to where no ship has ever been " * 5, True),
    ],
)
def test_a_long_text_is_prose_unless_it_lists_something(text: str, prose: bool) -> None:
    assert is_prose(text) is prose


def test_what_is_nested_too_deep_is_compared_all_the_same() -> None:
    deep: Sequence[Any] = []
    for _ in range(300):
        deep = [deep]
    assert same(deep, copy.deepcopy(deep))
