"""Places of lines that take a few values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.engine.strategies.columns import columns


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("2025-06-{n:02} {v} request {n}01 took {n} ms", ""),
        ("{n}17;Ada {n};{v};open", ""),
        ("{n} | Main Hall | {v}", ""),
        ("waybill=AB{n}1 carrier={v} late={n}", "carrier"),
        ('{{"id": {n}11, "state": "{v}"}}', "state"),
        ("so it was said, {n} times {n}, and the {v} came", ""),
    ],
)
def test_what_stands_in_the_place_of_a_few_others_is_found(line: str, label: str) -> None:
    values = ("north gate" if ";" in line else "rail", "road", "barge")
    lines = [line.format(n=n, v=values[n % 3]) for n in range(10, 100)]
    found = [dict(counts) for name, counts in columns(lines) if name == label]
    assert dict.fromkeys(values, 30) in found


def test_what_differs_from_line_to_line_is_no_column() -> None:
    assert not list(columns([f"w{n} says x{n * 7}" for n in range(200)]))


@given(st.lists(st.text("ab ;|=:,", max_size=12), max_size=30))
def test_values_are_of_the_lines_and_no_more_often_than_there_are_lines(
    lines: Sequence[str],
) -> None:
    for _, values in columns(lines):
        assert sum(values.values()) <= len(lines)
        assert all(any(value in line for line in lines) for value in values)
