"""Whether an answer follows from a text that was read at once: a check that costs no request."""

from __future__ import annotations

import re

from unspool.engine.strategies.questions import asked
from unspool.typed import facts

_SUMMED = re.compile(r"\bhow much\b|\b(?:sum|total)\b", re.I)
_NUMBER = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty(?:-\w+)?"
    r"|hundred|thousand|dozen|none)\b",
    re.I,
)
_DENIAL = re.compile(
    r"\b(?:not|no|none|nothing|nobody|cannot|unable|unknown|unclear)\b|n't\b", re.I
)
_YES_OR_NO = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|may|must|should)\b", re.I
)
_WORD = re.compile(r"[^\W\d_]{4,}")
_BEGINNING = 5
"""Words that begin with the same letters are one, whatever their ending."""


def follows(said: str, text: str, question: str) -> bool:
    """Whether an answer says nothing but what the text and the question have: each number and
    name, and half of its other words at least. What code counts, and that there is no answer, are
    for another way to find out; code is no answer."""
    counts = asked(question) == "number" or _SUMMED.search(question)
    if "```" in said or (counts and _NUMBER.search(said)):
        return False
    if _DENIAL.search(said) and not _YES_OR_NO.match(question.strip()):
        return False
    known = f"{text}\n{question}"
    if not all(_has(known, fact) for fact in facts(said)):
        return False
    words = [word.lower() for word in _WORD.findall(said)]
    begun = {word.lower()[:_BEGINNING] for word in _WORD.findall(known)}
    return 2 * sum(word[:_BEGINNING] in begun for word in words) >= len(words)


def _has(known: str, fact: str) -> bool:
    """Whether a fact stands there by itself, and not within another."""
    return re.search(rf"(?<!\w)(?<!\d[.,]){re.escape(fact)}(?!\w|[.,]\d)", known, re.I) is not None
