"""Speed, side by side with rlms and dspy.RLM: the table of DESIGN.md, measured.

    python benchmarks/speed.py [--rows 1,3] [--only unspool] [--runs 5] [--limit-s 200]

The table goes to stdout and to `results/speed.md`, every figure to `results/speed.json`.
`README.md` says how it is measured.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import results
import rivals
from measure import Measured, measure
from rows import DIALECTS, ROWS, Row
from table import markdown


def main() -> None:
    """Measures what was asked for, row by row, and shows it."""
    options = _parser().parse_args()
    chosen = [row for row in ROWS if row.key in (options.rows or row.key).split(",")]
    engines = [name for name in DIALECTS if name in (options.only or name).split(",")]
    pythons = {name: _python(name) for name in engines}
    done: list[Measured] = []
    for row in chosen:
        for name in engines:
            if name not in row.engines:
                continue
            done.append(_measured(row, name, pythons[name], options))
    text = markdown(chosen, engines, done)
    results.keep("speed", text, runs=options.runs, measured=[one.as_json() for one in done])
    print(text)


def _python(engine: str) -> Path | str:
    """The interpreter that has the engine; a text says why there is none."""
    if engine == "unspool":
        return Path(sys.executable)
    try:
        return rivals.interpreter()
    except (RuntimeError, OSError) as failed:
        return str(failed)


def _measured(row: Row, engine: str, python: Path | str, options: argparse.Namespace) -> Measured:
    """One cell of the table; whatever fails is its result."""
    print(f"row {row.key}: {engine}", file=sys.stderr)
    if isinstance(python, Path):
        try:
            return measure(row, engine, python, runs=options.runs, limit_s=options.limit_s)
        except (OSError, ValueError, KeyError) as failed:
            python = f"{type(failed).__name__}: {failed}"
    return Measured(row.key, engine, None, None, (), None, None, (python,), os.getloadavg()[0])


def _parser() -> argparse.ArgumentParser:
    parser = results.parser(__doc__, (row.key for row in ROWS), DIALECTS)
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each row")
    parser.add_argument("--limit-s", type=float, default=200.0, help="for a row by one engine")
    return parser


if __name__ == "__main__":
    main()
