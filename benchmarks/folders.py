"""Ten thousand small files: how long until they are listed, read, and open in a REPL.

    python benchmarks/folders.py [--files 10000] [--repeat 3]

Makes the files in a temporary folder, in folders of a hundred, with `.gitignore` files as a
repository has them. Prints medians; the first line is the one that issue and README name.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from pathlib import Path

from unspool.context.describe import describe
from unspool.parsing import load
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec
from unspool.types import Cell

WORDS = "alpha beta gamma delta epsilon zeta eta theta iota kappa".split()
PER_FOLDER = 100


def make(top: Path, files: int) -> None:
    """Writes the files: one to four kilobytes of words each."""
    rng = random.Random(1)
    (top / ".gitignore").write_text("*.pyc\nbuild/\n/dist\n!keep.pyc\n")
    for number in range(files):
        folder = top / f"part{number // PER_FOLDER:04}"
        if number % PER_FOLDER == 0:
            folder.mkdir()
            (folder / ".gitignore").write_text("*.tmp\n")
        words = " ".join(rng.choices(WORDS, k=rng.randrange(200, 700)))
        (folder / f"file{number:06}.txt").write_text(f"number {number}\n{words}\n")


async def no_calls(name: str, args: object) -> None:
    """For cells that call nobody."""
    raise RuntimeError(name)


async def once(sandbox: ProcessSandbox, top: Path) -> dict[str, float]:
    """Seconds of each step, the whole first."""
    begun, worked = time.perf_counter(), time.process_time()
    context = load(top)
    loaded = time.perf_counter()
    describe(context, 1_000)
    described = time.perf_counter()
    repl = await sandbox.open(context, no_calls, ReplSpec(question="?"))
    seen = await repl.run(Cell("len(context), context[len(context) // 2].name", 1))
    opened = time.perf_counter()
    assert seen.value.text.startswith(f"({len(context.documents)},"), seen
    worked = time.process_time() - worked
    await repl.aclose()
    return {
        "listed and open": opened - begun,
        "listed and read": loaded - begun,
        "described": described - loaded,
        "open in the REPL": opened - described,
        "processor time of this process": worked,
    }


async def measured(top: Path, repeat: int) -> list[dict[str, float]]:
    """`repeat` measurements, after one that warms the interpreter and the file cache."""
    sandbox = ProcessSandbox()
    try:
        await once(sandbox, top)
        return [await once(sandbox, top) for _ in range(repeat)]
    finally:
        await sandbox.aclose()


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), options.files)
        runs = asyncio.run(measured(Path(folder), options.repeat))
    print(f"{options.files:,} files of one to four kilobytes, median of {options.repeat}:")
    for name in runs[0]:
        print(f"  {name}: {statistics.median(run[name] for run in runs):.2f} s")


if __name__ == "__main__":
    main()
