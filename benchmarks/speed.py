"""Speed, side by side with rlms and dspy.RLM: the table of DESIGN.md, measured.

    python benchmarks/speed.py [--rows 1,3] [--only unspool] [--runs 5] [--limit-s 200]

The table goes to stdout and to `results/speed.md`, every figure to `results/speed.json`.
`README.md` says how it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import rivals
from measure import Measured, measure
from rows import DIALECTS, ROWS, Row
from table import markdown

RESULTS = Path(__file__).parent / "results"


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
    _keep(text, done, options)
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


def _keep(text: str, done: list[Measured], options: argparse.Namespace) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "speed.md").write_text(text + "\n")
    about: dict[str, Any] = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "runs": options.runs,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "rivals": rivals.PACKAGES,
        "measured": [one.as_json() for one in done],
    }
    (RESULTS / "speed.json").write_text(json.dumps(about, indent=1) + "\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", help=f"of {','.join(row.key for row in ROWS)}")
    parser.add_argument("--only", help=f"of {','.join(DIALECTS)}")
    parser.add_argument("--runs", type=int, default=5, help="warm runs of each row")
    parser.add_argument("--limit-s", type=float, default=200.0, help="for a row by one engine")
    return parser


if __name__ == "__main__":
    main()
