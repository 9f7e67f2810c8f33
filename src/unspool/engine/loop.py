"""The loop of a Recursive Language Model (Zhang, Kraska, Khattab, arXiv 2512.24601)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unspool import events
from unspool.budget import LimitReached
from unspool.context.source import Context
from unspool.engine.again import Again
from unspool.engine.cells import Reply
from unspool.engine.early import Early
from unspool.engine.finish import Judge, Verdict
from unspool.engine.history import History
from unspool.engine.long.shown import render
from unspool.engine.parts import Parts
from unspool.engine.root import Root
from unspool.engine.running import Running
from unspool.engine.strategies.rungs import Rung
from unspool.events import Emit
from unspool.ledger import Ledger
from unspool.spec import RunSpec
from unspool.types import Observation


@dataclass(frozen=True, slots=True)
class Stage:
    """What the turns of one run happen on."""

    spec: RunSpec
    context: Context
    parts: Parts
    ledger: Ledger
    emit: Emit
    root: Root
    again: Again
    running: Running


class Loop:
    """Turns on one rung. `turn` is the number of the last one begun; `history`, what the root
    model has been shown on this rung."""

    def __init__(self, stage: Stage, rung: Rung, *, turn: int) -> None:
        self._on, self.rung = stage, rung
        self.turn = turn
        self.history: History | None = None

    async def run(self, *, last: bool) -> str:
        """Algorithm 1: the model writes code, the REPL runs it, the history grows by what
        came of it in bounded size, until the answer is set in the REPL. Gives why the rung is
        given up, or nothing when there is an answer; the `last` one is not given up.

        Raises:
            LimitReached: that was all; only the last reply is left.
            ModelError, SandboxError, JournalError: the run cannot go on.
        """
        rung, begun = self.rung, self.turn
        first, shown = await self._first()
        history = self.history = self._opened(shown, first_of_all=begun == 0)
        judge = Judge(history.opening, strict=rung.pack.check_typed, schema=self._on.spec.schema)
        judge.note(shown, looked=bool(shown or rung.text))
        stumbles = 0
        while True:
            if not first:
                self.next_turn()
            reply, seen = await self._reply(history, first)
            first = []
            verdict = judge.judge(seen)
            if verdict.accepted and rung.holds(seen[-1]):
                self.end_turn()
                return ""
            shown = self._feedback(reply, seen, verdict)
            judge.note(shown, looked=any(one.text for one in seen))
            self.end_turn(shown)
            nothing = history.repeated or all(one.error for one in seen)
            stumbles = stumbles + 1 if nothing else 0
            if why := rung.left(self.turn, begun=begun, stumbles=stumbles, last=last):
                return why

    async def programme(self) -> str:
        """A turn whose cells the rung has, in place of those of the root model."""
        self.next_turn()
        now = await self._on.running.all(self.rung.programme, self.turn)
        seen = self._on.again.seen(self.turn, now)
        self.end_turn()
        if seen[-1].finished:
            return ""
        error = seen[-1].error.strip()
        return error.splitlines()[-1] if error else "it came to no answer"

    def next_turn(self) -> None:
        """
        Raises:
            LimitReached: there was no turn left.
        """
        self.turn += 1
        if self.turn > self._on.spec.limits.turns:
            raise LimitReached("turns", "all turns are used up")
        self._on.emit(events.TurnStarted, turn=self.turn)

    def end_turn(self, shown: str = "") -> None:
        """Tells that a turn has ended, and what the root model is shown next."""
        self._on.emit(events.TurnEnded, turn=self.turn, feedback=shown)

    async def _first(self) -> tuple[list[Observation], str]:
        """The rung's own cells before the first reply, and what they show."""
        if not self.rung.first:
            return [], ""
        self.next_turn()
        seen = await self._on.running.all(self.rung.first, self.turn)
        return seen, "\n".join(one.text for one in seen).strip()

    def _opened(self, shown: str, *, first_of_all: bool) -> History:
        on = self._on
        return History(
            on.spec, on.context, on.parts, self.rung, shown=shown, first_of_all=first_of_all
        )

    async def _reply(
        self, history: History, first: Sequence[Observation]
    ) -> tuple[Reply, Sequence[Observation]]:
        """One reply, and what its cells came to; `first` has run in the same turn before it."""
        on, rung, strict = self._on, self.rung, self.rung.pack.check_typed

        async def run(code: str) -> Observation:
            return await on.running.one(code, self.turn, strict=strict)

        async with Early(run if on.parts.early and rung.name == "rlm" else None) as early:
            completion = await on.root.ask(history, self.turn, early.grew)
            reply = await early.rest(rung.read(completion.text), completion)
        ran = await on.running.reply(reply, self.turn, strict=strict)
        now = early.joined(ran, reply.hint)
        history.replied(completion)
        return reply, on.again.seen(self.turn, [*first, *now])[len(first) :]

    def _feedback(self, reply: Reply, seen: Sequence[Observation], verdict: Verdict) -> str:
        assert self.history is not None
        output = render(seen, self.rung.pack) if seen else reply.hint
        output = "\n".join(part for part in (output, verdict.advice) if part)
        left, before = self._on.ledger.left(), self._on.again.feedback(self.turn)
        return self.history.add(output, seen, turn=self.turn, left=left, before=before)
