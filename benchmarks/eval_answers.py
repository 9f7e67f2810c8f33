"""Answers as lines of a file, from which everything else is counted."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import unspool
from unspool.calibrate.measured import file_name
from unspool.tasks import Task
from unspool.types import Result

Line = dict[str, Any]
LONG_CHARS = 600
"""An answer that is longer as JSON is kept by its beginning, its length and its hash."""


class Answers:
    """A folder with one file of answers for each model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lines(self) -> list[Line]:
        """All that is kept. The end of a file that was cut off in the middle of a line is left
        out: that question is asked again."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            for text in path.read_text(encoding="utf-8").splitlines():
                try:
                    found.append(json.loads(text))
                except ValueError:
                    continue
        return found

    def add(self, line: Line) -> None:
        """Keeps one more, at once and for good."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{file_name(line['model'])}.jsonl").open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                whole = file.read(1) == b"\n"
                file.write(b"" if whole else b"\n")
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def key_of(line: Line) -> tuple[Any, ...]:
    """What is not asked twice."""
    return tuple(line[name] for name in ("row", "seed", "chars", "model", "mode", "tasks"))


def line_of(task: Task, result: Result, **about: object) -> Line:
    """What is kept of one answer."""
    usage = result.usage
    return {
        **about,
        "seed": task.seed,
        "kind": task.kind,
        "domain": task.domain,
        "shape": task.shape,
        "question": task.question,
        "expected": clipped(task.expected),
        "answer": clipped(result.answer),
        "score": round(task.score(result.answer), 4),
        "status": result.status,
        "error": result.error[:300],
        "ways": result.ways,
        "turns": len(result.turns),
        "seconds": round(result.seconds, 2),
        "tokens": usage.tokens,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "calls": usage.calls,
        "pack": result.pack,
        "unspool": unspool.__version__,
        "code": code(),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def clipped(value: object) -> object:
    """A value as JSON has it; of a long one its beginning, its length and its hash."""
    text = json.dumps(value, ensure_ascii=False, default=_plain)
    if len(text) <= LONG_CHARS:
        return json.loads(text)
    sha256 = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    return {"begins": text[: LONG_CHARS // 2], "chars": len(text), "sha256": sha256}


def was_clipped(value: object) -> bool:
    """Whether a kept value is not the whole of it."""
    return isinstance(value, dict) and value.keys() == {"begins", "chars", "sha256"}


def code() -> str:
    """A hash of unspool's own files: which code gave an answer."""
    global _code
    if not _code:
        root = Path(unspool.__file__).parent
        found = hashlib.sha256()
        for path in sorted([*root.rglob("*.py"), *root.rglob("*.toml")]):
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
        _code = found.hexdigest()[:12]
    return _code


_code = ""


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)
