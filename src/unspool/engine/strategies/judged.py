"""Questions of how many lines mean something, which no words of theirs tell: a model is asked of
each line by itself.

Run in the REPL of a guided run too, behind the source of `chosen.py`.
"""

import collections
import itertools
import re
from collections.abc import Sequence

from unspool.engine.strategies.chosen import LONGEST, LOOKED_AT, Chosen, enum_of
from unspool.engine.strategies.columns import columns
from unspool.engine.strategies.conditions import standing
from unspool.engine.strategies.questions import COMMON, facts

MOST_READ = 3_000
"""Lines that are read one by one."""
COUNTS = """Many lines are looked at for this question: {}
Is the one below among those that it asks for?"""
IS_ONE = "Is the text below {}, one of those {}?"
IS = "A text is one of these: {}. Is the text below {}?"
REMARKS = re.compile(
    r"\b(?:how many|number of|count)\b(?: [\w-]+){0,4}? (?:answers|comments|complaints|e-?mails"
    r"|entries|feedback|headlines|instances|letters|lines|messages|notes|opinions|posts|questions"
    r"|remarks|replies|reports|requests|responses|reviews|samples|snippets|statements|texts|tickets"
    r"|titles|tweets|utterances)\b",
    re.I,
)
"""What people write, of which lines may have one each."""
PER_LINE = re.compile(
    r"\b(?:(?:one|per|to|on) (?:a|each|every|per) line|(?:each|every|per|which|these|those|the|of"
    r"|many) lines?|line (?:by|for) line|one per line)\b",
    re.I,
)
COUNTED = re.compile(r"\b(?:how many|number of|count)\b", re.I)
RELATIVE = re.compile(r"\b(?:that|who|whose|which|where)\b(?! is,)[^.?!()]+")
IN_TOTAL = re.compile(
    r"(?:(?:are|were|is|do|does|have|has)\b)?(?: *(?:there|i|we|in all|in total|have"
    r"|(?:in|of) (?:this|the|that|these|those|all) \w+)\b)*",
    re.I,
)
"""What a question says that counts all that there is."""
SORTS = frozenset("complaints opinions questions requests statements".split())
"""Nouns that say what a text is."""
LITERALLY = re.compile(
    r"[\"“”‘`«]\S|(?<!\w)'\w[^']*'(?!\w)|\b(?:contain|mention|includ)(?:e|s|es|ed|ing)?\b"
    r"|\b(?:begin|start|end)(?:s|ning|ing)? (?:with|in|by)\b"
    r"|\b(?:the|a|an) (?:words|(?:word|letter|character|phrase|string|term|name)\b)",
    re.I,
)
"""What says that a line has to have the very words."""
LABEL = r"(?:\"[^\"\n]{1,40}\"|'[^'\n]{1,40}'|(?!(?:how|what|count|then|tell|say|give)\b)[\w/-]+)"
AND = r"(?:, (?:and |or )?| and | or | / )"
AMONG = re.compile(
    r"(?:\b(?:into|one of|either|as|between|among)|\bof these|"
    r"\b(?:sorts?|kinds?|types?|classes|labels?|categories|class|category|options|intents?))"
    rf"(?: are| is)?:? ({LABEL}(?:{AND}{LABEL})+)",
    re.I,
)
"""What lists the sorts that lines are of."""
OF_SORT = re.compile(
    r"\bof the (?:sort|kind|type|class|category|label|intent|sentiment|topic):? "
    rf"({LABEL})(?=[,.?!)]| \()",
    re.I,
)
RECORDS = 0.9
"""The share of lines with figures from which on they are taken for records."""
CODED, CODE = re.compile(r"^(?:\t|  )|[{};]\s*$|\w\(|\w(?: =|=|::|->)"), 0.3
"""What lines of programs have, and the share of the lines from which on they are of one."""
MOST_HAVE = 0.95
"""The share of the lines that has to have been read, for a count of them."""
LEAST_WORDS = 3
"""Words that a line has that says something."""


class Judged(Chosen):
    """What is counted of the lines by what they mean."""

    def _judge(self, where: Sequence[str]) -> bool:
        """Ends with how many lines a model says are meant, where the question is about what they
        mean. Conditions that lines fulfil word for word, like names, choose which are read."""
        options, wanted = sorts(self._question)
        meant = [one for one in where if not self._is_literal(one, options)]
        several = len(re.findall(r"\bhow many\b", self._question, re.I)) > 1
        if self._ask_each is None or self._asks != "number" or several or not meant:
            return False
        if not (wanted or self._counts_lines()) or not self._worded():
            return False
        ask = criterion(self._question, options, wanted)
        if not ask or (LITERALLY.search(self._question) and not wanted):
            return False
        lines, _ = self._chosen([one for one in where if one not in meant])
        if not 0 < len(lines) <= MOST_READ:
            return False
        self._counted(ask, ["yes", "no"], ["yes"], lines)
        return True

    def _counted(
        self, ask: str, options: Sequence[str], wanted: Sequence[str], lines: Sequence[str]
    ) -> None:
        """Asks of each line which of the options it is, and counts; ends with how many are what
        is wanted, if anything is."""
        single = list(dict.fromkeys(lines))
        replies = self._ask_each(single, ask, schema=enum_of(options))
        known = dict(zip(single, map(str, replies)))
        self.found = [known[line] for line in lines]
        counts = collections.Counter(self.found)
        self._tell(", ".join(f"{name}: {number:,}" for name, number in counts.most_common()))
        read = sum(counts[one] for one in options)
        if wanted and self._asks == "number" and read >= MOST_HAVE * len(lines):
            self._final(sum(counts[one] for one in wanted))

    def _is_literal(self, condition: str, options: Sequence[str]) -> bool:
        """Whether that is a name or figure which lines have, and not what they are called."""
        name = re.split(r"\s*(?:[=:]|\bis\b)\s*", condition)[-1].strip("\"' ")
        named = OF_SORT.search(self._question)
        sort = named is not None and named[1].strip("\"'") == name
        known = facts(condition)
        said = bool(known) and all(standing(one).search(self._question) for one in known)
        return said and not sort and name not in options

    def _counts_lines(self) -> bool:
        """Whether it is lines that the question counts, or the items of a list."""
        listed = isinstance(self._context, (list, tuple))
        return listed or bool(PER_LINE.search(self._question) or REMARKS.search(self._question))

    def _worded(self) -> bool:
        """Whether the lines are what people have written, and no records."""
        sample = list(itertools.islice(self._units(), LOOKED_AT))
        figured = sum(any(map(str.isdigit, line)) for line in sample)
        worded = sum(len(line.split()) >= LEAST_WORDS for line in sample)
        coded = sum(bool(CODED.search(line)) for line in sample)
        free = figured < RECORDS * len(sample) and worded > len(sample) / 2
        short = all(len(line) <= LONGEST for line in sample)
        return free and short and coded < CODE * len(sample) and not any(columns(sample))


def sorts(question: str) -> "tuple[list[str], list[str]]":
    """The sorts of lines that the question lists, and those of them that it asks for; of a
    question that does not, nothing."""
    for found in AMONG.finditer(question):
        said = [one.strip("\"'") for one in re.split(AND, found[1])]
        listed = [one for one in dict.fromkeys(said) if one.lower() not in COMMON]
        rest = f"{question[: found.start()]} {question[found.end(1) :]}"
        wanted = [one for one in listed if standing(one, re.I).search(rest)]
        if len(listed) > 1 and 0 < len(wanted) < len(listed):
            return listed, wanted
    return [], []


def criterion(question: str, options: Sequence[str], wanted: Sequence[str]) -> str:
    """What a question that counts is asked as of each thing by itself. `wanted`: those of the
    sorts `options` that it asks for. Nothing, where it asks for no more than how many there are.

    Where a sort has a name, a small model answers a short question for that and what it means
    better than the whole one, and of all sorts takes one too often. Where it has none, it says
    yes too often to the short one.
    """
    sort = " or ".join(wanted)
    for one in wanted:
        explained = re.search(rf"(?<!\w){re.escape(one)}[\"']? \(([^()]+)\)", question)
        if explained:
            return IS_ONE.format(sort, explained[1])
    if wanted:
        return IS.format(", ".join(options), sort)
    if _of_all(question):
        return ""
    named = OF_SORT.search(question)
    clause = RELATIVE.search(question, named.end()) if named else None
    if named and clause:
        return IS_ONE.format(named[1].strip("\"'"), clause[0].strip())
    return COUNTS.format(question)


def _of_all(question: str) -> bool:
    """Whether a question asks how many there are in all, and says nothing of those it counts."""
    counted = REMARKS.search(question) or COUNTED.search(question)
    if counted is None:
        return True
    rest = re.split(r"[.?!]", question[counted.end() :])[0].strip(" ,")
    return bool(IN_TOTAL.fullmatch(rest)) and counted[0].split()[-1].lower() not in SORTS
