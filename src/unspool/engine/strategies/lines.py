"""The lines that the steps of a guided run look at, and what was shown of them.

Run in its REPL too, behind the source of `questions.py`.
"""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from unspool.engine.strategies.questions import asked, names

SHOWN = 8
"""Lines shown for one search."""
OTHERS = 3
"""Lines at most about what was found, where one is to be told of them."""
NAMES, HOPS, RARE = 16, 4, 6
"""Names of one line that are tried, those that are followed, and in how many lines at most each
of these may be."""
FURTHER, GOES_ON = 400, 3
"""Characters in which a sentence may go on, and lines."""
PRONOUN = re.compile(
    r"(?!it (?:is|was) (?-i:[A-Z])[\w' -]* (?:who|that|which)\b)"
    r"(?:it|its|he|his|she|her|they|their|this|that|these|those)\b",
    re.I,
)
SENTENCE_WORDS = 5
"""Of a field from which on it is a sentence."""


class Lines:
    """What is looked at, over what a REPL has under these names; no models can be asked where
    `ask_each` and `ask_all` are None."""

    def __init__(
        self,
        context: Any,
        question: str,
        search: Callable[..., Any],
        chunks: Callable[..., Any],
        ask_each: Any,
        ask_all: Any,
        final: Callable[[Any], None],
        tell: Callable[[str], None] = print,
    ) -> None:
        self._context, self._question = context, question
        self._search, self._chunks = search, chunks
        self._ask_each, self._ask_all = ask_each, ask_all
        self._final, self._tell = final, tell
        self._asks = asked(question)
        self._shown: dict[str, None] = {}
        self._seen = 0
        self._hops: dict[str, list[str]] = {}
        self._warned: set[str] = set()
        self.found: list[str] = []

    def _show(self, lines: Iterable[str]) -> list[str]:
        """Shows lines that were not shown before, and gives those."""
        new = [line for line in dict.fromkeys(lines) if line not in self._shown]
        self._shown.update(dict.fromkeys(new))
        for line in new:
            self._tell(line)
        return new

    def _once(self, key: str, text: str, lines: Iterable[str] = ()) -> bool:
        """Says a warning, and the lines that it is about, the first time that it is due, and
        whether it did."""
        if key in self._warned:
            return False
        self._warned.add(key)
        for one in (text, *lines):
            self._tell(one)
        return True

    def _few(self, texts: Sequence[str]) -> list[str]:
        """The lines with one of some texts, the rarest first, where few have it; nothing for a
        text that these have besides."""
        lines: list[str] = []
        times = {text: self._times(text) for text in texts}
        for text in sorted(texts, key=times.__getitem__):
            if times[text] <= RARE and not any(text in line for line in lines):
                lines += [one for one in self._lines_with(text, RARE) if one not in lines]
        return lines

    def _going_on(self, line: str) -> str:
        """A line with those that its sentence, or one about the same, goes on in."""
        text = unplaced(line)
        for *_, found in self._search(re.escape(text), 1, spans=True, around=FURTHER):
            before, _, after = found.partition(text)
            if text[:1].islower() and before.endswith("\n"):
                text = f"{before.splitlines()[-1].strip()} {text}"
            following = after.splitlines()[1:] if after[:1] in ("\n", "\r") else []
            whole = following if len(after) < FURTHER else following[:-1]
            for more in whole[:GOES_ON]:
                cut_off = text[-1:].isalpha() and more[:1].islower()
                if not (cut_off or PRONOUN.match(more)):
                    break
                text = f"{text} {more.strip()}"
        return text

    def _next_hop(self, line: str) -> list[str]:
        """Lines about what a line names and the question does not, where there are few."""
        question, line = self._question.lower(), unplaced(line)
        unasked = [one for one in names(f"- {line}") if one.lower() not in question]
        rare = (name for name in unasked[:NAMES] if self._times(name) <= RARE)
        for name in itertools.islice(rare, HOPS):
            others = [one for one in self._lines_with(name, OTHERS) if unplaced(one) != line]
            self._hops[name] = others
        return [one for others in self._hops.values() for one in others][: SHOWN // 2]

    def _times(self, text: str) -> int:
        """How often the context has a text; more than `RARE` is not counted further."""
        return len(self._search(re.escape(text), RARE + 1, spans=True))

    def _near(self, text: str, limit: int) -> list[str]:
        words = re.findall(r"\w[\w.:/-]*", text)
        return list(self._search(words, limit)) if words else []

    def _lines_with(self, text: str, limit: int) -> list[str]:
        found = self._search(re.escape(text), limit)
        return [line for line in found if text.lower() in line.lower()]

    def _units(self) -> Iterator[str]:
        """The lines of the context, or the items of a list."""
        if isinstance(self._context, (list, tuple)):
            for item in self._context:
                yield item if isinstance(item, str) else json.dumps(item, default=str)
            return
        for piece in self._chunks(1_000_000):
            yield from (line for line in str(piece).splitlines() if line.strip())


def unplaced(line: str) -> str:
    return re.sub(r"^\[[^\]]*line \d+\] ", "", line)


def sentence(line: str, named: Sequence[str]) -> str:
    """The field of a record that names something, where it is a sentence; else all of the line."""
    fields = re.findall(r'"([^"]+)"', line)
    fields += [one for mark in ";|\t" if line.count(mark) > 1 for one in line.split(mark)]
    said = (one for one in fields if len(one.split()) >= SENTENCE_WORDS)
    return next((one for one in said if any(name in one for name in named)), line)
