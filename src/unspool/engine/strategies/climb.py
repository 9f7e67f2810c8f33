"""A run from its first rung to the one that has the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from unspool import events
from unspool.budget import LimitReached
from unspool.context.source import Context
from unspool.engine.again import Again
from unspool.engine.cells import parse
from unspool.engine.loop import Loop, Stage
from unspool.engine.parts import Parts, opened
from unspool.engine.root import Root
from unspool.engine.running import Running
from unspool.engine.strategies.rungs import Rung, ladder
from unspool.engine.strategies.steps import unremarked
from unspool.errors import ContextTooLong, ModelDeclined, ModelError
from unspool.events import Emit
from unspool.ledger import Ledger
from unspool.ports import CallDoor, Repl
from unspool.replies import spoken
from unspool.salvage import leading, printed
from unspool.spec import RunSpec
from unspool.types import Answer, Limit, Observation, Status


class Climb:
    """Climbs down until there is an answer. `best` is the best so far, `seen` what its cells
    showed, whenever they are asked for; `why` says what went wrong, where it failed."""

    def __init__(
        self,
        spec: RunSpec,
        context: Context,
        parts: Parts,
        *,
        ledger: Ledger,
        emit: Emit,
        door: CallDoor,
        refused: Callable[[], Limit | None],
    ) -> None:
        """`refused` says which limit has kept a cell from asking a model, if any has."""
        self._spec, self._context, self._parts = spec, context, parts
        self._ledger, self._emit, self._door = ledger, emit, door
        self._refused = refused
        self._stage: Stage | None = None
        self._loop: Loop | None = None
        self._said: Answer | None = None
        self.why = ""

    @property
    def best(self) -> Answer | None:
        """None: there is nothing that anybody called an answer."""
        return (self._stage and self._stage.running.best) or self._said

    @property
    def seen(self) -> list[Observation]:
        """What came of all cells until now."""
        return self._stage.running.seen if self._stage is not None else []

    @property
    def shown(self) -> Answer | None:
        """The last that cells showed, without what unspool remarked to it."""
        return printed([unremarked(one) for one in self.seen])

    async def run(self) -> Status:
        """Takes one way of answering after the other, until one has an answer.

        Raises:
            ModelError, SandboxError, JournalError: the run cannot go on.
        """
        rungs = ladder(self._spec, self._context, self._parts)
        async with opened(self._parts, self._context, self._spec, self._door, self._told) as repl:
            stage = self._stage = self._staged(repl)
            turn, why = 0, ""
            for rung in rungs:
                self._emit(events.WayTaken, way=rung.name, why=why)
                loop = self._loop = Loop(stage, rung, turn=turn)
                try:
                    why = await self._taken(loop, rung, last=rung is rungs[-1])
                except LimitReached as reached:
                    await self._at_the_limit(reached, stage, loop)
                    return reached.limit
                if not why:
                    return "complete"
                turn = loop.turn
            self.why = f"no way of answering came to an answer; {rungs[-1].name}: {why}"
        return "failed"

    async def _taken(self, loop: Loop, rung: Rung, *, last: bool) -> str:
        """Why a way came to nothing, or nothing when there is an answer.

        Raises:
            LimitReached: there was not enough left for it, or for the next.
        """
        if rung.programme:
            why = await loop.programme()
            if limit := self._refused():
                raise LimitReached(limit, "some pieces were not read")
            return why
        try:
            why = await loop.run(last=last)
        except (ContextTooLong, ModelDeclined) as refused:
            if last or rung.name != "direct":
                raise
            return f"the model would not read the whole text: {refused}"
        if why and not last and loop.turn >= self._spec.limits.turns:
            loop.next_turn()
        return why

    def _staged(self, repl: asyncio.Future[Repl]) -> Stage:
        spec, parts, emit = self._spec, self._parts, self._emit
        again = Again(spec.run_id, parts.memory.record, emit)
        return Stage(
            spec,
            self._context,
            parts,
            self._ledger,
            emit,
            Root(spec.run_id, parts, ledger=self._ledger, emit=emit),
            again,
            Running(repl, again, emit, first_cell=spec.first_cell),
        )

    def _told(self) -> tuple[tuple[str, str], ...] | None:
        history = self._loop.history if self._loop is not None else None
        return history.messages.told() if history is not None else None

    async def _at_the_limit(self, reached: LimitReached, stage: Stage, loop: Loop) -> None:
        """One more reply, where it is needed, and what can be had without it."""
        turns = reached.limit == "turns"
        if turns and self.best is not None:
            return
        if turns:
            self._emit(events.TurnStarted, turn=loop.turn)
        with suppress(LimitReached, ModelError):
            await self._last_reply(stage, loop)
        if self.best is None and (name := leading(self.seen)):
            await stage.running.one(f"FINAL_VAR({name!r})", loop.turn)

    async def _last_reply(self, stage: Stage, loop: Loop) -> None:
        if loop.history is None:
            return
        completion = await stage.root.ask(loop.history, loop.turn, last=True)
        text = loop.rung.says(spoken(completion.text))
        reply = parse(text)
        if reply.cells or reply.final is not None:
            await stage.running.reply(reply, loop.turn, strict=self._parts.pack.check_typed)
        elif self.best is None and text:
            self._said = Answer(text, ready=False)
