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

from unspool.engine.strategies.conditions import asked, condition, names, taken, whole

SHOWN = 8
"""Lines shown for one search."""
OTHERS = 3
"""Lines at most about what was found, where one is to be told of them."""
MOST_READ = 3_000
"""Lines that are read one by one."""
LOOKED_AT = 2_000
"""Of the lines that were chosen, to see what else tells them apart."""
HOPS, RARE = 4, 6
"""Names that are followed from one line, and in how many lines at most each may be."""
LONG = 5
"""Letters from which on a word of the question may be a condition, capital or not."""
SAMPLES = 3
"""Lines that a model is asked about, to see what is to be taken of all."""
COPY = "Copy it from the text word for word, and write nothing else."
ALL = "The lines above are all there is of it. If they have the answer, give it."
OPENERS = frozenset("the a an it in on at yes no true false none not unknown and i".split())
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
        ask_all: Callable[..., Any],
        final: Callable[[Any], None],
        tell: Callable[[str], None] = print,
    ) -> None:
        self._context, self._question = context, question
        self._search, self._chunks = search, chunks
        self._ask_each, self._ask_all = ask_each, ask_all
        self._final, self._tell = final, tell
        self._asks = asked(question)
        self._shown: dict[str, None] = {}
        self._hops: dict[str, list[str]] = {}
        self._warned: set[str] = set()
        self.found: list[str] = []

    def look(self, *wanted: str) -> None:
        """Shows the lines nearest to the first text, with what else is said of what the nearest
        one names, and one or two for each of the other texts."""
        if len(wanted) == 1 and (known := self._all_of(wanted[0])):
            self._tell(f"{known}\n{ALL}")
            return
        lines: dict[str, None] = {}
        for number, text in enumerate(wanted):
            limit = 2 if number else SHOWN
            exact = self._lines_with(text, limit) if number else []
            words = re.findall(r"\w[\w.:/-]*", text)
            found = exact or (list(self._search(words, limit)) if words else [])
            if not number and self._asks == "text" and found:
                lines[found[0]] = None
                lines.update(dict.fromkeys(self._next_hop(found[0])))
                found = found[: SHOWN - 2]
            lines.update(dict.fromkeys(found))
        if not self._show(lines):
            self._tell(f"{next(iter(lines), '')}\n{ALL}".strip())

    def each(self, *things: str) -> None:
        """Answers for each of several things by itself, from the lines that name it."""
        prompts, known = [], []
        for thing in things:
            lines = self._lines_with(thing, 4)
            if not lines:
                return
            known.append("\n".join(map(_unplaced, lines)))
            ask = f"{known[-1]}\n\n{self._question}\n\nAnswer for {thing} alone. {COPY}"
            prompts.append(ask)
        replies = [str(one).strip().strip(".") for one in self._ask_all(prompts)]
        replies = [whole(text, one) if one in text else one for one, text in zip(replies, known)]  # noqa: B905
        for thing, reply, text in zip(things, replies, known):  # noqa: B905
            self._tell(f"{thing}: {reply}")
            if any(fact.lower() not in text.lower() for fact in _facts(reply)):
                return
        self._final("; ".join(f"{a}: {b}" for a, b in zip(things, replies)))  # noqa: B905

    def count(self, *where: str) -> None:
        """Counts the lines that fulfil all conditions."""
        self.found = self._chosen(where)
        self._tell(f"{len(self.found):,} lines fulfil all of: {', '.join(where)}.")
        if self._doubtful(where, "number"):
            for line in self.found[:OTHERS]:
                self._tell(line[:200])
        elif self._asks == "number":
            self._final(len(self.found))

    def collect(self, *where: str) -> None:
        """Takes of each line that fulfils all conditions what the question asks for. A model
        says of a few lines what that is; the rest follows from where it stands in them."""
        lines = self._chosen(where)
        few = [lines[len(lines) * at // SAMPLES] for at in range(min(SAMPLES, len(lines)))]
        ask = (
            f"\n\nThis is one of many lines. {self._question}\nOf this line alone, that is: {COPY}"
        )
        prompts = [line + ask for line in few]
        said = [str(one).strip().strip("\"'") for one in self._ask_all(prompts)] if few else []
        pairs = list(zip(few, said))  # noqa: B905
        self.found = taken(lines, pairs) or list(dict.fromkeys(lines))
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
        unseen = [fact for fact in _facts(text) if fact.lower() not in known]
        nowhere = [fact for fact in unseen if not self._lines_with(fact, 1)]
        if nowhere:
            self._tell(f"The text does not say {nowhere[0]!r} anywhere. It says:")
            for line in list(self._shown)[: SHOWN // 2]:
                self._tell(line)
        elif unseen and self._once("unseen", f"No line above has {unseen[0]!r}. The nearest:"):
            self.look(text, *unseen[:2])
        elif not self._more_of(text):
            self._final(text)

    def _more_of(self, name: str) -> bool:
        """Shows, of what was found, what else the text says: the question may ask for that."""
        if self._asks == "number" or not 2 < len(name) < 100 or len(self._warned) > SHOWN:
            return False
        new = [one for one in self._lines_with(name, SHOWN) if one not in self._shown]
        lines = self._hops.get(name) or new
        told = f"The text says more of {name!r}. If the question asks for that, answer with it:"
        if not 0 < len(lines) <= OTHERS or not self._once(f"more of {name}", told):
            return False
        for line in lines:
            self._tell(line)
        self._shown.update(dict.fromkeys(lines))
        return True

    def _next_hop(self, line: str) -> list[str]:
        """Lines about what a line names and the question does not, where there are few."""
        asked, line = self._question.lower(), _unplaced(line)
        for name in [one for one in names(f"- {line}") if one.lower() not in asked][:HOPS]:
            if len(self._search(re.escape(name), RARE + 1, spans=True)) <= RARE:
                others = [one for one in self._lines_with(name, OTHERS) if _unplaced(one) != line]
                self._hops[name] = others
        return [one for others in self._hops.values() for one in others][: SHOWN // 2]

    def _all_of(self, text: str) -> str:
        """The line that says something, where all that do are shown already; else nothing."""
        found = self._lines_with(text, SHOWN) if len(text) > 2 else []
        return found[0] if found and all(line in self._shown for line in found) else ""

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

    def _chosen(self, where: Sequence[str]) -> list[str]:
        """The lines that fulfil all conditions; says of each how many fulfil it alone."""
        tests = [condition(one, self._units, self._question) for one in where]
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
            if word.lower() in said or not (_is_fact(word) or len(word) >= LONG):
                continue
            test = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)").search
            number = sum(1 for line in sample if test(line))
            if (1 if _is_fact(word) else RARE) <= number < 0.9 * len(sample):
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


def _facts(text: str) -> list[str]:
    return [word.rstrip(".,:") for word in FACT.findall(text) if _is_fact(word)]


def _is_fact(word: str) -> bool:
    if any(char.isdigit() for char in word):
        return True
    return word[:1].isupper() and word.lower() not in OPENERS
