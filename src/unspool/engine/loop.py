"""The loop of a Recursive Language Model (Zhang, Kraska, Khattab, arXiv 2512.24601)."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from unspool import events
from unspool.budget import Ledger
from unspool.context.source import Context
from unspool.engine.cells import Reply, parse
from unspool.engine.emit import Emit
from unspool.engine.finish import UNGROUNDED, Judge, Verdict
from unspool.engine.history import History, render
from unspool.engine.parts import Parts, ask
from unspool.errors import SandboxError
from unspool.ports import CallDoor, Repl
from unspool.spec import RunSpec
from unspool.typed import typed_prompts
from unspool.types import Answer, Cell, Completion, Observation, Request, Status


class Loop:
    """The turns of one run. `best` is the best answer so far, whenever it is asked for."""

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
        self._cells = itertools.count(1)
        self.best: Answer | None = None

    async def run(self) -> Status:
        """Algorithm 1: the model writes code, the REPL runs it, the history grows by what
        came of it in bounded size, until the answer is set in the REPL.

        Raises:
            LimitReached, ModelError, SandboxError: the run cannot go on.
        """
        spec, pack = self._spec, self._parts.pack
        history = History(spec, self._context, self._parts)
        judge = Judge(history.opening, strict=pack.check_typed, schema=spec.schema)
        async with _opened(self._parts, self._context, spec, self._door) as repl:
            for turn in range(1, spec.limits.turns + 1):
                self._emit(events.TurnStarted, turn=turn)
                completion = await self._ask(history.request(), turn)
                reply = parse(completion.text)
                seen = await self._run_cells(reply, await repl, turn)
                verdict = judge.judge(seen)
                if verdict.accepted:
                    self._emit(events.TurnEnded, turn=turn, feedback="")
                    return "complete"
                shown = self._feedback(reply, seen, verdict)
                judge.note(shown, looked=any(one.text for one in seen))
                shown = history.add(completion.text, shown, turn=turn)
                self._emit(events.TurnEnded, turn=turn, feedback=shown)
            if self.best is None:
                await self._extract(history, await repl, turn + 1)
        return "turns"

    async def _ask(self, request: Request, turn: int) -> Completion:
        chars = sum(len(message.content) for message in request.messages)

        def grew(text: str) -> None:
            self._emit(events.ReplyGrew, turn=turn, text=text)

        on_text = grew if self._parts.stream else None
        with self._ledger.call(chars, request.max_tokens) as settle:
            completion = await ask(self._parts.root, request, on_text)
            settle(completion.usage)
        self._emit(events.Replied, turn=turn, completion=completion)
        return completion

    async def _run_cells(self, reply: Reply, repl: Repl, turn: int) -> list[Observation]:
        """Runs the cells in order, up to the first that fails or finishes."""
        seen: list[Observation] = []
        for code in reply.cells:
            seen.append(await self._run_cell(code, repl, turn))
            if seen[-1].error or _ready(seen[-1]):
                return seen
        if reply.final is not None:
            seen.append(await self._run_cell(reply.final.code, repl, turn))
            if seen[-1].error and reply.final.text is not None:
                literal = f"FINAL({reply.final.text!r})"
                seen[-1] = await self._run_cell(literal, repl, turn)
        return seen

    async def _run_cell(self, code: str, repl: Repl, turn: int) -> Observation:
        cell = Cell(code, next(self._cells))
        self._emit(events.CellStarted, turn=turn, cell=cell)
        if self._parts.pack.check_typed and typed_prompts(code):
            observation = Observation(cell, error=UNGROUNDED)
        else:
            observation = await repl.run(cell)
        self.best = observation.answer or self.best
        self._emit(events.CellEnded, turn=turn, observation=observation)
        return observation

    def _feedback(self, reply: Reply, seen: list[Observation], verdict: Verdict) -> str:
        shown = render(seen, self._parts.pack) if seen else reply.hint
        return "\n".join(part for part in (shown, verdict.advice) if part)

    async def _extract(self, history: History, repl: Repl, turn: int) -> None:
        """One more call when the turns are used up: the answer from what the history shows."""
        completion = await self._ask(history.extract(), turn)
        reply = parse(completion.text)
        if reply.cells or reply.final is not None:
            await self._run_cells(reply, repl, turn)
        elif completion.text.strip():
            self.best = Answer(completion.text.strip(), ready=False)


def _ready(observation: Observation) -> bool:
    return observation.answer is not None and observation.answer.ready


@asynccontextmanager
async def _opened(
    parts: Parts, context: Context, spec: RunSpec, door: CallDoor
) -> AsyncIterator[asyncio.Future[Repl]]:
    """A REPL that gets ready while the first request is under way; closed in any case."""
    opening = asyncio.ensure_future(parts.sandbox.open(context, door, parts.repl(spec)))
    try:
        yield opening
    finally:
        opening.cancel()
        with suppress(asyncio.CancelledError, SandboxError):
            await (await opening).aclose()
