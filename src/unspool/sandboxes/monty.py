"""Monty: an interpreter of a subset of Python, for machines that cannot confine a real one.

Its cells have no file, no network and no process, on any system. What it lacks of Python
costs a model turns, so it is not the first choice where the process can be confined.
"""

from __future__ import annotations

import asyncio
import ctypes
import weakref
from typing import TYPE_CHECKING, Any

from unspool.context.source import Context
from unspool.errors import MissingExtra, SandboxError
from unspool.ports import CallDoor
from unspool.sandboxes.monty_repl import MontyRepl
from unspool.spec import ReplSpec
from unspool.types import Cell

if TYPE_CHECKING:
    from pydantic_monty import AsyncMonty

MOST_REPLS = 4_096
"""Each open REPL has a process of its own; who opens another one waits."""


SETTLE_S = 0.05
"""The package's own threads still let go of Python objects after its pool has ended; before
Python 3.14 a process aborts when that happens while the interpreter ends."""


class MontySandbox:
    """REPLs in processes of the `monty` interpreter. Use it on one event loop only."""

    joins_documents = True
    """`context` is one text, where elsewhere it is a sequence of documents."""

    def __init__(self) -> None:
        self._pool: AsyncMonty | None = None
        self._checked: str | None = None
        self._opened: weakref.WeakSet[MontyRepl] = weakref.WeakSet()
        self._stranded = False

    async def check(self) -> str:
        """See `unspool.ports.Sandbox`. A REPL is opened for it, once."""
        if self._checked is None:
            repl = await self.open(Context("?"), _no_calls, ReplSpec())
            seen = await repl.run(Cell("len(context)", 1))
            await repl.aclose()
            if seen.value.text != "1":
                raise SandboxError(f"monty does not work here: {seen.error or seen.value.text}")
            version = _imported().__version__
            self._checked = (
                f"a subset of Python, interpreted by monty {version} in a process of its own:"
                " no file, network or process is within reach"
            )
        return self._checked

    async def open(self, context: Context, door: CallDoor, spec: ReplSpec) -> MontyRepl:
        """See `unspool.ports.Sandbox`."""
        monty = _imported()
        if self._stranded:
            raise SandboxError(
                "monty was in use when this process was forked, and cannot be used in it:"
                " start the process by 'spawn', or fork before the first run."
            )
        try:
            if self._pool is None:
                pool = monty.AsyncMonty(max_processes=MOST_REPLS)
                await pool.__aenter__()
                self._pool = pool
            repl = MontyRepl(self._pool, context, door, spec)
            await repl.start()
        except (OSError, RuntimeError, monty.MontyError) as failed:
            raise SandboxError(f"monty cannot be started: {failed}") from failed
        self._opened.add(repl)
        return repl

    def forked(self) -> None:
        """Refuses to go on in a process that was forked off: the threads that the interpreter's
        package has are its parent's, and waiting for them would take for ever."""
        if self._pool is not None:
            self._stranded = True
            # Never freed here: their end would be the end of the parent's workers.
            for kept in (self._pool, *self._opened):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    async def aclose(self) -> None:
        """Ends the interpreters' processes."""
        pool, self._pool = self._pool, None
        if pool is not None and not self._stranded:
            await pool.__aexit__(None, None, None)
            await asyncio.sleep(SETTLE_S)


def _imported() -> Any:
    try:
        import pydantic_monty
    except ImportError as missing:
        raise MissingExtra(
            "sandbox='monty' needs a package that is not installed:"
            " run pip install 'unspool[monty]'"
        ) from missing
    return pydantic_monty


async def _no_calls(name: str, args: object) -> None:
    raise SandboxError(f"{name} cannot be called here")
