"""What runs are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from unspool.engine.packs import Pack
from unspool.errors import ModelError, UnspoolError
from unspool.events import Event
from unspool.ports import Model, Sandbox
from unspool.spec import ReplSpec, RunSpec
from unspool.tools import Tools
from unspool.types import Completion, OnText, Request


@dataclass(frozen=True, slots=True)
class Parts:
    """One set serves a whole tree of runs, at the same time."""

    root: Model
    sub: Model
    models: Mapping[str, Model]
    """Those that a cell may ask for by name."""
    sandbox: Sandbox
    packs: Mapping[str, Pack]
    """The prompts for each model, by its name; `""`: for any other."""
    listen: Callable[[Event], None]
    stop: asyncio.Event
    """Set: every run of the tree ends as `cancelled`."""
    children: tuple[Model, ...] = ()
    """Root models of child runs by depth, from 1 on; the last serves all that are deeper.
    Empty: a child has its parent's."""
    tools: Tools = field(default_factory=Tools)
    packages: tuple[str, ...] = ()
    """What cells can import besides the standard library."""
    stream: bool = False
    """True: root replies are streamed, and told piece by piece."""

    @property
    def pack(self) -> Pack:
        """The prompts for the root model."""
        return self.pack_of(self.root)

    def pack_of(self, model: Model) -> Pack:
        """The prompts for a model."""
        return self.packs.get(model.name) or self.packs[""]

    def repl(self, run: RunSpec) -> ReplSpec:
        """What a run's REPL is opened with."""
        return ReplSpec(
            question=run.question,
            nearest=self.pack.nearest,
            cell_seconds=run.limits.cell_seconds,
            memory_bytes=run.limits.memory_bytes,
            output_chars=run.limits.output_chars,
            tools=self.tools.offered,
        )

    def child_root(self, depth: int) -> Model:
        """The root model of a child run at that depth."""
        return self.children[min(depth, len(self.children)) - 1] if self.children else self.root


async def ask(model: Model, request: Request, on_text: OnText | None = None) -> Completion:
    """Asks a model that may be anybody's: whatever it raises comes out as one of ours.

    Raises:
        UnspoolError: the model failed.
    """
    try:
        return await model.complete(request, on_text)
    except UnspoolError:
        raise
    except Exception as broken:
        kind = type(broken).__name__
        raise ModelError(f"the model {model.name!r} raised {kind}: {broken}") from broken
