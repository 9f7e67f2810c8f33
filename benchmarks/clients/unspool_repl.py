"""The rows of `sandbox.py` by unspool, confined and with isolation 'none'."""

import ast
import asyncio
import time

import repl_rows

from unspool.context.source import Context
from unspool.sandboxes import process
from unspool.sandboxes.memory import SharedContext
from unspool.spec import ReplSpec
from unspool.types import Cell

WARM_S = 1.0
"""For the interpreter that REPLs are forked from to import what it imports."""
TIMER = """\
def _time_checkpoints():
    import sys, time
    kind = sys.modules["worker.checkpoint"].Checkpoints
    take = kind.take
    def timed(self):
        began = time.perf_counter()
        found = take(self)
        _took.append((time.perf_counter() - began) * 1000)
        return found
    kind.take = timed
_took = []
_time_checkpoints()"""


class Engine:
    """A sandbox, and the model that its cells call."""

    def __init__(self, *, confined):
        self._sandbox = process.ProcessSandbox(confined=confined)
        self.calls = 0
        self.written_ms = 0.0
        """What writing the last context to shared memory took."""

    async def start(self):
        """Warm, as it is while a model writes its first reply."""
        process.SharedContext = self._timed()
        self._sandbox.warm()
        await asyncio.sleep(WARM_S)

    async def open(self, text, cell_seconds=None):
        """A REPL over `text`."""
        spec = ReplSpec() if cell_seconds is None else ReplSpec(cell_seconds=cell_seconds)
        return Repl(await self._sandbox.open(Context(text), self._answered, spec))

    async def timed_checkpoints(self, repl, count):
        """What so many checkpoints took in the process that forks, in milliseconds."""
        await repl.run(TIMER)
        for _ in range(count + 1):
            await asyncio.sleep(0.05)
            await repl.run(repl_rows.CELL)
        return ast.literal_eval(await repl.run("print(_took)"))[1 : count + 1]

    async def close(self):
        """Ends the sandbox."""
        await self._sandbox.aclose()

    async def _answered(self, name, args):
        self.calls += 1
        return args[0][::-1]

    def _timed(self):
        engine = self

        class Timed(SharedContext):
            @classmethod
            async def of(cls, context):
                began = time.perf_counter()
                shared = await SharedContext.of(context)
                engine.written_ms = (time.perf_counter() - began) * 1000
                return shared

        return Timed


class Repl:
    """A REPL as the rows use it."""

    def __init__(self, repl):
        self._repl, self._number = repl, 0

    async def run(self, code):
        """What the cell printed."""
        self._number += 1
        seen = await self._repl.run(Cell(code, self._number))
        return seen.stdout.text

    async def close(self):
        """Ends it."""
        await self._repl.aclose()


if __name__ == "__main__":
    repl_rows.main(
        {
            "unspool": lambda: Engine(confined=True),
            "unspool-none": lambda: Engine(confined=False),
        }
    )
