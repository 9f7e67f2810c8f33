"""`search` finds what `re` finds; `chunks` lose nothing and break no character."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from unspool.sandboxes.worker.cutting import UNITS, Cutter, tokens
from unspool.sandboxes.worker.search import Searcher

KNOWN = st.characters(exclude_categories=["Cn", "Co"])
"""What Python's tables know: RE2's may be of a later Unicode."""
LIKELY = st.sampled_from(
    'aabbiIkK\u212aſßéÉ_-1 \t\n\r\u0301\U0001f1e9\U0001f468\u200dσς٣中.,"#={}@\ud83d\ude00'
)
TEXTS = st.text(st.one_of(LIKELY, KNOWN), max_size=120)

ATOMS = r"a b k é ß . \w \d \s \W \S \D [a-c] [^a] [^\S\n] [\w-] (?:ab|a) (a) (?i:É) \n".split()
PLACES = r"^ $ \b \B (?<=a) (?!b) (?<![-k])".split()
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,3}", "*?", "+?"]
REPEATED = st.builds("{}{}".format, st.sampled_from(ATOMS), st.sampled_from(REPEATS))
PATTERNS = st.lists(st.one_of(REPEATED, st.sampled_from(PLACES)), min_size=1, max_size=4).map(
    "".join
)


class Elsewhere:
    """A text that is no `str`, as one that is too long for memory is."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __len__(self) -> int:
        return len(self._text)

    def __getitem__(self, at: Any) -> str:
        return self._text[at]

    def __getattr__(self, name: str) -> Any:
        if name not in ("find", "rfind", "count", "splitlines"):
            raise AttributeError(name)
        return getattr(self._text, name)


@given(PATTERNS, TEXTS)
@example(r"\W", "1kBk")
@example("i", "İıI")
@example(r"\w", "\u0345ι")
@example("b$", "ab\r\nb\nb\rb")
def test_search_gives_the_places_that_re_finds(pattern: str, text: str) -> None:
    try:
        regex = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    except re.error:
        return
    found = [match.span() for match in regex.finditer(text) if match.group()]
    if "\r\n" in text:
        ends = re.compile(pattern.replace("$", r"(?:(?=\r\n)|$)"), regex.flags)
        found = [match.span() for match in ends.finditer(text) if match.group()]
    wanted = [(start, end, "", text[start:end]) for start, end in found]
    assert Searcher(text).search(pattern, spans=True) == wanted
    assert Searcher(Elsewhere(text)).search(pattern, spans=True) == wanted


@given(
    TEXTS, st.integers(1, 60), st.sampled_from(UNITS), st.integers(0, 20), st.sampled_from([0, 1])
)
def test_chunks_cover_a_text_once_within_their_size(
    text: str, size: int, by: str, overlap: int, elsewhere: int
) -> None:
    given_ = Elsewhere(text) if elsewhere else text
    pieces = Cutter(given_).chunks(size, by)
    assert "".join(pieces) == text
    assert all(_long(piece, by) <= size or len(list(_clusters(piece))) == 1 for piece in pieces)
    overlapping = Cutter(given_).chunks(size, by, overlap=min(overlap, size - 1), spans=True)
    reached = 0
    for start, end, name, piece in overlapping:
        assert (name, piece) == ("", text[start:end])
        assert start <= reached < end
        reached = end
    assert reached == len(text)


@given(TEXTS, st.integers(1, 12), st.sampled_from(UNITS))
def test_chunks_break_no_character(text: str, size: int, by: str) -> None:
    at = 0
    for piece in Cutter(text).chunks(size, by):
        at += len(piece)
        if 0 < at < len(text):
            left, right = text[at - 1], text[at]
            assert (left, right) != ("\r", "\n")
            assert not ("\ud800" <= left <= "\udbff" and "\udc00" <= right <= "\udfff")
            assert unicodedata.category(right)[0] != "M" or left in "\r\n"
            assert "\u200d" not in (left, right) or left in "\r\n"


@given(TEXTS, st.sampled_from([unit for unit in UNITS if unit not in ("tokens", "characters")]))
def test_without_a_size_each_unit_is_a_piece(text: str, by: str) -> None:
    pieces = Cutter(text).chunks(by=by)
    assert "".join(pieces) == text
    if by == "lines":
        assert pieces == re.findall(r"[^\n]*\n|[^\n]+", text) or "\n\u0301" in text


def _long(piece: str, by: str) -> int:
    return tokens(piece) if by == "tokens" else len(piece)


def _clusters(piece: str) -> list[str]:
    """The characters as people see them, as far as `chunks` promises to keep them whole."""
    return list(Cutter(piece).chunks(1, "characters"))
