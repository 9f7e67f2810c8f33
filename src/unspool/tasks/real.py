"""Rows of real texts, which a folder of the user's holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unspool.errors import ConfigurationError


def rows(path: Path, what: str) -> list[dict[str, Any]]:
    """The rows of a file of JSON lines; `what` says what they are.

    Raises `ConfigurationError` when there is no such file.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as missing:
        raise ConfigurationError(f"cannot read the {what} in {path}: {missing}") from missing
    return [json.loads(line) for line in lines if line.strip()]
