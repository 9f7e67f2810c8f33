"""A run that is killed at its 28th turn of 30, and resumed: what both processes paid.

    python benchmarks/killed.py

The models are scripted, with the prices of a real one; the kill is `kill -9`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from unspool import RLM, Result
from unspool.events import TurnStarted
from unspool.testing.script import ChatRequest
from unspool.testing.server import ScriptedServer

TURNS, KILLED_AT, CALLS = 30, 28, 20
PRICES = {"root": (1.25, 10.0), "sub": (0.25, 2.0)}
"""USD per million tokens, read and written."""
LOG = "\n".join(f"{n:06d} request {n % 97} took {n * 7919 % 1000} ms" for n in range(20_000))


def script(request: ChatRequest) -> str:
    """The root reads its log piece by piece, and asks about each; the sub-model sums up."""
    if request.model == "sub":
        return f"{len(request.last.splitlines())} lines, nothing unusual"
    number = request.assistant_count
    if number == TURNS - 1:
        return "```repl\nFINAL(f'{len(found)} pieces read')\n```"
    first = "found = []\nlines = context.splitlines()\n" if not number else ""
    piece = f"lines[({number} * {CALLS} + n) * 30:][:30]"
    return (
        f"```repl\n{first}found += llm_query_batched(['\\n'.join({piece}) for n in range({CALLS})])"
        "\nprint(len(found), found[-1])\n```"
    )


def rlm(base_url: str, journal: str) -> RLM:
    """What all processes make their runs with."""
    return RLM(
        "root", base_url=base_url, api_key="k", sub_model="sub", prices=PRICES, journal=journal
    )


def victim(base_url: str, journal: str) -> None:
    """Runs until somebody kills it."""
    for event in rlm(base_url, journal).stream("Is anything unusual?", LOG):
        if isinstance(event, TurnStarted):
            print(event.run_id, event.turn, flush=True)


def killed_run(base_url: str, journal: str) -> str:
    """Kills a victim in its turn `KILLED_AT`; gives the run's name."""
    command = [sys.executable, __file__, base_url, journal]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            run_id, turn = line.split()
            if int(turn) == KILLED_AT:
                process.send_signal(signal.SIGKILL)
                return run_id
    raise SystemExit("it ended before it was killed")


def bill(name: str, calls: int, usd: float) -> None:
    print(f"{name:34}{calls:5,} requests   ${usd:.4f}")


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        ScriptedServer(script, api_key="k") as server,
    ):
        whole: Result = rlm(server.base_url, str(Path(folder, "a.db"))).run(
            "Is anything unusual?", LOG
        )
        before = len(server.exchanges)
        journal = str(Path(folder, "b.db"))
        run_id = killed_run(server.base_url, journal)
        print(f"run {run_id} was killed (kill -9) in turn {KILLED_AT} of {TURNS}")
        result = rlm(server.base_url, journal).resume(run_id)
        paid, recorded = result.usage, result.recorded
        print(f"resumed: {result.status}, {result.answer!r}\n")
        bill("until the kill", recorded.calls, recorded.microusd / 1e6)
        bill(
            "resumed",
            paid.calls - recorded.calls,
            (paid.microusd - recorded.microusd) / 1e6,
        )
        bill("both", paid.calls, paid.microusd / 1e6)
        bill("the same run undisturbed", whole.usage.calls, whole.usage.microusd / 1e6)
        twice = len(server.exchanges) - before - paid.calls
        print(f"\nin flight at the kill, and asked again: {twice}")
        assert result.answer == whole.answer


if __name__ == "__main__":
    victim(*sys.argv[1:]) if len(sys.argv) > 1 else main()
