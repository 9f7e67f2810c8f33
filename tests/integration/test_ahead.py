"""Loops that run ahead: what they leave behind is what the sequence leaves, to the letter."""

from __future__ import annotations

import asyncio
import collections
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from loops import CONTEXT, IN_SEQUENCE, PARALLEL, RAISING
from support import OpenRepl
from unspool import UnspoolError
from unspool.testing.sandbox_contract.promises import Cells
from unspool.types import Observation

NOTE = "at the same time."
PATIENCE_S = 20.0
DUMP = (
    "print({k: v if type(v).__module__ == 'builtins' else repr(vars(v)) if hasattr(v, '__dict__')"
    " else repr(v) for k, v in sorted(globals().items()) if k[:1] != '_' and not callable(v)"
    " and type(v).__name__ not in ('module', 'generator', 'map', 'list_iterator')"
    " and k not in ('context', 'question')})"
)


class Door:
    """Answers by the prompt alone, once `together` calls have been waiting at the same time."""

    def __init__(self, together: int = 1) -> None:
        self.sent: collections.Counter[str] = collections.Counter()
        self.most = self._waiting = 0
        self._together = together
        self._met = asyncio.Event()

    async def __call__(self, name: str, args: Sequence[Any]) -> Any:
        self.sent[json.dumps([name, args])] += 1
        self._waiting += 1
        self.most = max(self.most, self._waiting)
        try:
            if self._waiting >= self._together:
                self._met.set()
            await asyncio.wait_for(self._met.wait(), PATIENCE_S)
            await asyncio.sleep(0.001)  # long enough for another one to show
        finally:
            self._waiting -= 1
        if name == "ask_each":
            return [[reply(f"{args[1]} {item}")] for item in args[0]]
        if isinstance(args[-1], dict) and "properties" in args[-1]:
            return json.loads(reply(args[0]))
        if name.endswith("_batched"):
            return [[reply(prompt)] for prompt in args[0]]
        return reply(args[0])


def reply(prompt: str) -> str:
    """What the model says."""
    mark = sum(map(ord, prompt)) % 97
    if "fail" in prompt:
        raise UnspoolError(f"refused: {prompt}")
    if prompt.startswith("json"):
        return json.dumps({"score": mark, "tags": ["a"]})
    if prompt.startswith("match"):
        return "yes" if "3" in prompt or "<" in prompt else "no"
    return f"<{prompt[:40]}|{mark}>"


async def run_all(run: Cells, code: str) -> list[Observation]:
    """Runs the cells of `code`, and one more that shows all variables."""
    return [await run(cell) for cell in (*code.split("# ---\n"), DUMP)]


def visible(seen: Sequence[Observation]) -> list[Observation]:
    """What the root model sees, but for the times and what the look ahead says of itself."""
    return [
        replace(one, seconds=0.0, notes=tuple(n for n in one.notes if not n.endswith(NOTE)))
        for one in seen
    ]


@pytest.mark.parametrize(("together", "code"), PARALLEL.values(), ids=PARALLEL.keys())
async def test_a_loop_runs_at_the_same_time_and_leaves_what_the_sequence_leaves(
    open_repl: OpenRepl, request: pytest.FixtureRequest, together: int, code: str
) -> None:
    door, plain = Door(together), Door()
    seen = await run_all(await open_repl(CONTEXT, door=door), code)
    expected = await run_all(await open_repl(CONTEXT, door=plain, ahead=False), code)
    assert visible(seen) == visible(expected)
    assert plain.most == 1
    assert door.most >= together
    if request.node.callspec.id in RAISING:
        assert door.sent >= plain.sent
        assert all(count <= max(1, plain.sent[call]) for call, count in door.sent.items())
    else:
        assert door.sent == plain.sent
        assert any(note.endswith(NOTE) for one in seen for note in one.notes)


@pytest.mark.parametrize("code", IN_SEQUENCE.values(), ids=IN_SEQUENCE.keys())
async def test_a_loop_that_builds_on_its_answers_runs_as_written(
    open_repl: OpenRepl, code: str
) -> None:
    door, plain = Door(), Door()
    seen = await run_all(await open_repl(CONTEXT, door=door), code)
    expected = await run_all(await open_repl(CONTEXT, door=plain, ahead=False), code)
    assert visible(seen) == visible(expected)
    assert door.sent == plain.sent
    assert door.most == 1
    assert not any(note.endswith(NOTE) for one in seen for note in one.notes)


async def test_a_million_items_are_looked_at_by_and_by(open_repl: OpenRepl) -> None:
    door = Door(500)
    run = await open_repl(door=door)
    seen = await run(
        "n = 0\nfor i in range(1_000_000):\n    n += len(llm_query(f'item {i}'))\n"
        "    if i == 2_999: break\n"
    )
    assert seen.error == ""
    assert sum(door.sent.values()) == 3_000
    assert 500 <= door.most <= 1_100


async def test_the_note_says_how_many_calls_of_which_loop(open_repl: OpenRepl) -> None:
    run = await open_repl()
    seen = await run("def all_of(xs):\n    return [llm_query(x) for x in xs]\nr = all_of('abc')")
    assert seen.notes == ("3 sub-calls of the loop in line 2 (cell 1) ran at the same time.",)
    assert (await run("llm_query('alone')")).notes == ()
    seen = await run("for x in ['alone']:\n    llm_query(x)")
    assert seen.notes == ()


async def test_replies_that_a_broken_loop_left_are_used_by_the_next_cell(
    open_repl: OpenRepl,
) -> None:
    door = Door(5)
    run = await open_repl(door=door)
    broken = await run("for i in range(5):\n    llm_query(f'item {i}').nonsense")
    assert "AttributeError" in broken.error
    mended = await run("out = [llm_query(f'item {i}') for i in range(5)]\nout")
    assert mended.value.text == repr([reply(f"item {i}") for i in range(5)])
    assert door.sent.pop('["llm_query", ["item 0", null]]') == 2  # it was used, as in sequence
    assert set(door.sent.values()) == {1}


async def test_an_error_that_was_left_is_not_given_to_the_next_cell(open_repl: OpenRepl) -> None:
    asked: collections.Counter[str] = collections.Counter()

    async def flaky(name: str, args: Sequence[Any]) -> str:
        asked[args[0]] += 1
        if asked[args[0]] == 1 and args[0] != "item 0":
            raise UnspoolError("try again")
        return str(args[0])

    run = await open_repl(door=flaky)
    await run("for i in range(3):\n    llm_query(f'item {i}').nonsense")
    seen = await run("[llm_query(f'item {i}') for i in range(3)]")
    assert seen.value.text == "['item 0', 'item 1', 'item 2']"


async def test_waiting_for_a_call_of_an_earlier_cell_is_not_the_cells_time(
    open_repl: OpenRepl,
) -> None:
    async def slow(name: str, args: Sequence[Any]) -> str:
        if args[0] != "item 0":
            await asyncio.sleep(1.0)
        return str(args[0])

    run = await open_repl(door=slow, cell_seconds=0.5)
    await run("for i in range(3):\n    llm_query(f'item {i}').nonsense")
    seen = await run("for i in range(1, 3):\n    last = llm_query(f'item {i}')\nlast")
    assert (seen.value.text, seen.error) == ("'item 2'", "")


async def test_calls_of_a_killed_process_end_with_it(open_repl: OpenRepl) -> None:
    ended = asyncio.Event()

    async def endless(name: str, args: Sequence[Any]) -> str:
        if args[0] in ("item 0", "again"):
            return str(args[0])
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    run = await open_repl(door=endless)
    seen = await run("import os\nfor i in range(3):\n    llm_query(f'item {i}')\n    os._exit(3)")
    assert "exit status 3" in seen.error
    assert (await run("llm_query('again')")).value.text == "'again'"
    await asyncio.wait_for(ended.wait(), PATIENCE_S)


async def test_a_limit_is_met_where_the_sequence_meets_it(open_repl: OpenRepl) -> None:
    left = 4

    async def limited(name: str, args: Sequence[Any]) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise UnspoolError("the run's limit of 4 calls is reached")
        return str(args[0])

    run = await open_repl(door=limited)
    seen = await run("out = []\nfor i in range(9):\n    out.append(llm_query(f'item {i}'))")
    assert seen.error.endswith("LLMError: the run's limit of 4 calls is reached")
    assert (await run("out, i")).value.text == "(['item 0', 'item 1', 'item 2', 'item 3'], 4)"


async def test_nothing_of_the_look_ahead_shows(open_repl: OpenRepl) -> None:
    run = await open_repl(door=Door(3))
    seen = await run(
        "def work(xs):\n    out = [llm_query(x) for x in xs]\n    return sorted(locals())\n"
        "before = dir()\nfor x in 'abc':\n    llm_query(x)\nsorted(set(dir()) - set(before))"
    )
    assert seen.value.text == "['before', 'x']"
    assert (await run("work('ab')")).value.text == "['out', 'xs']"
    seen = await run("import inspect\ninspect.getsource(work).count('unspool'), SHOW_VARS()")
    assert "unspool" not in seen.value.text
    for code in ("for x in 5:\n    llm_query(x)", "[llm_query(x) for x in missing]"):
        error = (await run(code)).error
        assert code.splitlines()[0] in error
        assert "unspool" not in error


async def test_threads_and_event_loops_are_left_alone(open_repl: OpenRepl) -> None:
    door = Door()
    run = await open_repl(door=door)
    seen = await run(
        "import threading, asyncio\nout = []\n"
        "def work():\n    for i in range(3):\n        out.append(llm_query(f'thread {i}'))\n"
        "t = threading.Thread(target=work); t.start(); t.join()\n"
        "async def main():\n    work()\n    return [llm_query(x) for x in 'ab']\n"
        "asyncio.run(main())"
    )
    assert seen.error == ""
    assert door.most == 1


async def test_a_cell_that_is_interrupted_while_it_waits_ahead_goes_on_after_it(
    open_repl: OpenRepl,
) -> None:
    run = await open_repl(cell_seconds=0.5)
    seen = await run(
        "import time\nout = []\nfor i in range(100):\n    out.append(llm_query(f'item {i}'))\n"
        "    time.sleep(0.1)"
    )
    assert "KeyboardInterrupt" in seen.error
    seen = await run("out == [f're: item {i}' for i in range(len(out))], llm_query('on')")
    assert seen.value.text == "(True, 're: on')"


async def test_a_repl_that_goes_on_from_a_checkpoint_looks_ahead_as_before(
    open_repl: OpenRepl,
) -> None:
    door = Door(3)
    run = await open_repl(door=door)
    broken = await run("kept = 'item'\nfor i in range(3):\n    llm_query(f'old {i}').nonsense")
    assert "AttributeError" in broken.error
    assert "exit status 3" in (await run("import os; os._exit(3)")).error
    seen = await run("[llm_query(f'{kept} {i}') for i in range(3)]")
    assert seen.value.text == repr([reply(f"item {i}") for i in range(3)])
    assert seen.notes[-1].startswith("3 sub-calls of the loop in line 1")
