"""What a model is told of a context has the same length whatever the context's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unspool import Context
from unspool.context.describe import describe
from unspool.loaders.parts import Gathering, Lost, Part


def joined(*given: Part | Lost) -> Context:
    gathering = Gathering()
    for part in given:
        gathering.add(part)
    return gathering.context(["these"])


def many(count: int, *others: Part | Lost) -> Context:
    logs = [Part(f"log{n:06}.txt", f"entry {n}\n" * 5, {"format": "txt"}) for n in range(count)]
    return joined(*logs, *others)


def test_it_says_kinds_counts_sizes_and_the_first_names() -> None:
    text = describe(many(8, Part("t.csv", "a,b\n", {"format": "csv"})), 300)
    assert "a sequence of 9 documents" in text
    assert "They are 8 txt, 1 csv; 4 to 40 characters, the median 40: log000000.txt," in text
    assert "log000004.txt, ..." in text
    assert "context.text" in text
    brief = describe(many(8), 0)
    assert "They are 8 txt: log000000.txt," in brief
    assert "context.text" in brief
    assert len(brief) < 300


LONG = "x" * 5_000


@pytest.mark.parametrize("preview", [0, 1_000])
def test_it_does_not_grow_with_the_context(preview: int) -> None:
    long = many(
        20_000,
        *(Part(LONG + str(n), LONG, {"format": f"kind {n} {LONG}"}) for n in range(50)),
        *(Lost(LONG, LONG) for _ in range(50)),
    )
    given: list[Any] = [
        long,
        joined(*(Part(f"{n}{LONG}", LONG, {"format": LONG}) for n in range(9))),
        Context([{LONG: LONG, **{str(n): LONG for n in range(99)}}] * 5_000),
        Context({LONG + str(n): LONG for n in range(5_000)}),
        Context([[LONG] * 99] * 99),
        Context(LONG * 1_000, notes=(LONG,) * 50),
    ]
    for context in given:
        assert len(describe(context, preview)) < 6_000 + 2 * preview


def test_it_shows_the_head_the_middle_and_the_end() -> None:
    text = "begin" + "x" * 50_000 + "middle" + "x" * 50_000 + "finish"
    shown = describe(Context(text), 300)
    assert "begins 'begin" in shown
    assert "has 'dlexx" in shown
    assert "finish'." in shown
    assert "begin" not in describe(Context(text), 0)


def test_documents_that_are_unlike_the_rest_are_named() -> None:
    odd = many(
        30,
        Part("settings.json", "{}", {"format": "json"}),
        Part("big.txt", "y" * 90_000, {"format": "txt"}),
        Part("other.txt", "Это другой язык", {"format": "txt"}),
    )
    (line,) = [line for line in describe(odd, 300).splitlines() if "Different" in line]
    assert "big.txt is 2,000 times as long as most" in line
    assert "settings.json is json" in line
    assert "other.txt is in Cyrillic script" in line
    assert "Different" not in describe(many(30), 1_000)
    mixed = [Part(f"{n}", "x", {"format": f"{n % 3}"}) for n in range(30)]
    assert "Different" not in describe(joined(*mixed), 300)


def test_a_place_in_a_long_text_that_is_unlike_the_rest_is_shown() -> None:
    log = "".join(f"2024-01-{n % 28 + 1:02} worker {n} did a thing\n" for n in range(20_000))
    table = json.dumps({str(n): [n, n * n] for n in range(5_000)})
    at = log.index("\n", 500_000)
    shown = describe(Context(f"{log[:at]}\n{table}\n{log[at:]}"), 300)
    assert "Unlike the rest, in samples: at 5" in shown
    assert "Unlike" not in describe(Context(log), 300)


def test_items_of_a_list_are_described() -> None:
    rows: list[Any] = [{"id": n, "text": "t"} for n in range(50)]
    shown = describe(Context([*rows, {"error": "e"}]), 300)
    assert "Its first item is a dict with the keys 'id', 'text'." in shown
    assert "item 50 is a dict with the keys error" in shown
    assert "context[25] is {'id': 25, 'text': 't'}" in shown
    assert "Its keys: 'a', 'b'" in describe(Context({"a": 1, "b": 2}), 0)
