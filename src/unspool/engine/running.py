"""Runs the cells of one run, and keeps what came of them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from unspool import events
from unspool.engine.again import Again
from unspool.engine.cells import Reply
from unspool.engine.finish import UNGROUNDED
from unspool.events import Emit
from unspool.ports import Repl
from unspool.typed import typed_prompts
from unspool.types import Answer, Cell, Observation


class Running:
    """Cells of any turn, in one REPL. `best` is the best answer so far, `seen` what all cells
    showed, whenever they are asked for."""

    def __init__(
        self, repl: asyncio.Future[Repl], again: Again, emit: Emit, *, first_cell: int
    ) -> None:
        self._repl, self._again, self._emit = repl, again, emit
        self._numbers = itertools.count(first_cell)
        self.best: Answer | None = None
        self.seen: list[Observation] = []

    async def reply(self, reply: Reply, turn: int, *, strict: bool) -> list[Observation]:
        """Runs the cells of a reply in order, up to the first that fails or finishes."""
        seen = await self.all(reply.cells, turn, strict=strict)
        if seen and (seen[-1].error or seen[-1].finished):
            return seen
        if reply.final is not None:
            seen.append(await self.one(reply.final.code, turn, strict=strict))
            if seen[-1].error and reply.final.text is not None:
                seen[-1] = await self.one(f"FINAL({reply.final.text!r})", turn)
        return seen

    async def all(
        self, codes: Sequence[str], turn: int, *, strict: bool = False
    ) -> list[Observation]:
        """Runs cells in order, up to the first that fails or finishes."""
        seen: list[Observation] = []
        for code in codes:
            seen.append(await self.one(code, turn, strict=strict))
            if seen[-1].error or seen[-1].finished:
                break
        return seen

    async def one(self, code: str, turn: int, *, strict: bool = False) -> Observation:
        """Runs one cell; with `strict`, not one that has a model guess."""
        cell = Cell(code, next(self._numbers))
        self._emit(events.CellStarted, turn=turn, cell=cell)
        if strict and typed_prompts(code):
            observation = Observation(cell, error=UNGROUNDED)
        else:
            observation = await self._again.run(cell, await self._repl)
        self.best = observation.answer or self.best
        self.seen.append(observation)
        self._emit(events.CellEnded, turn=turn, observation=observation)
        return observation
