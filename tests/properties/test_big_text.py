"""A text that stays in its file gives what the same text gives as a `str`, whatever is asked.

Its windows are a few bytes long here, so that everything lies across the edge of one.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.sandboxes.worker.text import patterns
from unspool.sandboxes.worker.text.big import BigText
from unspool.sandboxes.worker.text.source import Sizes, Source, TooLarge

PATTERNS = (
    r"\w+",
    r"(a|b)+c?",
    r"\bab\b",
    r"^.*$",
    r"(?m)^.*a.*$",
    r"(?m)^a?$",
    r"[^ab]+",
    r"(\w)\1",
    r"\w+(?=\s)",
    r"(?<=a)b",
    r"(?<!a)b\W*",
    r"(?s)a.*?b",
    r"(?s)a(.*?)b\w*",
    r"(?s)a.*b",
    r"(?s)\d+.*?\d",
    r"(?s)\w+.*?c.*?a",
    r"(?s)a+?.*?(?=b|\Z)",
    r"(?s)(?:ab|b).*?c",
    r"(?i)É+|K",
    r"(?i)straße|ſ",
    r"\d{2,3}",
    r"(?:a\w+\W+){2}",
    r"\Aa",
    r"a\Z",
    r"b$",
    r"\n\s*\n",
    r"x*",
    r"|a",
    r"(?!x)",
    r"(?m)$",
    r"(?P<n>a)|(?P<m>b)",
    r"[\s\S]{0,5}b[\s\S]{0,5}",
    r"(a)?b(?(1)c|a)",
    r"中|é",
    r"\ufffd",
    r"(?a)\w+\s",
    r"(?s).",
    r"a*+b",
    r"(?>a|ab)c",
)

characters = st.sampled_from("aaabbc \n\r\té中😀\u2028_12KſßÉ\ufffd\x85\0")
pieces = st.sampled_from([b"a", b"b", b"c", b"\n", b" ", b"\xc3", b"\xa9", b"\xe4\xb8", b"\x80"])
broken = st.lists(pieces | st.sampled_from([b"\xf0\x9f", b"\xed\xa0", b"\xff", "é".encode()]))
data = st.one_of(
    st.text(st.sampled_from("aabbc \n"), max_size=100).map(str.encode),
    st.text(characters, max_size=100).map(str.encode),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60).map(str.encode),
    broken.map(b"".join),
)
sizes = st.builds(
    Sizes,
    block=st.sampled_from([4, 7, 16]),
    window=st.sampled_from([8, 16, 32]),
    string=st.sampled_from([0, 10, 40]),
    reach=st.sampled_from([64, 200]),
)
places = st.none() | st.integers(-120, 120)
short = st.text(st.sampled_from("aabb \n\ufffdé中"), max_size=3)


@contextmanager
def both(data: bytes, sizes: Sizes, ends: tuple[int, int]) -> Iterator[tuple[BigText, str]]:
    """A text in a file, and the same as a `str`; or the same part of both."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        source = Source(os.dup(file.fileno()), 0, len(data), sizes)
        text = data.decode("utf-8", "replace")
        low, high = sorted(min(end, len(text)) for end in ends)
        try:
            if high == low:
                yield BigText(source), text
            else:
                part = BigText(source, source.byte_at(low), source.byte_at(high))
                yield part, text[low:high]
        finally:
            os.close(source._fd)


ends = st.just((0, 0)) | st.tuples(st.integers(0, 90), st.integers(0, 90))
texts = st.builds(both, data, sizes, ends)


def plain(value: Any) -> Any:
    """The same with each text in memory."""
    if type(value) is BigText:
        return "".join(value.windows())
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return list(map(plain, value))


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, or the kind of what it raises."""
    try:
        return plain(call())
    except TooLarge:
        raise
    except (ValueError, IndexError) as failed:
        return type(failed)


@given(texts=texts, start=places, stop=places, step=st.sampled_from([None, 1, 2, -1, -3]))
def test_slices_and_characters(
    texts: Any, start: int | None, stop: int | None, step: int | None
) -> None:
    with texts as (big, text):
        expected = text[start:stop:step]
        if step in (None, 1) or len(expected) <= big.extent.source.sizes.string:
            assert plain(big[start:stop:step]) == expected
        if start is not None:
            assert outcome(lambda: big[start]) == outcome(lambda: text[start])
        assert (len(big), bool(big), list(big)) == (len(text), bool(text), list(text))


@given(texts=texts, start=places, stop=places, pattern=st.sampled_from(PATTERNS))
def test_what_needs_all_of_a_text_takes_slices(
    texts: Any, start: int | None, stop: int | None, pattern: str
) -> None:
    """Of what stays in the file, it is refused."""
    with texts as (big, text):
        mine, real = patterns.compile(pattern), re.compile(pattern)
        piece, expected = big[start:stop], text[start:stop]
        for do in (
            lambda regex, given: given.lower(),
            lambda regex, given: given.upper(),
            lambda regex, given: f"<{given}>",
            lambda regex, given: f"{given:>9}",
            lambda regex, given: regex.sub("-", given),
            lambda regex, given: regex.subn("-", given, 2),
        ):
            if isinstance(piece, BigText):
                with pytest.raises(TooLarge):
                    do(mine, piece)
            else:
                assert do(mine, piece) == do(real, expected)


@given(texts=texts, word=short, start=places, end=places)
def test_looking_for_a_text(texts: Any, word: str, start: int | None, end: int | None) -> None:
    with texts as (big, text):
        assert (word in big) == (word in text)
        for name in "find rfind index rindex count startswith endswith".split():
            asked = (word, start, end)
            mine, real = (partial(getattr(one, name), *asked) for one in (big, text))
            assert outcome(mine) == outcome(real), name
        assert big.startswith((word, "a")) == text.startswith((word, "a"))


@given(texts=texts, separator=short.filter(bool), most=st.integers(0, 3), at=st.integers(-9, 9))
def test_cutting(texts: Any, separator: str, most: int, at: int) -> None:
    with texts as (big, text):
        for args in ((), (separator,), (separator, most), (None, most)):
            assert plain(big.split(*args)) == text.split(*args), args
        assert plain(big.rsplit(separator, most)) == text.rsplit(separator, most)
        assert plain(big.partition(separator)) == text.partition(separator)
        assert plain(big.rpartition(separator)) == text.rpartition(separator)
        for keep in (False, True):
            assert plain(big.splitlines(keep)) == text.splitlines(keep)
        lines, expected = big.splitlines(), text.splitlines()
        assert len(lines) == len(expected)
        assert plain(lines[at : at + 3]) == expected[at : at + 3]
        assert plain(lines.copy()) == expected.copy()
        assert outcome(lambda: lines[at]) == outcome(lambda: expected[at])
        for name in "strip lstrip rstrip".split():
            for chars in (None, "ab \n"):
                assert plain(getattr(big, name)(chars)) == getattr(text, name)(chars)
        assert plain(big.removeprefix(separator)) == text.removeprefix(separator)
        assert plain(big.removesuffix(separator)) == text.removesuffix(separator)


@given(texts=texts, other=short, position=st.integers(0, 90))
def test_comparing_and_lines(texts: Any, other: str, position: int) -> None:
    with texts as (big, text):
        assert big == text
        assert (big != text) is False
        assert hash(big) == hash(BigText(big.extent.source, big.extent.start, big.extent.end))
        compared = (big < other, big <= other, big > other, big >= other, big == other)
        assert compared == (text < other, text <= other, text > other, text >= other, text == other)
        assert big.isascii() == text.isascii()
        position = min(position, len(text))
        start = text.rfind("\n", 0, position) + 1
        end = text.find("\n", position)
        assert big.line_at(position) == (start, len(text) if end < 0 else end)
        assert big.line_number(position) == text.count("\n", 0, position) + 1


def seen(match: Any) -> Any:
    if match is None:
        return None
    named = match.groupdict(), match.lastindex, match.lastgroup
    return match.span(), match.pos, match.group(), match.groups(), match[0], match.regs, named


@settings(max_examples=400)
@given(
    texts=texts,
    pattern=st.sampled_from(PATTERNS),
    pos=st.just(0) | st.integers(0, 90),
    endpos=st.just(sys.maxsize) | st.integers(0, 90),
    most=st.integers(1, 3),
)
def test_regular_expressions(texts: Any, pattern: str, pos: int, endpos: int, most: int) -> None:
    """What would depend on too much text may be refused, and nothing else is."""
    with texts as (big, text):
        mine, real = patterns.compile(pattern), re.compile(pattern)
        asked: list[Callable[[Any, Any], Any]] = [
            lambda regex, given: [seen(one) for one in regex.finditer(given, pos, endpos)],
            lambda regex, given: seen(regex.search(given, pos)),
            lambda regex, given: seen(regex.match(given, pos)),
            lambda regex, given: seen(regex.match(given, pos, endpos)),
            lambda regex, given: seen(regex.fullmatch(given, pos)),
            lambda regex, given: seen(regex.fullmatch(given, pos, endpos)),
            lambda regex, given: regex.findall(given, pos),
            lambda regex, given: plain(regex.split(given)),
            lambda regex, given: plain(regex.split(given, most)),
        ]
        for number, ask in enumerate(asked):
            try:
                found = ask(mine, big)
            except TooLarge:
                assert big.size_bytes > big.extent.source.sizes.reach
                continue
            assert found == ask(real, text), number
