"""Answers that were paid for, a line each, so that anyone can count again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from unspool.errors import ConfigurationError

FORMAT = 1
Row = Mapping[str, Any]


class Kept:
    """The answers of one model, by the names of their questions. Use it in a `with`.

    Each is on disk as soon as it is added. What is in the file already is there from the start,
    but for a last line that was cut short.
    """

    def __init__(self, path: Path, model: str, tasks: int) -> None:
        """Raises `ConfigurationError` when the file cannot be used, or holds the answers of
        another model or to another version of the tasks."""
        self.path = path
        self._rows: dict[str, Row] = {}
        about = {"format": FORMAT, "model": model, "tasks": tasks}
        lines = self._lines()
        if lines and lines[0] != about:
            raise ConfigurationError(
                f"{path} holds the answers of {lines[0].get('model')!r} to tasks of version"
                f" {lines[0].get('tasks')}, not of {model!r} to those of version {tasks}: remove"
                " it, or give another --out."
            )
        for row in lines[1:]:
            self._rows[str(row["key"])] = row
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("w", encoding="utf-8")
        except OSError as failed:
            raise ConfigurationError(f"{path} cannot be written: {failed.strerror}.") from failed
        self._write([about, *lines[1:]])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def add(self, row: Row) -> None:
        """Keeps an answer under its `key`."""
        self._rows[str(row["key"])] = row
        self._write([row])

    def rows(self, probe: str) -> list[Row]:
        """Those of one probe, in the order of their keys."""
        rows = (row for row in self._rows.values() if row["probe"] == probe)
        return sorted(rows, key=lambda row: str(row["key"]))

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError) as failed:
            raise ConfigurationError(f"{self.path} cannot be read: {failed}.") from failed
        whole = text.splitlines(keepends=True)
        try:
            return [json.loads(line) for line in whole if line.endswith("\n")]
        except ValueError as broken:
            raise ConfigurationError(
                f"{self.path} is not what a calibration keeps ({broken}): remove it, or give"
                " another --out."
            ) from broken

    def _write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        self._file.flush()
