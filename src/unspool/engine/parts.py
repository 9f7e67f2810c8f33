"""What runs are made of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from unspool.engine.packs import Pack
from unspool.errors import ModelError, UnspoolError
from unspool.events import Event
from unspool.ports import Model, Sandbox
from unspool.types import Completion, OnText, Request


@dataclass(frozen=True, slots=True)
class Parts:
    """One set serves a whole tree of runs, at the same time."""

    root: Model
    sub: Model
    models: Mapping[str, Model]
    """Those that a cell may ask for by name."""
    sandbox: Sandbox
    pack: Pack
    listen: Callable[[Event], None]
    stop: asyncio.Event
    """Set: every run of the tree ends as `cancelled`."""
    stream: bool = False
    """True: root replies are streamed, and told piece by piece."""


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
