"""One run from its start to whichever end, and the child runs inside of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from unspool import events
from unspool.context.source import Context
from unspool.ending import cancelled, to_its_end
from unspool.engine.parts import Parts
from unspool.engine.strategies.climb import Climb
from unspool.engine.subcalls import SubCallError, SubCalls
from unspool.errors import JournalError, ModelError, ReplayDiffers, SandboxError, UnspoolError
from unspool.events import Event, emitter
from unspool.keys import key_of
from unspool.ledger import Ledger
from unspool.ports import Model
from unspool.reading import Reading
from unspool.schema.value import DoesNotFit, Schema
from unspool.spec import RunSpec
from unspool.trajectory import Trajectory
from unspool.types import Result, Status, Usage

SEED_DIGITS = 15


class Run:
    """One question over one context. `ledger` is its own, and part of the tree's."""

    def __init__(self, spec: RunSpec, context: Context, parts: Parts, ledger: Ledger) -> None:
        self._spec, self._context, self._parts, self._ledger = spec, context, parts, ledger
        self._trajectory = Trajectory(spec.run_id)
        self._reading = Reading(spec.run_id, context, spec.question) if not spec.depth else None
        self._emit = emitter(spec.run_id, lambda: ledger.elapsed_s, self.tell)
        self._children = itertools.count(1)
        self._climb = Climb(
            spec,
            context,
            parts,
            ledger=ledger,
            emit=self._emit,
            door=parts.tools.door(self._sub_calls(), self._remembered),
            refused=lambda: self._trajectory.refused,
        )

    def _sub_calls(self) -> SubCalls:
        spec, parts = self._spec, self._parts
        return SubCalls(
            parts.sub,
            parts.models,
            ledger=self._ledger,
            emit=self._emit,
            allowed=spec.max_depth > spec.depth,
            child=self._child if spec.max_depth > spec.depth + 1 else None,
            per_call=lambda model: parts.profile_of(model).items_per_call,
            memory=parts.memory,
            calls_made=parts.memory.record.calls_made(spec.run_id),
        )

    async def _remembered(
        self, name: str, args: Sequence[Any], call: Callable[[], Awaitable[Any]]
    ) -> Any:
        """What a call of the user's function gave before; else it is made, and kept."""
        key = key_of([name, *args])
        outcome = self._parts.memory.record.tool(self._spec.run_id, key)
        if outcome is None:
            outcome = await call()
            self._emit(events.ToolEnded, name=name, key=key, outcome=outcome)
            await self._parts.memory.kept()
        return outcome

    def tell(self, event: Event) -> None:
        """Takes note of an event of this run or of one inside of it, and hands it on."""
        self._trajectory.add(event)
        if self._reading is not None:
            self._reading.add(event)
        self._parts.listen(event)

    async def result(self) -> Result:
        """Runs to the end. A limit, a stop and a late failure are endings, not exceptions.

        Raises:
            ModelError, SandboxError: before the first turn has ended, when nothing is lost.
        """
        isolation = await self._parts.sandbox.check()
        self._emit_start(isolation)
        started_s = self._ledger.elapsed_s
        try:
            status, error = await self._until_an_end()
        finally:
            self._ledger.close(self._spec.run_id)
        self._trajectory.cut_short(self._ledger.elapsed_s)
        recorded = Usage() if self._spec.parent_id else self._parts.memory.record.usage
        answer = self._answer()
        if self._reading is not None:
            self._reading.answered(answer)
        result = Result(
            answer=answer,
            status=status,
            question=self._spec.question,
            model=self._parts.root.name,
            run_id=self._spec.run_id,
            turns=self._trajectory.turns,
            usage=self._trajectory.usage
            if self._spec.parent_id
            else recorded + self._trajectory.paid,
            recorded=recorded,
            seconds=self._ledger.elapsed_s - started_s,
            error=error,
            isolation=isolation,
            ways=self._trajectory.ways,
            reading=self._reading,
            pack=str(self._parts.pack),
        )
        self._emit(events.RunEnded, result=result)
        return result

    def _answer(self) -> Any:
        """The best there is, as what was asked for if it fits; a draft may not."""
        best, schema = self._climb.best or self._climb.shown, self._spec.schema
        if best is None or schema is None:
            return None if best is None else best.whole
        try:
            return schema.accept(best.whole)
        except DoesNotFit:
            return best.whole

    def _emit_start(self, isolation: str) -> None:
        spec, parts = self._spec, self._parts
        self._emit(
            events.RunStarted,
            question=spec.question,
            model=parts.root.name,
            sub_model=parts.sub.name,
            context_kind=self._context.kind,
            context_chars=self._context.chars,
            isolation=isolation,
            pack=parts.pack.label,
            pack_version=parts.pack.version,
            depth=spec.depth,
            parent_id=spec.parent_id,
            key=spec.key,
            seed=spec.seed,
        )

    async def _until_an_end(self) -> tuple[Status, str]:
        """The loop, within the time that is left and until somebody stops it."""
        left_s = self._ledger.left_s
        loop = asyncio.create_task(self._climb.run())
        stop = asyncio.create_task(self._parts.stop.wait())
        try:
            await asyncio.wait({loop, stop}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
            if loop.done():
                return loop.result(), self._climb.why
            return ("cancelled" if stop.done() else "seconds"), ""
        except (ModelError, SandboxError, JournalError) as failed:
            failed.run_id = self._spec.run_id
            if not self._trajectory.turns or isinstance(failed, ReplayDiffers):
                raise
            return "failed", str(failed)
        except UnspoolError:
            raise
        except Exception as broken:  # a fault of ours: what was paid for is kept all the same
            why = f"{type(broken).__name__}: {broken}"
            if not self._trajectory.turns:
                raise UnspoolError(f"the run failed by a fault of unspool's own: {why}") from broken
            return "failed", why
        finally:
            stop.cancel()
            await to_its_end(cancelled(loop))

    def _next_child(self) -> str:
        names = (f"{self._spec.run_id}.{number}" for number in self._children)
        return next(name for name in names if not self._parts.memory.record.knows(name))

    async def _child(
        self, question: str, data: Any, root: Model | None, schema: Schema | None
    ) -> Any:
        """Answers `question` over `data` by a run of its own, one level deeper.

        Raises:
            SubCallError: it ended without a complete answer.
            NoMoreChildren: the tree has as many as it may have.
        """
        depth, memory = self._spec.depth + 1, self._parts.memory
        key = key_of([root and root.name, question, data, schema and schema.wire])
        root = root or self._parts.child_root(depth)
        run_id = memory.record.child(self._spec.run_id, key) or self._next_child()
        ended = memory.record.child_end(run_id)
        if ended is not None:
            return _answer_of(ended)
        parts = replace(self._parts, root=root, listen=self.tell, stream=False)
        async with self._ledger.child(depth) as ledger:
            spec = replace(
                self._spec,
                question=question,
                run_id=run_id,
                earlier=(),
                first_cell=1,
                key=key,
                seed=int(key_of([self._spec.seed, run_id])[:SEED_DIGITS], 16),
                parent_id=self._spec.run_id,
                depth=depth,
                limits=ledger.limits,
                schema=schema,
            )
            context = data if isinstance(data, Context) else Context(data)
            result = await Run(spec, context, parts, ledger).result()
        return _answer_of(result)


def _answer_of(result: Result) -> Any:
    """
    Raises:
        SubCallError: the child run has no complete answer.
    """
    if result.complete:
        return result.answer
    best = "" if result.answer is None else f"; its best answer: {str(result.answer)[:500]!r}"
    reason = f"{result.status}: {result.error}" if result.error else result.status
    raise SubCallError(f"the child run ended early ({reason}){best}")
