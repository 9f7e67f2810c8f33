"""The lines that fulfil the conditions of a step, and conditions that a model forgot or made up.

Run in the REPL of a guided run too, behind the source of `lines.py`.
"""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unspool.engine.strategies.columns import columns
from unspool.engine.strategies.conditions import (
    ASKED,
    THAN,
    as_asked,
    comparison,
    condition,
    standing,
)
from unspool.engine.strategies.lines import RARE, Lines, unplaced
from unspool.engine.strategies.questions import COMMON, called_by, is_fact, things

LOOKED_AT = 2_000
"""Of the lines that were chosen, to see what else tells them apart."""
ROWS = frozenset("lines entries records rows items events cases messages".split())
"""What lines may be called, whatever they are of."""
LONG = 5
"""Letters from which on a word of the question may be a condition, capital or not."""
SHORTEST = 3
"""Letters of a word that may be one of few that lines have in the same place."""
EXCEPTING = (
    r"(?:\b(?:not?|never|none|neither|nor|or|except\w*|without|exclud\w*|ignor\w*|omit\w*|skip\w*"
    r"|leav\w+|besides|apart|instead|rather|any|each|every|per)|n['’]t)"
    r"(?:[ '’-]+(?!and\b|but\b)\w+){0,4}?"
)
"""What makes something else of a word that follows than a condition that has to hold."""
COMPARING = r"\b(?:than|over|above|under|below|least|most|to)"
EXCEPTED = r"(?: \w+){0,2} (?:aside|apart|except\w*|exclud\w*|left out|or)\b"
"""The same, of a word before it."""
SHOWING = re.compile(r"\b(?:looks? like|for example|e\.g\.|such as|for instance|format)", re.I)
"""What says that lines are shown for example."""
LABELS = frozenset(
    "breed category city class code color colour component country county day department door"
    " e-mail email genre grade group hall id kind label language level mark method month name"
    " number path plan priority rank region result role service severity shift size sort state"
    " status store street suite team town trade type unit year".split()
)
"""What fields are called."""
ENDS = (
    r"(?=\s*[.,;:?!)]|\s*$| (?:that|which|who|whose|and|or|with|on|in|of|at|by|from|for|to|are|is"
    r"|were|was|there|have|has|do|did)\b)"
)
"""Where what something is called is at its end."""
BESIDE = r"(?: (?!(?:in|of|at|by|on|for|to|with|from|and|or|that|not|is|are)\b)[a-z]+)?"
"""A word that may stand between."""
ITEMS = re.compile(r"\b(?:list|give|show|name|return|find)(?: me)?$", re.I)
"""What says how much is to be given, and not which."""
LONGEST = 4_000
"""Characters of a line of which parts may be told apart: of longer ones, all of it is taken."""
MANY, NEARLY_ALL = 50, 0.95
"""Lines, and the share of all, from which on conditions tell nothing apart."""
MOST = 0.75
"""Of the lines nearest to a question, the share that has a word of it that tells lines apart."""
MEANT = """Question: How many women over 40 are there?
Condition: sex=F
Asked for: yes

Question: How many women over 40 are there?
Condition: paid=no
Asked for: no

Question: Which ships from Hull are sold?
Condition: 1912
Asked for: no

Question: Which ships from Hull are sold?
Condition: state=gone
Asked for: yes

Question: {}
Condition: {}
Asked for:"""


class Chosen(Lines):
    """What is chosen of the lines that are looked at."""

    def _select(self, where: tuple[str, ...]) -> tuple[list[str], dict[str, int]]:
        """The lines that fulfil the conditions of a model, as far as the question asks for them,
        and those that it asks for besides; and how many fulfil each alone."""
        lines, alone = self._meeting(self._asked_for(where))
        more = self._left_out(tuple(alone), lines)
        if not more:
            return lines, alone
        self._tell(f"Added, of the question: {', '.join(more)}.")
        return self._chosen((*alone, *more))

    def _meeting(self, where: Sequence[str]) -> tuple[list[str], dict[str, int]]:
        """What is chosen by all conditions, and how many fulfil each alone. Where no line does,
        without those that say what all lines are or what a value is called: `alarm`, of alarms;
        `plan`, of the business plan. Where none is of the question, by what that has."""
        lines, alone = self._chosen(where)
        if lines:
            return lines, alone
        held = [one for one in where if alone[one]]
        unsaid = [one for one in where if not alone[one]]
        said = [one for one in unsaid if self._is_thing(one) or self._is_label(one, held)]
        rest = [one for one in where if one not in said]
        if said and rest:
            self._tell(f"Left out, for no line says it: {', '.join(said)}.")
            return self._chosen(rest)
        copied = sum(0 < number <= RARE for number in alone.values()) > 1
        own = list(self._telling()) if copied and not any(map(self._is_asked, where)) else []
        if own:
            self._tell(f"In their place, of the question: {', '.join(own)}.")
            return self._chosen(own)
        return lines, alone

    def _telling(self) -> Iterator[str]:
        """Words of the question that most of the lines nearest to it have, and not nearly all
        others."""
        nearest = [unplaced(line) for line in self._shown]
        others = list(itertools.islice(self._units(), LOOKED_AT))
        for word in dict.fromkeys(re.findall(r"[\w.:/-]{2,}\w", self._question)):
            telling = _share(word, nearest) >= MOST and _share(word, others) < NEARLY_ALL
            if telling and word.lower() not in COMMON:
                yield word

    def _is_thing(self, condition: str) -> bool:
        """Whether that is what the question counts or lists, or gives of it: `alarm`, `log lines`,
        `shelf marks`."""
        *before, noun = condition.lower().split() or [""]
        wanted = called_by(self._question)
        if condition.lower().rstrip("s") in (wanted, *(LABELS & {*wanted.split()})):
            return True
        counted = noun.rstrip("s") in {one.rstrip("s") for one in things(self._question)}
        return counted and (not before or noun in ROWS)

    def _is_label(self, condition: str, held: Sequence[str]) -> bool:
        """Whether that is what the question calls a value: `plan`, of `on the business plan`, and
        `country`, of `the country code PL`."""
        label = re.escape(condition)
        values = "|".join(re.escape(re.split(r"[=:]\s*", one)[-1]) for one in held)
        named = rf"(?<!\w)(?:(?:{values}){BESIDE} {label}|{label}{BESIDE} (?:{values})){ENDS}"
        return bool(
            values and condition.lower() in LABELS and re.search(named, self._question, re.I)
        )

    def _chosen(self, where: Sequence[str]) -> tuple[list[str], dict[str, int]]:
        """The lines that fulfil all conditions; gives, and says, of each how many fulfil it
        alone."""
        tests = [condition(one, self._units, self._question) for one in where]
        alone = dict.fromkeys(where, 0)
        lines = []
        self._seen = 0
        for line in self._units():
            self._seen += 1
            passed = {one: bool(test(line)) for one, test in zip(where, tests)}
            for one, holds in passed.items():
                alone[one] += holds
            if all(passed.values()):
                lines.append(line)
        if len(where) > 1 or not lines:
            for one, number in alone.items():
                self._tell(f"{one}: {number:,} lines")
        return lines, alone

    def _strange(self, alone: Mapping[str, int]) -> str:
        """A condition that no line fulfils and that has no word of the question."""
        unfulfilled = (one for one, number in alone.items() if not number)
        return next((one for one in unfulfilled if not self._is_asked(one)), "")

    def _asked_for(self, where: tuple[str, ...]) -> tuple[str, ...]:
        """Conditions without those that have no word of the question and that a model, asked
        about each alone, does not find in it: they are of lines that were shown."""
        unasked = [one for one in where if not self._is_asked(one)]
        if not unasked or len(unasked) == len(where) or self._ask_all is None:
            return where
        prompts = [MEANT.format(self._question, one) for one in unasked]
        said = self._ask_all(prompts, schema=enum_of(["yes", "no"]))
        dropped = [one for one, reply in zip(unasked, said) if reply == "no"]
        if dropped:
            self._tell(f"Left out, for the question does not ask for it: {', '.join(dropped)}.")
        return tuple(one for one in where if one not in dropped)

    def _is_asked(self, condition: str) -> bool:
        """Whether a condition has a word of the question, or one that begins like it."""
        return not _stems(condition).isdisjoint(_stems(self._question))

    def _left_out(self, where: Sequence[str], lines: Sequence[str]) -> list[str]:
        """Conditions of the question that are not among those of a model: a number that is
        compared, and values of which lines have one of a few in the same place."""
        sample = [line for line in lines[:LOOKED_AT] if len(line) <= LONGEST]
        if len(sample) < RARE:
            return []
        asked = [
            found
            for found in ASKED.finditer(self._question)
            if not ITEMS.search(self._question[: found.start()].strip())
        ]
        signs = rf"[<>]|\b(?:{THAN})\b"
        compares = any(re.search(signs, as_asked(one, self._question), re.I) for one in where)
        more = [] if compares else [as_asked(one["number"], self._question) for one in asked]
        tests = {one: comparison(one, lambda: sample, self._question) for one in more}
        tests |= {one: condition(one, lambda: sample) for one in self._values(where, sample)}
        held = {one: set(filter(test, sample)) for one, test in tests.items() if test}
        whole = set(sample)
        parting = [one for one, having in held.items() if 0 < len(having) < len(whole)]
        return parting if whole.intersection(*held.values()) else []

    def _values(self, where: Sequence[str], sample: Sequence[str]) -> list[str]:
        """What the question names, no condition does, and lines have in the place of a few other
        values; not where it names two of these, or excepts one."""
        said = " ".join(where).lower()
        found: list[str] = []
        for label, values in columns(sample):
            named = [one for one in values if self._names(one, label)]
            if len(named) == 1 and named[0].lower() not in said:
                [value] = named
                anywhere = sum(map(bool, map(standing(value).search, sample)))
                if RARE <= values[value] < 0.9 * len(sample) and 2 * values[value] >= anywhere:
                    found.append(f"{label}={value}" if label else value)
        longest = sorted(dict.fromkeys(found), key=len, reverse=True)
        return [one for at, one in enumerate(longest) if not any(one in o for o in longest[:at])]

    def _names(self, value: str, label: str) -> bool:
        """Whether the question names a value as one that something is to have: short ones and
        common words behind their label alone, numbers not before what is counted."""
        place = rf"(?<!\w){re.escape(value)}(?!\w)"
        case = re.I if len(value) >= LONG else 0
        short = len(value) < SHORTEST and not (value.isupper() and len(value) > 1)
        if short or value.lower() in COMMON:
            if not label:
                return False
            case, place = re.I, rf"(?<!\w){re.escape(label)}(?: is| was|:| =)? {place}"
        question = self._asking()
        found = re.search(place, question, case)
        if not found or value.lower() in called_by(question).split():
            return False
        before, after = question[: found.start()], question[found.end() :]
        excepted = re.search(rf"{EXCEPTING}\W+$", before, re.I) or re.match(EXCEPTED, after, re.I)
        numbered = value[:1].isdigit() and (
            re.search(rf"{COMPARING}\W+$", before, re.I) or re.match(r" [a-z]+s\b", after)
        )
        titled = value.islower() and re.match(r" [A-Z]", after)
        return not (excepted or numbered or titled)

    def _asking(self) -> str:
        """The question without sentences that show lines for example."""
        sentences = re.split(r"(?<=[.?!])\s+", self._question)
        return " ".join(one for one in sentences if not SHOWING.search(one))

    def _forgotten(self, where: Sequence[str], chosen: Sequence[str]) -> list[str]:
        """Words of the question that are conditions, where those that a model gave leave out
        next to nothing: the words that all of some lines have."""
        if len(chosen) < max(MANY, NEARLY_ALL * self._seen):
            return []
        words: list[str] = []
        for word, _ in self._unused(where, chosen[:LOOKED_AT]):
            left = list(filter(standing(word).search, chosen))
            if left:
                words, chosen = [*words, word], left
        return words

    def _unused(self, where: Sequence[str], sample: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Words of the question that some of the lines have, others do not, and no condition
        names: perhaps one was forgotten."""
        for word in self._unnamed(where):
            if not (is_fact(word) or len(word) >= LONG):
                continue
            number = sum(map(bool, map(standing(word).search, sample)))
            if (1 if is_fact(word) else RARE) <= number < 0.9 * len(sample):
                yield word, number

    def _unnamed(self, where: Sequence[str]) -> Iterator[str]:
        """The words of the question that no condition names."""
        said = " ".join(where).lower()
        words = dict.fromkeys(re.findall(r"[\w.:/-]*\w", self._question))
        yield from (word for word in words if word.lower() not in said)


def _stems(text: str) -> set[str]:
    whole = re.sub(r"(?<=\d),(?=\d)", "", text.lower())
    return {word[:LONG] for word in re.findall(r"\w+", whole)}


def _share(word: str, lines: Sequence[str]) -> float:
    return sum(map(bool, map(standing(word).search, lines))) / max(len(lines), 1)


def enum_of(options: Sequence[str]) -> dict[str, Any]:
    """The form of a reply that is one of the options."""
    return {"type": "string", "enum": list(options)}
