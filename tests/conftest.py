"""What tests share: REPLs, and a user with neither keys nor models."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support import Cells, OpenRepl, echo
from unspool import Context
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec

KEYS = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "UNSPOOL_MODEL", "OPENROUTER_API_KEY")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how many attacks on the sandbox came to nothing, and as whom they were made."""
    passed = terminalreporter.stats.get("passed", [])
    attacks = sum("test_escape.py" in report.nodeid for report in passed)
    if attacks:
        terminalreporter.write_line(
            f"escape suite: {attacks} attacks withstood, as user {os.getuid()}"
        )


@pytest.fixture
async def open_repl() -> AsyncIterator[OpenRepl]:
    """Opens REPLs that are closed after the test."""
    sandbox, opened = ProcessSandbox(), []

    async def open_one(
        context: Any = "some text",
        *,
        door: Any = echo,
        **asked: Any,
    ) -> Cells:
        given = context if isinstance(context, Context) else Context(context)
        repl = await sandbox.open(given, door, ReplSpec(**{"question": "?", **asked}))
        opened.append(repl)
        return Cells(repl)

    yield open_one
    for repl in opened:
        await repl.aclose()
    await sandbox.aclose()


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user with no keys, whose folder for data is empty."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path / "home"))
    return tmp_path
