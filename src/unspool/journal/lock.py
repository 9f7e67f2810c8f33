"""One process at a time has a run."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from unspool.errors import JournalError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


CLEARING = "-"
"""Has the lock of this name who changes what is recorded. No run is called so."""


def locks_of(journal: Path) -> Path:
    """Where the locks of the runs in a journal are."""
    return journal.with_name(f"{journal.name}-locks")


class RunLock:
    """Held while a run is under way; the system lets go of it however the process ends."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._path, self._run_id, self._fd = folder / f"{run_id}.lock", run_id, -1

    def take(self) -> None:
        """Takes it.

        Raises:
            JournalError: another process, or another thread of this one, has it.
        """
        while True:
            for folder in (self._path.parent.parent, self._path.parent):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600)
            if not _locked(fd):
                owner = _owner(fd)
                os.close(fd)
                raise JournalError(
                    f"the run {self._run_id} is under way in process {owner}: wait for it, or end"
                    " it, then resume."
                )
            if _is_still(fd, self._path):
                break
            os.close(fd)  # its last owner has taken it away meanwhile
        os.ftruncate(fd, 0)
        os.write(fd, str(os.getpid()).encode())
        self._fd = fd

    def release(self) -> None:
        """Lets go of it. May be called twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):
                self._path.unlink()
            os.close(fd)


def is_under_way(folder: Path, run_id: str) -> bool:
    """Whether some process has that run."""
    try:
        fd = os.open(folder / f"{run_id}.lock", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _locked(fd)
    finally:
        os.close(fd)


def under_way(folder: Path) -> list[str]:
    """The runs that some process is at, and `CLEARING` if one changes what is recorded."""
    names = [path.stem for path in folder.glob("*.lock")] if folder.is_dir() else []
    return [name for name in names if is_under_way(folder, name)]


def _locked(fd: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _owner(fd: int) -> str:
    with contextlib.suppress(OSError):
        return os.pread(fd, 20, 0).decode("ascii", "replace") or "?"
    return "?"
