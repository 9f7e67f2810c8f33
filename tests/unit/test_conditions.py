"""Conditions in words as tests of lines, and what is taken of lines by example."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from unspool.engine.strategies.conditions import (
    as_asked,
    behind,
    condition,
    fields_of,
    taken,
)
from unspool.engine.strategies.questions import asked

LOG = [
    "2024-05-12 10:20:30 INFO web-3 status=200 took 1,905 ms from 10.0.0.12",
    "2024-05-12 10:21:30 DEBUG web-12 status=500 took 190 ms from 10.0.0.5",
    "2024-12-05 12:21:30 ERROR db-12 status=404 took 2000 ms from 10.0.0.200 INFORMATION",
]
DATED = ["2024-12-31 level 7", "2023-11-12 level 12", "at 12:30 level 3", "10.12.0.1 level 4"]


def holding(text: str, lines: Sequence[str]) -> list[int]:
    """Which of the lines fulfil a condition."""
    test = condition(text, lambda: lines)
    return [at for at, line in enumerate(lines) if test(line)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("DEBUG", [1]),
        ("debug", [1]),
        ("level DEBUG", [1]),
        ("INFO", [0]),
        ("web-12", [1]),
        ("10.0.0.12", [0]),
        ("2024-05-12", [0, 1]),
        ("status=200", [0]),
        ("status = 200", [0]),
        ("status == 200", [0]),
        ("status: 404", [2]),
        ("status is 500", [1]),
        ("the status is 200", [0]),
        ('"status": "404"', [2]),
        ("status >= 404", [1, 2]),
        ("status<404", [0]),
        ("took > 1900 ms", [0, 2]),
        ("took > 1,905", [2]),
        ("took >= 1905 ms", [0, 2]),
        ("request took > 1900", [0, 2]),
        ("took more than 1900 ms", [0, 2]),
        ("took at most 190 ms", [1]),
        ("took under 1905 ms", [1]),
        ("over 1905 ms", [2]),
        ("190 ms", [1]),
        ("not DEBUG", [0, 2]),
        ("no ERROR", [0, 1]),
        ("without ERROR", [0, 1]),
        ("!INFO", [1, 2]),
        ("not status=200", [1, 2]),
        ("not took > 1900", [1]),
        ("status != 200", [1, 2]),
        ("status is not 404", [0, 1]),
        ("level != DEBUG", [0, 2]),
    ],
)
def test_a_condition_is_read_as_it_was_meant(text: str, lines: list[int]) -> None:
    assert holding(text, LOG) == lines


def test_a_number_is_not_found_in_dates_times_and_addresses() -> None:
    assert holding("12", DATED) == [1]
    assert holding("level = 12", DATED) == [1]
    assert holding("level > 6", DATED) == [0, 1]


def test_the_strictest_reading_that_any_line_fulfils_is_the_one() -> None:
    lines = ["Open since May", "open", "OPENING"]
    assert holding("open", lines) == [1]
    assert holding("Open", lines) == [0]
    assert holding("oPEN", lines) == [0, 1]
    assert holding("PENIN", lines) == [2]


def test_a_condition_that_no_line_fulfils_fulfils_none() -> None:
    assert holding("closed", LOG) == []
    assert holding("took > 9999 ms", LOG) == []


@given(st.text(max_size=40))
def test_any_text_is_a_condition(text: str) -> None:
    assert set(holding(text, LOG)) <= {0, 1, 2}


@given(st.lists(st.integers(0, 99_999), min_size=1, max_size=20), st.integers(0, 99_999))
def test_comparisons_are_those_of_numbers(numbers: list[int], bound: int) -> None:
    lines = [f"2024-05-12 unit {n % 7}: load={n:,} kg, host 10.0.0.{n % 255}" for n in numbers]
    above = [at for at, n in enumerate(numbers) if n > bound]
    assert holding(f"load > {bound} kg", lines) == above
    assert holding(f"load over {bound:,}", lines) == above
    at_most = [at for at, n in enumerate(numbers) if n <= bound]
    assert holding(f"load <= {bound}", lines) == at_most
    assert holding(f"not load > {bound}", lines) == at_most


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("How many lines have it?", "number"),
        ("What is the number of guests?", "number"),
        ("Count the errors.", "number"),
        ("List the guests in room 3.", "list"),
        ("Name all ferries.", "list"),
        ("Which ships sank? Leave out none.", "list"),
        ("Where was she born?", "text"),
        ("What is the account of the sailor?", "text"),
    ],
)
def test_what_a_question_asks_for(question: str, kind: str) -> None:
    assert asked(question) == kind


# By example

NAMES = st.from_regex(r"[A-Z][a-z]{2,7}", fullmatch=True)
FIELDS = {
    "id": st.from_regex(r"[A-Z]{2}-[0-9]{3,4}", fullmatch=True),
    "name": st.builds(" ".join, st.lists(NAMES, min_size=1, max_size=2)),
    "load": st.integers(30_000, 99_999).map(str),
    "day": st.dates(datetime.date(2020, 1, 1), datetime.date(2039, 12, 31)).map(str),
    "kind": st.sampled_from(["open", "closed", "half-open"]),
}
ROWS = st.tuples(*FIELDS.values()).map(lambda row: dict(zip(FIELDS, row, strict=True)))
Row = dict[str, str]


def key_value(row: Row) -> str:
    return " ".join(f"{key}={value.replace(' ', '_')}" for key, value in row.items())


def comma(row: Row) -> str:
    return ",".join(row.values())


def as_json(row: Row) -> str:
    return json.dumps(row)


def log(row: Row) -> str:
    return f"{row['day']} {row['id']}: unit {row['name']!r} is {row['kind']} with {row['load']} kg"


@pytest.mark.parametrize("shape", [key_value, comma, as_json, log])
@pytest.mark.parametrize("field", FIELDS)
@settings(max_examples=25)
@given(
    rows=st.lists(ROWS, min_size=3, max_size=12),
)
def test_a_field_is_taken_of_all_records_by_examples_of_it(
    shape: Callable[[Row], str], field: str, rows: list[Row]
) -> None:
    lines = [shape(row) for row in rows]
    values = [value_in(line, row[field]) for line, row in zip(lines, rows, strict=True)]
    few = (0, len(rows) // 3, 2 * len(rows) // 3)
    assume(all(lines[at].count(values[at]) == 1 for at in few))
    found = taken(lines, [(lines[at], values[at]) for at in few])
    assert found == list(dict.fromkeys(values))


def value_in(line: str, value: str) -> str:
    """A value as it stands in the line."""
    return value if value in line else value.replace(" ", "_")


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("5917-LR-63;bolt;west store;2541", ["5917-LR-63", "bolt", "west store", "2541"]),
        ("id=R007 floor=two guest=Ines", ["R007", "two", "Ines"]),
        ('{"id": "R 7", "floor": 2, "paid": true}', ["R 7", "2", "true"]),
        ("Parcel WJ-77 went to Ines.", ["Parcel", "WJ-77", "went", "to", "Ines"]),
        ("a|b|a", ["a", "b"]),
        ("", []),
    ],
)
def test_a_line_has_fields(line: str, fields: list[str]) -> None:
    assert fields_of(line) == fields


@given(st.text(max_size=80))
def test_the_fields_of_any_line_are_parts_of_it(line: str) -> None:
    assert all(one and one in line for one in fields_of(line))


@pytest.mark.parametrize(
    ("question", "word"),
    [("Which accounts are on the family plan?", "family"), ("Which are Polish?", "PL")],
)
def test_a_word_of_the_question_that_a_model_took_for_a_label_is_the_condition(
    question: str, word: str
) -> None:
    rows = [
        f"a{n}@x.example,{'family' if n < 20 else 'single'},{'PL' if n % 2 else 'GR'}"
        for n in range(40)
    ]
    test = condition("family=PL", lambda: rows, question)
    fulfil = [row for row in rows if test(row)]
    assert fulfil == [row for row in rows if word in row]


def test_a_number_without_a_name_is_the_one_that_the_question_points_to() -> None:
    rows = [f'10.0.0.{n} "GET /a{n}" 404 {n * 1000}' for n in range(20)]
    question = "How many had more than 9000 bytes (the last number of the line)?"
    test = condition("bytes > 9000", lambda: rows, question)
    assert [row for row in rows if test(row)] == rows[10:]


def _held(text: str, question: str, lines: Sequence[str]) -> list[int]:
    test = condition(text, lambda: lines, question)
    return [at for at, line in enumerate(lines) if test(line)]


def test_the_question_tells_by_a_word_before_it_which_number_is_compared() -> None:
    lines = ["payment 9001 of 2500 thaler", "payment 9002 of 90 ducat", "payment 2100 of 7 florin"]
    question = "How many payments are of more than 2,100 (whatever the coin)?"
    for text in ("more than 2,100", "payment > 2,100", "amount > 2,100", "> 2,100"):
        assert _held(text, question, lines) == [0], text


def test_the_last_number_of_a_line_is_that_of_the_number_that_the_question_says_so_of() -> None:
    lines = ['"GET /a" 200 35000', '"GET /b" 404 99000', '"GET /c" 200 99000']
    question = "How many have the status 200 and more than 38000 bytes (the last number)?"
    assert _held("> 38000", question, lines) == [1, 2]
    assert _held("status=200", question, lines) == [0, 2]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("33540", "> 33,540"),
        ("33,540 >", "> 33,540"),
        ("33540 > size", "size > 33,540"),
        ("size < 33540", "size > 33,540"),
        ("not < 33540", "not < 33540"),
        ("size > 33540 bytes", "size > 33,540 bytes"),
        ("size of more than 33540", "size > 33,540"),
        ("20", ">= 20"),
        ("wait=7", "wait <= 7"),
        ("10:30", "10:30"),
        ("GET", "GET"),
        ("> 12", "> 12"),
        ("status=90", "status=90"),
        ("time > 90", "time > 90"),
    ],
)
def test_the_question_says_how_a_number_is_compared(text: str, meant: str) -> None:
    question = (
        "How many GET requests had a size of more than 33,540, at least 20 hops, a wait not over 7,"
        " the status 90 and a time under 90, later than 10:30?"
    )
    assert as_asked(text, question) == meant.replace("time >", "time <")


@pytest.mark.parametrize("line", ["late_minutes={}", '"minutes_late": "{}"', "late: {} minutes"])
def test_a_number_is_found_by_what_stands_beside_it_in_the_question(line: str) -> None:
    lines = [f"AB140 {line.format(n)} 140" for n in (3, 140, 141, 900)]
    question = "How many shipments were more than 140 minutes late?"
    for text in ("140", "> 140", "140 > late"):
        assert _held(text, question, lines) == [2, 3], text


@pytest.mark.parametrize(
    ("label", "line", "value"),
    [
        ("ear tag", "ear tag 808/5: merino", "808/5"),
        ("id", '{"id": "ORD-7", "sum": 3}', "ORD-7"),
        ("address", "user=3 address=ada@x.example;", "ada@x.example"),
        ("addresse", "Address: ada@x.example, Vik", "ada@x.example"),
        ("order", "the border 7 of reordered 8", ""),
        ("", "ear tag 808/5", ""),
    ],
)
def test_what_stands_behind_a_label(label: str, line: str, value: str) -> None:
    assert behind(label, line) == value
