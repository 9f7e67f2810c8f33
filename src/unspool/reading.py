"""What models read of a context, and which of it an answer rests on: a fold over events."""

from __future__ import annotations

import contextlib
import io
import itertools
import math
import re
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import IO, Any

from unspool import events
from unspool.context.locate import DIGITS, Locator
from unspool.context.source import Context
from unspool.context.whole import Whole
from unspool.counted import Counted, is_number, lines_counted
from unspool.errors import ContextError
from unspool.typed import facts
from unspool.types import Request, Span

IN_MEMORY_BYTES = 32 << 20
"""Kept of a run's prompts in memory; what is more goes to a file that nobody else sees."""
MOST_SPANS = 20
LINE_CHARS = 400
"""Of a line, to each side of what the answer has from it."""
MOST_FACTS = 200
MOST_PLACES = 200
"""Of one fact that are weighed."""
RARE = 3
"""Places in the whole context that a fact may have where no model has read any."""
QUOTED_CHARS = 12
QUESTION_CHARS = 40
"""A question of so many is found by chance nowhere in the text."""
_QUOTED = re.compile(r"[\"“‘']([^\"“”‘’'\n]{12,400})[\"”’']")
_CITED = re.compile(rf"(?:([^\s\[\](),;]+):|\bline )(\d{{1,{DIGITS}}})\b")
_WORD = re.compile(r"\w{3,}")
_COMMON = frozenset(
    "about all also and any are been but can could did does for from had has have her his how into"
    " its more most not one other our out over said she some than that the their them then there"
    " these they this was were what when where which who whom whose why will with would you".split()
)


class Reading:
    """Takes down what the models of one run and of all inside of it are given to read.

    It costs a copy of each prompt; where they come from in the context is found out when
    somebody asks. Until then it holds the context; afterwards what was found alone.
    """

    def __init__(self, run_id: str, context: Context, question: str) -> None:
        self._run_id, self._question = run_id, question
        self._context: Context | None = context
        self._asked: dict[tuple[str, int], tuple[int, str]] = {}
        self._opening: set[str] = set()
        self._order = itertools.count()
        self._texts = _Texts()
        self._counted = Counted()
        self._lock = threading.Lock()
        self._answer: Any = None
        self._known: tuple[tuple[Span, ...], float] = ((), 0.0)

    def __deepcopy__(self, memo: Mapping[int, Any]) -> Reading:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _known, (self.evidence, self.coverage)

    def add(self, event: events.Event) -> None:
        """Takes note of `event`."""
        match event:
            case events.WayTaken():
                self._opening.add(event.run_id)
            case events.Replied(request=Request(messages=(*_, opening))) if (
                event.run_id in self._opening
            ):
                self._opening.remove(event.run_id)
                self._texts.add(next(self._order), event.run_id, opening.content)
            case events.TurnEnded() if event.feedback:
                self._texts.add(next(self._order), event.run_id, event.feedback)
            case events.CallStarted():
                self._asked[event.run_id, event.call] = next(self._order), event.prompt
            case events.CallEnded():
                order, prompt = self._asked.pop((event.run_id, event.call), (0, ""))
                if prompt and not event.error:
                    self._texts.add(order, event.run_id, prompt)
            case events.CellStarted(run_id=self._run_id):
                self._counted.cell(event.cell.code)
            case events.CellEnded(run_id=self._run_id):
                shown = event.observation
                self._counted.output(f"{shown.stdout.text}\n{shown.value.text}")
            case _:
                pass

    def answered(self, answer: Any) -> None:
        """The run has ended with this."""
        self._answer = answer
        self._asked.clear()

    @property
    def evidence(self) -> tuple[Span, ...]:
        """See `Result.evidence`."""
        return self._found()[0]

    @property
    def coverage(self) -> float:
        """See `Result.coverage`."""
        return self._found()[1]

    def _found(self) -> tuple[tuple[Span, ...], float]:
        with self._lock:
            if self._context is not None:
                try:
                    _check(self._context.value)
                    self._known = self._find(Whole(self._context))
                except OSError as failed:
                    raise ContextError(
                        f"the context cannot be read any more, so nobody can say what of it was"
                        f" read: {failed}."
                    ) from failed
                self._context = None
                self._texts.close()
            return self._known

    def _find(self, whole: Whole) -> tuple[tuple[Span, ...], float]:
        locator = Locator(whole)
        for run_id, text in self._texts:
            locator.shown(_without(self._question, text), is_own=run_id == self._run_id)
        read = locator.finish()
        evidence = Behind(whole, read, self._question, self._counted).spans(self._answer)
        return tuple(evidence), _share(whole, read)


def _check(value: Any) -> None:
    """Raises ContextError where a context's file is not what the models have read."""
    text = getattr(value, "whole", value)
    if getattr(text, "has_changed", False):
        raise ContextError(
            f"{text.path} was changed or replaced after the run began, so nobody can say what of"
            " it was read. Ask for evidence and coverage before that, or give the text itself."
        )


def _without(question: str, text: str) -> str:
    """A prompt without the question, which is no part of what was read; a short one goes only
    where it stands on lines of its own: its words may be the text's."""
    if len(question) >= QUESTION_CHARS:
        return text.replace(question, " ")
    if not question.strip():
        return text
    return re.sub(rf"(?m)^{re.escape(question)}$", " ", text)


def _known(evidence: tuple[Span, ...], coverage: float) -> Reading:
    """What is left of a reading that went to another process."""
    made = Reading("", Context(""), "")
    made._context, made._known = None, (evidence, coverage)
    return made


class _Texts:
    """Texts with the runs that they belong to."""

    def __init__(self) -> None:
        self._file: IO[bytes] = io.BytesIO()
        self._size = 0
        self._in_memory = True
        self._entries: list[tuple[int, str, int, int]] = []

    def add(self, order: int, run_id: str, text: str) -> None:
        """Keeps a text; without it where there is no room for it."""
        data = text.encode("utf-8", "surrogatepass")
        with contextlib.suppress(OSError):
            if self._in_memory and self._size + len(data) > IN_MEMORY_BYTES:
                self._move()
            self._file.seek(self._size)
            self._file.write(data)
            self._entries.append((order, run_id, self._size, len(data)))
            self._size += len(data)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """By their order: parts of a text are often read one after the other."""
        for _, run_id, at, size in sorted(self._entries):
            self._file.seek(at)
            yield run_id, self._file.read(size).decode("utf-8", "surrogatepass")

    def _move(self) -> None:
        """Goes on in a file that has no name; it is closed with this object, at the latest."""
        self._in_memory = False
        file = tempfile.TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, file.close)
        self._file.seek(0)
        shutil.copyfileobj(self._file, file)
        self._file = file

    def close(self) -> None:
        """Forgets them all."""
        self._file.close()
        self._entries.clear()


class Behind:
    """Finds the lines that an answer rests on, among those that a model read.

    A line counts that has a fact of the answer (a number, a name, what it quotes; its words
    where it has none of those) and something of the question as well, or most of the facts,
    or that the answer names. Of what no model has read, lines count where they have both and
    hardly any other line has them: code found them. A number that code has counted stands in
    lines by chance alone: for that, the lines count that were counted, where they are known.
    """

    def __init__(
        self, whole: Whole, read: list[tuple[int, int]], question: str, counted: Counted
    ) -> None:
        self._whole, self._read, self._counted = whole, read, counted
        self._question = {word[:5] for word in _words(question)}

    def spans(self, answer: Any) -> list[Span]:
        """The lines, best first."""
        text = "\n".join(itertools.islice(_leaves(answer), 1_000))
        if not text.strip():
            return []
        wanted = _wanted(text)
        numbers = dict.fromkeys(filter(is_number, (*wanted, *facts(text))))
        counts = [one for one in numbers if self._counted.has(one, self._whole)]
        wanted = [fact for fact in wanted if fact not in counts]
        lines: dict[tuple[int, int], set[str]] = {}
        rare: dict[str, float] = {}
        for fact in wanted:
            places = list(itertools.islice(self._places(fact), MOST_PLACES))
            rare[fact] = 1 / math.log2(2 + len(places))
            for at in places:
                lines.setdefault(self._whole.line_around(at, LINE_CHARS), set()).add(fact)
        scored = {line: self._score(line, found, rare) for line, found in lines.items()}
        scored |= dict.fromkeys(self._matched(counts), 0.1)
        scored |= dict.fromkeys(self._named(text), math.inf)
        best = sorted(
            (line for line, score in scored.items() if score), key=lambda x: (-scored[x], x)
        )
        return [self._span(*line) for line in best[:MOST_SPANS]]

    def _places(self, fact: str) -> Iterator[int]:
        """Where a fact stands: in what was read, or else in a few places of the whole."""
        regex = re.compile(rf"(?<!\w){re.escape(fact)}(?!\w)", re.IGNORECASE)
        nowhere = True
        for start, end in self._read:
            for match in regex.finditer(str(self._whole.text[start:end])):
                nowhere = False
                yield start + match.start()
        if nowhere:
            found = []
            for place, piece in self._whole.windows():
                found += [place + match.start() for match in regex.finditer(piece)]
                if len(found) > RARE:
                    return
            yield from found

    def _score(self, line: tuple[int, int], found: set[str], rare: Mapping[str, float]) -> float:
        """0: it may have the answer's facts by chance."""
        text = str(self._whole.text[slice(*line)])
        weight, all_ = sum(rare[fact] for fact in found), sum(rare.values())
        shared = len(self._question & {word[:5] for word in _words(text)})
        whole = any(len(fact) >= QUOTED_CHARS and " " in fact for fact in found)
        if not shared and not whole and weight < 0.6 * all_:
            return 0.0
        return weight / all_ + 0.2 * min(shared, 5) + whole

    def _matched(self, counts: list[str]) -> Iterator[tuple[int, int]]:
        """The lines that code has counted, where their number says which they are."""
        for count in (count.replace(",", "") for count in counts):
            if count.isdigit() and len(count) <= DIGITS:
                patterns = self._counted.patterns
                yield from lines_counted(patterns, int(count), self._whole, MOST_SPANS)

    def _named(self, answer: str) -> Iterator[tuple[int, int]]:
        """The lines that the answer names as `name:12`, or as `line 12`."""
        for name, line in itertools.islice(_CITED.findall(answer), MOST_SPANS):
            parts = self._whole.named(name) if name else iter(self._whole.parts[:1])
            if not name and len(self._whole.parts) > 1:
                continue
            for _, first, last in parts:
                at = self._whole.line_start(first, last, int(line))
                if at >= 0:
                    yield self._whole.line_around(at, LINE_CHARS)

    def _span(self, start: int, end: int) -> Span:
        text = str(self._whole.text[start:end])
        low = start + len(text) - len(text.lstrip())
        name, first, _ = self._whole.part(low)
        text = text.strip()
        return Span(name, low - first, low - first + len(text), text, self._whole.line_of(low))


def _share(whole: Whole, read: list[tuple[int, int]]) -> float:
    """How much of all parts lies in what was read."""
    total, covered, at = 0, 0, 0
    for _, start, end in whole.parts:
        text = str(whole.text[start : min(end, start + 1_000)])
        low = start + len(text) - len(text.lstrip())
        tail = str(whole.text[max(low, end - 1_000) : end])
        high = end - len(tail) + len(tail.rstrip())
        total += max(0, high - low)
        while at < len(read) and read[at][1] <= low:
            at += 1
        for one in itertools.islice(read, at, None):
            if one[0] >= high:
                break
            covered += max(0, min(one[1], high) - max(one[0], low))
    return covered / total if total else 0.0


def _wanted(answer: str) -> list[str]:
    """What to look for: the whole answer, what it quotes, its facts; else its words."""
    whole = [line.strip() for line in answer.splitlines() if len(line.strip()) <= LINE_CHARS]
    quoted = _QUOTED.findall(answer)
    found = facts(answer) or _words(answer)
    return [one for one in dict.fromkeys((*whole, *quoted, *found)) if len(one) > 1][:MOST_FACTS]


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.lower()) if word not in _COMMON]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        value = value.values()
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        yield "" if value is None or isinstance(value, bool) else str(value)
        return
    for item in value:
        yield from _leaves(item)
