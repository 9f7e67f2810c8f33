"""The other engines, in a virtual environment of their own beside this file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FOLDER = HERE / ".venv"
PACKAGES = ("rlms[ipython]==0.1.3", "dspy[deno]==3.4.1")


def interpreter() -> Path:
    """The Python that has them; makes the environment first where it is missing.

    Raises:
        RuntimeError: they cannot be installed; the message has pip's last lines.
    """
    python = FOLDER / "bin" / "python"
    made = FOLDER / "made"
    if made.exists() and made.read_text() == " ".join(PACKAGES):
        return python
    print(f"installing {' and '.join(PACKAGES)} into {FOLDER.name}", file=sys.stderr)
    if not python.exists():
        _run(sys.executable, "-m", "venv", FOLDER)
    _run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
    made.write_text(" ".join(PACKAGES))
    return python


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the rivals are not installed: {done.stderr.strip()[-300:]}")
