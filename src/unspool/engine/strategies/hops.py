"""Questions of several steps over prose: split into simple ones, read one after the other.

Run in the REPL of a guided run too, behind the source of `operations.py`.
"""

import collections
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

from unspool.engine.strategies.chosen import LONG
from unspool.engine.strategies.conditions import standing
from unspool.engine.strategies.lines import unplaced
from unspool.engine.strategies.operations import Steps
from unspool.engine.strategies.questions import COMMON, DATE, names, sentences

PASSAGES, NEAREST = 3, 16
"""Passages that are read for one question, and those of which they are chosen."""
AROUND, LONGEST_PASSAGE = 2_000, 1_500
"""Characters looked at around a line, and those of a passage at most."""
WRAPPED = 150
"""Characters up to which a line may be a heading, or part of a paragraph."""
ALL_OF_IT = 0.9
"""Of the words of a question: a part that has so many is no simpler."""
FAR = 5
"""Words of a question that stand elsewhere, from which its answer may do so too."""
MOST_AT_ONCE = 3_000
"""Characters that are read for a question before it is split."""
SHORT = 2
"""Letters of words like `of`."""
EARLIER = re.compile(r"#(\d{1,4})(?!\d)")
"""The answer to an earlier question."""
POINTED = re.compile(r"\b(of|in|to|from|by|for|at|on|with|is|was|did|does) (?:this|that) [a-z]+")
"""What may be meant by an earlier answer, where none is named."""
PROSE_END = re.compile(r"[\w)\"'”][.!?][\"'”’)\]]*(?=\s+[^\Wa-z_]|\s+[\"'“(]|\s*$)")
RECORD = re.compile(r"\s*(?:[\[{(<]|\w+[=:\t]|\d+[-:/.,;|\t]|INSERT\b)")
"""How a line of a log, a table, a chat or of data begins."""
PIECE = 400
"""Characters of what is taken for a sentence, at most."""
UNNAMED = re.compile(r"(?:what|who|which) (?:is|was|are|were) (?:the|this|that) ([\w -]+)\?", re.I)
"""A question for what another describes."""


class Traced(Steps):
    """The steps, with those for questions that may take several of them."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._held, self._leads_on = "", False

    def begin(self, *named: str) -> None:
        """Reads what the question names, if that is short, and ends as `read` does, unless that
        may be only on the way: of the question's words, many do not stand where it was found,
        or stand where else the text tells of a name that it came to. That is shown and held."""
        said = self._read(named, MOST_AT_ONCE)
        if not said:
            return
        first = [line for line in self._shown if has(line, said) and has(line, *named)]
        asked = content(self._question)
        wanted = asked - telling(" ".join(map(unplaced, first or self._shown)))
        self._leads_on = bool(first and wanted) and self._tells_of(said, wanted)
        if self._leads_on or len(wanted) >= max(FAR, len(asked) / 2):
            self._held = said
            self._tell(f"{said}?")
        else:
            self._tell(said)
            self._final(said)

    def _tells_of(self, name: str, wanted: Set[str]) -> bool:
        """Whether the text tells of a name, in half of some words."""
        if DATE.fullmatch(name) or not any(map(str.isupper, name)):
            return False
        words = (word for word in re.findall(r"\w+", self._question) if telling(word) & wanted)
        found = [one for one in self._passages(" ".join(words), [name]) if has(one, name)]
        return any(2 * len(wanted & telling(one)) >= len(wanted) for one in found)

    def trace(self, *questions: str) -> None:
        """Ends with the answer to the last of the simple questions into which the question was
        split, or with what is held, if anything is and is borne out better, or there are no two
        of them. Each is read in the few passages nearest to it, with the answers before it in
        the place of their numbers. Shows them all; where one has no answer, nothing ends, unless
        what is held leads to nothing else."""
        if self._held and len(questions) < 2:
            self._final(self._held)
            return
        said: list[str] = []
        known: list[str] = []
        told: list[str] = []
        for one in in_order(self._question, questions):
            asked = answered(one, said)
            alone = bool(said) and asked == one
            meant = said if alone else [said[int(number) - 1] for number in EARLIER.findall(one)]
            passages = self._passages(asked, meant)
            told += passages
            if alone:  # the words of the whole question tell how this belongs to the rest
                passages, asked = [*known, *passages], self._question
            [reply] = self._copied([(asked, "\n\n".join(passages))]) if passages else [""]
            self._tell(f"{asked} {reply or '?'}")
            if not reply:
                break
            said.append(reply)
            known.append(f"{asked} {reply}.")
        else:
            self._final(self._better(said, told))
            return
        if self._held and not self._leads_on:
            self._final(self._held)

    def _better(self, said: Sequence[str], told: Sequence[str]) -> str:
        """The last of the answers, or what is held and none of them: where more of the
        question's words stand in sentences with it than in those with them."""
        if self._held in ("", *said):
            return said[-1]
        wanted = content(self._question)
        held = len(wanted & words_with([self._held], map(unplaced, self._shown)))
        return self._held if held >= len(wanted & words_with(said, told)) else said[-1]

    def _passages(self, question: str, meant: Sequence[str]) -> list[str]:
        """The passages nearest to a question and what it is about, the nearest last: beside the
        question it is read best. Where some have the names of it, those alone."""
        text = " ".join([question, *meant])
        words = re.findall(r"\w[\w.:/'-]*", text)
        found = self._search(words, NEAREST, spans=True, around=AROUND) if words else []
        around = dict.fromkeys(
            passage(text, min(start, AROUND), min(start, AROUND) + end - start, words)
            for start, end, _, text in found
        )
        nearest = by_words(text, around)
        named = [standing(one, re.I) for one in dict.fromkeys([*names(question), *meant])]
        having = {one: sum(bool(name.search(one)) for name in named) for one in nearest}
        if any(having.values()):
            nearest = sorted(filter(having.__getitem__, nearest), key=lambda one: -having[one])
        return nearest[:PASSAGES][::-1]


def has(text: str, *names: str) -> bool:
    """Whether a text has one of some names."""
    return any(standing(name, re.I).search(text) for name in names)


def words_with(names: Sequence[str], texts: Iterable[str]) -> set[str]:
    """The words of those sentences of some texts that have one of some names."""
    told = itertools.chain.from_iterable(map(_sentences, texts))
    return telling(" ".join(one for one in told if has(one, *names)))


def in_order(question: str, parts: Sequence[str]) -> list[str]:
    """The simple questions of one that was split, of which each may name earlier answers as `#1`,
    `#2`, and none a later one. Where the first of them is the whole question, those for what it
    describes come before it."""
    parts = [one.strip() for one in parts if one.strip()] or [question]
    if _is_whole(parts[0], question) and not any(map(EARLIER.search, parts)):
        return _described(question, parts[1:])
    return [_of_earlier(part, place) for place, part in enumerate(parts)]


def _of_earlier(part: str, place: int) -> str:
    last = f"#{place}" if place else ""
    if place and not EARLIER.search(part):
        return POINTED.sub(rf"\1 {last}", part, count=1)
    return EARLIER.sub(lambda found: found[0] if 0 < int(found[1]) <= place else last, part)


def answered(question: str, said: Sequence[str]) -> str:
    """A question with earlier answers in the place of their numbers."""
    return EARLIER.sub(lambda found: said[int(found[1]) - 1], question)


def _is_whole(part: str, question: str) -> bool:
    words = telling(question)
    return bool(words) and len(words & telling(part)) >= ALL_OF_IT * len(words)


def _described(question: str, parts: Iterable[str]) -> list[str]:
    """What a question describes, from the last description on, of which each goes on to the end
    of the question; at its end the question, with their answers in their place."""
    nouns = [found[1] for found in map(UNNAMED.fullmatch, parts) if found]
    found = [re.search(rf"\bthe (?:same )?{re.escape(noun)}\b", question, re.I) for noun in nouns]
    rest, ordered = question.rstrip(" ?."), []
    for start in sorted({one.start() for one in found if one and one.start()}, reverse=True):
        described = re.sub(r"^the same (.+?) as\b", r"the \1 of", rest[start:], flags=re.I)
        ordered.append(f"What is {described}?")
        rest = f"{rest[:start]}#{len(ordered)}"
    return [*ordered, f"{rest}?"]


def passage(text: str, start: int, end: int, words: Sequence[str]) -> str:
    """The paragraph of a line of a text, be it one line or several, with the heading above it; of
    a longer one, the sentences with most of some words."""
    above, below = text[:start].split("\n")[-2::-1], text[end:].split("\n")[1:]
    line = text[start:end].strip()
    if len(line) > WRAPPED:
        heading = next(filter(str.strip, above[:2]), "")
        lines = [heading.strip(), line] if 0 < len(heading) <= WRAPPED else [line]
    else:
        before = list(itertools.takewhile(_is_short, above))[::-1]
        after = list(itertools.takewhile(_is_short, below))
        lines = [*before, line, *after, *below[len(after) : len(after) + 1]]
    return _densest("\n".join(lines).strip(), words)


def _is_short(line: str) -> bool:
    return 0 < len(line.strip()) <= WRAPPED


def _densest(text: str, words: Sequence[str]) -> str:
    if len(text) <= LONGEST_PASSAGE:
        return text
    wanted = telling(" ".join(words))
    pieces = list(_sentences(text))
    told = [wanted & telling(one) for one in pieces]
    times: collections.Counter[str] = collections.Counter()
    first, length, best, most = 0, 0, slice(0, 1), -1
    for last, one in enumerate(pieces):
        times.update(told[last])
        length += len(one)
        while length > LONGEST_PASSAGE and first < last:
            times.subtract(told[first])
            length -= len(pieces[first])
            first += 1
        number = sum(map(bool, times.values()))
        if number > most:
            best, most = slice(first, last + 1), number
    return "".join(pieces[best]).strip()


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a text with what separates them, long ones in pieces."""
    for one in sentences(text):
        yield from (one[at : at + PIECE] for at in range(0, len(one), PIECE))


def by_words(text: str, passages: Iterable[str]) -> list[str]:
    """Passages by the words that they share with a text; rare ones among them count for more."""
    wanted = telling(text)
    sharing = {one: wanted & telling(one) for one in passages}
    times = collections.Counter(itertools.chain.from_iterable(sharing.values()))
    weight = {one: math.log(1 + len(sharing) / number) for one, number in times.items()}
    return sorted(sharing, key=lambda one: -sum(weight[word] for word in sharing[one]))


def telling(text: str) -> set[str]:
    """The words of a text that tell it from others, by their beginnings."""
    words = re.findall(r"\w{2,}", text.lower())
    return {word[:LONG] for word in words if word not in COMMON}


def content(text: str) -> set[str]:
    """The same, without those like `of`, which tell nothing by themselves."""
    return {word for word in telling(text) if len(word) > SHORT}


def in_paragraphs(sample: str) -> bool:
    """Whether a text is mostly prose of which each paragraph is one line: a long one with
    several sentences, that does not begin like a record."""
    lines = sample.splitlines()
    long = (line for line in lines if len(line) > WRAPPED and not RECORD.match(line))
    prose = (line for line in long if len(PROSE_END.findall(line)) > 1)
    return 2 * sum(map(len, prose)) > sum(map(len, lines))
