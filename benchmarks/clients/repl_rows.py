"""What every client of `sandbox.py` does alike; standard library alone, as each has its own
interpreter.

A client is started with one JSON object as its argument: `engine`, `row` and `runs`. It
prints one line of JSON: `figures`, one for each time it was measured (milliseconds, or
megabytes of the row about memory), and `note`, what else came of it.

An engine has `start()`, `open(text, cell_seconds=None)` and `close()`; a REPL of it `run(code)`,
which gives what the cell printed, and `close()`; all of them are coroutines, for the sake of
the one that needs it. A row that an engine has no part for raises `Missing`.
"""

import asyncio
import gc
import json
import os
import sys
import time

import memory

SMALL = "x" * 99 + "\n"
GB_CHARS = 1_000_000_000
NEEDLE = "needle"
CELL = "x = 1"
WARM_UP, IN_A_ROW, PACED = 20, 200, 40
PAUSE_S = 0.02
CALLS = 1_000
LIMIT_S = 1.0
PATIENCE_S = 20.0
"""After this no other REPL is opened, where that takes minutes."""

CALLING = f"""\
text, calls = "0", 0
while calls < {CALLS}:
    text = llm_query(text[:40] + "x")
    calls += 1
print(calls)"""
DYING = """\
import os, time
os.write(1, f"<{time.monotonic()}>".encode())
os.kill(os.getpid(), 9)"""
ENDLESS = "while True:\n    pass"
DEAF = """\
while True:
    try:
        while True:
            pass
    except BaseException:
        pass"""
OWN = {
    "4a": "own = None",
    "4b": "own = [f'{i:>20} of the items' for i in range(1_150_000)]",
    "4c": "own = 'x' * 100_000_000",
}


class Missing(Exception):
    """The engine has no such part; the message says what it has instead."""


def main(engines):
    """Runs the row that was asked for with the engine of that name."""
    work = json.loads(sys.argv[1])
    told = {"figures": [], "note": ""}
    try:
        engine = engines[work["engine"]]()
        told = asyncio.run(_measured(engine, work["row"], work["runs"]))
        told["note"] = "; ".join(filter(None, (told["note"], getattr(engine, "remark", ""))))
    except Missing as missing:
        told["note"] = f"none: {missing}"
    except Exception as failed:  # whatever an engine raises is its result
        told["note"] = f"{type(failed).__name__}: {failed}"[:400]
    print(json.dumps(told), flush=True)
    os._exit(0)  # what an engine leaves running (threads, kernels) must not hold this up


async def _measured(engine, row, runs):
    await engine.start()
    try:
        return await ROWS[row](engine, row, runs)
    finally:
        await engine.close()


async def ready(engine, row, runs):
    """From the call to the moment a cell can be run, with the context bound."""
    text = SMALL if row == "1a" else SMALL * (GB_CHARS // len(SMALL))
    if row == "1c" and not hasattr(engine, "written_ms"):
        raise Missing("each REPL gets a copy of its own")
    await (await engine.open(SMALL)).close()
    figures, all_began = [], time.perf_counter()
    while len(figures) < runs and time.perf_counter() < all_began + PATIENCE_S:
        began = time.perf_counter()
        repl = await engine.open(text)
        took = _ms(began) - (engine.written_ms if row == "1c" else 0.0)
        if not figures:
            _expect(await repl.run("print(len(context))"), str(len(text)))
        figures.append(took)
        await repl.close()
    return {"figures": figures, "note": ""}


async def cells(engine, row, runs):
    """The round trip of a cell that does nothing, at once after the one before or paced."""
    repl = await engine.open(SMALL)
    for _ in range(WARM_UP):
        await repl.run(CELL)
    figures = []
    for _ in range(runs * (IN_A_ROW if row == "2a" else PACED)):
        if row == "2b":
            await asyncio.sleep(PAUSE_S)
        began = time.perf_counter()
        await repl.run(CELL)
        figures.append(_ms(began))
    _expect(await repl.run("print(x)"), "1")
    await repl.close()
    return {"figures": figures, "note": ""}


async def calls(engine, row, runs):
    """A call of a model that answers at once, each prompt made of the reply before it."""
    repl = await engine.open(SMALL)
    await repl.run(CALLING)
    figures = []
    for _ in range(runs):
        before, began = engine.calls, time.perf_counter()
        said = await repl.run(CALLING)
        figures.append(_ms(began) / CALLS)
        _expect(said, str(CALLS))
        _expect(str(engine.calls - before), str(CALLS))
    await repl.close()
    return {"figures": figures, "note": ""}


async def checkpoint(engine, row, runs):
    """The fork that keeps the state, from the order to the new process being announced."""
    if not hasattr(engine, "timed_checkpoints"):
        raise Missing("state is not kept")
    repl = await engine.open(SMALL)
    await repl.run(OWN[row])
    figures = await engine.timed_checkpoints(repl, runs * 4)
    await repl.close()
    return {"figures": figures, "note": ""}


async def footprint(engine, row, runs):
    """What a REPL over a large context adds to the machine, after a search through it."""
    if not memory.readable():
        raise Missing("this system does not say")
    text = SMALL * (GB_CHARS // len(SMALL)) + NEEDLE
    gc.collect()
    before = memory.own_mb(os.getpid())
    repl = await engine.open(text)
    _expect(await repl.run(f"import re\nprint(len(re.findall('{NEEDLE}', context)))"), "1")
    await asyncio.sleep(0.3)
    gc.collect()
    added = memory.own_mb(os.getpid()) - before
    await repl.close()
    return {"figures": [added], "note": ""}


async def after_kill(engine, row, runs):
    """From the end of the process that runs cells to the result of the next cell."""
    figures = []
    for _ in range(runs):
        repl = await engine.open(SMALL)
        await repl.run("kept = 41")
        await asyncio.sleep(0.1)
        began = time.monotonic()
        try:
            said = await repl.run(DYING)
            began = float(said.partition("<")[2].partition(">")[0])
            again = await repl.run("print(kept + 1)")
        except Exception as lost:  # each engine says it in its own way
            raise Missing(f"the state is lost ({type(lost).__name__}: {str(lost)[:120]})") from lost
        figures.append((time.monotonic() - began) * 1000)
        _expect(again, "42")
        await repl.close()
    return {"figures": figures, "note": ""}


async def endless(engine, row, runs):
    """From a cell's limit of time to its observation."""
    figures, note = [], ""
    for _ in range(min(runs, 3)):
        repl = await engine.open(SMALL, cell_seconds=LIMIT_S)
        await repl.run("kept = 41")
        await asyncio.sleep(0.1)
        began = time.perf_counter()
        try:
            await repl.run(ENDLESS if row == "7a" else DEAF)
        except Exception as failed:  # its way to tell
            note = f"{type(failed).__name__}: {str(failed)[:120]}"
        figures.append(_ms(began) - LIMIT_S * 1000)
        try:
            _expect(await repl.run("print(kept + 1)"), "42")
        except Exception:  # as above
            note = f"the state is lost; {note}"
        await repl.close()
    return {"figures": figures, "note": note}


def _ms(began):
    return (time.perf_counter() - began) * 1000


def _expect(said, wanted):
    if str(said).strip() != wanted:
        raise ValueError(f"a cell gave {str(said)[:200]!r} instead of {wanted!r}")


ROWS = {
    "1a": ready,
    "1b": ready,
    "1c": ready,
    "2a": cells,
    "2b": cells,
    "3": calls,
    "4a": checkpoint,
    "4b": checkpoint,
    "4c": checkpoint,
    "5": footprint,
    "6": after_kill,
    "7a": endless,
    "7b": endless,
}
