"""Conditions that a model writes in words -> tests of lines.

Together with `operations.py` this is run in the REPL of a guided run: it needs the standard
library alone.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator

Test = Callable[[str], object]

COMPARED = re.compile(
    r"(?P<label>.*?)\s*(?P<sign>>=|<=|==|=|>|<|\bmore than\b|\bless than\b|\bover\b|\babove\b"
    r"|\bunder\b|\bbelow\b|\bat least\b|\bat most\b)\s*(?P<number>-?\d[\d,]*(?:\.\d+)?)"
    r"\s*(?P<unit>[A-Za-z%]*)",
    re.I,
)
SIGNS = {
    **dict.fromkeys((">", "more than", "over", "above"), operator.gt),
    **dict.fromkeys(("<", "less than", "under", "below"), operator.lt),
    **dict.fromkeys((">=", "at least"), operator.ge),
    **dict.fromkeys(("<=", "at most"), operator.le),
    **dict.fromkeys(("=", "=="), operator.eq),
}
NUMBER = r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?"
NEGATION = re.compile(r"(?:not|no|without)\s+|!(?!=)\s*", re.I)


def asked(question: str) -> str:
    """What a question asks for: a `number`, a `list` or a `text`."""
    question = question.lower()
    if re.search(r"\bhow (?:many|often)\b|\bnumber of\b|\bcount\b", question):
        return "number"
    every = r"\b(?:all|every|each|both|list|name the|leave out|leaving out)\b"
    return "list" if re.search(every, question) else "text"


def condition(text: str, lines: Callable[[], Iterable[str]]) -> Test:
    """How to tell whether a line fulfils a condition, such as `DEBUG`, `status = 200`,
    `took > 1900 ms`, `not closed`: of the ways to read it, the strictest that any line fulfils."""
    text = text.strip()
    negated = NEGATION.match(text)
    if negated:
        inner = condition(text[negated.end() :], lines)
        return lambda line: not inner(line)
    readings = list(ways(text))
    return next((way for way in readings if any(map(way, lines()))), readings[0])


def ways(text: str) -> Iterator[Test]:
    """The ways to read a condition, the strictest first."""
    compared = COMPARED.fullmatch(text)
    if compared:
        yield from _comparisons(compared)
    values = [text]
    label, parted, value = _parted(text)
    if parted:
        between = rf"{re.escape(label)}[\"']?\s*[=:\s]\s*[\"']?{re.escape(value)}(?!\w)"
        yield re.compile(between, re.I).search
        values.append(value)
    elif " " in text:
        values.append(text.split()[-1])
    for one in values:
        # Of a number, none that is a part of a date, a time or an address.
        edge = r"[\w.:/-]" if re.fullmatch(r"[\d.,]+", one) else r"\w"
        pattern = rf"(?<!{edge}){re.escape(one)}(?!\w|[:/-]\d|\.\d)"
        yield re.compile(pattern).search
        yield re.compile(pattern, re.I).search
    yield re.compile(re.escape(text), re.I).search


def _parted(text: str) -> tuple[str, bool, str]:
    parts = re.split(r"\s*(?:==|=|:| is )\s*", text, maxsplit=1)
    if len(parts) < 2 or not parts[1]:
        return "", False, text
    return parts[0].strip("\"' "), True, parts[1].strip("\"' ")


def _comparisons(compared: "re.Match[str]") -> Iterator[Test]:
    sign, number = SIGNS[compared["sign"].lower()], _number(compared["number"])
    words = compared["label"].strip(" \"'").split()

    def test(pattern: str) -> Test:
        found = re.compile(pattern, re.I).search

        def holds(line: str) -> bool:
            match = found(line)
            return match is not None and sign(_number(match[1]), number)

        return holds

    # Of `request took > 5`, lines may have the last word alone.
    for at in range(len(words)):
        label = re.escape(" ".join(words[at:]))
        yield test(rf"(?<!\w){label}[\"']?\W{{0,4}}?({NUMBER})")
    for unit in dict.fromkeys((compared["unit"], *reversed(words))):
        if unit:
            yield test(rf"({NUMBER})\s?{re.escape(unit)}(?!\w)")


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def taken(lines: Iterable[str], example: str, home: str) -> list[str]:
    """What each line has in the place that `example` has in the line `home`."""
    lines = list(lines)
    best: list[str] = []
    for pattern in _places(example, home):
        found = [match[1] for line in lines if (match := pattern.search(line))]
        if len(found) > len(best):
            best = found
        if len(best) >= 0.98 * len(lines):
            break
    return list(dict.fromkeys(best))


def _places(example: str, home: str) -> Iterator["re.Pattern[str]"]:
    """Patterns for what is like an example, the strictest first."""
    shape = _shape(example)
    letters = re.match(r"[^\W\d_]+[\W_]*(?=.*\d)", example)
    fixed = letters[0] if letters else ""
    strict = re.escape(fixed) + _shape(example[len(fixed) :])
    at = home.find(example)
    if at < 0:  # the name of a field, perhaps
        yield re.compile(rf"(?<!\w){re.escape(example)}[\"']?\W{{1,4}}([^\s,;|\"']+)", re.I)
        return
    before, after = home[:at], home[at + len(example) :][:1]
    left = re.search(r"[^\W\d_]*\W{0,4}$", before)
    edge = re.escape(left[0]) if before and left else "^"
    if not after.isalnum():
        stop = re.escape(after) if after else "$"
        for inner in dict.fromkeys((strict, shape, r"[^\n]+?")):
            yield re.compile(rf"{edge}({inner})(?:{stop}|$)")
    for inner in dict.fromkeys((strict, shape)):
        yield re.compile(rf"(?<!\w)({inner})(?!\w)")


def _shape(text: str) -> str:
    """A pattern for texts with letters, digits and signs in the same order."""

    def kind(match: "re.Match[str]") -> str:
        part = match[0]
        if part.isdigit():
            return r"\d+"
        return r"[^\W\d_]+" if part.isalpha() else re.escape(part)

    return re.sub(r"\d+|[^\W\d_]+|[\W_]", kind, text)
