"""What a run has been told before: the fold from its events to what it need not ask again."""

from __future__ import annotations

import copy
import re
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from unspool import events
from unspool.names import opinion_of
from unspool.types import Completion, Growing, Message, Observation, Result, Usage, Way

OnDifference = Literal["stop", "record", "anew"]
"""What to do where cells come to something else than was recorded: stop with an error; go on
as if they had come to what was recorded; or go on from what they have come to now."""

Outcome = events.CallEnded | events.CallRefused
"""What came of a sub-call."""
Asked = events.Replied | events.ReplyCut | events.Unanswered | events.HistoryShortened
"""What came of asking a root model."""

BEFORE_WAYS: Way = "rlm"
"""How runs were answered whose records name no way."""
_CHANCE = re.compile(r"\b0x[0-9a-f]{6,}\b|\bunspool-[A-Za-z0-9_]{8}\b")
"""What is another one in each process: addresses in memory, and the names of its folders."""


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """What came of a turn that has ended."""

    observations: tuple[Observation, ...]
    feedback: str


@dataclass(frozen=True, slots=True)
class RecordedReply:
    """What a root model said in one turn, as far as it is known."""

    cuts: tuple[Completion, ...] = ()
    """The parts that its output limit had cut and that were gone on with."""
    whole: Completion | None = None
    shortened: int = 0
    """How often the history was found too long for the model before that."""


@dataclass(slots=True)
class _Run:
    """What is known of one run of the tree."""

    turn: int = 0
    replies: dict[tuple[int, bool], Completion] = field(default_factory=dict)
    cuts: dict[tuple[int, bool], list[Completion]] = field(
        default_factory=lambda: defaultdict(list)
    )
    shortened: Counter[tuple[int, bool]] = field(default_factory=Counter)
    seen: dict[int, list[Observation]] = field(default_factory=lambda: defaultdict(list))
    turns: dict[int, RecordedTurn] = field(default_factory=dict)
    failures: list[tuple[int, Outcome]] = field(default_factory=list)
    cells: dict[int, Observation] = field(default_factory=dict)
    calls: int = 0
    born: tuple[str, int] = ("", 0)
    """Whose cell asked for it, in which turn."""
    opening: tuple[Message, ...] = ()
    pack: str = ""
    ways: dict[Way, int] = field(default_factory=dict)
    """Each with the turn that was over when it was taken."""
    end: Result | None = None


class Record:
    """What one tree of runs has been told, each thing to be told again once. Empty for a run
    that begins.

    Replies to roots are found by their turn. Sub-calls are found by what was asked, wherever in
    the tree: their order may be another one each time. A turn counts when the root has said
    something to what came of it: its cells have to come to the same again, and its calls that
    failed fail again. The last one is made anew with the replies that there are.
    """

    def __init__(
        self,
        past: Iterable[events.Event] = (),
        on_difference: OnDifference = "stop",
        *,
        ended: bool = False,
        closed: bool = False,
        openings: bool = True,
    ) -> None:
        self.on_difference = on_difference
        self.closed = closed
        """Nothing that is not in it is done: a cell that was cut off is not run again."""
        self._ended, self._openings = ended, openings and on_difference != "anew"
        self.usage = Usage()
        """What was paid for all of it."""
        self.elapsed_s = 0.0
        """When the last of it happened, in seconds from the start."""
        self._runs: dict[str, _Run] = defaultdict(_Run)
        self._calls: dict[str, deque[Outcome]] = defaultdict(deque)
        self._opinion: int | None = None
        self._tools: dict[tuple[str, str], deque[Any]] = defaultdict(deque)
        self._children: dict[tuple[str, str], deque[str]] = defaultdict(deque)
        self._seeds: dict[str, int] = {}
        for event in past:
            self._add(event)
        self._settle()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def said(self, run_id: str, turn: int, *, last: bool = False) -> RecordedReply:
        """What the root model said in that turn."""
        run, at = self._runs.get(run_id), (turn, last)
        if run is None:
            return RecordedReply()
        return RecordedReply(tuple(run.cuts.get(at, ())), run.replies.get(at), run.shortened[at])

    def opening(self, run_id: str) -> tuple[Message, ...]:
        """The messages that a run began with, to the letter, whatever its pack says by now.
        Empty: it is to be opened as runs are today."""
        run = self._runs.get(run_id)
        return run.opening if run is not None and self._openings else ()

    def pack(self, run_id: str) -> str:
        """The prompts that a run began with, and their version; empty: that is not known."""
        run = self._runs.get(run_id)
        return "" if run is None else run.pack

    def ways(self, run_id: str) -> dict[Way, int]:
        """The ways to answer that a run has had turns on, in order, each with its last turn."""
        run = self._runs.get(run_id)
        last = run.turn if run is not None else 0
        if run is None or not last:
            return {}
        begun = {way: turn for way, turn in run.ways.items() if turn < last} or {BEFORE_WAYS: 0}
        return dict(zip(begun, [*list(begun.values())[1:], last], strict=True))

    def of_opinion(self, number: int) -> Self:
        """The same record, but of sub-calls it tells those alone that were made in that one of
        several runs of the question, or inside of it: the others' came to something else."""
        part = copy.copy(self)
        part._opinion = number
        return part

    def call(self, key: str) -> Outcome | None:
        """What came of a sub-call of that key; each is given once."""
        found, mine = self._calls.get(key, ()), self._opinion
        for place, call in enumerate(found):
            if mine is None or mine == opinion_of(call.run_id):
                del self._calls[key][place]
                return call
        return None

    def tool(self, run_id: str, key: str) -> Any:
        """What a call of the user's function gave; each is given once. None: nothing is known."""
        found = self._tools.get((run_id, key))
        return found.popleft() if found else None

    def turn(self, run_id: str, turn: int) -> RecordedTurn | None:
        """What came of a turn, if the root has been told."""
        run = self._runs.get(run_id)
        return None if run is None else run.turns.get(turn)

    def cell(self, run_id: str, number: int) -> Observation | None:
        """What came of a cell."""
        run = self._runs.get(run_id)
        return None if run is None else run.cells.get(number)

    def calls_made(self, run_id: str) -> int:
        """The highest number that a call of that run has had."""
        run = self._runs.get(run_id)
        return 0 if run is None else run.calls

    def seed(self, run_id: str) -> int | None:
        """What was random in that run's REPL followed from this."""
        return self._seeds.get(run_id)

    def child(self, parent_id: str, key: str) -> str | None:
        """The name of a child run that was asked the same; each is given once."""
        found = self._children.get((parent_id, key))
        return found.popleft() if found else None

    def knows(self, run_id: str) -> bool:
        """Whether there is anything of that run."""
        return run_id in self._runs

    def child_end(self, run_id: str) -> Result | None:
        """How a child run ended, where its parent has been told, or there is nothing to add."""
        run = self._runs.get(run_id)
        if run is None or run.end is None:
            return None
        parent, turn = run.born
        told = parent in self._runs and turn in self._runs[parent].turns
        return run.end if told or run.end.complete else None

    def differs(self, run_id: str, turn: int, seen: Sequence[Observation]) -> str:
        """How what came of a turn now is different from what was recorded; empty: it is not,
        or nothing was recorded."""
        recorded = self.turn(run_id, turn)
        return "" if recorded is None else difference(recorded.observations, seen)

    def forget(self, run_id: str, turn: int) -> None:
        """Drops what was recorded of that run from that turn's end on, for it went otherwise."""
        run = self._runs[run_id]
        run.replies = {at: one for at, one in run.replies.items() if at[0] <= turn}
        run.cuts = defaultdict(list, {at: one for at, one in run.cuts.items() if at[0] <= turn})
        run.shortened = Counter({at: n for at, n in run.shortened.items() if at[0] <= turn})
        run.turns = {at: one for at, one in run.turns.items() if at < turn}
        run.cells = {}
        run.turn = min(run.turn, turn)
        run.ways = {way: at for way, at in run.ways.items() if at < turn}

    def _add(self, event: events.Event) -> None:
        run = self._runs[event.run_id]
        self.elapsed_s = max(self.elapsed_s, event.at_s)
        match event:
            case events.RunStarted():
                self._run_started(event)
            case events.WayTaken() | events.TurnStarted():
                _go_on(run, event)
            case one if isinstance(one, Asked):
                self._root_asked(run, one)
            case events.CellEnded():
                self._cell_ended(run, event)
            case events.CallEnded() | events.CallRefused():
                self._call_ended(run, event)
            case events.ToolEnded():
                self._tools[event.run_id, event.key].append(event.outcome)
            case events.TurnEnded():
                run.turns[event.turn] = RecordedTurn(tuple(run.seen[event.turn]), event.feedback)
            case events.RunEnded():
                run.end = event.result
            case events.Differed():
                self.forget(event.run_id, event.turn)

    def _run_started(self, event: events.RunStarted) -> None:
        if event.parent_id is not None and event.run_id not in self._seeds:
            self._children[event.parent_id, event.key].append(event.run_id)
            self._runs[event.run_id].born = (event.parent_id, self._runs[event.parent_id].turn)
        self._seeds[event.run_id] = event.seed
        if event.pack_version:
            self._runs[event.run_id].pack = f"{event.pack} {event.pack_version}"

    def _root_asked(self, run: _Run, event: Asked) -> None:
        if isinstance(event, events.HistoryShortened):
            run.shortened[event.turn, event.last] += 1
            return
        if isinstance(event, events.Unanswered):
            self.usage += event.usage
            return
        if event.turn == 1 and not (event.last or run.opening) and event.request is not None:
            run.opening = event.request.messages
        if isinstance(event, events.ReplyCut):
            self.usage += event.completion.usage
            run.cuts[event.turn, event.last].append(event.completion)
            return
        if run.replies.get((event.turn, event.last)) != event.completion:  # else told again
            self.usage += event.completion.usage
        run.replies[event.turn, event.last] = event.completion

    def _cell_ended(self, run: _Run, event: events.CellEnded) -> None:
        seen, number = run.seen[event.turn], event.observation.cell.number
        seen[:] = [one for one in seen if one.cell.number < number]
        seen.append(event.observation)
        run.cells[number] = event.observation

    def _call_ended(self, run: _Run, event: Outcome) -> None:
        if isinstance(event, events.CallEnded):
            self.usage += event.usage
            run.calls = max(run.calls, event.call)
        if event.error == events.CANCELLED:  # with its cell, which asks again when it runs again
            return
        if event.error:
            run.failures.append((run.turn, event))
        else:
            self._calls[event.key].append(event)

    def _settle(self) -> None:
        """Keeps of turns, and of failures, those that the root has been told of; of a run that
        was over, all. Calls that are the same are told in the order in which they were made."""
        for run in self._runs.values():
            if not self._ended:
                run.turns = {
                    n: one for n, one in run.turns.items() if (n + 1, False) in run.replies
                }
            for turn, call in run.failures:
                if turn in run.turns:
                    self._calls[call.key].append(call)
        for key, calls in self._calls.items():
            self._calls[key] = deque(sorted(calls, key=_made))


def _go_on(run: _Run, event: events.WayTaken | events.TurnStarted) -> None:
    if isinstance(event, events.TurnStarted):
        run.turn = event.turn
    else:
        run.ways.setdefault(event.way, run.turn)


def _made(call: Outcome) -> float:
    """When a call was made, among those of its run; one that was refused came last."""
    return call.call if isinstance(call, events.CallEnded) else float("inf")


def before_turn(past: Iterable[events.Event], run_id: str, turn: int) -> Iterator[events.Event]:
    """The events of a tree up to where that turn of that run begins, without those of further
    runs of the same question."""
    for event in past:
        if isinstance(event, events.TurnStarted) and event.run_id == run_id and event.turn >= turn:
            return
        if opinion_of(event.run_id) == 1:
            yield event


def difference(before: Sequence[Observation], now: Sequence[Observation]) -> str:
    """The first way in which two accounts of a turn differ, in words; empty: in none.

    Times do not count, nor addresses in memory, nor the names of a REPL's own folders, nor how
    the code was cut into cells.
    """
    for what in ("stdout", "stderr", "value", "error"):
        old, new = (_joined(one, what) for one in (before, now))
        if old != new:
            return f"{what} was {_around(old, new)!r}, and is {_around(new, old)!r}"
    if _answer(before) != _answer(now):
        return f"the answer was {str(_answer(before))[:80]!r}, and is {str(_answer(now))[:80]!r}"
    return ""


def _joined(seen: Sequence[Observation], what: str) -> str:
    texts = (getattr(one, what) for one in seen)
    whole = "".join(one if isinstance(one, str) else one.text for one in texts)
    return _CHANCE.sub("...", whole)


def _answer(seen: Sequence[Observation]) -> Any:
    answers = [one.answer for one in seen if one.answer is not None]
    if not answers:
        return None
    value = answers[-1].value
    shown = repr(value) if isinstance(value, Growing) else value  # as it was recorded
    return answers[-1].ready, _CHANCE.sub("...", repr(shown))


def _around(text: str, other: str) -> str:
    """The part of `text` where it stops being like `other`."""
    at = next((i for i, pair in enumerate(zip(text, other, strict=False)) if len(set(pair)) > 1), 0)
    start = max(0, at - 20)
    return text[start : start + 80]
