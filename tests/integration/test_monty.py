"""What the monty sandbox does beyond the contract."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest

from unspool import Context
from unspool.errors import MissingExtra
from unspool.sandboxes.monty import MontySandbox
from unspool.sandboxes.monty_repl import KEPT_CHARS, LACKS
from unspool.spec import ReplSpec
from unspool.testing.sandbox_contract.promises import Rooms, echo

needs_monty = pytest.mark.skipif(
    find_spec("pydantic_monty") is None, reason="unspool[monty] is missing"
)


@pytest.fixture
async def rooms() -> AsyncIterator[Rooms]:
    opened = Rooms(MontySandbox())
    yield opened
    await opened.aclose()


@needs_monty
async def test_what_it_lacks_is_told_once_and_when_it_is_missed(rooms: Rooms) -> None:
    run = await rooms.open()
    told = [(await run(code)).notes for code in ("1", "2", "import threading", "del told")]
    assert told == [(LACKS,), (), (LACKS,), (LACKS,)]


@needs_monty
async def test_too_much_memory_is_an_error_and_costs_no_variable(rooms: Rooms) -> None:
    run = await rooms.open()
    await run("kept = 1")
    assert "MemoryError" in (await run("x = 'x' * 10**10")).error
    assert (await run("kept")).value.text == "1"


@needs_monty
async def test_sleep_is_the_cells_own_time(rooms: Rooms) -> None:
    run = await rooms.open(cell_seconds=0.5)
    assert (await run("import time\ntime.sleep(0.01)\nslept = 1")).error == ""
    assert "more than 0.5 s" in (await run("time.sleep(600)")).error
    assert (await run("slept")).value.text == "1"


@needs_monty
async def test_a_stopped_cell_over_a_long_context_costs_the_variables(rooms: Rooms) -> None:
    run = await rooms.open("x" * (KEPT_CHARS + 1), cell_seconds=0.5)
    await run("gone = 1")
    seen = await run("while True: pass")
    assert "All variables are gone" in seen.notes[-1]
    assert "NameError" in (await run("gone")).error
    assert (await run("len(context)")).value.text == str(KEPT_CHARS + 1)


@needs_monty
async def test_what_search_has_to_say_is_in_the_notes(rooms: Rooms) -> None:
    run = await rooms.open("the vault code is 8812\nthe cat eats")
    seen = await run("1")
    seen = await run("print(search('codes of vaults'))")
    assert seen.stdout.text == "['[line 1] the vault code is 8812']\n"
    assert seen.notes == ("search: No exact match for 'codes of vaults'. The nearest lines:",)


@needs_monty
async def test_an_own_object_is_shown_with_its_fields(rooms: Rooms) -> None:
    run = await rooms.open()
    seen = await run("class A:\n    def __init__(self): self.x = [1]\n[A()]")
    assert seen.value.text == "[A(x=[1])]"


FORK = """
import os, sys
from unspool import Context, SandboxError
from unspool.runtimes.thread import LoopThread
from unspool.sandboxes.monty import MontySandbox
from unspool.spec import ReplSpec
from unspool.types import Cell

async def door(name, args): return "r"
async def open_one():
    repl = await sandbox.open(Context("text"), door, ReplSpec())
    await repl.run(Cell("kept = 1", 1))
    return repl

loop, sandbox = LoopThread(), MontySandbox()
os.register_at_fork(after_in_child=sandbox.forked)
repl = loop.submit(open_one()).result()
if os.fork() == 0:
    try:
        loop.submit(open_one()).result()
    except SandboxError as refused:
        print(refused, flush=True)
    sys.exit()
os.wait()
print(loop.submit(repl.run(Cell("kept", 2))).result().value.text)
loop.submit(repl.aclose()).result()
loop.submit(sandbox.aclose()).result()
"""


@needs_monty
def test_a_forked_process_is_refused_and_does_its_parent_no_harm() -> None:
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=60)
    refused, parent = done.stdout.splitlines()
    assert "monty was in use when this process was forked" in refused
    assert parent == "1"


async def test_where_it_is_not_installed_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pydantic_monty", None)
    with pytest.raises(MissingExtra, match=r"pip install 'unspool\[monty\]'"):
        await MontySandbox().open(Context("x"), echo, ReplSpec())
