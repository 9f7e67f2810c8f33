"""What a benchmark is asked on its command line, and what it leaves in `results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rivals

RESULTS = Path(__file__).parent / "results"


def parser(doc: str | None, rows: Iterable[str], engines: Iterable[str]) -> argparse.ArgumentParser:
    """The options that all have: which rows, by which engines."""
    made = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    made.add_argument("--rows", help=f"of {','.join(rows)}")
    made.add_argument("--only", help=f"of {','.join(engines)}")
    return made


def keep(name: str, text: str, **figures: Any) -> None:
    """Writes the table and all figures, with what the machine is."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text + "\n")
    about = {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "rivals": rivals.PACKAGES,
        **figures,
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n")
