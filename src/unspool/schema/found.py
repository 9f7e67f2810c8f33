"""The JSON in a model's reply, whatever stands around it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

MOST_CHARS = 2_000_000
MOST_STARTS = 64
"""Where JSON may begin in a reply, before the search is given up."""

_THOUGHT = re.compile(r"\A.*</(?:think|thinking|reasoning)>", re.S | re.I)
_FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)\n?[ \t]*```", re.S)
_OPENS = re.compile(r"[{\[]")
_DECODER = json.JSONDecoder()


def values(reply: str) -> Iterator[Any]:
    """The JSON values in a reply, likeliest first: the whole of it, fenced blocks from the
    last to the first, then objects and lists between the words."""
    text = _THOUGHT.sub("", reply[:MOST_CHARS]).strip()
    for candidate in (text, *reversed(_FENCED.findall(text))):
        yield from _read(candidate.strip())
    end = 0
    for _, start in zip(range(MOST_STARTS), _OPENS.finditer(text), strict=False):
        if start.start() < end:
            continue  # inside of one that was read
        try:
            value, end = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        yield value


def plain(reply: str) -> str:
    """The reply as text, without its reasoning, a fence around it, or quotes."""
    text = _THOUGHT.sub("", reply).strip()
    fenced = _FENCED.fullmatch(text)
    text = fenced.group(1).strip() if fenced else text
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`"
    return text[1:-1] if quoted else text


def _read(text: str) -> Iterator[Any]:
    try:
        yield json.loads(text)
        return
    except (ValueError, RecursionError):
        pass
    if text[:1] in "{[" and text[-1:] in "}]":  # Python's spelling: single quotes, True, None
        try:
            yield ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return
