"""The loop of a Recursive Language Model (Zhang, Kraska, Khattab, arXiv 2512.24601)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress

from unspool import events
from unspool.budget import LimitReached
from unspool.context.source import Context
from unspool.engine.again import Again
from unspool.engine.cells import Reply, parse
from unspool.engine.early import Early
from unspool.engine.finish import UNGROUNDED, Judge, Verdict
from unspool.engine.history import History, render
from unspool.engine.parts import Parts, opened
from unspool.engine.root import Root
from unspool.errors import ModelError
from unspool.events import Emit
from unspool.ledger import Ledger
from unspool.ports import CallDoor, Repl
from unspool.salvage import leading
from unspool.spec import RunSpec
from unspool.typed import typed_prompts
from unspool.types import Answer, Cell, Observation, Status


class Loop:
    """The turns of one run. `best` is the best answer so far, `seen` what its cells showed,
    whenever they are asked for."""

    def __init__(
        self,
        spec: RunSpec,
        context: Context,
        parts: Parts,
        *,
        ledger: Ledger,
        emit: Emit,
        door: CallDoor,
    ) -> None:
        self._spec, self._context, self._parts = spec, context, parts
        self._ledger, self._emit, self._door = ledger, emit, door
        self._root = Root(spec.run_id, parts, ledger=ledger, emit=emit)
        self._again = Again(spec.run_id, parts.memory.record, emit)
        self._cells, self._turn = itertools.count(spec.first_cell), 0
        self.best: Answer | None = None
        self.seen: list[Observation] = []

    async def run(self) -> Status:
        """Algorithm 1: the model writes code, the REPL runs it, the history grows by what
        came of it in bounded size, until the answer is set in the REPL.

        Raises:
            ModelError, SandboxError, JournalError: the run cannot go on.
        """
        spec, pack = self._spec, self._parts.pack
        history = History(spec, self._context, self._parts)
        judge = Judge(history.opening, strict=pack.check_typed, schema=spec.schema)
        async with opened(self._parts, self._context, spec, self._door, history.told) as repl:
            try:
                await self._turns(history, judge, repl)
            except LimitReached as reached:
                if self.best is None or reached.limit != "turns":
                    if reached.limit == "turns":
                        self._emit(events.TurnStarted, turn=self._turn)
                    await self._last_reply(history, repl)
                return reached.limit
        return "complete"

    async def _turns(self, history: History, judge: Judge, repl: asyncio.Future[Repl]) -> None:
        """Turns until an answer is accepted.

        Raises:
            LimitReached: that was all; only the last reply is left.
        """
        most = self._spec.limits.turns
        for self._turn in range(1, most + 1):
            self._emit(events.TurnStarted, turn=self._turn)
            async with self._early(repl) as early:
                completion = await self._root.ask(history, self._turn, early.grew)
                reply = await early.rest(parse(completion.text), completion)
            now = early.joined(await self._run_cells(reply, await repl), reply.hint)
            seen = self._again.seen(self._turn, now)
            verdict = judge.judge(seen)
            if verdict.accepted:
                self._emit(events.TurnEnded, turn=self._turn, feedback="")
                return
            shown = self._feedback(reply, seen, verdict)
            judge.note(shown, looked=any(one.text for one in seen))
            left, before = self._ledger.left(), self._again.feedback(self._turn)
            shown = history.add(completion, shown, seen, turn=self._turn, left=left, before=before)
            self._emit(events.TurnEnded, turn=self._turn, feedback=shown)
        self._turn += 1
        raise LimitReached("turns", "all turns are used up")

    def _early(self, repl: asyncio.Future[Repl]) -> Early:
        async def run(code: str) -> Observation:
            return await self._run_cell(code, await repl)

        return Early(run if self._parts.early else None)

    async def _run_cells(self, reply: Reply, repl: Repl) -> list[Observation]:
        """Runs the cells in order, up to the first that fails or finishes."""
        seen: list[Observation] = []
        for code in reply.cells:
            seen.append(await self._run_cell(code, repl))
            if seen[-1].error or seen[-1].finished:
                return seen
        if reply.final is not None:
            seen.append(await self._run_cell(reply.final.code, repl))
            if seen[-1].error and reply.final.text is not None:
                literal = f"FINAL({reply.final.text!r})"
                seen[-1] = await self._run_cell(literal, repl)
        return seen

    async def _run_cell(self, code: str, repl: Repl) -> Observation:
        cell = Cell(code, next(self._cells))
        self._emit(events.CellStarted, turn=self._turn, cell=cell)
        if self._parts.pack.check_typed and typed_prompts(code):
            observation = Observation(cell, error=UNGROUNDED)
        else:
            observation = await self._again.run(cell, repl)
        self.best = observation.answer or self.best
        self.seen.append(observation)
        self._emit(events.CellEnded, turn=self._turn, observation=observation)
        return observation

    def _feedback(self, reply: Reply, seen: Sequence[Observation], verdict: Verdict) -> str:
        shown = render(seen, self._parts.pack) if seen else reply.hint
        return "\n".join(part for part in (shown, verdict.advice) if part)

    async def _last_reply(self, history: History, repl: asyncio.Future[Repl]) -> None:
        """One more call when a limit is reached, and what can be had without it."""
        with suppress(LimitReached, ModelError):
            completion = await self._root.ask(history, self._turn, last=True)
            reply = parse(completion.text)
            if reply.cells or reply.final is not None:
                await self._run_cells(reply, await repl)
            elif self.best is None and completion.text.strip():
                self.best = Answer(completion.text.strip(), ready=False)
        if self.best is None and (name := leading(self.seen)):
            await self._run_cell(f"FINAL_VAR({name!r})", await repl)
