"""What this machine has for a model: cores and memory, as far as the process may use them."""

from __future__ import annotations

import os
from pathlib import Path

_CPUS = Path("/sys/devices/system/cpu")
_GROUP = Path("/sys/fs/cgroup")


def physical_cores() -> int:
    """Cores that this process may compute on: at least 1.

    Two hardware threads of one core count once, since a second one slows the arithmetic;
    a container's share of the processor is an upper bound.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:  # not Linux
        return max(1, os.cpu_count() or 1)
    siblings = {_read(_CPUS / f"cpu{cpu}/topology/thread_siblings_list") or cpu for cpu in allowed}
    return max(1, min(len(siblings), _quota_cores(_read(_GROUP / "cpu.max"))))


def available_bytes() -> int | None:
    """Memory that can be taken without swapping; None when the system does not say."""
    lines = _read(Path("/proc/meminfo")).splitlines()
    rows = [line.split() for line in lines if line.startswith("MemAvailable:")]
    if not rows:
        return None
    available = int(rows[0][1]) * 1024
    bound, used = _read(_GROUP / "memory.max"), _read(_GROUP / "memory.current")
    if bound.isdigit() and used.isdigit():
        return max(0, min(available, int(bound) - int(used)))
    return available


def _quota_cores(text: str) -> int:
    """Whole cores in a control group's `QUOTA PERIOD`, both in microseconds; `max` is no bound."""
    quota, _, period = text.partition(" ")
    if not (quota.isdigit() and period.isdigit()):
        return os.cpu_count() or 1
    return max(1, int(quota) // int(period))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
