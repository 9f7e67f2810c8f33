"""One REPL process, seen from the host."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

from unspool.errors import SandboxError, UnspoolError
from unspool.ports import CallDoor
from unspool.sandboxes.link import CellClock, Link, Pause
from unspool.sandboxes.memory import SharedContext, folder_in_memory
from unspool.sandboxes.starter import Exit, Starter
from unspool.sandboxes.worker import wire
from unspool.sandboxes.worker.capture import Roll
from unspool.sandboxes.worker.clock import MOST_READINGS
from unspool.sandboxes.worker.growth import LONG_CHARS
from unspool.spec import ReplSpec
from unspool.types import Answer, Cell, Clip, Growing, Observation

GRACE_S = 2.0
"""Between the first interrupt of a cell that ran too long and its being killed."""
INTERRUPTS = 4
START_S = 30.0
EXIT_S = 10.0
PIECES = 16
MOST_LEFT_CHARS = 1 << 16
"""Of plain values that are kept of cells in place of a copy of the process."""
STARTS = 3
LAST_WORDS_S = 0.5
INDEX_S, INDEX_BYTES_S, MOST_INDEX_BYTES = 2.0, 2_000_000, 1 << 30
"""For the index of a context's words a REPL has so long, and longer by its length, over and
above the time of the cells that need it."""
LOST = "All variables are gone; `context` is as it was. Go on in small steps."
UNCONFINED = "To run the model's code without confinement all the same, give isolation='none'."


class EndedEarly(SandboxError):
    """A REPL's process ended before it was ready."""


class ProcessRepl:
    """One REPL process. After a cell it leaves a copy of itself behind, which goes on in its
    place when a later cell has to be killed or ends the process. Cells that left a few plain
    values and nothing else have those kept here instead."""

    def __init__(
        self, zygote: Starter, shared: SharedContext, door: CallDoor, spec: ReplSpec
    ) -> None:
        self._zygote, self._shared, self._door, self._spec = zygote, shared, door, spec
        self._last = self._number = 0
        self._unkept = False
        self._left: dict[str, Any] = {}
        self._drafted: Growing | None = None
        self.opening: dict[str, Any] = {}
        self.layers: tuple[str, ...] = ()
        """What holds the cells, once the REPL is open."""
        self._folder = Path()
        self._calls: set[asyncio.Task[None]] = set()
        self._in_flight = 0
        self._session = 0
        self._link: Link | None = None
        self._output_fd = -1
        self._raw = Roll()
        self._ready: asyncio.Future[None] | None = None
        self._done: asyncio.Future[dict[str, Any] | None] | None = None
        self._clock: CellClock | None = None
        indexed = min(shared.bytes, MOST_INDEX_BYTES)
        self._pause = Pause(INDEX_S + indexed / INDEX_BYTES_S)
        self._timers: list[asyncio.TimerHandle] = []
        self._overran = False
        self._exit: asyncio.Future[Exit] | None = None
        self._closed = False

    async def start(self) -> None:
        """Forks the REPL's process and waits until it is ready.

        Raises:
            SandboxError: it ends before it is ready, or takes longer than `START_S`.
        """
        for left in reversed(range(STARTS)):
            try:
                await self._start()
                return
            except OSError as failed:
                raise SandboxError(f"the REPL cannot be started: {failed}") from failed
            except EndedEarly:  # killed from outside, say, for want of memory
                if not left:
                    raise
                self._end_process()

    async def _start(self) -> None:
        self._raw, self._last, self._unkept = Roll(), 0, False
        self._folder = Path(tempfile.mkdtemp(prefix="unspool-", dir=folder_in_memory()))
        self._output_fd, output = os.pipe()
        ours, theirs = socket.socketpair()
        try:
            fds = [theirs.fileno(), output, self._shared.fd]
            self._session = self._zygote.fork(fds, self._folder, self._exited)
        except SandboxError:
            ours.close()
            raise
        finally:
            theirs.close()
            os.close(output)
        os.set_blocking(self._output_fd, False)
        asyncio.get_running_loop().add_reader(self._output_fd, self._drain)
        await self._linked(ours, self.opening)

    async def _revive(self) -> None:
        """Has the process that kept the state of the last cell go on.

        Raises:
            SandboxError, OSError: it cannot.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._zygote.revive(self._session, theirs.fileno())
        await self._linked(ours)

    async def _linked(self, sock: socket.socket, opening: dict[str, Any] | None = None) -> None:
        """Speaks with the process over `sock` from now on, and waits until it is ready."""
        loop = asyncio.get_running_loop()
        self._ready, self._exit = loop.create_future(), loop.create_future()
        link = Link(lambda frame: self._received(link, frame), lambda: self._lost(link))
        self._link = link
        await loop.create_unix_connection(lambda: link, sock=sock)
        if opening is not None:
            link.send(opening)
        try:
            await asyncio.wait_for(self._ready, START_S)
        except TimeoutError as late:
            raise SandboxError(f"the REPL was not ready within {START_S:.0f} s") from late

    def _exited(self, how: Exit) -> None:
        if self._exit is not None and not self._exit.done():
            self._exit.set_result(how)
        if self._link is not None:  # a fork may hold its end open; what was sent is read first
            asyncio.get_running_loop().call_later(LAST_WORDS_S, self._link.close)

    async def run(self, cell: Cell) -> Observation:
        """See `unspool.ports.Repl`."""
        if self._closed:
            raise SandboxError("the REPL is closed")
        notes = await self._recovered() if self._link is None else ()
        assert self._link is not None
        if self._unkept:
            self._keep()
        self._done, self._number = asyncio.get_running_loop().create_future(), cell.number
        self._raw, self._overran = Roll(self._spec.output_chars // 2), False
        clock = self._clock = CellClock(self._spec.cell_seconds, self._overrun)
        clock.start()
        for _ in range(self._in_flight):  # of cells before: this one may wait for them
            clock.wait_begins()
        try:
            self._link.send(_command(cell))
            report = await self._done
        except asyncio.CancelledError:
            self._give_up()
            raise
        finally:
            self._pause.end()
            clock.stop()
            self._clock = self._done = None
            self._stop_timers()
        if self._closed:
            raise SandboxError("the REPL was closed while a cell ran in it")
        self._drain()
        if report is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):
                return self._kept(self._observed(cell, report, notes), report["left"])
        return await self._lost_cell(cell)

    def _give_up(self) -> None:
        """Ends a cell that nobody waits for any more; the next one finds the state before it."""
        if self._link is not None:
            self._link.close()

    def _kept(self, seen: Observation, left: object) -> Observation:
        """Has the state after a cell kept, unless the run is likely to end with it.

        Where all that a cell has left is some plain values, they are kept here, and there is
        no copy of the process.
        """
        if isinstance(left, dict):
            together = self._left | left
            if len(wire.dumps(together)) <= MOST_LEFT_CHARS:
                self._left = together
                return seen
        self._last, self._unkept, self._left = seen.cell.number, True, {}
        if not seen.finished:
            self._keep()
        return seen

    def _keep(self) -> None:
        assert self._link is not None
        if not self._zygote.keeps:
            return
        self._zygote.allow_fork(self._session)
        self._link.send({"op": "checkpoint", "after": self._last})
        self._unkept = False

    async def aclose(self) -> None:
        """See `unspool.ports.Repl`."""
        if self._closed:
            return
        self._closed = True
        if self._done is not None and not self._done.done():
            self._done.set_result(None)
        self._end_process()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._shared.close()

    async def _how_it_ended(self) -> Exit | None:
        """How the process ended; None when that does not become known."""
        assert self._exit is not None
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self._exit), EXIT_S)
        return None

    def _end_process(self) -> None:
        self._stop_timers()
        if self._session:
            self._zygote.end(self._session)
            self._session = 0
        if self._folder.name:
            shutil.rmtree(self._folder, ignore_errors=True)
        link, self._link = self._link, None
        if link is not None:
            link.close()
        if self._output_fd >= 0:
            asyncio.get_running_loop().remove_reader(self._output_fd)
            os.close(self._output_fd)
            self._output_fd = -1

    def _received(self, link: Link, frame: dict[str, Any]) -> None:
        match frame:
            case {"op": "call", "call": int(number), "name": str(name), "args": list(args)}:
                serving = self._serve(link, number, name, args)
                call = asyncio.get_running_loop().create_task(serving)
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
            case {"op": "done", "number": number} if self._awaits(number):
                assert self._done is not None
                self._done.set_result(frame)
            case {"op": "hurry", "on": False}:
                self._pause.begin(self._clock)
            case {"op": "hurry", "on": True}:
                self._pause.end()
            case {"op": "ready", "layers": [*layers]} if self._starting:
                self.layers = tuple(map(str, layers))
                self._starting.set_result(None)
            case {"op": "refused", "why": str(why)} if self._starting:
                self._starting.set_exception(SandboxError(f"{why}. {UNCONFINED}"))
            case _:
                raise wire.WireError("a frame that nobody waits for")

    def _awaits(self, number: object) -> bool:
        """Whether the cell of that number is the one that runs."""
        return self._done is not None and not self._done.done() and number == self._number

    @property
    def _starting(self) -> asyncio.Future[None] | None:
        """What waits for the REPL to be ready; None when nothing does."""
        return None if self._ready is None or self._ready.done() else self._ready

    async def _serve(self, link: Link, number: int, name: str, args: list[Any]) -> None:
        """Answers a call over the link on which it came: its number is of that process."""
        self._in_flight += 1
        if self._clock is not None:
            self._clock.wait_begins()
        try:
            try:
                value = await self._door(name, wire.decode(args))
                link.send({"call": number, "value": wire.encode(value)})
            except (UnspoolError, wire.WireError) as failed:
                link.send({"call": number, "error": str(failed)})
            except Exception as broken:  # whatever it is, the cell must not wait for ever
                link.send({"call": number, "error": f"{type(broken).__name__}: {broken}"[:500]})
        finally:
            self._in_flight -= 1
            if self._clock is not None:
                self._clock.wait_ends()

    def _lost(self, link: Link) -> None:
        """The process has closed its socket: it ended, or what it sent was no frame."""
        if link is not self._link:
            return  # one that has been replaced already
        if self._session:
            self._zygote.kill(self._session)
        self._link = None
        for call in self._calls:  # nobody is there who could use their replies
            call.cancel()
        if self._starting is not None and not self._closed:
            self._drain()
            said = " ".join(self._raw.parts()[0].split())[-500:]
            self._starting.set_exception(EndedEarly(f"the REPL ended while it started: {said}"))
        if self._done is not None and not self._done.done():
            self._done.set_result(None)

    def _overrun(self) -> None:
        self._overran = True
        loop = asyncio.get_running_loop()
        for turn in range(INTERRUPTS):
            delay = turn * GRACE_S / INTERRUPTS
            self._timers.append(loop.call_later(delay, self._zygote.interrupt, self._session))
        self._timers.append(loop.call_later(GRACE_S, self._zygote.kill, self._session))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _drain(self) -> None:
        """Reads what the process wrote to descriptors 1 and 2 past Python's streams."""
        for _ in range(PIECES):  # not for ever: the loop has other work
            if self._output_fd < 0:
                return
            try:
                data = os.read(self._output_fd, 1 << 16)
            except BlockingIOError:
                return
            if not data:
                asyncio.get_running_loop().remove_reader(self._output_fd)
                return
            self._raw.add(data.decode("utf-8", "replace"))

    async def _recovered(self) -> tuple[str, ...]:
        """Goes on from the state that was kept, or anew; gives what the model must know."""
        how, last = await self._how_it_ended(), self._last
        if how is not None and how.after is not None:
            with contextlib.suppress(SandboxError, OSError):
                await self._revive()
                self._left = self._left if how.after == last else {}
                self._last, self._unkept = how.after, True
                self._restore()
                self._keep()
                return (_what_is_left(how.after, last),)
        self._end_process()
        await self.start()
        if last:
            self._left = {}
            return (LOST,)
        self._restore()
        return (_what_is_left(0, 0),)

    def _restore(self) -> None:
        """Gives a process that has the state of cell `_last` what later ones have left."""
        if self._left:
            assert self._link is not None
            self._link.send({"op": "restore", "left": self._left})

    def _observed(self, cell: Cell, report: dict[str, Any], before: tuple[str, ...]) -> Observation:
        stdout, stderr, value = (_clip(*report[k]) for k in ("stdout", "stderr", "value"))
        raw = _clip(*self._raw.parts())
        if raw:
            stdout = Clip(stdout.text + raw.text, stdout.cut_chars + raw.cut_chars)
        found = report["answer"]
        answer, refused = self._answer(found)
        error, notes = str(report["error"]), [*before, *map(str, report["notes"]), *refused]
        if self._overran:
            notes.append(
                f"The cell ran for more than {self._spec.cell_seconds:g} s and was stopped. "
                "Variables keep what they had. Do less in one cell."
            )
        if stdout.cut_chars or stderr.cut_chars:
            notes.append("Of so much output only the ends are kept: print parts of what you have.")
        if "MemoryError" in error:
            notes.append(_too_much(self._spec.memory_bytes))
        return Observation(
            cell=cell,
            stdout=stdout,
            stderr=stderr,
            value=value,
            error=error,
            notes=tuple(notes),
            names=tuple(map(str, report["names"])),
            answer=answer,
            seconds=float(report["seconds"]),
            clock=tuple(map(int, report["clock"][:MOST_READINGS])),
        )

    def _answer(self, found: dict[str, Any] | None) -> tuple[Answer | None, list[str]]:
        """The answer in a report, or a note that says why there is none. A long text comes as
        what it has grown by since the report before."""
        if found is None:
            return None, []
        try:
            value, ready = wire.decode(found["value"]), bool(found["ready"])
            before, after = self._drafted, int(found["after"])
            if after and (before is None or before.chars != after or not isinstance(value, str)):
                raise wire.WireError("of a text that has grown, the beginning is missing")
        except wire.WireError as unreadable:
            return None, [f"The answer cannot leave the REPL ({unreadable}): make it plain data."]
        self._drafted = None
        if isinstance(value, str) and (after or len(value) >= LONG_CHARS):
            self._drafted = before.grown(value) if before and after else Growing((value,))
            value = str(self._drafted) if ready else self._drafted
        return Answer(value, ready), []

    async def _lost_cell(self, cell: Cell) -> Observation:
        """The process is gone: says so, and has another one in its place."""
        self._drain()
        raw, how = _clip(*self._raw.parts()), await self._how_it_ended()
        if self._overran:
            why = (
                f"The cell ran for more than {self._spec.cell_seconds:g} s and had to be killed."
                " Do less in one cell."
            )
        else:
            why = f"The cell ended the REPL's process{_reason(how)}."
        before = self._last
        notes = await self._recovered()
        lost = self._last == before
        return Observation(cell=cell, stdout=raw, error=why, notes=notes, lost=lost)


def _command(cell: Cell) -> dict[str, Any]:
    command: dict[str, Any] = {"op": "run", "number": cell.number, "code": cell.code}
    given = {"clock": cell.clock, "question": cell.question, "history": cell.history}
    return command | {name: value for name, value in given.items() if value is not None}


def _what_is_left(kept: int, last: int) -> str:
    if kept == last:
        return "Nothing else is lost: every variable is as it was before."
    return f"Variables are as they were after cell {kept}; what later ones did is lost."


def _too_much(memory_bytes: int) -> str:
    room = f"{memory_bytes / (1 << 30):.3g} GiB"
    return f"Variables may take {room} in all: delete what is done with, and work on parts."


def _reason(how: Exit | None) -> str:
    """How a process ended, in brackets, where that is known."""
    if how is None:
        return ""
    if how.status >= 0:
        return f" (exit status {how.status})"
    return f" ({_SIGNALS.get(-how.status, f'signal {-how.status}')})"


_SIGNALS: dict[int, str] = {
    signal.SIGSEGV: "a crash of the interpreter",
    signal.SIGABRT: "an abort of the interpreter",
    signal.SIGKILL: "killed: it may have used too much memory",
}


def _clip(head: str, tail: str, cut: int) -> Clip:
    """Joins the ends of a text, with a line between them that says what is missing."""
    if not cut:
        return Clip(head + tail)
    return Clip(f"{head}\n... {cut:,} characters left out ...\n{tail}", cut)
