"""Peak memory of a process and all that it started, shared pages counted once. Linux only."""

from __future__ import annotations

import os
import threading
from pathlib import Path

PROC = Path("/proc")
EVERY_S = 0.02


class Peak:
    """Samples the memory of a process tree while a `with` lasts; `mb` is the peak.

    It adds up the PSS of all processes. Shared memory files that nobody has mapped are in
    no process' PSS, so they are added by their size.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.mb = 0.0

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.mb = max(self.mb, tree_mb(self._root))


def readable() -> bool:
    """Whether this system says what is needed."""
    return (PROC / "self" / "smaps_rollup").exists()


def tree_mb(root: int) -> float:
    """Memory of `root` and its descendants now, in units of 1,000,000 bytes."""
    private = shared = 0
    files: dict[int, int] = {}
    for pid in _tree(root):
        try:
            pss, shm = _pss(pid)
            files |= _shared_files(pid)
        except OSError:  # it has just ended
            continue
        private += pss - shm
        shared += shm
    return (private + max(shared, sum(files.values()))) / 1e6


def own_mb(root: int) -> float:
    """The same without memory that is a file: what the processes hold for themselves."""
    total = 0
    for pid in _tree(root):
        try:
            pss, shm = _pss(pid)
        except OSError:  # it has just ended
            continue
        total += pss - shm
    return total / 1e6


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, ())
    return found


def _pss(pid: int) -> tuple[int, int]:
    """All of a process' share, and the part of it that is shared memory, in bytes."""
    lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(rest.split()[0]) * 1024 for name, rest in (x.split(":", 1) for x in lines)}
    return sizes["Pss"], sizes.get("Pss_Shmem", 0)


def _shared_files(pid: int) -> dict[int, int]:
    """Bytes of each memory file that a process has open, by its number."""
    found = {}
    for link in (PROC / str(pid) / "fd").iterdir():
        try:
            if os.readlink(link).startswith("/memfd:"):
                stat = link.stat()
                found[stat.st_ino] = stat.st_blocks * 512
        except OSError:
            continue
    return found
