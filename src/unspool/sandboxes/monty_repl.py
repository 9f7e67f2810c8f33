"""One namespace in a process of the `monty` interpreter."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any

from unspool.context.source import Context
from unspool.errors import SandboxError
from unspool.ports import CallDoor
from unspool.sandboxes.hosted import HostedCalls
from unspool.sandboxes.monty_values import answered, given, raised, shown, taken
from unspool.sandboxes.reading import Reading, read
from unspool.sandboxes.worker import show
from unspool.sandboxes.worker.capture import Roll
from unspool.sandboxes.worker.cutting import Cutter
from unspool.sandboxes.worker.hints import looked_for
from unspool.sandboxes.worker.search import Searcher
from unspool.sandboxes.worker.tools import Ending
from unspool.sandboxes.worker.wire import WireError
from unspool.spec import ReplSpec
from unspool.types import Answer, Cell, Clip, Observation

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty, AsyncMontySession

KEPT_CHARS = 8_000_000
"""With a context up to this long the state is kept before each cell; it takes 5 ms a million."""
NEAREST_LINES = 5
LOST = "All variables are gone; `context` is as it was. Go on in small steps."
KEPT = "Variables are as they were before the cell. Do less in one cell."
LACKS = (
    "This REPL runs a subset of Python. It has not: inheritance and exception classes, yield,"
    " del, threads, files, calls of models from within map, sorted and the like (loops and"
    " comprehensions can make them), nor modules but json, re, math, collections, itertools,"
    " functools, datetime, random, csv, bisect, decimal, hashlib, base64, unicodedata, copy,"
    " dataclasses, asyncio, typing and time."
)
_MISSING = ("NotImplementedError", "ModuleNotFoundError")

# What is defined inside; `answer` is apart, because it must not be lost when these are put back.
_FUNCTIONS = """
LLMError = ToolError = RuntimeError
def FINAL(*values):
    global answer
    if not values:
        raise TypeError("FINAL(value) needs the answer as its argument")
    answer = {"content": values[0] if len(values) == 1 else values, "ready": True}
def FINAL_VAR(name):
    if not isinstance(name, str):
        FINAL(name)
        return
    try:
        value = eval(name.strip())
    except Exception:
        raise NameError(f"there is no variable {name!r}")
    FINAL(value)
def _unspool_kind(value):
    kind = type(value).__name__
    if isinstance(value, (bool, int, float)):
        return kind + " " + repr(value)[:100]
    if isinstance(value, (str, bytes, list, tuple, set, dict)):
        return kind + "[" + f"{len(value):,}" + "]"
    return kind
"""
_INSIDE = ("LLMError", "ToolError", "FINAL", "FINAL_VAR")
_ANSWER = "answer = {'content': '', 'ready': False}"
_LOOK = "_unspool_seen = []\n{}\n[answer, _unspool_seen]"
_LOOK_AT = "try: _unspool_seen.append(({0!r}, _unspool_kind({0})))\nexcept NameError: pass"
_REOPEN = "if isinstance(answer, dict) and answer.get('ready'): answer['ready'] = False"


class _Stopped(Exception):
    """The cell's time is over, or its process is."""


class MontyRepl:
    """Feeds cells to one session, and answers what they ask of the host."""

    def __init__(self, pool: AsyncMonty, context: Context, door: CallDoor, spec: ReplSpec) -> None:
        self._pool, self._context, self._spec = pool, context, spec
        documents = [(d.name, d.start) for d in context.documents]
        value = context.in_memory()
        self._searcher = Searcher(value, documents, spec.question)
        cutter = Cutter(value, documents)
        self._hosted = HostedCalls(door, self._searcher, cutter, spec.tools, self._variables)
        self._inputs: dict[str, Any] = {
            "context": given(value),
            "question": given(spec.question),
            **{name: _named(name) for name in self._hosted.names},
        }
        self._question = spec.question
        self._session: AsyncMontySession | None = None
        self._fed = 0
        self._cells: dict[str, tuple[int, Reading]] = {}
        self._names: dict[str, None] = {}
        self._seen: tuple[str, ...] = ()
        self._kept: bytes | None = None
        self._calls: dict[int, asyncio.Task[dict[str, Any]]] = {}
        self._work: asyncio.Task[Observation] | None = None
        self._namespace: dict[str, Any] = {}
        self._ending = Ending(self._namespace)
        self._told = self._closed = False

    async def start(self) -> None:
        """Takes a worker and binds what cells find in the namespace."""
        await self._checkout()
        await self._feed(f"{_FUNCTIONS}{_ANSWER}", inputs=self._inputs)

    async def _checkout(self) -> None:
        self._fed, self._cells = 0, {}
        session = self._pool.checkout(
            limits={
                "max_feed_duration_secs": self._spec.cell_seconds,
                "max_memory": self._spec.memory_bytes + 4 * self._context.chars,
                "max_suspensions": 10**9,
            }
        )
        self._session = await session.__aenter__()

    async def run(self, cell: Cell) -> Observation:
        """See `unspool.ports.Repl`."""
        if self._closed:
            raise SandboxError("the REPL is closed")
        work = self._work = asyncio.ensure_future(self._run(cell))
        try:
            return await work
        except asyncio.CancelledError:
            if self._closed:
                raise SandboxError("the REPL was closed while a cell ran") from None
            raise
        finally:
            work.cancel()
            await self._end_calls()

    async def aclose(self) -> None:
        """See `unspool.ports.Repl`."""
        if self._closed:
            return
        self._closed = True
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        await self._end_calls()
        await self._leave()

    async def _run(self, cell: Cell) -> Observation:
        from pydantic_monty import MontyError

        notes: list[str] = [] if self._told else [LACKS]
        if self._session is None:
            await self.start()
            notes.append(LOST)
        if cell.question is not None:
            await self._serves(cell.question)
        if cell.history is not None and "history" not in self._names:
            await self._feed("None", inputs={"history": given([*cell.history])})
        await self._keep()
        code = given(cell.code.replace("\r\n", "\n").replace("\r", "\n"))
        reading = read(code, self._hosted.awaitable)
        keep_chars, started = self._spec.output_chars // 2, perf_counter()
        out, err = Roll(keep_chars), Roll(keep_chars)
        value, error = None, ""
        self._hosted.notes = []
        try:
            self._cells[f"<python-input-{self._fed}>"] = cell.number, reading
            value = await self._feed(code, {"stdout": out, "stderr": err})
        except MontyError as failed:
            error = self._explained(failed)
        except _Stopped as stopped:
            return await self._given_up(cell, str(stopped), notes, out, err)
        seconds = perf_counter() - started
        notes += await self._put_back(reading)
        answer, unsent = await self._look(reading)
        printed, valued = _clip(*out.parts()), _value(value)
        nearest = self._nearest(cell.code, printed.text + valued.text, error)
        if not self._told or any(kind in error for kind in _MISSING):
            notes = list(dict.fromkeys([*notes, LACKS]))
        self._told = True
        return Observation(
            cell=cell,
            stdout=printed,
            stderr=_clip(*err.parts()),
            value=valued,
            error=error,
            notes=tuple(filter(None, (*notes, *self._hosted.notes, unsent, nearest))),
            names=self._seen,
            answer=answer,
            seconds=seconds,
        )

    # Feeding the interpreter, and answering it

    async def _feed(
        self,
        code: str,
        prints: Mapping[str, Roll] | None = None,
        inputs: dict[str, Any] | None = None,
    ) -> Any:
        """Runs `code`, and whatever it asks for, to its end; gives its last value.

        Raises:
            MontyError: what the code raised.
            _Stopped: it took too long, or its process died.
        """
        import pydantic_monty as monty

        assert self._session is not None
        self._fed += 1
        self._sleep_left_s = self._spec.cell_seconds

        def printed(stream: str, text: str) -> None:
            if prints is not None:
                prints[stream].add(text)

        try:
            step: Any = await self._session.feed_start(code, inputs=inputs, print_callback=printed)
            while not isinstance(step, monty.MontyComplete):
                step = await self._answer(step)
            return step.output
        except monty.MontyCrashedError as died:
            late = died.timed_out
            raise _Stopped(self._late() if late else "The cell ended the REPL's process.") from died
        except monty.MontyRuntimeError as failed:
            if "feed time limit exceeded" in str(failed):
                raise _Stopped(self._late()) from failed
            raise

    def _late(self) -> str:
        return f"The cell ran for more than {self._spec.cell_seconds:g} s and was stopped."

    async def _answer(self, step: Any) -> Any:
        """What comes after `step`, which waits for something of the host."""
        import pydantic_monty as monty

        if isinstance(step, monty.AsyncNameLookupSnapshot):
            return await step.resume()
        if isinstance(step, monty.AsyncFutureSnapshot):
            return await step.resume(await self._settled(step.pending_call_ids))
        if step.is_os_function:
            return await self._operated(step)
        if step.function_name not in self._hosted.names:
            missing = NameError(f"name {step.function_name!r} is not defined")
            return await step.resume({"exception": missing})
        serving = self._serve(step.function_name, step.args, step.kwargs)
        where = step.position
        _, reading = self._cells.get(where.filename, (0, Reading()))
        if (where.start, where.end) not in reading.awaited:
            return await step.resume(await serving)
        self._calls[step.call_id] = asyncio.ensure_future(serving)
        return await step.resume({"future": ...})

    async def _serve(self, name: str, args: Any, kwargs: Any) -> dict[str, Any]:
        try:
            plain = {key: taken(value) for key, value in kwargs.items()}
            value = await self._hosted.call(name, [taken(one) for one in args], plain)
            return {"return_value": given(value)}
        except Exception as failed:  # whatever it is, it is for the cell to see
            return {"exception": raised(failed)}

    async def _settled(self, pending: list[int]) -> dict[int, Any]:
        """The replies that are there, of those that the cell waits for; at least one."""
        await asyncio.wait(
            [self._calls[number] for number in pending], return_when=asyncio.FIRST_COMPLETED
        )
        return {n: self._calls.pop(n).result() for n in pending if self._calls[n].done()}

    async def _operated(self, step: Any) -> Any:
        """Sleep is the cell's own time; everything else of an operating system is not there."""
        if step.function_name != "system.sleep":
            return await step.resume_not_handled()
        (seconds,) = step.args
        self._sleep_left_s -= seconds
        await asyncio.sleep(seconds + min(0.0, self._sleep_left_s))
        if self._sleep_left_s < 0:
            raise _Stopped(self._late())
        return await step.resume({"return_value": None})

    async def _end_calls(self) -> None:
        calls, self._calls = list(self._calls.values()), {}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    # State that outlives a cell, and one that was stopped

    async def _keep(self) -> None:
        self._kept = None
        if self._context.chars <= KEPT_CHARS and self._session is not None:
            self._kept = await self._session.dump()

    async def _given_up(
        self, cell: Cell, why: str, notes: list[str], out: Roll, err: Roll
    ) -> Observation:
        """Goes back to before the cell, in a new process: what it has left is not to be used."""
        await self._leave()
        kept = self._kept
        if kept is not None:
            await self._checkout()
            assert self._session is not None
            await self._session.load_session(kept)
        else:
            self._names, self._seen = {}, ()
            await self.start()
        return Observation(
            cell=cell,
            stdout=_clip(*out.parts()),
            stderr=_clip(*err.parts()),
            error=why,
            notes=(*notes, KEPT if kept is not None else LOST),
            names=self._seen,
        )

    async def _leave(self) -> None:
        from pydantic_monty import MontyError

        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(MontyError, RuntimeError, OSError):  # it may be dead already
                await session.__aexit__(None, None, None)

    async def _serves(self, question: str) -> None:
        """Begins with another question, if it is one."""
        if question == self._question:
            return
        self._question = question
        self._inputs["question"] = given(question)
        self._searcher.ask(question)
        await self._feed(_ANSWER, inputs={"question": self._inputs["question"]})

    async def _put_back(self, reading: Reading) -> list[str]:
        """Binds again what the cell rebound of ours; gives what to tell of it."""
        lost = [n for n in reading.assigned if n in self._inputs or n in _INSIDE]
        if lost:
            again = {name: self._inputs[name] for name in lost if name in self._inputs}
            code = _FUNCTIONS if set(lost) & set(_INSIDE) else ""
            await self._feed(code, inputs=again)
        return [f"`{n}` has been put back as it was: use another name for your own." for n in lost]

    async def _look(self, reading: Reading) -> tuple[Answer | None, str]:
        """Takes down the variables and the answer; the second is why there is none."""
        from pydantic_monty import MontyError

        for name in reading.assigned:
            hidden = name in self._inputs or name in _INSIDE or name == "answer"
            if name in reading.imported:
                self._names.pop(name, None)
            elif not hidden and not name.startswith("_"):
                self._names[name] = None
        look = "\n".join(_LOOK_AT.format(name) for name in self._names)
        try:
            content, seen = await self._feed(_LOOK.format(look))
            await self._feed(_REOPEN)
            self._seen = tuple(f"{name}: {kind}" for name, kind in seen)
            self._namespace["answer"] = answered(content)
            found = self._ending.read()
            return (Answer(*found) if found else None), self._ending.advice()
        except (MontyError, WireError, _Stopped) as failed:
            return None, f"The answer cannot leave the REPL ({failed}): make it plain data."

    def _variables(self) -> str:
        """The variables as they were when the last cell ended."""
        return "\n".join(self._seen) or "No variables yet."

    def _nearest(self, code: str, output: str, error: str) -> str:
        if not self._spec.nearest:
            return ""
        words = looked_for(code, output.strip(), error)
        return str(self._searcher.nearest(words, NEAREST_LINES)) if words else ""

    def _explained(self, failed: Any) -> str:
        """The traceback with the cells' own names, and without what is ours in it."""
        display: Callable[[], str] = getattr(failed, "display", failed.__str__)
        lines, ours = [], False
        for line in display().splitlines():
            frame = re.match(r'  File "(<[^"]*>)", line \d+', line)
            if frame:
                ours = frame[1] not in self._cells
                number = 0 if ours else self._cells[frame[1]][0]
                line = line.replace(frame[1], f"<cell {number}>", 1)
            elif not line.startswith(" "):
                ours = False
            if not ours:
                lines.append(line)
        return _clip(*show.clip("\n".join(lines), 6_000, 14_000)).text


def _named(name: str) -> Callable[..., None]:
    """A function for the sandbox to call by this name; calls of it are answered by the host."""

    def called(*_: Any) -> None: ...

    called.__name__ = called.__qualname__ = name
    return called


def _value(value: Any) -> Clip:
    return Clip("") if value is None else _clip(*show.bounded_repr(shown(value)))


def _clip(head: str, tail: str, cut: int) -> Clip:
    if not cut:
        return Clip(head + tail)
    return Clip(f"{head}\n... {cut:,} characters left out ...\n{tail}", cut)
