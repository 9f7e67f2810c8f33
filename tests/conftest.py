"""What tests share: REPLs, and a user with neither keys nor models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from unspool import Context, UnspoolError
from unspool.sandboxes.process import ProcessRepl, ProcessSandbox
from unspool.types import Cell, Observation

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "UNSPOOL_MODEL", "OPENROUTER_API_KEY")


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


@pytest.fixture
async def open_repl() -> AsyncIterator[OpenRepl]:
    """Opens REPLs that are closed after the test."""
    sandbox, opened = ProcessSandbox(), []

    async def open_one(
        context: Any = "some text",
        *,
        door: Any = echo,
        cell_seconds: float = 30,
        question: str = "?",
    ) -> Cells:
        given = context if isinstance(context, Context) else Context(context)
        repl = await sandbox.open(given, door, question=question, cell_seconds=cell_seconds)
        opened.append(repl)
        return Cells(repl)

    yield open_one
    for repl in opened:
        await repl.aclose()
    await sandbox.aclose()


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A user with no keys, whose folder for data is empty."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path / "home"))
    yield tmp_path
