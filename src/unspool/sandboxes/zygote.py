"""The host's end of the warm interpreter that REPLs are forked from."""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from unspool.errors import SandboxError
from unspool.sandboxes.packages import Packages, own
from unspool.sandboxes.seatbelt import has_seatbelt, prefix
from unspool.sandboxes.spawn import spawned
from unspool.sandboxes.starter import FLAGS, HASHES, Exit

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from worker.zygote import main; main(int(sys.argv[2]), sys.argv[3])"
)
_ONE_THREAD = "OPENBLAS OMP MKL NUMEXPR VECLIB_MAXIMUM BLIS RAYON POLARS_MAX".split()
"""Libraries that start threads when they are imported: a process with threads cannot be
forked, nor confined, safely."""
_HUGE_PAGES = "glibc.malloc.hugetlb=1"
"""Large values lie in large pages, where the machine has them: a copy of a text takes a third
of the time, and a checkpoint does not grow with it."""
_ENVIRONMENT = {
    "GLIBC_TUNABLES": _HUGE_PAGES,
    **HASHES,
    **{f"{name}_NUM_THREADS": "1" for name in _ONE_THREAD},
}


class Zygote:
    """One interpreter process; it is started by the first fork and ends with `close`.

    It inherits neither the environment nor any descriptor, so that no key can be in it.
    `confined`: it lives in namespaces of its own, where the machine allows them. Not safe
    for threads: all calls are made on one event loop.
    """

    keeps = sys.platform == "linux"
    """Elsewhere nobody would be told of the end of a process that was revived."""

    def __init__(self, packages: Packages, *, confined: bool) -> None:
        self._packages, self._confined = packages, confined
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._sock: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._buffer = b""
        self._unsent: collections.deque[tuple[bytes, list[int]]] = collections.deque()
        self._on_exit: dict[int, Callable[[Exit], None]] = {}

    def fork(self, fds: Sequence[int], folder: Path, on_exit: Callable[[Exit], None]) -> int:
        """Starts a REPL over `fds` (socket, output, context) in `folder`; gives its number.

        `on_exit` is called when its process ends, and again when one that was revived does.

        Raises:
            SandboxError: the interpreter cannot be started.
        """
        number = next(self._numbers)
        self._start()
        self._on_exit[number] = on_exit
        self._send({"op": "fork", "session": number, "folder": str(folder)}, fds)
        return number

    def interrupt(self, number: int) -> None:
        """Raises KeyboardInterrupt in a REPL's cell."""
        self._send({"op": "interrupt", "session": number})

    def allow_fork(self, number: int) -> None:
        """Lets a REPL fork once, to keep its state."""
        self._send({"op": "checkpoint", "session": number})

    def kill(self, number: int) -> None:
        """Ends the process that runs a REPL's cells; what keeps its state stays."""
        self._send({"op": "kill", "session": number})

    def revive(self, number: int, link: int) -> None:
        """Has the process that keeps a REPL's state go on, over the socket `link`."""
        self._send({"op": "revive", "session": number}, [link])

    def end(self, number: int) -> None:
        """Ends a REPL and every process that it has started."""
        self._on_exit.pop(number, None)
        self._send({"op": "end", "session": number})

    def close(self) -> None:
        """Ends the interpreter and all its REPLs."""
        sock, process, self._sock, self._process = self._sock, self._process, None, None
        if sock is not None:
            if self._loop is not None and not self._loop.is_closed():
                self._loop.remove_reader(sock)
                self._loop.remove_writer(sock)
            sock.close()
        while self._unsent:
            for fd in self._unsent.popleft()[1]:
                os.close(fd)
        if process is not None:
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def forget(self) -> None:
        """Leaves the interpreter to the process that this one was forked from."""
        sock, self._sock, self._process, self._loop = self._sock, None, None, None
        if sock is not None:
            sock.close()
        self._unsent.clear()
        self._on_exit.clear()

    def warm(self) -> None:
        """Starts the interpreter, so that the first fork need not wait for it."""
        self._start()

    def _start(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        command = [sys.executable, *FLAGS, "-c", _BOOT]
        with theirs:
            try:
                fd = theirs.fileno()
                whole = [*self._confinement(), *command, *self._arguments(fd)]
                self._process = spawned(whole, fd, _ENVIRONMENT)
            except OSError as failed:
                ours.close()
                raise SandboxError(f"no interpreter could be started for the REPL: {failed}") from (
                    failed
                )
        ours.setblocking(False)
        self._sock, self._buffer = ours, b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ours, self._read)

    def _arguments(self, fd: int) -> list[str]:
        packages = [self._packages.names, self._packages.folders]
        ours = own()
        options = json.dumps(
            {
                "confined": self._confined,
                "packages": packages,
                "own": [ours.names, ours.folders],
            }
        )
        return [str(Path(__file__).parent), str(fd), options]

    def _confinement(self) -> list[str]:
        """What to start the interpreter with, where the system confines it from the start."""
        return prefix(self._packages.folders) if self._confined and has_seatbelt() else []

    def _send(self, order: dict[str, object], fds: Sequence[int] = ()) -> None:
        """Sends an order, or has it sent when the socket has room again.

        The descriptors are duplicated, so that the caller may close its own at once.
        """
        if self._sock is None:
            return
        self._unsent.append((json.dumps(order).encode() + b"\n", [os.dup(fd) for fd in fds]))
        self._flush()

    def _flush(self) -> None:
        assert self._sock is not None
        assert self._loop is not None
        while self._unsent:
            line, fds = self._unsent[0]
            try:
                sent = socket.send_fds(self._sock, [line], fds) if fds else self._sock.send(line)
            except BlockingIOError:
                self._loop.add_writer(self._sock, self._flush)
                return
            except OSError:
                self._ended()
                return
            for fd in fds:
                os.close(fd)
            self._unsent.popleft()
            if sent < len(line):
                self._unsent.appendleft((line[sent:], []))
        self._loop.remove_writer(self._sock)

    def _read(self) -> None:
        assert self._sock is not None
        try:
            data = self._sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            notice = json.loads(line)
            report = self._on_exit.get(notice["session"])
            if report is not None:
                report(Exit(notice["status"], notice["after"]))

    def _ended(self) -> None:
        """The interpreter died; its REPLs die with it, and a new one starts when needed."""
        self.close()
        reports, self._on_exit = list(self._on_exit.values()), {}
        for report in reports:
            report(Exit(-signal.SIGKILL, None))
