"""Conditions that a model writes in words -> tests of lines.

Like `questions.py`, `lines.py` and `operations.py` this is run in the REPL of a guided run: it
needs the standard library alone.
"""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

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
MORE = r"(?:more|greater|larger|bigger|higher|longer|heavier|taller) than"
LESS = r"(?:less|fewer|smaller|lower|shorter|lighter|cheaper) than"
WORDED = {
    ">": rf"{MORE}|over|above|beyond|exceed(?:s|ed|ing)?",
    "<": rf"{LESS}|under|below",
    ">=": "at least",
    "<=": "at most",
}
OTHERWISE = {">": "<=", "<": ">="}
THAN = "|".join(WORDED.values())
NUMBER = r"(?<![\w.])-?\d(?:[\d,]*\d)?(?:\.\d+)?"
ASKED = re.compile(
    r"(?P<no>\bno |(?:\b(?:not|never|without|exclud\w+)|n['’]t) (?:\w+ ){0,3})?"
    rf"\b(?P<sign>{THAN})(?:\s+|\s*[$€£]\s?)(?P<number>{NUMBER})(?!\d|[:/.-]\d)",
    re.I,
)
WRITTEN = (
    r"(?P<label>(?:(?!\b(?:not|no)\b)[^<>=!\d])*?)"
    rf"\s*(?:(?:\b(?:is|of) )?(?P<sign>[<>]=?|==?|{THAN})\s*)?"
    rf"(?P<number>{NUMBER})\s*(?P<turned>[<>]=?)?\s*(?P<rest>[^<>=\d]*)"
)
"""A condition with one number, whichever way round."""
UNLIKE = re.compile(r"(.+?)\s*(?:!=|<>|\bis not\b)\s*(.+)", re.I)
NEGATION = re.compile(r"(?:not|no|without)\s+|!(?!=)\s*", re.I)


def condition(text: str, lines: Callable[[], Iterable[str]], question: str = "") -> Test:
    """How to tell whether a line fulfils a condition, such as `DEBUG`, `status = 200`,
    `took > 1900 ms`, `not closed`: of the ways to read it, the strictest that any line fulfils.
    The question may say the unit that a number lacks."""
    given, text = text.strip(), as_asked(text.strip(), question)
    negated, unlike = NEGATION.match(text), UNLIKE.fullmatch(text)
    if negated or unlike:
        meant = text[negated.end() :] if negated else UNLIKE.sub(r"\1 = \2", text)
        same = _read(meant, meant, lines, question)
        return lambda line: not same(line)
    return _read(given, text, lines, question)


def _read(given: str, text: str, lines: Callable[[], Iterable[str]], question: str) -> Test:
    """A condition as it was given, and as the question compares it, where it does not say not."""
    literal = standing(given, re.I).search
    worded = any(map(str.isalpha, given)) and not re.search("[<>=]", given)
    compared = None if worded and any(map(literal, lines())) else comparison(text, lines, question)
    if compared:
        return compared
    if text != given and not worded:  # a number that is compared stands for no other
        return lambda line: False
    readings = list(ways(given, question))
    return next((way for way in readings if any(map(way, lines()))), readings[0])


def comparison(text: str, lines: Callable[[], Iterable[str]], question: str = "") -> "Test | None":
    """How to tell whether a line fulfils a condition that compares a number, where any line has
    such a number, whether or not it holds."""
    compared = COMPARED.fullmatch(text)
    numbers = _compared_in(compared, question) if compared else ()
    found = next((one for one in numbers if any(map(one.search, lines()))), None)
    return _comparison(found, compared) if compared and found else None


def as_asked(text: str, question: str) -> str:
    """A condition with the sign of the question: where that asks for `more than 270`, a model
    may write `270`, `270 > size` or `size < 270`. One with a sign that the question has for that
    number, or that says not, is as it was meant."""
    parts = re.fullmatch(WRITTEN, text, re.I)
    if parts is None:
        return text
    number = _number(parts["number"])
    asked = [one for one in ASKED.finditer(question) if _number(one["number"]) == number]
    signs = [_sign(one["sign"], otherwise=bool(one["no"])) for one in asked]
    given = _sign(parts["sign"] or "=") if not parts["turned"] else ""
    if not asked:
        return text
    said = [one for one in re.findall(NUMBER, question) if _number(one) == number]
    if len(said) > 1 and given == "=":
        return text  # it may be the other that is meant
    label, unit = parts["label"], parts["rest"]
    if parts["turned"]:
        label, unit = f"{label} {unit}", ""
    sign = given if given in signs else signs[0]
    return " ".join(f"{label} {sign} {asked[0]['number']} {unit}".split())


def _sign(said: str, *, otherwise: bool = False) -> str:
    """What a word or sign that compares stands for."""
    ways = (one for one, words in WORDED.items() if re.fullmatch(f"{one}|{words}", said, re.I))
    sign = next(ways, "=")
    return OTHERWISE.get(sign, sign) if otherwise else sign


def ways(text: str, question: str = "") -> Iterator[Test]:
    """The ways to read a condition that compares no numbers, the strictest first. Of `family =
    PL`, which is how a model may write `family,PL`, the question perhaps says `family` alone."""
    values = [text]
    label, parted, value = _parted(text)
    if parted:
        between = rf"{re.escape(label)}[\"']?\s*[=:\s]\s*[\"']?{re.escape(value)}(?!\w)"
        yield re.compile(between, re.I).search
        said = [bool(standing(one, re.I).search(question)) for one in (label, value)]
        values += [label, value] if said == [True, False] else [value]
    elif " " in text:
        values.append(text.split()[-1])
    for one in values:
        # Of a number, none that is a part of a date, a time or an address.
        edge = r"[\w.:/-]" if re.fullmatch(r"[\d.,]+", one) else r"\w"
        pattern = rf"(?<!{edge}){re.escape(one)}(?!\w|[:/-]\d|\.\d)"
        yield re.compile(pattern).search
        yield re.compile(pattern, re.I).search
    yield re.compile(re.escape(text), re.I).search
    if re.search(r"[a-z]{3}s$", text):  # `shoes`, of lines with `shoe`
        yield standing(text[:-1], re.I).search


def standing(text: str, flags: int = 0) -> "re.Pattern[str]":
    """A pattern for a text that is no part of a word."""
    return re.compile(rf"(?<!\w){re.escape(text)}(?!\w)", flags)


def _parted(text: str) -> tuple[str, bool, str]:
    parts = re.split(r"\s*(?:==|=|:| is )\s*", text, maxsplit=1)
    if len(parts) < 2 or not parts[1]:
        return "", False, text
    return parts[0].strip("\"' "), True, parts[1].strip("\"' ")


def _comparison(pattern: "re.Pattern[str]", compared: "re.Match[str]") -> Test:
    sign, number = SIGNS[compared["sign"].lower()], _number(compared["number"])

    def holds(line: str) -> bool:
        match = pattern.search(line)
        return match is not None and sign(_number(match[1]), number)

    return holds


def _compared_in(compared: "re.Match[str]", question: str) -> "Iterator[re.Pattern[str]]":
    """Patterns for the number that is compared, the strictest first."""
    words = compared["label"].strip(" \"'").split()
    said = re.search(rf"(?<!\w){re.escape(compared['number'])} ?([a-z%]+)", question)
    unit = compared["unit"] or (said[1] if said else "")
    # Of `request took > 5`, lines may have the last word alone.
    labels = [re.escape(" ".join(words[at:])) for at in range(len(words))]
    after = [rf"(?<!\w){label}[\"']?\W{{0,4}}?({NUMBER})" for label in labels]
    units = [re.escape(one) for one in dict.fromkeys((unit, *reversed(words))) if one]
    patterns = after + [rf"({NUMBER})\s?{one}(?!\w)" for one in units]
    if unit:
        strict = [rf"{pattern}\s?{units[0]}(?!\w)" for pattern in after]
        patterns = [*strict, rf"({NUMBER})\s?{units[0]}(?!\w)", *patterns]
    number = rf"(?<!\w){re.escape(compared['number'])}"
    if re.search(rf"{number}\D{{0,40}}\blast (?:number|figure|field|column)\b", question, re.I):
        patterns.append(rf"({NUMBER})\W*$")
    if before := re.search(rf"(\w+) (?:an? |the )?(?:{THAN}) {number}", question, re.I):
        patterns.insert(0, rf"(?<!\w){re.escape(before[1])}\W{{1,4}}?({NUMBER})")
    beside = re.search(rf"(?:(\w+) )?(?:{THAN})\W+{number}((?: [a-z]+){{0,2}})", question, re.I)
    for word in [*beside[2].split(), beside[1]] if beside else []:  # `late_minutes=`, `"retries":`
        patterns.append(rf"(?<!\w)[\w-]*{word}[\w-]*[\"']?\s?[=:]\s?[\"']?({NUMBER})")
    for pattern in patterns:
        yield re.compile(pattern, re.I)


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def taken(lines: Sequence[str], examples: Sequence[tuple[str, str]]) -> list[str]:
    """What each line has in the place that examples have in theirs: pairs of a line and what is
    taken of it. Nothing where no pattern fits most of the examples."""
    known = [(home, whole(home, one)) for home, one in examples if one and one in home]
    for home, example in known:
        for pattern in _places(example, home):
            same = sum(1 for line, one in known if (m := pattern.search(line)) and m[1] == one)
            found = [match[1] for line in lines if (match := pattern.search(line))]
            if 2 * same > len(examples) and len(found) >= 0.95 * len(lines):
                return list(dict.fromkeys(found))
    return []


def whole(home: str, example: str) -> str:
    """An example with what belongs to its first and last word in the line that it is from."""
    inner = rf"(?:\w+[/.@-])*\w*{re.escape(example)}(?:[/.@-]?\w+)*"
    found = re.search(rf"(?<![\w]){inner}", home)
    return found[0] if found else example


def as_in(text: str, said: str) -> str:
    """What is said as it stands in a text, `1874` as `1,874`, and with what belongs to its
    words where it stands nowhere by itself; nothing, where it is not in it."""
    pattern = ",?".join(map(re.escape, said))
    by_itself = re.search(rf"(?<![\w/.@:-]){pattern}(?![/.@:-]?\w)", text, re.I)
    found = by_itself or re.search(pattern, text, re.I)
    if not said or not found:
        return ""
    return found[0] if by_itself else whole(text, found[0])


def whole_name(text: str, said: str) -> str:
    """A name with its other words behind it, in a sentence: `Vik Bay`, where `Vik` was said."""
    more = r" [A-Z][a-z][\w'’-]*(?= [a-z]|[.,;:!?)\n]|$)"
    if re.search(rf"(?<!\w){re.escape(said)}(?!\w| [A-Z])", text):
        return said
    found = re.search(rf"(?<=[a-z,] ){re.escape(said)}{more}", text)
    return found[0] if found and re.search(r"\b[A-Z][a-z][\w'’-]*$", said) else said


def behind(label: str, line: str) -> str:
    """What stands behind a label in a line, once: `808/5`, of `ear tag 808/5: merino`; a word
    with figures, or behind `:` and `=` all until the next field."""
    named = re.escape(label).replace("\\ ", "[ _-]?") + ("?" if label.endswith("e") else "")
    found = list(re.finditer(rf"(?<!\w){named}(?!\w)(?:\"?\s?([:=])|) *", line, re.I))
    if not label or len(found) != 1:
        return ""
    rest = line[found[0].end() :]
    field = r"\"([^\"]+)\"|((?:(?![;|\t\n}]|,(?!\d)| [\w.-]+[=:]).)+)"
    value = re.match(field if found[0][1] else r"\"([^\"]+)\"|([^\s,;|]*\d[^\s,;|]*)", rest)
    return (value[1] or value[2]).strip().rstrip(":.") if value else ""


def in_one_field(home: str, example: str) -> bool:
    """Whether an example goes over no mark between the columns of its line."""
    marks = (";", "|", "\t", ",") if not re.search(r", ", home) else (";", "|", "\t")
    return not any(mark in example and home.count(mark) > 1 for mark in marks)


def signed(home: str, example: str, question: str) -> str:
    """An example with the sign before it in its line, if a question speaks of that: `#123`."""
    found = re.search(rf"([#@$€£§]){re.escape(example)}", home)
    return f"{found[1]}{example}" if found and found[1] in question else example


def fields_of(line: str) -> list[str]:
    """What stands in a line field by field: in columns, after labels, or word by word."""
    marks = [mark for mark in ";|\t," if line.count(mark) > 1]
    labelled = re.findall(r"[\w.-]+[\"']?\s*[=:]\s*(\"[^\"]*\"|[^\s,;}]+)", line)
    if not labelled and marks:
        labelled = line.split(marks[0])
    fields = labelled or re.findall(r"\w(?:[\w./@'-]*\w)?", line)
    return list(dict.fromkeys(one for one in (field.strip(" \"'") for field in fields) if one))


def _places(example: str, home: str) -> Iterator["re.Pattern[str]"]:
    """Patterns for what is like an example, the strictest first."""
    shape = _shape(example)
    letters = re.match(r"[^\W\d_]+[\W_]*(?=.*\d)", example)
    fixed = letters[0] if letters else ""
    strict = re.escape(fixed) + _shape(example[len(fixed) :])
    at = home.find(example)
    for mark in ",;|\t":
        columns = home.split(mark)
        if len(columns) > 2 and example in [one.strip() for one in columns]:
            place = [one.strip() for one in columns].index(example)
            sign, other = re.escape(mark), rf"[^{mark}\n]*"
            yield re.compile(rf"^(?:{other}{sign}){{{place}}} *({other}?) *(?:{sign}|$)")
    before, after = home[:at], home[at + len(example) :][:1]
    left = re.search(r"[^\W\d_]*\W{0,4}$", before)
    edge = re.escape(left[0]) if before and left else "^"
    if left and left[0][:1].isalpha():
        edge = rf"(?<!\w){edge}"
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
