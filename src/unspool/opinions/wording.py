"""The normal form of a text: two that differ in wording's small change have the same."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import NamedTuple

from unspool.engine.strategies.questions import asked

TOKEN = re.compile(
    r"(?:(?<![\w)\]])-)?(?:[1-9][0-9]{0,2}(?:,[0-9]{3}){1,6}|[0-9]+)(?:\.[0-9]+)?(?![0-9]|[.,][0-9])"
    r"|[^\W\d_]+(?:'[^\W\d_]+)*|\d+|[^\w\s.,:;!?'\"()*\[\]{}`-]"
)
NUMBER = re.compile(
    r"[-+]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|0|[1-9][0-9]{0,39})(?:\.[0-9]{1,40})?(?:e[-+][0-9]{1,3})?"
    r"|[-+]?\.[0-9]{1,40}"
)
"""One that stands for an amount: `007` is a name."""
DASHES = dict.fromkeys(map(ord, "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}"), "-")
DASHES |= dict.fromkeys(map(ord, "\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}"), "-")
DASHES |= dict.fromkeys(
    map(ord, "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"), "'"
)
MEANT = frozenset("#%&@/\\")
"""Punctuation that tells one thing from another, as all symbols do: C, C# and C++."""
UNMEANT = frozenset("`\N{ACUTE ACCENT}")
ARTICLES = frozenset({"a", "an", "the"})
LEAD = re.compile(r"\s*(?:the )?(?:final )?answer(?: is:?|:)\s*(?=\S)", re.IGNORECASE)
ITEM = re.compile(r"^\s*(?:[-*\N{BULLET}]|[0-9]{1,4}[.)])\s+")
SENTENCE_CHARS = 1_000
"""A longer text says more than a number."""
NOTHING = " \t\r\n.,:;!?'\"()*[]{}`_-"
"""What is no item by itself."""
AROUND = " \t\n*_`\"'()[]"
"""What may stand around a number, besides the end of a sentence."""
SIGNS = {"yes": True, "true": True, "no": False, "false": False}
SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve".split()
    )
}
AMOUNTS = frozenset(
    "% percent hundred thousand million billion trillion dozen k m bn half no not none than least"
    " most about over under nearly almost".split()
)
"""Beside a number, they make it another one, or less than certain."""


class Asked(NamedTuple):
    """What a question says of how its answers are to be compared."""

    ordered: bool = False
    """The order of a list is part of the answer."""
    counted: bool = False
    """The answer is a number, whatever is said around it."""
    named: bool = False
    """What looks like a decimal fraction is a name: 1.10 is not 1.1."""

    @classmethod
    def of(cls, question: str) -> Asked:
        """Reads it off the words of a question."""
        return cls(
            ordered=bool(_ORDERED.search(question)),
            counted=asked(question) == "number",
            named=bool(_NAMED.search(question)),
        )


_ORDERED = re.compile(
    r"\b(?:order|sort|rank|chronolog|ascending|descending|alphabet|sequence|successi|consecutive"
    r"|step|earliest to|top[ -](?:\d|two|three|four|five|ten))|\bone after\b",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\b(?:versions?|releases?|chapters?|sections?|editions?)\b", re.IGNORECASE)


def tokens(text: str) -> tuple[str, ...]:
    """The words, numbers and symbols of a text that tell it from others."""
    found = [
        _number_alike(one) if "," in one or "." in one or "'" in one else one
        for one in TOKEN.findall(_plain(text).casefold())
        if one.isalnum() or _tells(one)
    ]
    if ARTICLES.isdisjoint(found):
        return tuple(found)
    # An article goes only before a word: "a" may be an option, or the name of one.
    return tuple(
        one
        for one, after in pairwise([*found, ""])
        if one not in ARTICLES or not (after.isalpha() and len(after) > 1)
    )


def number_in(text: str, asked: Asked) -> str:
    """The number that a text is, or that it comes to where a number was asked for; or ""."""
    if len(text) > SENTENCE_CHARS:
        return ""
    bare = _plain(text).lstrip(AROUND).rstrip(f"{AROUND}.;,!").lower()
    if NUMBER.fullmatch(bare):
        return "" if asked.named and "." in bare else bare.replace(",", "")
    if not asked.counted:
        return ""
    words = tokens(text)
    counts = [str(SMALL.get(word, word)) for word in words]
    numbers = [one for one in counts if NUMBER.fullmatch(one)]
    return numbers[0] if len(numbers) == 1 and AMOUNTS.isdisjoint(words) else ""


def pieces(text: str) -> list[str]:
    """The items of a text that lists some; else the text alone."""
    for separator in (r"\n+", r";\s", r",\s+(?:and\s+)?|\s+and\s+|\s+&\s+"):
        parts = [ITEM.sub("", part).strip(" ;,") for part in re.split(separator, text)]
        parts = [part for part in parts if part.strip(NOTHING)]
        if len(parts) > 1:
            return parts
    return [ITEM.sub("", text)]


def _plain(text: str) -> str:
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(DASHES)).translate(DASHES)


def _tells(token: str) -> bool:
    if token[-1].isalnum() or token in MEANT:
        return True
    # Marks are parts of letters, as vowels are in Devanagari.
    return unicodedata.category(token)[0] in "SM" and token not in UNMEANT


def _number_alike(token: str) -> str:
    """`1,234.00` as `1234`; an apostrophe tells nothing."""
    if not token[-1].isdigit():
        return token.replace("'", "")
    whole, _, rest = token.replace(",", "").partition(".")
    return whole if not rest.strip("0") else f"{whole}.{rest}"
