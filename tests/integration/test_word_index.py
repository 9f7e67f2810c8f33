"""The index of a context's words, as cells make and use it."""

from __future__ import annotations

import pytest

from support import OpenRepl

TEXT = "the quiet harbour\n" * 20_000 + "the vault code is 8812\n"
SLOW = """\
import sys, time
words = sys.modules['worker.words']
words.SHARD_CHARS, blocks = 100_000, words._blocks
def slow(*given):
    for one in blocks(*given):
        time.sleep({seconds})
        {and_then}
        yield one
words._blocks = slow
"""


async def test_a_cell_is_not_charged_for_the_index_that_it_needs(open_repl: OpenRepl) -> None:
    run = await open_repl(TEXT, cell_seconds=1.0)
    await run(SLOW.format(seconds=0.05, and_then=""))
    seen = await run("import time\nbegan = time.monotonic()\nprint(search(['vault'], 1))")
    assert (seen.stdout.text, seen.notes) == ("[line 20001] the vault code is 8812\n", ())
    assert (
        await run("import os\nsorted(os.listdir('.words'))")
    ).value.text == "['0', '1', '2', '3']"
    seen = await run("while True: pass")
    assert "more than 1 s" in seen.notes[0], "the clock runs on"


async def test_no_cell_can_have_more_time_by_what_it_says_of_an_index(open_repl: OpenRepl) -> None:
    run = await open_repl("a short text", cell_seconds=0.5)
    forged = "with search.__self__._making():\n    while True: pass"
    for _ in range(2):
        seen = await run(forged)
        assert "more than 0.5 s" in seen.notes[0]


@pytest.mark.parametrize("times", [1, 4])
async def test_an_index_that_was_cut_off_does_no_harm(open_repl: OpenRepl, times: int) -> None:
    run = await open_repl(TEXT)
    code = f"for _ in range({times} if given[1] else 0): interrupt_main(); time.sleep(0.02)"
    await run("from _thread import interrupt_main\n" + SLOW.format(seconds=0.01, and_then=code))
    seen = await run("search(['vault'])")
    assert "KeyboardInterrupt" in seen.error
    seen = await run(
        "import os, threading\nwords._blocks = blocks\n"
        "there = {one: os.stat(f'.words/{one}').st_ino for one in os.listdir('.words')}\n"
        "print(all(one.isdigit() for one in there), threading.active_count())\n"
        "print(search(['vault']), search(['harbour'], 1))\n"
        "print(len(os.listdir('.words')), all(os.stat(f'.words/{one}').st_ino == node"
        " for one, node in there.items()))"
    )
    assert seen.stdout.text == (
        "True 1\n[line 20001] the vault code is 8812 [line 1] the quiet harbour\n4 True\n"
    )


async def test_cells_that_search_at_the_same_time_make_one_index(open_repl: OpenRepl) -> None:
    run = await open_repl(TEXT)
    await run(SLOW.format(seconds=0.001, and_then="made.append(one)") + "made = []")
    seen = await run(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(6) as pool:\n"
        "    found = list(pool.map(lambda n: search(['vault'], n + 1), range(6)))\n"
        "print(found[0], len(found), len(made) == len(set(made)))"
    )
    assert seen.stdout.text == "[line 20001] the vault code is 8812 6 True\n"


async def test_the_index_is_there_after_a_cell_that_was_killed(open_repl: OpenRepl) -> None:
    run = await open_repl(TEXT)
    await run("x = search(['vault'])")
    seen = await run("import os\nos._exit(1)")
    assert seen.error
    seen = await run(
        "import os\nbefore = os.stat('.words/0').st_ino\n"
        "print(search(['vault']), os.stat('.words/0').st_ino == before)"
    )
    assert seen.stdout.text == "[line 20001] the vault code is 8812 True\n"
