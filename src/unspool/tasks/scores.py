"""How right an answer is, whatever its form."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_LONGEST_ANSWER = 600
"""Characters of an answer to one plain question. What is longer is no answer but a part of the
text, or of everything that was thought."""

_SMALL = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
}
_TENS = {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_NUMBER_WORD = "|".join([*_SMALL, *_TENS, *_SCALES])
_IN_WORDS = re.compile(rf"\b(?:{_NUMBER_WORD})(?:(?:-|\s+and\s+|\s+)(?:{_NUMBER_WORD}))*\b", re.I)
_IN_DIGITS = re.compile(r"(?<![\w.])-?(?:\d{1,3}(?:[,_\u00a0\u202f]\d{3})+|\d+)(?:\.\d+)?(?![\w])")
_MONTHS = (
    "january february march april may june july august september october november december".split()
)
_MONTH = "|".join(f"{month}|{month[:3]}" for month in _MONTHS)
_DAY_FIRST = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+({_MONTH})\.?,?\s+(\d{{4}})\b", re.I
)
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(\d{{1,2}})(?:st|nd|rd|th)?,?\s+(\d{{4}})\b", re.I)
_LEADS = re.compile(
    r"^\W*(?:the\s+)?(?:final\s+)?(?:answer|result)(?:\s+to\s+the\s+question)?(?:\s+is)?\s*[:=]?\s*",
    re.I,
)


def one(answer: object, expected: str, wrong: Sequence[str], question: str = "") -> float:
    """1 where an answer says `expected`, and none of `wrong` that is not of the question."""
    text, value = plain(_shown(answer)), plain(expected)
    if len(text) > _LONGEST_ANSWER:
        return 0.0
    if not _says(text, value) and not (value.isdigit() and _numbers(text) == [float(value)]):
        return 0.0
    asked = plain(question)
    others = (plain(other) for other in wrong)
    return float(not any(_says(text, other) and not _says(asked, other) for other in others))


def pairs(answer: object, expected: Mapping[str, str], wrong: Sequence[str]) -> float:
    """The share of what was asked that is told, of as many things as were told.

    An answer that names what it is about has to tell the right value of each name; one of
    values alone has to have them in the order of the question.
    """
    told = _read(answer)
    text = plain(_shown(answer))
    if len(text) > _LONGEST_ANSWER * len(expected):
        return 0.0
    names = [plain(name) for name in expected]
    values = [plain(value) for value in expected.values()]
    extra = sum(_says(text, plain(other)) for other in wrong)
    if isinstance(told, Mapping) and all(isinstance(v, (str, int, float)) for v in told.values()):
        given = {plain(str(name)): plain(str(value)) for name, value in told.items()}
        if all(any(name in key for key in given) for name in names):
            right = sum(
                any(name in key and _says(given[key], value) for key in given)
                for name, value in zip(names, values, strict=True)
            )
            return right / max(len(names), right + extra)
    right = _in_place(text, names, values)
    return right / max(len(names), right + extra)


def number(answer: object, question: str = "") -> float | None:
    """The one number that an answer says; None where there is none, or there are several.

    Numbers of the question may be said again beside it.
    """
    told = _read(answer)
    if isinstance(told, (int, float)) and not isinstance(told, bool):
        return float(told)
    if isinstance(told, Mapping) and len(told) == 1:
        return number(next(iter(told.values())), question)
    if isinstance(told, (list, tuple)) and len(told) == 1:
        return number(told[0], question)
    if not isinstance(told, str) or len(told) > _LONGEST_ANSWER:
        return None
    said = set(_numbers(told))
    if len(said) > 1:
        said -= set(_numbers(question))
    return said.pop() if len(said) == 1 else None


def label(answer: object, labels: Iterable[str]) -> str | None:
    """The one label that an answer names; None where it names none, or several."""
    said = set(re.findall(r"\w+", str(answer).casefold()))
    named = [one for one in set(labels) if one.casefold() in said]
    return named[0] if len(named) == 1 else None


def near(told: float | None, expected: int) -> float:
    """1 less the relative error, at least 0."""
    if told is None or not math.isfinite(told):
        return 0.0
    return max(0.0, 1.0 - abs(told - expected) / max(expected, 1))


def members(answer: object, expected: frozenset[str], form: str) -> float:
    """The F1 of the members that an answer names: what its text has that matches `form`, and of
    a list also each entry that has nothing of the kind, which is wrong."""
    pattern = re.compile(form)
    told = _read(answer)
    named: set[str] = set()
    strange = 0
    entries: Iterable[object] = (told,)
    if isinstance(told, Mapping):
        entries = told.items() if len(told) != 1 else _several(next(iter(told.values())))
    elif not isinstance(told, str):
        entries = _several(told)
    for entry in entries:
        found = pattern.findall(_shown(entry))
        named.update(found)
        strange += not found
    right = len(named & expected)
    if not right:
        return 0.0
    return 2 * right / (len(named) + strange + len(expected))


def covered(answer: object, parts: Sequence[Sequence[str]], context: str) -> float:
    """The share of the parts of which a name is told; 0 where a name is told that the text does
    not have. A name is a word with a capital that does not begin a sentence."""
    told = _shown(answer)
    known = plain(context)
    named = {plain(one) for one in re.findall(r"(?<=[a-z,;] )[A-Z][a-z]{2,}", told)}
    if any(not _says(known, name) for name in named):
        return 0.0
    text = plain(told)
    return sum(any(_says(text, plain(name)) for name in names) for names in parts) / len(parts)


def words(answer: object, expected: Sequence[str]) -> float:
    """The best F1 over words against any of `expected`, without articles and marks."""
    said = _bag(_LEADS.sub("", _shown(answer)))
    return max(_overlap(said, _bag(right)) for right in expected)


def plain(text: str) -> str:
    """The text in small letters, with single spaces, numbers without commas and days as
    year-month-day."""
    text = _DAY_FIRST.sub(lambda found: _day(found[3], found[2], found[1]), text)
    text = _MONTH_FIRST.sub(lambda found: _day(found[3], found[1], found[2]), text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"[‐‑‒–—]", "-", text)
    return " ".join(re.sub(r"[*_`\"“”]+(?!\w)|(?<!\w)[*_`\"“”]+", "", text).casefold().split())


def _day(year: str, month: str, day: str) -> str:
    at = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month.lower()[:3]))
    return f"{year}-{at:02}-{int(day):02}"


def _says(text: str, value: str) -> bool:
    """Whether a value stands in a text by itself, not as a part of something longer."""
    return re.search(rf"(?<!\w)(?<!\w[.-]){re.escape(value)}(?![.-]?\w)", text) is not None


def _in_place(text: str, names: Sequence[str], values: Sequence[str]) -> int:
    """How many values stand where they belong: by their names, or in order without any."""
    places = sorted((at, n) for n, name in enumerate(names) if (at := text.find(name)) >= 0)
    found = [(text.find(value), n) for n, value in enumerate(values) if _says(text, value)]
    if len(places) < len(names):
        order = [n for _, n in sorted(found)]
        if len(order) == len(values):
            return sum(at == n for at, n in enumerate(order))
        return len(order) if order == sorted(order) else 0
    after = sum(
        next((n for at, n in reversed(places) if at < place), -1) == own for place, own in found
    )
    before = sum(next((n for at, n in places if at > place), -1) == own for place, own in found)
    return max(after, before)


def _numbers(text: str) -> list[float]:
    """What a text says in digits; where there are none, in words."""
    digits = [float(re.sub(r"[,_\u00a0\u202f]", "", found)) for found in _IN_DIGITS.findall(text)]
    return digits or [float(_value(found)) for found in _IN_WORDS.findall(text)]


def _value(text: str) -> int:
    whole = part = 0
    for word in re.split(r"[-\s]+", text.lower()):
        if word in _SMALL or word in _TENS:
            part += _SMALL.get(word, _TENS.get(word, 0))
        elif word == "hundred":
            part = max(part, 1) * 100
        elif word in _SCALES:
            whole += max(part, 1) * _SCALES[word]
            part = 0
    return whole + part


def _read(answer: object) -> object:
    """What an answer holds: JSON and Python values that came as text, read."""
    if not isinstance(answer, str):
        return answer
    text = re.sub(r"^```\w*\n|\n?```$", "", answer.strip()).strip()
    if text[:1] in ("{", "[", '"'):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _several(value: object) -> Iterable[object]:
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    return (value,)


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(value)


def _bag(text: str) -> Counter[str]:
    bare = re.sub(r"[^\w\s]", "", text.casefold())
    return Counter(word for word in bare.split() if word not in ("a", "an", "the"))


def _overlap(said: Counter[str], right: Counter[str]) -> float:
    common = (said & right).total()
    if not common:
        return 0.0
    return 2 * common / (said.total() + right.total())
