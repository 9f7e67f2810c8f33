"""What the steps of a guided run do, as code of its REPL.

Its source is run there before the first step, behind that of `conditions.py`; the cells of the
steps then call one object of it.
"""

import collections
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from unspool.engine.strategies.conditions import asked, condition, taken

SHOWN = 8
"""Lines shown for one search."""
OTHERS = 3
"""Lines at most about what was found, where one is to be told of them."""
MOST_READ = 3_000
"""Lines that are read one by one."""
LOOKED_AT = 2_000
"""Of the lines that were chosen, to see what else tells them apart."""
FACT = re.compile(r"\w[\w.,:/'-]*")


class Steps:
    """One run's steps, over what its REPL has under these names."""

    def __init__(
        self,
        context: Any,
        question: str,
        search: Callable[..., Any],
        chunks: Callable[..., Any],
        ask_each: Callable[..., Any],
        final: Callable[[Any], None],
        tell: Callable[[str], None] = print,
    ) -> None:
        self._context, self._question = context, question
        self._search, self._chunks, self._ask_each = search, chunks, ask_each
        self._final, self._tell = final, tell
        self._asks = asked(question)
        self._shown: dict[str, None] = {}
        self._warned: set[str] = set()
        self.found: list[str] = []

    def look(self, *wanted: str) -> None:
        """Shows the lines nearest to the first text, and one or two for each of the others."""
        lines: dict[str, None] = {}
        for number, text in enumerate(wanted):
            limit = 2 if number else SHOWN
            exact = list(self._search(re.escape(text), limit)) if number else []
            words = re.findall(r"\w[\w.:/-]*", text)
            found = exact or (self._search(words, limit) if words else [])
            lines.update(dict.fromkeys(found))
        if not self._show(lines):
            self._tell("The lines above are all there is of it. If they have the answer, give it.")

    def count(self, *where: str) -> None:
        """Counts the lines that fulfil all conditions."""
        self.found = self._chosen(where)
        self._tell(f"{len(self.found):,} lines fulfil all of: {', '.join(where)}.")
        if self._doubtful(where, "number"):
            for line in self.found[:OTHERS]:
                self._tell(line[:200])
        elif self._asks == "number":
            self._final(len(self.found))

    def collect(self, like: str, *where: str) -> None:
        """Takes of each line that fulfils all conditions what stands in it where `like` does in
        its own."""
        lines = self._chosen(where)
        known = itertools.chain(map(_unplaced, self._shown), self._units())
        home = next((line for line in known if like and like in line), "")
        self.found = (taken(lines, like, home) if like else []) or list(dict.fromkeys(lines))
        self._tell(f"{len(self.found):,} found: {', '.join(self.found[:5])} ...")
        if not self._doubtful(where, "list") and self._asks != "number":
            self._final(self.found)

    def label(self, ask: str, options: Sequence[str], wanted: str = "") -> None:
        """Asks of each line which of the options it is, and counts."""
        lines = list(itertools.islice(self._units(), MOST_READ + 1))
        if len(lines) > MOST_READ:
            self._tell(
                f"There are more than {MOST_READ:,} lines, too many to read each: use count."
            )
            return
        replies = self._ask_each(lines, ask, schema={"type": "string", "enum": list(options)})
        self.found = [str(one) for one in replies]
        counts = collections.Counter(self.found)
        self._tell(", ".join(f"{name}: {number:,}" for name, number in counts.most_common()))
        if wanted in options and self._asks == "number":
            self._final(counts[wanted])

    def say(self, text: Any) -> None:
        """Ends with an answer, if what was shown bears it out; else shows what else there is."""
        text = str(text).strip()
        known = "\n".join(self._shown).lower() + self._question.lower()
        facts = [word.rstrip(".,:") for word in FACT.findall(text)]
        unseen = [fact for fact in facts if _is_fact(fact) and fact.lower() not in known]
        if unseen and self._once("unseen", f"No line above has {unseen[0]!r}. The nearest:"):
            self.look(text, *unseen[:2])
        elif not self._more_of(text):
            self._final(text)

    def _more_of(self, name: str) -> bool:
        """Shows, of what was found, what else the text says: the question may ask for that."""
        if self._asks == "number" or not 2 < len(name) < 100 or len(self._warned) > SHOWN:
            return False
        lines = [one for one in self._search(re.escape(name), SHOWN) if name in one]
        new = [one for one in lines if one not in self._shown]
        if not 0 < len(new) <= OTHERS:
            return False
        told = f"The text says more of {name!r}. If the question asks for that, answer with it:"
        if not self._once(f"more of {name}", told):
            return False
        return bool(self._show(new))

    def _units(self) -> Iterator[str]:
        """The lines of the context, or the items of a list."""
        if isinstance(self._context, (list, tuple)):
            for item in self._context:
                yield item if isinstance(item, str) else json.dumps(item, default=str)
            return
        for piece in self._chunks(1_000_000):
            yield from (line for line in str(piece).splitlines() if line.strip())

    def _chosen(self, where: Sequence[str]) -> list[str]:
        """The lines that fulfil all conditions; says of each how many fulfil it alone."""
        tests = [condition(one, self._units) for one in where]
        alone = dict.fromkeys(where, 0)
        lines = []
        for line in self._units():
            passed = {one: bool(test(line)) for one, test in zip(where, tests)}  # noqa: B905
            for one, holds in passed.items():
                alone[one] += holds
            if all(passed.values()):
                lines.append(line)
        if len(where) > 1 or not lines:
            for one, number in alone.items():
                self._tell(f"{one}: {number:,} lines")
        return lines

    def _doubtful(self, where: Sequence[str], kind: str) -> bool:
        """Warns, once of each kind, where lines may not be those that were asked for."""
        if not self.found:
            return self._once("none", "None. Copy the words of conditions from the lines above.")
        if self._asks not in ("text", kind):
            told = "a number: use count" if self._asks == "number" else "the items: use list"
            return self._once("kind", f"The question asks for {told}.")
        if len(self.found) == 1 and max(map(len, where), default=0) > 40:
            return self._once("one", "That is one line. If it says the answer, give it.")
        left = list(itertools.islice(self._unused(where), OTHERS))
        named = ", ".join(f"{word!r} (in {number:,} of these lines)" for word, number in left)
        told = f"The question also has {named}. If it is a condition, add it; else repeat this."
        return bool(left) and self._once("unused", told)

    def _unused(self, where: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Words of the question that some of the lines have, others do not, and no condition
        names: perhaps one was forgotten."""
        said, sample = " ".join(where).lower(), self.found[:LOOKED_AT]
        for word in dict.fromkeys(re.findall(r"[\w.:/-]*\w", self._question)):
            if word.lower() in said or not _is_fact(word):
                continue
            test = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search
            number = sum(1 for line in sample if test(line))
            if 0 < number < 0.9 * len(sample):
                yield word, number

    def _show(self, lines: Iterable[str]) -> list[str]:
        """Shows lines that were not shown before, and gives those."""
        new = [line for line in lines if line not in self._shown]
        self._shown.update(dict.fromkeys(new))
        for line in new:
            self._tell(line)
        return new

    def _once(self, key: str, text: str) -> bool:
        """Says a warning the first time that it is due, and whether it did."""
        if key in self._warned:
            return False
        self._warned.add(key)
        self._tell(text)
        return True


def _unplaced(line: str) -> str:
    return re.sub(r"^\[[^\]]*line \d+\] ", "", line)


def _is_fact(word: str) -> bool:
    return word[:1].isupper() or any(char.isdigit() for char in word)
