"""What tests share: REPLs, and a user with neither keys nor models."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from runs import Known
from support import SERVED, OpenRepl
from unspool.api import _SHARED
from unspool.sandboxes.process import ProcessSandbox
from unspool.testing.sandbox_contract.promises import Rooms
from unspool.types import Usage

settings.register_profile("any machine", deadline=None, derandomize=True)
settings.register_profile("soak", deadline=None)
settings.load_profile("soak" if "UNSPOOL_SOAK_KILLS" in os.environ else "any machine")
"""New examples are looked for by `make soak`; what has to pass before anything lands is the same
each time."""

KEYS = (
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
    "UNSPOOL_MODEL",
    "OPENROUTER_API_KEY",
    "ANTHROPIC_API_KEY",
    "GEMINI_API_KEY",
    "GOOGLE_API_KEY",
    "ANTHROPIC_BASE_URL",
    "GOOGLE_GEMINI_BASE_URL",
    "OLLAMA_API_KEY",
    "OLLAMA_HOST",
    "VLLM_API_KEY",
    "VLLM_BASE_URL",
)


@pytest.fixture(autouse=True, scope="session")
def _journal_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Runs of tests are recorded, but not among the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UNSPOOL_JOURNAL", str(tmp_path_factory.mktemp("journal") / "journal.db"))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps tests of the embedded model in one process: two of them would share its cores."""
    for item in items:
        if item.get_closest_marker("local_model"):
            item.add_marker(pytest.mark.xdist_group("local_model"))


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
    rooms = Rooms(ProcessSandbox())
    yield rooms.open
    await rooms.aclose()


@pytest.fixture(autouse=True)
def the_books_balance() -> Iterator[None]:
    """What the runs of a test have spent is what its servers counted, to the token.

    A request that was given up may have been answered all the same: so many more than we know
    of may the server have counted, and no more.
    """
    SERVED.clear()
    before = _SHARED.spent
    yield
    if not SERVED:
        return
    for _ in range(500):  # runs that were cancelled may still be ending
        spent, counted = _SHARED.spent, sum((one.usage for one in SERVED), Usage())
        calls = spent.calls - before.calls
        given_up = spent.lost_calls - before.lost_calls - sum(one.cut for one in SERVED)
        if 0 <= counted.calls - calls <= max(0, given_up):
            break
        time.sleep(0.02)
    else:
        raise AssertionError(f"{calls} calls accounted for, the server counted {counted.calls}")
    if counted.calls == calls:
        assert spent.input_tokens - before.input_tokens == counted.input_tokens
        assert spent.output_tokens - before.output_tokens == counted.output_tokens


@pytest.fixture
def newcomer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A user with no keys, whose folder for data is empty."""
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
    """Writes a profile of the models that tests ask."""
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path))

    def write(model: str = "root", pack: str = "small", **fields: Any) -> None:
        given = {"models": [model], "pack": pack, **fields}
        reads = given.pop("effective", None)
        lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
        if reads is not None:
            lines += ["[effective_tokens]", f"needle = {reads}"]
        (tmp_path / "profiles").mkdir(exist_ok=True)
        (tmp_path / "profiles" / f"{model}.toml").write_text("\n".join(lines) + "\n")

    return write
