"""`search` in the REPL: lines that match, and the nearest ones where none does."""

from __future__ import annotations

import bisect
import collections
import itertools
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

LINE_CHARS = 280
"""Shown of one line; of a longer one, the part around the match."""
MOST_MATCHES = 20_000
"""Matches that are looked at before the best of them are chosen."""
COMMON_WORDS = frozenset(
    "a about all an and any are as at be been but by can could did do does each for from had has"
    " have how i if in into is it its list many more most much name no not of on one or other out"
    " said say says so some such text than that the their them then there these they this those"
    " to up was were what when where which who whose why will with would you your".split()
)

Place = tuple[int, int, int]
"""Which text, and where the line starts and ends in it, in characters."""


class Hits(list[str]):
    """Lines as plain strings; printed one below the other, with what was left out."""

    def __init__(self, lines: Iterable[str], head: str = "", tail: str = "") -> None:
        super().__init__(lines)
        self._head, self._tail = head, tail

    def __repr__(self) -> str:
        return "\n".join(part for part in (self._head, *self, self._tail) if part)

    __str__ = __repr__


class Searcher:
    """Finds lines in a context of any shape."""

    def __init__(
        self, context: Any, documents: Sequence[tuple[str, int]] = (), question: str = ""
    ) -> None:
        self._names, self._texts = _texts(context)
        self._starts = [start for _, start in documents]
        self._documents = [name for name, _ in documents]
        self.ask(question)

    def ask(self, question: str) -> None:
        """Serves that question from now on."""
        self._question = _stems(question)
        self._searched: set[str] = set()

    def search(self, pattern: str, limit: int = 10) -> Hits:
        """Lines of `context` that match a regular expression or contain words (case does
        not matter). Each is a string. Where nothing matches, the nearest lines come back,
        and say so; they also do when the same is searched again."""
        pattern = pattern.pattern if isinstance(pattern, re.Pattern) else str(pattern)
        if not pattern.strip():
            raise ValueError("search needs a pattern: a word, a phrase or a regular expression")
        again = pattern in self._searched
        self._searched.add(pattern)
        places = self._matches(_compiled(pattern))
        if not places:
            return self.nearest(pattern, limit)
        if again and len(places) > limit:
            return self._nearest(
                _stems(pattern) + self._question,
                limit,
                f"You have searched for {pattern!r} before. The lines nearest to the question:",
            )
        chosen = self._best(places, limit)
        left = len(places) - len(chosen)
        more = (
            f"... and {left:,} more matching lines: make the pattern more specific" if left else ""
        )
        return Hits((self._line(*place) for place in chosen), tail=more)

    def nearest(self, words: str, limit: int = 10) -> Hits:
        """The lines that share the rarest words with `words`."""
        head = f"No exact match for {words!r}. The nearest lines:"
        return self._nearest(_stems(words) or self._question, limit, head) or Hits(
            [], head=f"No line of context matches {words!r}, nor comes near."
        )

    def _nearest(self, stems: Sequence[str], limit: int, head: str) -> Hits:
        scored = self._scored(list(dict.fromkeys(stems))) if stems else []
        return Hits((self._line(*item) for item in scored[:limit]), head=head)

    def _matches(self, regex: re.Pattern[str]) -> list[tuple[Place, int]]:
        found: dict[Place, int] = {}
        for number, text in enumerate(self._texts):
            for match in itertools.islice(regex.finditer(text), MOST_MATCHES):
                if match.end() > match.start():
                    start, end = _line_around(text, match.start())
                    found.setdefault((number, start, end), match.start())
        return list(found.items())

    def _best(self, places: list[tuple[Place, int]], limit: int) -> list[tuple[Place, int]]:
        """The lines that share most words with the question; in the text's order if equal."""
        if len(places) <= limit or not self._question:
            return places[:limit]
        words = _any_of(self._question)

        def shared(item: tuple[Place, int]) -> int:
            (number, start, end), _ = item
            return -len({m.lower()[:4] for m in words.findall(self._texts[number], start, end)})

        return sorted(places, key=shared)[:limit]

    def _scored(self, stems: Sequence[str]) -> list[tuple[Place, int]]:
        regex = _any_of(stems)
        lines: dict[Place, dict[str, int]] = {}
        seen: collections.Counter[str] = collections.Counter()
        for number, text in enumerate(self._texts):
            for match in itertools.islice(regex.finditer(text), 10 * MOST_MATCHES):
                stem = _stem_of(match.group().lower(), stems)
                seen[stem] += 1
                start, end = _line_around(text, match.start())
                lines.setdefault((number, start, end), {}).setdefault(stem, match.start())

        total = sum(seen.values())
        named = self._named(regex, stems)

        def score(line: tuple[Place, Mapping[str, int]]) -> float:
            (number, start, _), found = line
            name = named.get(self._document(number, start), set()) - found.keys()
            return -sum(rare(word) for word in found) - sum(map(rare, name)) / 2

        def rare(word: str) -> float:
            return math.log(1 + total / max(1, seen[word]))

        ranked = sorted(lines.items(), key=score)
        distinct: dict[str, tuple[Place, int]] = {}
        for (number, start, end), found in itertools.islice(ranked, 1_000):
            text = self._texts[number][start : min(end, start + LINE_CHARS)].strip()
            distinct.setdefault(text, ((number, start, end), min(found.values())))
        return list(distinct.values())

    def _named(self, regex: re.Pattern[str], stems: Sequence[str]) -> dict[int, set[str]]:
        """Which of the words are in the name of each document: they count for its lines."""
        found = {
            index: {_stem_of(word.lower(), stems) for word in regex.findall(name)}
            for index, name in enumerate(self._documents)
        }
        return {index: words for index, words in found.items() if words}

    def _document(self, number: int, at: int) -> int:
        return bisect.bisect_right(self._starts, at) - 1 if self._documents else -1 - number

    def _line(self, place: Place, at: int) -> str:
        number, start, end = place
        text = self._texts[number]
        if end - start > LINE_CHARS:
            start, end = max(start, at - LINE_CHARS // 3), min(end, at + 2 * LINE_CHARS // 3)
        return f"[{self._where(number, at)}] {text[start:end].strip()}"

    def _where(self, number: int, at: int) -> str:
        text, name, first = self._texts[number], self._names[number], 0
        if self._documents:
            index = max(0, self._document(number, at))
            name, first = self._documents[index], self._starts[index]
        line = text.count("\n", first, at) + 1
        return f"{name} line {line}" if name else f"line {line}"


def _texts(context: Any) -> tuple[list[str], list[str]]:
    if isinstance(context, str):
        return [""], [context]
    if isinstance(context, Mapping):
        pairs: Iterator[tuple[Any, Any]] = iter(context.items())
    elif isinstance(context, (list, tuple)):
        pairs = ((f"[{number}]", item) for number, item in enumerate(context))
    else:
        pairs = iter([("", context)])
    named = [(str(name), _as_text(item)) for name, item in pairs]
    return [name for name, _ in named], [text for _, text in named]


def _as_text(item: Any) -> str:
    if isinstance(item, str):
        return item
    try:
        return json.dumps(item, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return str(item)


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error:
        return re.compile(re.escape(pattern), re.IGNORECASE)


def _line_around(text: str, at: int) -> tuple[int, int]:
    """Where the line of a position starts and ends; a very long one is cut around it."""
    low, high = max(0, at - 20 * LINE_CHARS), at + 20 * LINE_CHARS
    start = text.rfind("\n", low, at) + 1 or low
    end = text.find("\n", at, high)
    return start, (min(high, len(text)) if end < 0 else end)


def _stems(words: str) -> list[str]:
    """The words that can tell one line from another, without their endings."""
    plain = re.sub(r"\\[a-zA-Z]|\[[^\]]*\]|\{[^}]*\}", " ", words)
    found = (word.lower() for word in re.findall(r"\w+", plain))
    kept = [w for w in found if w not in COMMON_WORDS and (len(w) > 2 or w.isdigit())]
    return list(dict.fromkeys(w[: max(4, math.ceil(len(w) * 0.75))] for w in kept))[:24]


def _stem_of(word: str, stems: Sequence[str]) -> str:
    return max((stem for stem in stems if word.startswith(stem)), key=len, default=word)


def _any_of(stems: Sequence[str]) -> re.Pattern[str]:
    longest_first = sorted(stems, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\w*", re.IGNORECASE)
