"""What the journal costs, and how soon it gives back what it has.

    python benchmarks/journal.py [--folder DIR] [--runs 5]

The journal is made in `--folder`, by default where this system has its temporary files: its
disk counts, since a reply is on it before the REPL sees it. Models are objects that answer at
once, so that nothing hides what is measured. Least and median of `--runs`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from unspool import RLM, Limits
from unspool.journal import listing
from unspool.journal.store import connected, transaction
from unspool.types import Completion, OnText, Request, Usage

TURNS, CALLS, LISTED = 30, 1_000, 10_000
CONTEXT = "A line of some text, and a number: 12345.\n" * 25_000


class Instant:
    """A model that answers at once with what its script has for that turn."""

    def __init__(self, name: str, answer: Callable[[Request], str]) -> None:
        self.name, self._answer = name, answer
        self.wire_chars, self.first_s = 0, 0.0

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        self.first_s = self.first_s or time.perf_counter()
        text = self._answer(request)
        self.wire_chars += sum(len(one.content) for one in request.messages) + len(text)
        return Completion(text, Usage(calls=1, input_tokens=10, output_tokens=10), self.name)

    async def aclose(self) -> None:
        pass


def cell(code: str) -> str:
    return f"```repl\n{code}\n```"


def turn_of(request: Request) -> int:
    return sum(one.role == "assistant" for one in request.messages)


def reply(request: Request) -> str:
    return f"Reply {len(request.messages[-1].content)}: " + "some words " * 20


def timed(turns: int, calls: int, journal: Path | bool) -> tuple[float, float]:
    """Seconds of one run of so many turns, each with so many sub-calls: by the clock, and of
    the processor."""
    code = (
        f"found = llm_query_batched([context[i * 400 : i * 400 + 400] for i in range({calls})])"
        if calls
        else "print(len(context))"
    )
    last = cell("FINAL(len(context))")
    model = Instant("root", lambda r: cell(code) if turn_of(r) < turns - 1 else last)
    limits, sub = Limits(turns=turns + 1), Instant("sub", reply)
    rlm = RLM(model, sub_model=sub, limits=limits, journal=journal, cache="off")
    started, cpu = time.perf_counter(), time.process_time()
    assert rlm.run("How long is it?", CONTEXT).complete
    return time.perf_counter() - started, time.process_time() - cpu


def added(
    folder: Path, runs: int, few: tuple[int, int], many: tuple[int, int], number: int
) -> Iterator[tuple[float, float]]:
    """What the journal adds to each of the `number` things that the run `many` (turns, calls
    in each) has beyond `few`, in seconds. Runs with and without it take turns."""
    for at in range(runs):
        without = timed(*few, False), timed(*many, False)
        name = f"{few}{many}{at}"
        with_it = timed(*few, folder / f"few{name}.db"), timed(*many, folder / f"many{name}.db")
        yield tuple(  # type: ignore[misc]
            (with_it[1][unit] - with_it[0][unit] - without[1][unit] + without[0][unit]) / number
            for unit in (0, 1)
        )


def grown(request: Request) -> str:
    if turn_of(request) >= TURNS:
        return cell("FINAL(len(found))")
    at = turn_of(request) * 40
    return cell(
        "print(context[:300])\n"
        f"found = llm_query_batched([context[i * 400 : i * 400 + 400] + str(i)"
        f" for i in range({at}, {at} + {CALLS // TURNS + 1})])"
    )


def resumed(folder: Path, runs: int) -> tuple[list[float], float]:
    """Seconds from `resume` to the request of the turn behind the last recorded one; and how
    many characters the file has for each that went over the wire."""
    found, ratio = [], 0.0
    for number in range(runs):
        path = folder / f"resume-{number}.db"
        sub = Instant("sub", reply)
        root = Instant("root", grown)

        def rlm(root: Instant, turns: int, path: Path = path, sub: Instant = sub) -> RLM:
            return RLM(root, sub_model=sub, journal=path, limits=Limits(turns=turns))

        first = rlm(root, TURNS).run("How long is it?", CONTEXT)
        wire = root.wire_chars + sub.wire_chars + len(CONTEXT)
        size = sum(one.stat().st_size for one in folder.glob(f"{path.name}*") if one.is_file())
        ratio = size / wire
        new = Instant("root", grown)
        started = time.perf_counter()
        assert rlm(new, TURNS + 2).resume(first.run_id).complete
        found.append(new.first_s - started)
    return found, ratio


def listed(folder: Path, runs: int) -> Iterator[float]:
    """Seconds of `unspool runs` over many of them, a new process each time."""
    path = folder / "listed.db"
    setup = json.dumps({"models": ["root", "sub"], "limits": {}, "tools": [], "pack": None})
    connection = connected(path)
    with transaction(connection):
        for number in range(LISTED):
            question = f"Which of the {number} clauses contradict each other, and why? " * 3
            fixed = (f"{number:012x}", time.time(), question, "openai/gpt-5", setup, "{}", "")
            listing.insert(connection, (*fixed, "", 0, 0, 0))
        connection.execute("UPDATE runs SET status = 'complete' WHERE number % 10")
    connection.close()
    command = [sys.executable, "-m", "unspool.cli.main", "runs", "--journal", str(path)]
    for _ in range(runs):
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=True)
        yield time.perf_counter() - started
        assert done.stdout.count(b"\n") == LISTED + 1


def show(name: str, figures: list[float], aim: str, unit: float = 1.0) -> None:
    least, median = min(figures) * unit, statistics.median(figures) * unit
    print(f"| {name} | {least:.3g} | {median:.3g} | {aim} |", flush=True)


def show_added(name: str, figures: list[tuple[float, float]], aim: str) -> None:
    show(f"added to {name}, ms", [one for one, _ in figures], aim, 1000)
    show(f"added to {name}, ms of the processor", [one for _, one in figures], "", 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| what | least | median | aim |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        timed(2, 1, folder / "warm.db")
        show_added("a turn", list(added(folder, options.runs, (20, 0), (120, 0), 100)), "1")
        calls = added(folder, options.runs, (3, 0), (3, CALLS), 2 * CALLS)
        show_added("a sub-call", list(calls), "0.3")
        found, ratio = resumed(folder, options.runs)
        show(f"resume of {TURNS} turns and {CALLS:,} sub-calls to its last turn, s", found, "2")
        show("size of the file over what went over the wire", [ratio], "3")
        show(f"list of {LISTED:,} runs, s", list(listed(folder, options.runs)), "0.3")


if __name__ == "__main__":
    main()
