"""REPLs side by side: unspool's, dspy's interpreters and rlms' environments.

    python benchmarks/sandbox.py [--rows 1a,2b] [--only unspool,dspy-local] [--rounds 3] [--runs 5]

The table goes to stdout and to `results/sandbox.md`, every figure to `results/sandbox.json`.
`README.md` says how it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import echo
import results
import rivals

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work; `clients/repl_rows.py` does it."""

    key: str
    title: str
    target: float | None = None
    """What unspool's issue wants, in `unit`; None: nothing."""
    unit: str = "ms"
    limit_s: float = 60.0
    """For a process that does it, its start included."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one row by one engine, in all rounds."""

    row: str
    engine: str
    figures: tuple[float, ...]
    notes: tuple[str, ...]


GB_S = 300.0

ROWS = (
    Row("1a", "REPL ready, warm, no context", 10, limit_s=GB_S),
    Row("1b", "REPL ready, warm, 1 GB context: in all", limit_s=GB_S),
    Row("1c", "the same, the context being in shared memory already", 30, limit_s=GB_S),
    Row("2a", "round trip of `x = 1`, back to back"),
    Row("2b", "round trip of `x = 1`, 20 ms after the last", 0.2),
    Row("3", "a sub-call's bridge, of 1,000 in one cell", 0.1),
    Row("4a", "a checkpoint", 5),
    Row("4b", "a checkpoint with 100 MB of the model's own: small objects", 5),
    Row("4c", "a checkpoint with 100 MB of the model's own: one text", 5),
    Row("5", "what a REPL beside a 1 GB context adds, searched", 10, "MB", GB_S),
    Row("6", "state back after the process was killed", 50),
    Row("7a", "an endless cell: from its limit to the observation"),
    Row("7b", "the same, of a cell that catches every exception"),
)

ENGINES: Mapping[str, tuple[str, str]] = {
    "unspool": ("unspool", "unspool"),
    "unspool-none": ("unspool", "unspool, isolation none"),
    "dspy-local": ("dspy", "dspy LocalInterpreter"),
    "dspy-pyodide": ("dspy", "dspy Pyodide"),
    "rlms-local": ("rlms", "rlms local"),
    "rlms-ipython": ("rlms", "rlms ipython"),
    "rlms-kernel": ("rlms", "rlms ipython, subprocess"),
}
"""Each with its client's name and its title."""
OURS = "unspool"


def main() -> None:
    """Measures what was asked for, round by round, and shows it."""
    options = _parser().parse_args()
    rows = [row for row in ROWS if row.key in (options.rows or row.key).split(",")]
    engines = [name for name in ENGINES if name in (options.only or name).split(",")]
    found: dict[tuple[str, str], list[Measured]] = {}
    loads, echoes = [], []
    for _ in range(options.rounds):
        for row in rows:
            loads.append(os.getloadavg()[0])
            echoes += echo.round_trips_ms()
            for name in engines:
                if _hopeless(found.get((row.key, name), [])):
                    continue
                print(f"row {row.key}: {name}", file=sys.stderr)
                found.setdefault((row.key, name), []).append(_once(row, name, options.runs))
    done = {key: _together(several) for key, several in found.items()}
    text = "\n".join([*_table(rows, engines, done), "", *_notes(done, loads, echoes)])
    measured = [asdict(one) for one in done.values()]
    results.keep("sandbox", text, loads=loads, measured=measured)
    print(text)


def _hopeless(before: Sequence[Measured]) -> bool:
    """Whether it has been seen already that nothing is to be measured."""
    return bool(before) and not before[-1].figures


def _once(row: Row, engine: str, runs: int) -> Measured:
    """The row by the engine, in a process of its own; whatever fails is its result."""
    client, _ = ENGINES[engine]
    try:
        python = Path(sys.executable) if client == OURS else rivals.interpreter()
    except (RuntimeError, OSError) as failed:
        return Measured(row.key, engine, (), (str(failed),))
    work = json.dumps({"engine": engine, "row": row.key, "runs": runs})
    paths = [str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [str(python), str(HERE / "clients" / f"{client}_repl.py"), work],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,
    )
    figures, note = _told(process, row.limit_s)
    return Measured(row.key, engine, tuple(figures), (note,) if note else ())


def _told(process: subprocess.Popen[str], limit_s: float) -> tuple[list[float], str]:
    """What the client printed, or why it did not."""
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return [], f"nothing came within {limit_s:g} s"
    last = (out.strip().splitlines() or [""])[-1]
    if last.startswith('{"figures"'):
        told = json.loads(last)
        return told["figures"], told["note"]
    if process.returncode < 0:
        return [], f"the caller's own process ended (signal {-process.returncode})"
    said = (err.strip().splitlines() or ["no message"])[-1]
    return [], f"the client ended with {process.returncode}: {said[:200]}"


def _together(several: Sequence[Measured]) -> Measured:
    """What was measured in all rounds as one."""
    first = several[0]
    figures = tuple(round(figure, 4) for one in several for figure in one.figures)
    notes = tuple(dict.fromkeys(note for one in several for note in one.notes))
    return Measured(first.row, first.engine, figures, notes)


def _table(
    rows: Sequence[Row], engines: Sequence[str], done: Mapping[tuple[str, str], Measured]
) -> Iterator[str]:
    """One line a row: the median and the least of each engine, and our target."""
    marks = _marks(done)
    yield f"| | work | {' | '.join(ENGINES[name][1] for name in engines)} | target | met |"
    yield f"|---|---|{'---|' * len(engines)}---|---|"
    for row in rows:
        shown = [_shown(done[row.key, name], row.unit, marks) for name in engines]
        target = "-" if row.target is None else f"{row.target:g} {row.unit}"
        met = _met(row, done.get((row.key, OURS)))
        yield f"| {row.key} | {row.title} | {' | '.join(shown)} | {target} | {met} |"


def _shown(one: Measured, unit: str, marks: Mapping[str, int]) -> str:
    noted = "".join(f" [{marks[note]}]" for note in one.notes)
    if not one.figures:
        return f"none{noted}"
    median, least = statistics.median(one.figures), min(one.figures)
    return f"{_size(median, unit)} ({_size(least, unit)}){noted}"


def _size(figure: float, unit: str) -> str:
    if unit == "ms" and figure >= 1000:
        return f"{figure / 1000:.2g} s" if figure < 10_000 else f"{figure / 1000:.0f} s"
    return f"{figure:.2f} {unit}" if figure < 10 else f"{figure:,.0f} {unit}"


def _met(row: Row, ours: Measured | None) -> str:
    if ours is None or not ours.figures or row.target is None:
        return "-"
    if statistics.median(ours.figures) <= row.target:
        return "yes"
    return "at its best" if min(ours.figures) <= row.target else "no"


def _marks(done: Mapping[tuple[str, str], Measured]) -> dict[str, int]:
    notes = dict.fromkeys(note for one in done.values() for note in one.notes)
    return {note: number for number, note in enumerate(notes, 1)}


def _notes(
    done: Mapping[tuple[str, str], Measured], loads: Sequence[float], echoes: Sequence[float]
) -> Iterator[str]:
    deciles = statistics.quantiles(echoes, n=10)
    yield (
        f"Median, and the least in brackets. Load of the machine while measuring:"
        f" {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} processors. 200 bytes to"
        f" another process and back, by the event loop, were on their way for"
        f" {statistics.median(echoes):.2f} ms ({min(echoes):.2f} to {deciles[-1]:.2f}, the ninth"
        " decile)."
    )
    yield ""
    for note, number in _marks(done).items():
        yield f"- [{number}] {note}"


def _parser() -> argparse.ArgumentParser:
    parser = results.parser(__doc__, (row.key for row in ROWS), ENGINES)
    parser.add_argument("--rounds", type=int, default=3, help="times that all of it is done")
    parser.add_argument("--runs", type=int, default=5, help="of each row in a round")
    return parser


if __name__ == "__main__":
    main()
