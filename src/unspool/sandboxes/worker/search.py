"""`search` in the REPL: lines that match, and the nearest ones where none does."""

from __future__ import annotations

import collections
import functools
import itertools
import math
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from .patterns import Pattern
from .texts import Texts
from .words import NoIndex, WordIndex

LINE_CHARS = 280
"""Shown of one line; of a longer one, the part around the match."""
LINES = 10
"""Given where nobody says how many."""
NAMES = 5
"""Told of documents whose names match."""
INDEXED_CHARS = 16_000_000
"""In a longer text the nearest lines are found by an index of its words, which is kept: to
look through it takes longer, and stops where common words have been seen too often."""
MOST_INDEXED_CHARS = 350_000_000
"""The index of so much fills the room that a REPL has for files."""
PASSAGES = 40
"""Looked at for the best lines."""
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
Match = tuple[int, int]
"""Where what was looked for starts and ends, in characters."""
Span = tuple[int, int, str, str]
"""Where something starts and ends, in characters; the document or item; and the text."""


class Hits(list[str]):
    """Lines as plain strings; printed one below the other, with what was left out."""

    def __init__(self, lines: Iterable[str], head: str = "", tail: str = "") -> None:
        super().__init__(lines)
        self._head, self._tail = head, tail

    def with_tail(self, tail: str) -> Hits:
        """The same, with that below."""
        return Hits(self, self._head, tail)

    def __repr__(self) -> str:
        return "\n".join(part for part in (self._head, *self, self._tail) if part)

    __str__ = __repr__


class Searcher:
    """Finds lines in a context of any shape.

    `index` is the folder in which an index of its words is kept, once one is needed; without
    it, in memory. It is made within what `making` gives. See `Texts` for `documents` and
    `first_line`.
    """

    def __init__(
        self,
        context: Any,
        documents: Sequence[tuple[str, int]] = (),
        question: str = "",
        index: str = "",
        first_line: int = 1,
        making: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self._given = context, documents, first_line
        self._making, self._refused = making, ""
        self._path = index
        self._words: WordIndex | None = None
        self.renew()
        self.ask(question)

    def renew(self) -> None:
        """Goes on in a fork that has the calling thread alone."""
        self._one_makes = threading.Lock()

    @functools.cached_property
    def _texts(self) -> Texts:
        return Texts(*self._given)

    def ask(self, question: str) -> None:
        """Serves that question from now on."""
        self._question, self._stems = question, _stems(question)
        self._searched: set[str] = set()

    def search(
        self,
        pattern: Any,
        limit: int | None = None,
        *,
        around: int = 0,
        spans: bool = False,
        text: Any = None,
    ) -> Any:
        """Lines of `context` that match a regular expression or contain words (case does
        not matter). Each is a string. Where nothing matches, the nearest lines come back,
        and say so; they also do when the same is searched again. A list of words gives the
        lines that rank best for them. `limit` is how many lines (10), `around` how many
        characters to each side of the match are shown in place of the line, `text` what to
        search in place of `context`. With `spans`, all matches as (start, end, name, text)."""
        if text is None and not (limit is None or _is_number(limit)):
            limit, text = None, limit
        limit, around = lines_wanted(limit), _whole("around", around, "it counts characters")
        if text is not None:
            other = Searcher(text, (), self._question)
            return other.search(pattern, limit, around=around, spans=spans)
        flags = pattern.flags & ~re.DEBUG if isinstance(pattern, re.Pattern) else 0
        pattern = getattr(pattern, "pattern", pattern)
        if not isinstance(pattern, (str, bytes)) and isinstance(pattern, Iterable):
            return self._ranked([str(word) for word in pattern], limit, around, spans=spans)
        if pattern is None or isinstance(pattern, bytes) or not str(pattern):
            raise ValueError("search needs a pattern: a word, a phrase or a regular expression")
        pattern = str(pattern)
        wanted = Pattern(pattern, flags)
        if spans:
            return self._spans(wanted, limit, around)
        return self._lines(pattern, wanted, LINES if limit is None else limit, around)

    def nearest(self, words: str, limit: int = LINES) -> Hits:
        """The lines that share the rarest words with `words`."""
        head = f"No exact match for {words!r}."
        if not limit:
            return Hits([], head)
        head += " The nearest lines:"
        return self._nearest(_stems(words) or self._stems, limit, head) or Hits(
            [], head=f"No line of context matches {words!r}, nor comes near."
        )

    def _lines(self, pattern: str, wanted: Pattern, limit: int, around: int) -> Hits:
        again = pattern in self._searched
        self._searched.add(pattern)
        places, all_seen = self._matches(wanted)
        if not places:
            return self._named_so(wanted, self.nearest(pattern, limit))
        if again and len(places) > limit:
            return self._nearest(
                _stems(pattern) + self._stems,
                limit,
                f"You have searched for {pattern!r} before. The lines nearest to the question:",
            )
        chosen = self._best(places, limit)
        left = len(places) - len(chosen)
        count = f"{left:,}" if all_seen else f"at least {left:,}"
        more = f"... and {count} more matching lines: make the pattern more specific"
        lines = (self._line(*place, around) for place in chosen)
        return Hits(lines, tail=more if left or not all_seen else "")

    def _named_so(self, wanted: Pattern, nearest: Hits) -> Hits:
        """The nearest lines; with the documents that have in their names what no line has."""
        names = [name for name in self._texts.documents if wanted.regex.search(name)]
        if not names:
            return nearest
        more = ", ..." if len(names) > NAMES else ""
        told = f"Names of documents that match ({len(names):,}): {', '.join(names[:NAMES])}{more}"
        return nearest.with_tail(told)

    def _spans(self, wanted: Pattern, limit: int | None, around: int) -> list[Span]:
        found = (
            (start, end, self._texts.name(number, start), _cut(text, start, end, around))
            for number, text in enumerate(self._texts.all)
            for start, end in self._found(wanted, number, text)
        )
        return list(itertools.islice(found, limit))

    def _ranked(self, words: list[str], limit: int | None, around: int, *, spans: bool) -> Any:
        """The best lines for words, by BM25 of the passages they are in."""
        stems = _stems(" ".join(words), keep_common=True)
        if not stems:
            raise ValueError("search needs words to look for")
        limit = LINES if limit is None else limit
        ranked = self._by_index(stems, max(1, limit))
        if not spans:
            none = "" if ranked else f"No line of context has any of {', '.join(words)}."
            return Hits((self._line(*one, around) for one in ranked[:limit]), head=none)
        return [
            (start, end, self._texts.name(number, start), _cut(text, start, end, around))
            for (number, start, end), _ in ranked[:limit]
            for text in self._texts.all[number : number + 1]
        ]

    def _nearest(self, stems: Sequence[str], limit: int, head: str) -> Hits:
        stems = list(dict.fromkeys(stems))
        long = sum(map(len, self._texts.all)) > INDEXED_CHARS
        scored = [] if not stems else (self._by_index if long else self._scored)(stems, limit)
        return Hits((self._line(*item) for item in scored), head=head)

    def _by_index(self, stems: Sequence[str], limit: int) -> list[tuple[Place, Match]]:
        """Lines by the rarity of the words they have, of the passages that rank best."""
        try:
            if sum(map(len, self._texts.all)) > MOST_INDEXED_CHARS:
                return self._scored(stems, limit)
            blocks, rare = self._index().best(stems, PASSAGES + limit)
        except NoIndex:
            self._words = None
            return self._scored(stems, limit)
        regex, ranked = _any_of(stems), []
        named = self._named(regex.regex, stems)
        for rank, (number, start, end) in enumerate(blocks):
            lines: dict[Place, dict[str, Match]] = {}
            passage = str(self._texts.all[number][start:end])
            for match in regex.regex.finditer(passage):
                at = (start + match.start(), start + match.end())
                if self._texts.head(number, at[0]) >= 0:
                    continue
                line = (number, *_line_around(self._texts.all[number], at[0]))
                lines.setdefault(line, {}).setdefault(_stem_of(match.group().lower(), stems), at)
            for place, found in lines.items():
                name = named.get(self._texts.document(number, place[1]), set()) - found.keys()
                weight = sum(rare.get(stem, 0) for stem in found)
                weight += sum(rare.get(stem, 0) for stem in name) / 2
                ranked.append((-weight, rank, place, min(found.values())))
        return self._distinct(((place, at) for _, _, place, at in sorted(ranked)), limit)

    def _index(self) -> WordIndex:
        """The index, which the first thread makes that needs it."""
        with self._one_makes:
            if self._words is not None:
                return self._words
            if self._refused:
                raise NoIndex(self._refused)
            try:
                with self._making():
                    self._words = WordIndex(self._texts.all, self._path, self._texts.heads)
            except NoIndex as refused:
                self._refused = str(refused)
                raise
            return self._words

    def _matches(self, wanted: Pattern) -> tuple[list[tuple[Place, Match]], bool]:
        """The lines that match, and whether these are all."""
        found: dict[Place, Match] = {}
        all_seen = True
        for number, text in enumerate(self._texts.all):
            matches = self._found(wanted, number, text)
            for at in itertools.islice(matches, MOST_MATCHES):
                found.setdefault((number, *_line_around(text, at[0])), at)
            all_seen = all_seen and next(matches, None) is None
        return list(found.items()), all_seen

    def _found(self, wanted: Pattern, number: int, text: Any) -> Iterator[Match]:
        """Where it matches, but for what begins in the line with a document's name. What goes
        on from there into documents gives way to what is found in each of them alone."""
        heads, at, behind = self._texts.heads if number == 0 else [], 0, 0
        for start, end in wanted.spans(text):
            while at < len(heads) and heads[at][1] <= start:
                at += 1
            if start < behind:
                continue
            if at == len(heads) or start < heads[at][0]:
                yield start, end
                continue
            head = at
            while head < len(heads) and end > heads[head][1]:
                low = heads[head][1]
                head += 1
                behind = heads[head][0] if head < len(heads) else len(text)
                for first, last in wanted.spans(text[low:behind]):
                    yield low + first, low + last

    def _best(self, places: list[tuple[Place, Match]], limit: int) -> list[tuple[Place, Match]]:
        """The lines that share most words with the question; in the text's order if equal."""
        if len(places) <= limit or not self._stems:
            return places[:limit]
        words = _any_of(self._stems).regex

        def shared(item: tuple[Place, Match]) -> int:
            (number, start, end), _ = item
            line = str(self._texts.all[number][start:end])
            return -len({m.lower()[:4] for m in words.findall(line)})

        return sorted(places, key=shared)[:limit]

    def _scored(self, stems: Sequence[str], limit: int) -> list[tuple[Place, Match]]:
        words = _any_of(stems)
        lines: dict[Place, dict[str, Match]] = {}
        seen: collections.Counter[str] = collections.Counter()
        for number, text in enumerate(self._texts.all):
            for at, end in itertools.islice(self._found(words, number, text), 10 * MOST_MATCHES):
                stem = _stem_of(str(text[at:end]).lower(), stems)
                seen[stem] += 1
                line = (number, *_line_around(text, at))
                lines.setdefault(line, {}).setdefault(stem, (at, end))

        total = sum(seen.values())
        named = self._named(words.regex, stems)

        def score(line: tuple[Place, Mapping[str, Match]]) -> float:
            (number, start, _), found = line
            name = named.get(self._texts.document(number, start), set()) - found.keys()
            return -sum(rare(word) for word in found) - sum(map(rare, name)) / 2

        def rare(word: str) -> float:
            return math.log(1 + total / max(1, seen[word]))

        ranked = sorted(lines.items(), key=score)
        return self._distinct(((place, min(found.values())) for place, found in ranked), limit)

    def _distinct(
        self, ranked: Iterable[tuple[Place, Match]], limit: int
    ) -> list[tuple[Place, Match]]:
        """The first of them that do not say the same."""
        distinct: dict[str, tuple[Place, Match]] = {}
        for (number, start, end), at in itertools.islice(ranked, 1_000):
            text = str(self._texts.all[number][start : min(end, start + LINE_CHARS)]).strip()
            distinct.setdefault(text, ((number, start, end), at))
        return list(distinct.values())[:limit]

    def _named(self, regex: re.Pattern[str], stems: Sequence[str]) -> dict[int, set[str]]:
        """Which of the words are in the name of each document: they count for its lines."""
        found = {
            index: {_stem_of(word.lower(), stems) for word in regex.findall(name)}
            for index, name in enumerate(self._texts.documents)
        }
        return {index: words for index, words in found.items() if words}

    def _line(self, place: Place, match: Match, around: int = 0) -> str:
        (number, start, end), at = place, match[0]
        text = self._texts.all[number]
        if around:
            start, end = max(0, at - around), match[1] + around
        elif end - start > LINE_CHARS:
            start, end = max(start, at - LINE_CHARS // 3), min(end, at + 2 * LINE_CHARS // 3)
        name, line = self._texts.name(number, at), self._texts.line(number, at)
        where = f"{name} line {line}" if name else f"line {line}"
        return f"[{where}] {str(text[start:end]).strip()}"


def lines_wanted(limit: Any) -> int | None:
    """A limit of lines; None where none is given.

    Raises:
        ValueError: it is no number of lines.
    """
    return None if limit is None else _whole("limit", limit, "it is how many are given at most")


def _whole(name: str, given: Any, what: str) -> int:
    if _is_number(given) and 0 <= given < math.inf and int(given) == given:
        return int(given)
    raise ValueError(f"{name}={given!r:.100}: {what}, a whole number of 0 or more")


def _is_number(given: Any) -> bool:
    return isinstance(given, (int, float)) or (
        hasattr(given, "__index__") and not hasattr(given, "__len__")
    )


def _cut(text: Any, start: int, end: int, around: int = 0) -> str:
    return str(text[max(0, start - around) : end + around])


def _line_around(text: Any, at: int) -> tuple[int, int]:
    """Where the line of a position starts and ends; a very long one is cut around it."""
    low, high = max(0, at - 20 * LINE_CHARS), at + 20 * LINE_CHARS
    start = text.rfind("\n", low, at) + 1 or low
    end = text.find("\n", at, high)
    return start, (min(high, len(text)) if end < 0 else end)


def _stems(words: str, *, keep_common: bool = False) -> list[str]:
    """The words that can tell one line from another, without their endings."""
    plain = re.sub(r"\\[a-zA-Z]|\[[^\]]*\]|\{[^}]*\}", " ", words)
    found = [word.lower() for word in re.findall(r"\w+", plain)]
    kept = [w for w in found if w not in COMMON_WORDS and (len(w) > 2 or w.isdigit())]
    kept = kept or (found if keep_common else [])
    return list(dict.fromkeys(w[: max(4, math.ceil(len(w) * 0.75))] for w in kept))[:24]


def _stem_of(word: str, stems: Sequence[str]) -> str:
    return max((stem for stem in stems if word.startswith(stem)), key=len, default=word)


def _any_of(stems: Sequence[str]) -> Pattern:
    longest_first = sorted(stems, key=len, reverse=True)
    return Pattern(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\w*")
