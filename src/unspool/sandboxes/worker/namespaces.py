"""Namespaces for the interpreter that REPLs are forked from, made before it does anything.

Nothing of the machine's network, processes, shared memory or mounts is then within its
reach, and it may mount file systems of its own: each REPL writes to one that is bounded.
Linux alone has them, and not every machine lets its users make them: what cannot be had is
left out, and the list of what holds says so.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import sys

from . import syscalls

SCRATCH_BYTES = 256 << 20
SCRATCH_FILES = 16_384

_FLAGS = {
    "user": 0x10000000, "pid": 0x20000000, "mount": 0x00020000, "network": 0x40000000,
    "ipc": 0x08000000, "uts": 0x04000000,
}  # fmt: skip
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8
_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

_LIBC = ctypes.CDLL(None, use_errno=True)
"""Made once: each fork would make its own, and pay for the pages."""


def enter(*keep: int) -> list[str]:
    """Moves on into namespaces of our own; gives those that the machine allows.

    With a new one for processes, the caller goes on as its first process: when that ends,
    the kernel ends all others in it. `keep` are descriptors for it alone.
    """
    if sys.platform != "linux" or platform.machine() not in syscalls.UNSHARE:
        return []
    made = _unshare()
    if "pid" in made:
        _become_first(keep)
    return [f"{name} namespace" for name in made]


def mount_scratch(folder: str) -> bool:
    """Puts an empty file system of bounded size and number of files on `folder`."""
    options = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=700".encode()
    flags = _NOSUID | _NODEV | _NOEXEC
    mount = getattr(_LIBC, "mount", None)
    return bool(
        mount is not None and mount(b"unspool", folder.encode(), b"tmpfs", flags, options) == 0
    )


def unmount(folder: str) -> None:
    """Takes the file system off again, with all that is in it."""
    _LIBC.umount2(folder.encode(), _DETACH)


def end_with_parent() -> None:
    """Has this process killed when its parent ends. Linux alone has it."""
    with contextlib.suppress(OSError, AttributeError):
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """What our children leave behind when they end becomes our child. Linux alone has it."""
    with contextlib.suppress(OSError, AttributeError):
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _unshare() -> list[str]:
    number = syscalls.UNSHARE[platform.machine()]
    ids = os.getuid(), os.getgid()
    if _LIBC.syscall(number, sum(_FLAGS.values())) == 0:
        made = list(_FLAGS)
    else:
        made = [name for name, flag in _FLAGS.items() if _LIBC.syscall(number, flag) == 0]
    if "user" in made:
        _keep_ids(*ids)
    return made


def _keep_ids(user: int, group: int) -> None:
    """Our own user and group keep their numbers inside; no others exist there."""
    texts = {"setgroups": "deny", "uid_map": f"{user} {user} 1", "gid_map": f"{group} {group} 1"}
    for name, text in texts.items():
        with contextlib.suppress(OSError), open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _become_first(keep: tuple[int, ...]) -> None:
    """Forks the first process of the new namespace; this one only waits for its end."""
    pid = os.fork()
    if pid == 0:
        end_with_parent()
        return
    for fd in keep:
        os.close(fd)
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
