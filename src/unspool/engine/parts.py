"""What runs are made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from unspool.context.source import Context
from unspool.ending import to_its_end
from unspool.engine.long.recalling import Recalling, Told
from unspool.errors import SandboxError
from unspool.events import Event
from unspool.memory import Memory
from unspool.packs.pack import CHILD_RUNS, SUB_CALLS, Pack
from unspool.ports import CallDoor, Model, Repl, Sandbox
from unspool.profiles import Profile
from unspool.spec import ReplSpec, RunSpec
from unspool.tools import Tools


@dataclass(frozen=True, slots=True)
class Parts:
    """One set serves a whole tree of runs, at the same time."""

    root: Model
    sub: Model
    models: Mapping[str, Model]
    """Those that a cell may ask for by name."""
    sandbox: Sandbox
    packs: Mapping[str, Pack]
    """The prompts for each model, by its name."""
    profiles: Mapping[str, Profile]
    """What is known of each model, by its name."""
    listen: Callable[[Event], None]
    stop: asyncio.Event
    """Set: every run of the tree ends as `cancelled`."""
    children: tuple[Model, ...] = ()
    """Root models of child runs by depth, from 1 on; the last serves all that are deeper.
    Empty: a child has its parent's."""
    tools: Tools = field(default_factory=Tools)
    packages: tuple[str, ...] = ()
    """What cells can import besides the standard library."""
    memory: Memory = field(default_factory=Memory)
    stream: bool = False
    """True: root replies are streamed, and told piece by piece."""
    early: bool = False
    """True: statements run as soon as they are complete, while the reply is being written."""

    @property
    def pack(self) -> Pack:
        """The prompts for the root model."""
        return self.pack_of(self.root)

    def pack_of(self, model: Model) -> Pack:
        """The prompts for a model."""
        return self.packs[model.name]

    def profile_of(self, model: Model) -> Profile:
        """What is known of a model."""
        return self.profiles[model.name]

    def told(self, pack: Pack, run: RunSpec, facts: tuple[str, ...] = ()) -> Pack:
        """Prompts as a run is told them: without what it cannot use. `facts` are so besides."""
        calls = (SUB_CALLS,) if run.max_depth > run.depth else ()
        children = (CHILD_RUNS,) if run.max_depth > run.depth + 1 else ()
        piece_chars = self.profile_of(self.sub).piece_chars
        return pack.told((*calls, *children, *facts), piece_chars=piece_chars)

    def repl(self, run: RunSpec) -> ReplSpec:
        """What a run's REPL is opened with."""
        return ReplSpec(
            question=run.question,
            nearest=self.pack.nearest,
            cell_seconds=run.limits.cell_seconds,
            memory_bytes=run.limits.memory_bytes,
            output_chars=run.limits.output_chars,
            tools=self.tools.offered,
            children=run.max_depth > run.depth + 1,
            seed=run.seed,
        )

    def child_root(self, depth: int) -> Model:
        """The root model of a child run at that depth."""
        return self.children[min(depth, len(self.children)) - 1] if self.children else self.root


@asynccontextmanager
async def opened(
    parts: Parts, context: Context, spec: RunSpec, door: CallDoor, told: Told
) -> AsyncIterator[asyncio.Future[Repl]]:
    """A REPL that gets ready while the first request is under way; closed in any case. Its
    cells find what is `told` of the history."""

    async def open_() -> Repl:
        return Recalling(await parts.sandbox.open(context, door, parts.repl(spec)), told)

    opening: asyncio.Future[Repl] = asyncio.ensure_future(open_())
    try:
        yield opening
    finally:
        opening.cancel()
        await to_its_end(_close(opening))


async def _close(opening: asyncio.Future[Repl]) -> None:
    with suppress(asyncio.CancelledError, SandboxError):
        await (await opening).aclose()
