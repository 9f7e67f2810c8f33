"""What tests use of each other's: a host for REPLs, and cells with numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from unspool import SandboxError, UnspoolError
from unspool.sandboxes.docker_engine import Engine
from unspool.sandboxes.repl import ProcessRepl
from unspool.types import Cell, Observation


async def echo(name: str, args: Sequence[Any]) -> Any:
    """A host that answers each prompt with itself, and fails those that say so."""
    if name.endswith("_batched"):
        return [[None, f"refused: {p}"] if "fail" in p else [f"re: {p}"] for p in args[0]]
    if "fail" in args[0]:
        raise UnspoolError(f"refused: {args[0]}")
    return f"re: {args[0]}"


class Cells:
    """Runs cells in one REPL, numbering them."""

    def __init__(self, repl: ProcessRepl) -> None:
        self.repl = repl
        self._number = 0

    async def __call__(self, code: str) -> Observation:
        self._number += 1
        return await self.repl.run(Cell(code, self._number))


OpenRepl = Callable[..., Awaitable[Cells]]


def engine_has(image: str) -> bool:
    """Whether a real Docker engine is here, and has `image`."""

    async def asked() -> bool:
        engine = Engine()
        try:
            await engine.ping()
            return await engine.has_image(image)
        except SandboxError:
            return False
        finally:
            await engine.aclose()

    return asyncio.run(asked())
