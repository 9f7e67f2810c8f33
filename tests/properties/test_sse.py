"""Server-sent events are the same however their bytes are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.models.sse import SseParser


def parse(stream: bytes, cuts: list[int]) -> list[str]:
    parser, found = SseParser(), []
    bounds = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    for start, end in pairwise(bounds):
        found += parser.feed(stream[start:end])
    return found + parser.end()


line = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
newline = st.sampled_from(["\n", "\r\n", "\r"])
part = st.one_of(line, line.map("data: {}".format), line.map(": {}".format), st.just(""))
stream = st.lists(st.tuples(part, newline)).map(
    lambda parts: "".join(text + end for text, end in parts).encode()
)


@given(stream, st.lists(st.integers(0, 300), max_size=12))
def test_any_cut_gives_the_same_events(data: bytes, cuts: list[int]) -> None:
    assert parse(data, cuts) == parse(data, [])


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=12))
def test_any_bytes_at_all_give_the_same_events(data: bytes, cuts: list[int]) -> None:
    assert parse(data, cuts) == parse(data, [])


@given(st.lists(line.filter(bool)), newline, st.lists(st.integers(0, 300), max_size=12))
def test_what_was_sent_is_what_is_read(texts: list[str], end: str, cuts: list[int]) -> None:
    data = "".join(f"data: {text}{end}{end}" for text in texts).encode()
    assert parse(data, cuts) == texts


@pytest.mark.parametrize(
    ("data", "events"),
    [
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b": ping\n\nevent: x\nid: 1\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data: a", ["a"]),
        (b"data\n\n", [""]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(data: bytes, events: list[str]) -> None:
    assert parse(data, []) == events
