"""Takes from a process what code that a model wrote must not have. Linux, by `ctypes` alone.

Layers, each useful without the others: namespaces, which the process was born into where
the machine allows them (see `namespaces`); resource limits; no privileges and no
capabilities; Landlock (reads the interpreter and its libraries, writes its own folder,
nothing else); seccomp (a list of system calls: no program, no process, no socket but pairs,
no signal to others). Landlock and seccomp are needed, the others add to them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import syscalls

FILE_BYTES = 256 << 20
OPEN_FILES = 4_096
"""Also bounds the descriptors under way between all processes of a user: few would stop forks."""
TASKS = 8_192
"""Processes and threads of all REPLs of one host together, where they can be counted apart."""
ADDRESS_FACTOR = 4
"""Address space for each byte of memory: what is only set aside takes a lot of it."""

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 4, 38, 24
_PR_SET_PDEATHSIG, _SIGKILL = 1, 9
_LAST_CAPABILITY = 63

# Rights to files, in the order of Landlock's bits; each version of its interface added some.
_EXECUTE, _WRITE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << n for n in range(6))
_MAKE_DIR, _MAKE_REG, _REFER, _TRUNCATE, _IOCTL = (1 << n for n in (7, 8, 13, 14, 15))
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_NETWORK_SINCE, _TCP = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11
_READ = _READ_FILE | _READ_DIR
_OWN = _READ | _WRITE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE

_LIBC = ctypes.CDLL(None, use_errno=True)


class NotConfined(Exception):
    """A layer that is needed cannot be put on; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """What holds a process. `listener` is a descriptor: who has it may allow forks."""

    layers: tuple[str, ...]
    listener: int | None


def confine(
    folder: str, *, memory_bytes: int, context_bytes: int, readable: Sequence[str] = ()
) -> Confinement:
    """Confines this process for good.

    `folder` is the one place it may write to; `readable` is read besides the interpreter.
    It may hold `memory_bytes` of its own. It must have one thread, and can start others
    afterwards.

    Raises:
        NotConfined: Landlock or seccomp cannot be had here.
    """
    if sys.platform == "darwin":
        return _seatbelt()
    machine = platform.machine()
    if sys.platform != "linux" or machine not in syscalls.NUMBERS:
        raise NotConfined(f"there is no confinement for {sys.platform} on {machine} yet")
    _limit(memory_bytes, context_bytes)
    _drop_privileges(machine)
    landlock = _landlock(folder, [*interpreter_paths(), *readable])
    listener = _seccomp(machine)
    return Confinement(("limits", landlock, "seccomp"), listener)


def _seatbelt() -> Confinement:
    """Asks macOS whether this process is in the sandbox that it was to be started in."""
    if _LIBC.sandbox_check(os.getpid(), None, 0) != 1:
        raise NotConfined("this process was not started under Seatbelt (sandbox-exec)")
    return Confinement(("seatbelt",), None)


def interpreter_paths() -> list[str]:
    """What Python reads while it runs: its own library, shared libraries, time zones."""
    library = os.path.dirname(os.__file__)
    fixed = ("/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/dev/urandom")
    files = ("/etc/ld.so.cache", "/etc/localtime", "/dev/null", "/dev/zero")
    return [library, os.path.join(sys.base_prefix, "lib"), *fixed, *files]


def _limit(memory_bytes: int, context_bytes: int) -> None:
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: OPEN_FILES,
        resource.RLIMIT_NPROC: TASKS,
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_AS: ADDRESS_FACTOR * memory_bytes + 2 * context_bytes,
    }
    for kind, wanted in limits.items():
        _, hard = resource.getrlimit(kind)
        bound = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (bound, bound))


def _drop_privileges(machine: str) -> None:
    _LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(_LAST_CAPABILITY + 1):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = struct.pack("Ii", 0x20080522, 0)
    _LIBC.syscall(syscalls.CAPSET[machine], header, bytes(24))
    _LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _landlock(folder: str, readable: Iterable[str]) -> str:
    version = _LIBC.syscall(syscalls.LANDLOCK_CREATE, None, 0, 1)
    if version < 1:
        raise NotConfined(f"Landlock is missing from this kernel ({_why()})")
    handled = max(bits for since, bits in _HANDLED.items() if since <= version)
    network = _TCP if version >= _NETWORK_SINCE else 0
    scopes = _SCOPES if version >= _SCOPES_SINCE else 0
    rules = struct.pack("QQQ", handled, network, scopes)
    size = 24 if version >= _SCOPES_SINCE else 16 if version >= _NETWORK_SINCE else 8
    ruleset = _LIBC.syscall(syscalls.LANDLOCK_CREATE, rules, size, 0)
    if ruleset < 0:
        raise NotConfined(f"Landlock cannot be set up ({_why()})")
    try:
        for path in readable:
            _allow(ruleset, path, _READ & handled)
        _allow(ruleset, folder, _OWN & handled)
        if _LIBC.syscall(syscalls.LANDLOCK_RESTRICT, ruleset, 0) != 0:
            raise NotConfined(f"Landlock cannot be put on ({_why()})")
    finally:
        os.close(ruleset)
    return f"landlock {version}"


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:  # this machine has no such place: nothing to allow
        return
    try:
        if not os.path.isdir(path):
            rights &= _READ_FILE | _WRITE | _TRUNCATE
        rule = struct.pack("=Qi", rights, fd)
        if _LIBC.syscall(syscalls.LANDLOCK_ADD, ruleset, 1, rule, 0) != 0:
            raise NotConfined(f"Landlock does not take {path} ({_why()})")
    finally:
        os.close(fd)


# One instruction of the filter: what to do, how far to jump if it holds and if not, an operand.
_LOAD, _EQUAL, _ABOVE, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
_SET_FILTER, _NEW_LISTENER = 1, 1 << 3
_OFFSET_NUMBER, _OFFSET_ARCH, _OFFSET_ARGS = 0, 4, 16
_X32_BIT = 0x40000000
_CLONE_THREAD = 0x00010000
_FORKS = (0x01200011, 0x11)
"""The flags with which a C library forks: a child that signals its end, and nothing shared."""
_AF_UNIX = 1
_NO_FOLLOW = 0x100
_IOCTLS = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX: what Python asks of its own descriptors."""

_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1034)
"""Of descriptors: duplicates, flags, locks and seals; no owner who gets signals, no leases."""

Program = list[tuple[int, int, int, int]]


def _seccomp(machine: str) -> int | None:
    """Puts the filter on; gives what listens to it, where the kernel has such a thing."""
    for ask, flags in ((True, _NEW_LISTENER), (False, 0)):
        program = filter_program(machine, os.getpid(), ask=ask)
        code = b"".join(struct.pack("HBBI", *one) for one in program)
        held = ctypes.create_string_buffer(code, len(code))
        header = struct.pack("HxxxxxxP", len(program), ctypes.addressof(held))
        done = _LIBC.syscall(syscalls.SECCOMP[machine], _SET_FILTER, flags, header)
        if done >= 0:
            return done if ask else None
    raise NotConfined(f"seccomp cannot be put on ({_why()})")


def filter_program(machine: str, pid: int, *, ask: bool = False) -> Program:
    """The filter for a process of that number: what is not allowed fails with EPERM.

    With `ask`, a fork is left to whoever listens.
    """
    numbers = dict(syscalls.NUMBERS[machine])
    refused = [(_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    program: Program = [
        (_LOAD, 0, 0, _OFFSET_ARCH),
        (_EQUAL, 1, 0, syscalls.AUDIT_ARCH[machine]),
        *refused,
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_ABOVE, 0, 1, _X32_BIT),
        *refused,
    ]
    # Without clone3, whose flags a filter cannot read, the C library uses clone.
    program += _when(numbers.pop("clone3"), [(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)])
    forks = _if_argument(0, _EQUAL, _FORKS, _ASK)[:-1] if ask else []
    threads = _if_argument(0, _ANY_BIT, [_CLONE_THREAD])
    program += _when(numbers.pop("clone"), [*forks, *threads])
    kill = _if_argument(1, _EQUAL, [_SIGKILL])
    program += _when(syscalls.PRCTL[machine], [*_unless(0, _PR_SET_PDEATHSIG), *kill])
    program += _when(numbers.pop("socketpair"), _if_argument(0, _EQUAL, [_AF_UNIX]))
    program += _when(numbers.pop("ioctl"), _if_argument(1, _EQUAL, _IOCTLS))
    program += _when(numbers.pop("fcntl"), _if_argument(1, _EQUAL, _FCNTLS))
    program += _when(numbers.pop("prlimit64"), _if_argument(0, _EQUAL, [0, pid]))
    # Of paths alone: a file that the host opened for a REPL keeps its times.
    path = [(_LOAD, 0, 0, _OFFSET_ARGS + 8), (_EQUAL, 0, 1, 0), *refused]
    path += _if_argument(3, _EQUAL, [0, _NO_FOLLOW])
    program += _when(numbers.pop("utimensat"), path)
    for name in ("kill", "tgkill"):
        program += _when(numbers.pop(name), _if_argument(0, _EQUAL, [pid]))
    for number in numbers.values():
        program += _when(number, [(_RETURN, 0, 0, _ALLOW)])
    return program + refused


def _when(number: int, then: Program) -> Program:
    return [(_EQUAL, 0, len(then), number), *then]


def _if_argument(index: int, test: int, values: Sequence[int], then: int = _ALLOW) -> Program:
    """Allows the call when its argument passes the test with one of `values`."""
    checks: Program = [(_LOAD, 0, 0, _OFFSET_ARGS + 8 * index)]
    for value in values:
        checks += [(test, 0, 1, value), (_RETURN, 0, 0, then)]
    return [*checks, (_RETURN, 0, 0, _ERRNO | errno.EPERM)]


def _unless(index: int, value: int) -> Program:
    """Refuses the call when its argument is another."""
    load = (_LOAD, 0, 0, _OFFSET_ARGS + 8 * index)
    return [load, (_EQUAL, 1, 0, value), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]


def _why() -> str:
    return os.strerror(ctypes.get_errno())
