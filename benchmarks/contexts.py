"""Contexts that are long: a file of 10 GB, a text of 1 GB in memory, child runs on slices.

    python benchmarks/contexts.py [--file BIG.log] [--gb 10] [--rows file,memory,children]

The file is made where it is not there (`--gb`), which takes a minute. `README.md` says how it
is measured. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memory import Peak, own_mb, tree_mb

from unspool import RLM
from unspool.context.source import Context
from unspool.loaders.parts import Gathering, Part
from unspool.parsing import load
from unspool.sandboxes.packages import Packages, located
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec
from unspool.testing.script import ChatRequest
from unspool.testing.server import ScriptedServer
from unspool.types import Cell

MARK = "\nthe vault code is 7731-Q, said zebra-042917@harbour.example\n"
PACKAGES = ["re2"] if importlib.util.find_spec("re2") else []
TIMED = """\
import re, time
def timed(work):
    clock, cpu = time.perf_counter(), time.process_time()
    found = work()
    print(json.dumps([time.perf_counter() - clock, time.process_time() - cpu, str(found)]))
import json
timed(lambda: {})"""
SEARCHES: Mapping[str, str] = {
    "find, a literal": "context.find('vault code is')",
    "re.search, a literal": "re.search('vault code is', context).group()",
    "re.search, a simple pattern": r"re.search(r'zebra-\d{6}', context).group()",
    "re.search, a hard pattern": r"re.search(r'[a-z]+-\d+@[a-z]+\.example', context).group()",
    "re.search, first of many": r"re.search(r'ERROR .* id=\w+', context).group()[:5]",
    "len(context), the index being there": "len(context) > 0",
    "the place of the last match": "re.search('vault code is', context).start() > 0",
}
SLICES = """\
import random
r, n = random.Random(5), len(context)
clock = time.perf_counter()
for _ in range(1000):
    at = r.randrange(n - 2000)
    context[at:at + 2000]
print((time.perf_counter() - clock))"""


def main() -> None:
    """Measures the rows that were asked for."""
    options = _parser().parse_args()
    if options.work:
        asyncio.run(_WORK[options.work](options))
        return
    path = Path(options.file or Path(tempfile.gettempdir()) / f"unspool-{options.gb:g}gb.log")
    if not path.exists():
        _make(path, int(options.gb * 1e9))
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for row in options.rows.split(","):
        print(f"\n{row}")
        _measured(row, path)


def _measured(row: str, path: Path) -> None:
    """The row in a process of its own; what all of its processes hold at most."""
    with ScriptedServer(_answer) as server:
        command = [sys.executable, __file__, "--work", row, "--file", str(path)]
        client = subprocess.Popen(
            [*command, "--server", server.base_url], stdout=subprocess.PIPE, text=True
        )
        with Peak(client.pid) as peak:
            assert client.stdout is not None
            for line in client.stdout:
                told = json.loads(line)
                if "started" in told:
                    first = server.exchanges[0].arrived_s - told["started"]
                    told = {"question to first model request": f"{first * 1000:,.0f} ms"}
                for name, value in told.items():
                    print(f"  {name:44} {value}", flush=True)
            client.wait()
        print(f"  {'peak of all processes (PSS)':44} {peak.mb:,.0f} MB")


def _answer(request: ChatRequest) -> str:
    """Looks for the code, and answers with it."""
    return "```repl\nimport re\nFINAL(re.search(r'code is (\\S+),', context).group(1))\n```"


async def _file(options: Any) -> None:
    """A file that fits in no memory: a run over it, then what cells do with it."""
    rlm = RLM("m", base_url=options.server, api_key="k", packages=PACKAGES, journal=False)
    await asyncio.sleep(1)  # the interpreter that REPLs are forked from starts meanwhile
    started = time.monotonic()
    result = await rlm.arun("Which is the vault code?", Path(options.file))
    _tell(started=started)
    _tell(**{f"a run that finds the answer ({result.answer})": f"{_since(started)}"})
    sandbox, context = _sandbox(), load(Path(options.file))
    size = context.value.size
    repl = await sandbox.open(context, _no_calls, ReplSpec(cell_seconds=600))
    await repl.run(Cell(TIMED, 1))
    for number, (name, code) in enumerate(SEARCHES.items(), 2):
        seen = await repl.run(Cell(f"timed(lambda: {code})", number))
        clock, cpu, found = json.loads(seen.stdout.text)
        rate = f"{size / clock / 1e9:.2f} GB/s ({size / cpu / 1e9:.2f} by processor time)"
        shown = f"{clock * 1000:.1f} ms" if clock < 0.1 else f"{clock:.1f} s, {rate}"
        _tell(**{name: f"{shown}: {found}"})
    seen = await repl.run(Cell(SLICES, 99))
    _tell(**{"random slices of 2,000 characters": f"{float(seen.stdout.text):.3f} ms each"})
    _tell(**{"held without the file's cache": f"{own_mb(os.getpid()):,.0f} MB"})
    await repl.aclose()
    await sandbox.aclose()


async def _memory(options: Any) -> None:
    """A text of 1 GB that the caller has in memory."""
    sandbox, text = (
        _sandbox(),
        ("a line of sixty-four characters, more or less, end. \n" * 20) * 10**6,
    )
    text = text[: 10**9]
    await sandbox.check()
    await asyncio.sleep(1)
    before, began = tree_mb(os.getpid()), time.perf_counter()
    repl = await sandbox.open(Context(text), _no_calls, ReplSpec())
    seen = await repl.run(Cell("len(context), context.find('zebra')", 1))
    _tell(**{f"1 GB of str bound and searched {seen.value.text}": _since_counter(began)})
    after = tree_mb(os.getpid())
    _tell(**{"memory: the caller's text and all else": f"{before:,.0f} MB before, {after:,.0f} MB"})
    _tell(**{"memory over the text": f"{(after - before) / 1000:.3f} times the text added"})
    await repl.aclose()
    await sandbox.aclose()


async def _children(options: Any) -> None:
    """Child REPLs on slices of a context: how long they take, and what they add."""
    draw = random.Random(3)
    text = "\n".join(f"{draw.getrandbits(64):x} line {n}" for n in range(8_000_000))
    for name, context, cut in (
        ("str of 200 MB", Context(text[:200_000_000]), "context[50_000_000:150_000_000]"),
        ("file", load(Path(options.file)), "context[1_000_000_000:2_000_000_000]"),
        ("10,000 documents", many := _documents(text), "context[2_000:2_100]"),
        ("10,000 documents", many, "context[2_000:8_000]"),
        ("10,000 documents", many, "context[::2]"),
    ):
        await _child_of(name, context, cut)


def _documents(text: str) -> Context:
    gathering, size = Gathering(), 20_000
    for number in range(10_000):
        about = {"format": "txt", "bytes": size, "modified": "2026-01-01T00:00:00"}
        at = number * size
        gathering.add(Part(f"folder/{number // 100}/{number}.txt", text[at : at + size], about))
    return gathering.context(["documents"])


async def _child_of(name: str, context: Context, cut: str) -> None:
    sandbox = _sandbox()
    taken: list[Context] = []

    async def door(call: str, args: Any) -> str:
        taken.append(args[1])
        return await looked_into(args[1])

    async def looked_into(part: Context) -> str:
        child = await sandbox.open(part, door, ReplSpec())
        seen = await child.run(Cell("context[:10], context[-10:]", 1))
        if weighed:
            await asyncio.sleep(0.3)  # whatever it keeps of itself is there
            added.append(own_mb(os.getpid()))
        await child.aclose()
        return str(seen.value.text)

    async def opened_ms(part: Context) -> float:
        began = time.perf_counter()
        await looked_into(part)
        return (time.perf_counter() - began) * 1000

    async def adds_mb(part: Context) -> float:
        await asyncio.sleep(0.5)  # REPLs that were closed have ended
        before = own_mb(os.getpid())
        await looked_into(part)
        return added[-1] - before

    added: list[float] = []
    weighed = False

    repl = await sandbox.open(context, door, ReplSpec(cell_seconds=600, children=True))
    await repl.run(Cell(f"import time\npart = {cut}\nlen(part)", 1))
    code = "began = time.perf_counter(); rlm_query('q', part); time.perf_counter() - began"
    whole = [float((await repl.run(Cell(code, n))).value.text) * 1000 for n in range(2, 12)]
    some, none, little = [], [], Context("?" * 40)
    for _ in range(10):
        some.append(await opened_ms(taken[0]))
        none.append(await opened_ms(little))
    weighed = True
    some_mb, none_mb = [statistics.median([await adds_mb(one) for _ in range(5)])
                        for one in (taken[0], little)]  # fmt: skip
    _tell(**{f"{name}, {cut}": ""})
    _tell(**{"  rlm_query(context=part), in all": _best(whole)})
    _tell(**{"  a REPL on the part": _best(some), "  a REPL on 40 characters": _best(none)})
    _tell(**{"  what they add": f"{some_mb:.1f} MB, {none_mb:.1f} MB"})
    await repl.aclose()
    await sandbox.aclose()


_WORK = {"file": _file, "memory": _memory, "children": _children}


def _sandbox() -> ProcessSandbox:
    return ProcessSandbox(packages=located(PACKAGES) if PACKAGES else Packages())


def _make(path: Path, size: int) -> None:
    """Writes a log of that size, with the mark at its end."""
    draw = random.Random(11)
    heads, tails = "con pro re sub inter over ex de".split(), "nect cess quest ply view mit".split()
    words = [head + tail for head in heads for tail in tails]

    def line() -> str:
        when = f"2026-{draw.randrange(1, 13):02}-{draw.randrange(1, 29):02}T{draw.randrange(24):02}"
        level, said = draw.choice(("INFO", "WARN", "ERROR")), " ".join(draw.choices(words, k=9))
        return f"{when}:00Z host{draw.randrange(400):03} {level} {said} id={draw.getrandbits(40):x}"

    block = "".join(f"{line()}\n" for _ in range(400_000)).encode()
    with path.open("wb") as file:
        left = size - len(MARK)
        while left > 0:
            left -= file.write(block[:left])
        file.write(MARK.encode())


def _tell(**told: Any) -> None:
    print(json.dumps(told), flush=True)


def _best(times_ms: list[float]) -> str:
    return f"{min(times_ms):.1f} ms at best, {sorted(times_ms)[5]:.1f} ms in the median"


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def _since_counter(began: float) -> str:
    return f"{time.perf_counter() - began:.2f} s"


async def _no_calls(name: str, args: object) -> None:
    raise ValueError(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", default="file,memory,children")
    parser.add_argument("--file", help="measure with this one")
    parser.add_argument("--gb", type=float, default=10.0)
    parser.add_argument("--work", choices=sorted(_WORK), help=argparse.SUPPRESS)
    parser.add_argument("--server", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
