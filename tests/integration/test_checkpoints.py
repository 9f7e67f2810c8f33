"""What a lost cell costs: itself, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support import OpenRepl, ScriptedServer
from unspool import RLM, Context, Limits
from unspool.errors import SandboxError
from unspool.sandboxes.process import ProcessSandbox
from unspool.sandboxes.repl import ProcessRepl
from unspool.spec import ReplSpec
from unspool.testing.sandbox_contract.promises import Cells
from unspool.testing.script import turns
from unspool.types import Cell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="checkpoints are Linux's")

STATE = """
import collections, random, re
from concurrent.futures import ThreadPoolExecutor
class Point:
    def __init__(self, x): self.x = x
def double(p): return Point(2 * p.x)
point = Point(21)
alias = [point, point]
seen = collections.Counter("abracadabra")
numbers = iter(range(10)); next(numbers)
pool = ThreadPoolExecutor(4); squares = list(pool.map(lambda n: n * n, range(4)))
random.seed(7); first = random.random()
pattern = re.compile("v(.)")
"""
SAME = (
    "double(point).x, alias[0] is alias[1] is point, seen['a'], pattern.findall('vxvy'), squares,"
    " context, question, llm_query('hi')"
)

KEPT_WARM = 3
"""Processes that outlive runs: an interpreter and what waits for it, one without namespaces."""

DEATHS = {
    "an exit": "import os; os._exit(0)",
    "a crash": "import ctypes; ctypes.string_at(0)",
    "an abort": "import os; os.abort()",
    "a kill": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "a loop in C": "import itertools\n'x' in itertools.repeat(0)",
    "a loop deaf to interrupts": "import signal\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
    "an end in a thread": "import os, threading, time\n"
    "threading.Thread(target=os._exit, args=(5,)).start(); time.sleep(30)",
    "a broken frame": "import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'nonsense' * 100)\n    except OSError: pass\n"
    "import time; time.sleep(30)",
    "no descriptors": "import os\nos.closerange(3, 100)\nllm_query('x')",
}


@pytest.mark.parametrize("code", DEATHS.values(), ids=DEATHS.keys())
@pytest.mark.parametrize("confined", [True, False], ids=["confined", "unconfined"])
async def test_a_lost_cell_costs_itself_alone(code: str, confined: bool) -> None:
    async def door(name: str, args: Sequence[Any]) -> str:
        return f"re: {args[0]}"

    sandbox = ProcessSandbox(confined=confined)
    repl = await sandbox.open(Context("text"), door, ReplSpec("why?", cell_seconds=0.4))
    run = Cells(repl)
    try:
        await run(STATE)
        before = (await run(SAME)).value.text
        lost = await run(f"point.x = 99; alias.append(1); del seen\n{code}")
        assert lost.error
        assert "every variable is as it was" in lost.notes[-1]
        assert (await run(SAME)).value.text == before
        assert (await run("next(numbers), len(alias), context")).value.text == "(1, 2, 'text')"
    finally:
        await repl.aclose()
        await sandbox.aclose()


async def test_the_state_is_the_last_one_however_fast_cells_follow(open_repl: OpenRepl) -> None:
    run = await open_repl()
    await run("n = 0; import os")
    for n in range(1, 30):
        await run("n += 1")
        await run("n = -1; os._exit(0)")
        assert (await run("n")).value.text == str(n)


LOOKS = (
    "print(len(context))",
    "part = context[3:9]; n = 1",
    "n += 1\nfor word in context.split(): print(word)",
    "lines = context.split(); alias = lines",
    "n += 1; size = len(part)",
    "alias.append(n)",
    "half, text = n / 2, '\\ud800' + part\nnowhere",
    "count = float('inf'); raw = text[1:].encode()",
    "n = [n]",
    "n = 7",
)
HELD = "[(k, v) for k, v in sorted(globals().items()) if k in seen], lines is alias"
NAMES = "seen = 'count half lines n part raw size text word'.split()"


@pytest.mark.parametrize("lost_after", [1, 2, 3])
async def test_a_state_that_was_kept_in_part_as_values_is_whole_after_losses(
    open_repl: OpenRepl, lost_after: int
) -> None:
    """Cells that look leave plain values, others more: whatever was kept how, it is all there."""
    lossy, whole = await open_repl("some text to read"), await open_repl("some text to read")
    for number, cell in enumerate(LOOKS, 1):
        seen, wanted = await lossy(cell), await whole(cell)
        assert seen.stdout == wanted.stdout
        assert seen.error.splitlines()[-1:] == wanted.error.splitlines()[-1:]
        if number % lost_after == 0:
            lost = await lossy("n = 99; import os; os._exit(0)")
            assert "every variable is as it was" in lost.notes[-1]
    assert (await lossy(NAMES)).error == (await whole(NAMES)).error == ""
    assert (await lossy(HELD)).value == (await whole(HELD)).value


async def test_a_first_cell_that_only_looks_is_not_lost_with_the_second(
    open_repl: OpenRepl,
) -> None:
    run = await open_repl("text")
    await run("part = context[1:]; n = len(part)")
    lost = await run("n = 5; import os; os._exit(0)")
    assert "every variable is as it was" in lost.notes[-1]
    assert (await run("part, n")).value.text == "('ext', 3)"


async def test_what_runs_threads_and_loops_works_after_a_loss(open_repl: OpenRepl) -> None:
    run = await open_repl()
    await run(
        "import asyncio\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2)\nasync def ask(p): return await llm_query(p)\n"
        "both = lambda: list(pool.map(llm_query, ['a', 'b']))"
    )
    await run("both(), await asyncio.gather(ask('a'), ask('b'))")
    for _ in range(3):
        await run("import os; os._exit(0)")
        seen = await run("both(), await asyncio.gather(ask('a'), ask('b'))")
        assert seen.value.text == "(['re: a', 're: b'], ['re: a', 're: b'])"


async def test_large_data_of_the_models_own_is_kept(open_repl: OpenRepl) -> None:
    run = await open_repl("x" * 20_000_000)
    await run("parts = [context[i : i + 100] + str(i) for i in range(0, len(context), 100)]")
    await run("parts[7] = 'changed'")
    await run("parts.clear(); import os; os._exit(1)")
    assert (await run("len(parts), parts[7], len(context)")).value.text == (
        "(200000, 'changed', 20000000)"
    )


async def test_a_loss_between_cells_tells_how_much_is_left(open_repl: OpenRepl) -> None:
    run = await open_repl()
    await run("x = 1")
    await run(
        "import os, threading, time\nx = 2\n"
        "threading.Thread(target=lambda: (time.sleep(0.2), os._exit(0))).start()"
    )
    await asyncio.sleep(0.6)
    seen = await run("x")
    assert seen.value.text == "2"
    assert "every variable is as it was" in seen.notes[0]


async def test_calls_of_a_lost_cell_are_given_up(open_repl: OpenRepl) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def never(name: str, args: Any) -> str:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ""

    run = await open_repl(door=never)
    await run("kept = 1")
    lost = asyncio.create_task(
        run(
            "import os, threading\nthreading.Thread(target=llm_query, args=('x',)).start()\n"
            "import time; time.sleep(0.3); os._exit(0)"
        )
    )
    await asyncio.wait_for(cancelled.wait(), 20)
    assert begun.is_set()
    assert "ended the REPL" in (await lost).error
    assert (await run("kept")).value.text == "1"


async def test_memory_that_runs_out_is_an_error_with_advice(open_repl: OpenRepl) -> None:
    run = await open_repl(memory_bytes=200 << 20)
    await run("kept = 'x' * 50_000_000")
    seen = await run("more = [kept + str(n) for n in range(100)]")
    assert "MemoryError" in seen.error
    assert "0.195 GiB" in seen.notes[-1]
    assert (await run("len(kept)")).value.text == "50000000"


async def test_the_scratch_folder_is_bounded_as_a_whole(open_repl: OpenRepl) -> None:
    run = await open_repl()
    assert isinstance(run.repl, ProcessRepl)
    if not any("mount" in layer for layer in run.repl.layers):
        pytest.skip("this machine lets nobody mount: each file is bounded, not their sum")
    seen = await run(
        "for n in range(40):\n    with open(f'f{n}', 'wb') as f: f.write(bytes(16 << 20))"
    )
    assert "No space left" in seen.error
    assert (await run("import os; 5 < len(os.listdir('.')) < 40")).value.text == "True"


async def test_64_sandboxes_at_once_never_mix() -> None:
    sandbox = ProcessSandbox()

    async def one(number: int) -> list[str]:
        async def door(name: str, args: Sequence[Any]) -> str:
            return f"{number}: {args[0]}"

        repl = await sandbox.open(Context(f"text {number}"), door, ReplSpec())
        try:
            codes = (
                f"mine = {number}\nprint(mine)\nllm_query('hi')",
                "import os, threading\nos.write(1, f'raw {mine}'.encode())\ncontext",
                "if mine % 4 == 0: os._exit(0)",
                "mine, llm_query(context)",
            )
            seen = [await repl.run(Cell(code, n)) for n, code in enumerate(codes, 1)]
            return [one.stdout.text + one.value.text for one in seen]
        finally:
            await repl.aclose()

    found = await asyncio.gather(*(one(number) for number in range(64)))
    await sandbox.aclose()
    for n, texts in enumerate(found):
        last = f"({n}, '{n}: text {n}')"
        assert texts == [f"{n}\n'{n}: hi'", f"raw {n}'text {n}'", "", last]


def _descendants(of: int) -> set[int]:
    children: dict[int, set[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
        children.setdefault(parent, set()).add(int(folder.name))
    found, todo = set[int](), [of]
    while todo:
        new = children.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


def _workers() -> list[int]:
    """Processes below this one that run cells or keep a state: those of a group of their own."""
    found = []
    for pid in _descendants(os.getpid()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            if "worker.zygote" in command and os.getpgid(pid) != os.getpgid(os.getppid()):
                found.append(pid)
        except OSError:
            continue
    return found


TURNS = [
    "```repl\nimport time\ntotal = 0\nfor _ in range(3): time.sleep(0.02); total += 1\n```",
    "```repl\nparts = llm_query_batched(['a', 'b']); time.sleep(0.02); print(total)\n```",
    "```repl\nprint(globals().get('total'), len(context))\n```",
    "```repl\nFINAL(len(context))\n```",
]


async def test_a_hundred_random_kills_end_no_run_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells, checkpoints and the interpreter that they are forked from are killed at random."""
    monkeypatch.setattr("unspool.sandboxes.repl.folder_in_memory", lambda: str(tmp_path))
    chance, killed, right = random.Random(11), 0, 0
    answerer = turns(TURNS, sub="yes", turn_by="assistant_count", beyond="repeat")
    with ScriptedServer(answerer) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k", limits=Limits(turns=12))

        async def one(number: int) -> bool:
            try:
                result = await rlm.arun("how long?", Context("x" * (1000 + number)))
            except SandboxError as failed:  # nothing was achieved yet
                return bool(str(failed)) and False
            assert result.answer == 1000 + number if result.complete else result.status
            return result.complete

        while killed < 100:
            runs = [asyncio.create_task(one(number)) for number in range(4)]
            while not all(run.done() for run in runs):
                await asyncio.sleep(chance.uniform(0.0, 0.08))
                workers = _workers()
                if len(workers) > KEPT_WARM and killed < 100:  # once some have cells to run
                    killed += 1
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(chance.choice(workers), signal.SIGKILL)
            right += sum([await run for run in runs])
    assert right
    for _ in range(100):
        if len(_workers()) <= KEPT_WARM and not os.listdir(tmp_path):
            break
        await asyncio.sleep(0.1)
    assert len(_workers()) <= KEPT_WARM
    assert os.listdir(tmp_path) == []


async def test_threads_that_wait_live_through_a_pause_of_the_process(open_repl: OpenRepl) -> None:
    """The kernel has what waits for a lock or sleeps go on with `restart_syscall`."""
    run = await open_repl()
    await run("import threading, time\nlock = threading.Lock()\nlock.acquire()")
    waiting = asyncio.create_task(
        run(
            "pool = [threading.Thread(target=lock.acquire, kwargs={'timeout': 0.4})"
            " for _ in range(4)]\n[one.start() for one in pool]\ntime.sleep(0.3)\n"
            "[one.join() for one in pool]\nlen(pool)"
        )
    )
    for _ in range(8):
        await asyncio.sleep(0.03)
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in _workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
    seen = await waiting
    assert (seen.value.text, seen.error) == ("4", "")
