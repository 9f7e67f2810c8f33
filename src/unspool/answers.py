"""An answer in a file, written as it grows."""

from __future__ import annotations

import enum
import json
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from unspool.errors import ConfigurationError
from unspool.events import CellEnded, Event, RunEnded
from unspool.plain import plain
from unspool.types import Growing

Out = str | Path | None
"""The file that an answer is to be in; None: in none."""

SLICE_CHARS = 1 << 22
"""Of a long text, so much is encoded at a time."""


class AnswerFile:
    """Listens to a run, and keeps its best answer so far in a file: text as it is, in UTF-8,
    anything else as JSON, a list with an item on each line. What it has grown by since the cell
    before is added at the end; where it has become another, the file is written anew.

    What is in the file is replaced with the first answer. Of a run that is killed, it has the
    answer as far as it had come.

    Raises:
        ConfigurationError: the file cannot be written.
    """

    def __init__(self, path: str | Path, run_id: str) -> None:
        self._path, self._run_id = Path(path).expanduser(), run_id
        try:
            self._file: BinaryIO = os.fdopen(
                os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b"
            )
        except OSError as failed:
            raise ConfigurationError(
                f"out={str(path)!r}: it cannot be written: {failed}"
            ) from failed
        self._text: str | Growing | None = None
        self._items: list[Any] = []
        self._end = 0
        """Behind the last item of a list."""
        self._failed: OSError | None = None

    def listen(self, event: Event) -> None:
        """Takes note of `event`; at the end of the run, closes the file."""
        if event.run_id != self._run_id:
            return
        try:
            if isinstance(event, CellEnded) and event.observation.answer is not None:
                self._write(event.observation.answer.value)
            elif isinstance(event, RunEnded):
                self._write("" if event.result.answer is None else event.result.answer)
                self._file.close()
        except OSError as failed:  # a full disk: the run goes on, and its end tells of it
            self._failed = self._failed or failed

    def close(self) -> None:
        """Closes the file, if the run has not ended. What is not in it, a warning tells."""
        try:
            self._file.close()
        except OSError as failed:
            self._failed = self._failed or failed
        if self._failed is not None:
            warnings.warn(
                f"the answer could not be written to {str(self._path)!r}: {self._failed}",
                stacklevel=2,
            )

    def _write(self, value: Any) -> None:
        if isinstance(value, enum.Enum):
            value = value.value
        if isinstance(value, (str, Growing)):
            self._items = []
            self._write_text(value)
        else:
            self._text = None
            self._write_data(plain(value))
        self._file.flush()

    def _write_text(self, text: str | Growing) -> None:
        parts = None if self._text is None else _behind(self._text, text)
        if parts is None:
            self._anew()
            parts = text.parts if isinstance(text, Growing) else (text,)
        self._text = text
        for part in parts:
            for at in range(0, len(part), SLICE_CHARS):
                self._file.write(part[at : at + SLICE_CHARS].encode("utf-8", "surrogatepass"))

    def _write_data(self, value: Any) -> None:
        if not isinstance(value, list) or not value:
            self._items = []
            self._anew()
            self._file.write(_json(value) + b"\n")
            return
        known = len(self._items)
        if not known or not _alike(self._items, value[:known]):
            self._anew()
            self._file.write(b"[")
            known, self._end = 0, 1
        self._items = value
        self._file.seek(self._end)
        for number, item in enumerate(value[known:], known):
            self._file.write((b",\n" if number else b"\n") + _json(item))
        self._end = self._file.tell()
        self._file.write(b"\n]\n")
        self._file.truncate()

    def _anew(self) -> None:
        self._file.seek(0)
        self._file.truncate()


def _behind(before: str | Growing, text: str | Growing) -> Iterable[str] | None:
    """The parts of `text` behind `before`, if that is its beginning."""
    old = before.parts if isinstance(before, Growing) else (before,)
    if isinstance(text, Growing):
        if len(old) <= len(text.parts) and all(map(_same, old, text.parts)):
            return text.parts[len(old) :]
        text = str(text)
    at = 0
    for part in old:
        if not text.startswith(part, at):
            return None
        at += len(part)
    return (text[at:],)


def _alike(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1, 1.0 and True are equal, and are not."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(_alike, one.values(), other.values()))
    return bool(one == other)


def _same(one: str, other: str) -> bool:
    return one is other or one == other


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


@contextmanager
def kept_in(
    out: Path | None, run_id: str, listen: Callable[[Event], None]
) -> Iterator[Callable[[Event], None]]:
    """Who hears of each event once it is in the file; where there is none, `listen` itself."""
    if out is None:
        yield listen
        return
    file = AnswerFile(out, run_id)

    def heard(event: Event) -> None:
        file.listen(event)
        listen(event)

    try:
        yield heard
    finally:
        file.close()


def out_of(out: Out, source: Any) -> Path | None:
    """Where the answer is to be written.

    Raises:
        ConfigurationError: that is a file of the context.
    """
    if out is None:
        return None
    path, sources = Path(out).expanduser(), getattr(source, "paths", source)
    for one in sources if isinstance(sources, (list, tuple)) else [sources]:
        is_file = isinstance(one, (str, os.PathLike)) and os.path.isfile(one)
        if is_file and path.exists() and path.samefile(one):
            raise ConfigurationError(f"out={str(out)!r} is the context itself: name another.")
    return path
