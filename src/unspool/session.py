"""Conversations: question after question over the same REPL."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

from unspool.context.source import Context
from unspool.ending import to_its_end
from unspool.errors import ConfigurationError
from unspool.events import CellStarted, Event
from unspool.journals import Task
from unspool.ports import CallDoor, Repl, Sandbox
from unspool.spec import ReplSpec
from unspool.types import Cell, Observation, Result
from unspool.underway import UnderWay

EXCHANGES_SHOWN = 6
"""Earlier questions that a later run is told of."""
SHOWN_CHARS = 300
"""Of each question and of each answer."""
NAMES_SHOWN = 30
WAIT_S = 0.02
"""How often a question that waits for its turn looks again, in seconds."""

Start = Callable[[Task, Callable[[Event], None]], UnderWay]
"""Starts a run, whose events go to the second argument."""
New = Callable[[str, Any, Any], Task]
"""A task from a question, a context and a schema."""


class Session:
    """A conversation over one context: each question finds the variables of those before it.

    Each is a run of its own, with limits of its own. Use it in a `with`, or `close` it. One
    question is answered at a time; others wait.
    """

    def __init__(self, start: Start, new: New, held: HeldSandbox, first: Task) -> None:
        self._start, self._new, self._held = start, new, held
        self._context, self._origin = first.context, first.origin
        self._name = first.session
        self._said: list[tuple[str, Any]] = []
        self._names: tuple[str, ...] = ()
        self._cells, self._last = 0, ""
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def id(self) -> str:
        """The name of its first run; `RLM.session(resume=)` takes it. Empty before that."""
        return self._name

    def ask(self, question: str, schema: Any = None) -> Result:
        """Answers one more question, and waits for it. Raises what `RLM.run` does."""
        with self._lock:
            task = self._next(question, schema)
            return self._heard(self._start(task, self._hear).result())

    async def aask(self, question: str, schema: Any = None) -> Result:
        """`ask`, awaited."""
        # A thread that waits for the lock could not be cancelled, and would keep it.
        while not self._lock.acquire(blocking=False):  # noqa: ASYNC110
            await asyncio.sleep(WAIT_S)
        try:
            task = self._next(question, schema)
            return self._heard(await self._start(task, self._hear).aresult())
        finally:
            self._lock.release()

    def again(self, task: Task) -> Result:
        """Makes a run of this conversation that is on record."""
        with self._lock:
            self._name = task.session
            return self._heard(self._start(self._placed(task), self._hear).result())

    def close(self) -> None:
        """Ends the REPL. May be called twice."""
        self._closed = True
        self._held.end()

    def _next(self, question: str, schema: Any) -> Task:
        task = replace(self._new(question, self._context, schema), origin=self._origin)
        self._name = self._name or task.run_id
        return self._placed(replace(task, session=self._name, after=self._last))

    def _placed(self, task: Task) -> Task:
        if self._closed:
            raise ConfigurationError("the session is closed: begin another one.")
        return replace(
            task,
            context=self._context,
            earlier=tuple(self._earlier()),
            sandbox=self._held,
            first_cell=self._cells + 1,
        )

    def _earlier(self) -> list[str]:
        """What a run is told of those before it."""
        if not self._said:
            return []
        lines = ["This goes on from earlier questions over the same `context`:"]
        lines += [
            f"- {_short(question)!r} was answered {_short(str(answer))!r}"
            for question, answer in self._said[-EXCHANGES_SHOWN:]
        ]
        if self._names:
            lines.append(f"Variables from then: {', '.join(self._names[:NAMES_SHOWN])}.")
        return lines

    def _hear(self, event: Event) -> None:
        if isinstance(event, CellStarted) and "." not in event.run_id:
            self._cells = max(self._cells, event.cell.number)

    def _heard(self, result: Result) -> Result:
        self._said.append((result.question, result.answer))
        self._last = result.run_id
        seen = [one for turn in result.turns for one in turn.observations if one.names]
        self._names = seen[-1].names if seen else self._names
        return result


class HeldSandbox:
    """A sandbox whose REPL for one context stays open from run to run; others, of child runs,
    are as usual."""

    def __init__(self, sandbox: Sandbox, context: Context, submit: Callable[[Any], Any]) -> None:
        self._sandbox, self._context, self._submit = sandbox, context, submit
        self._repl: Repl | None = None
        self._door: CallDoor | None = None

    async def check(self) -> str:
        """See `unspool.ports.Sandbox`."""
        return await self._sandbox.check()

    async def open(self, context: Context, door: CallDoor, spec: ReplSpec) -> Repl:
        """See `unspool.ports.Sandbox`."""
        if context is not self._context:
            return await self._sandbox.open(context, door, spec)
        self._door = door
        if self._repl is None:
            self._repl = await self._sandbox.open(context, self._call, spec)
        return _Held(self._repl, spec.question)

    async def aclose(self) -> None:
        """See `unspool.ports.Sandbox`; the sandbox inside is not its own."""
        repl, self._repl = self._repl, None
        if repl is not None:
            await to_its_end(repl.aclose())

    @property
    def joins_documents(self) -> bool:
        """As that of the sandbox inside."""
        return bool(getattr(self._sandbox, "joins_documents", False))

    def end(self) -> None:
        """Closes the REPL, from any thread, and waits for it."""
        self._submit(self.aclose()).result()

    async def _call(self, name: str, args: Any) -> Any:
        assert self._door is not None
        return await self._door(name, args)


@dataclass(frozen=True, slots=True)
class _Held:
    """The REPL as one run has it: with its question, and not its own to close."""

    repl: Repl
    question: str

    async def run(self, cell: Cell) -> Observation:
        """See `unspool.ports.Repl`."""
        seen = await self.repl.run(replace(cell, question=self.question))
        return replace(seen, cell=cell)

    async def aclose(self) -> None:
        """It stays open."""


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}..."
