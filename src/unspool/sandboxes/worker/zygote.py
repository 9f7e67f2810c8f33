"""A warm interpreter that forks a REPL whenever the host asks for one.

It is started by `exec` with a clean environment, imports what models use, and then does
nothing but fork, signal and reap. Each request is a line of JSON on the socket given by
its descriptor; a fork request carries three descriptors: the REPL's socket, the pipe for
what is written to descriptors 1 and 2, and the shared memory of the context.
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import gc
import json
import os
import select
import shutil
import signal
import socket
import sys
from typing import Any, NoReturn

from .session import Session
from .tools import wide_pools

# What models import most, imported while there is nothing else to do: a REPL that is
# forked later has it for free, the first one need not wait for it.
WARM = (
    "abc argparse ast asyncio base64 bisect calendar collections.abc concurrent.futures copy csv"
    " dataclasses datetime decimal difflib email.utils enum fractions functools glob hashlib heapq"
    " html html.parser inspect io itertools json logging math operator pathlib pprint queue random"
    " re shutil sqlite3 statistics string struct tempfile textwrap threading time traceback typing"
    " unicodedata urllib.parse uuid xml.etree.ElementTree zlib"
).split()

PR_SET_PDEATHSIG = 1
MAX_LINE_BYTES = 1 << 16


class Zygote:
    """Forks REPLs, passes signals on to them, and tells the host when they end."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._buffer = b""
        self._fds: list[int] = []
        self._pids: dict[int, int] = {}
        self._folders: dict[int, str] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Works until the host closes the socket, then ends all REPLs."""
        cold = list(reversed(WARM))
        while True:
            waits_s = 0 if cold else None
            sources = [self._sock.fileno(), self._wake_read]
            ready, _, _ = select.select(sources, [], [], waits_s)
            if not ready:
                _import(cold.pop())
                if not cold:
                    gc.collect()
                    gc.freeze()
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
                self._reap()
            if self._sock.fileno() in ready and not self._receive():
                for pid in self._pids:
                    _kill_group(pid)
                for folder in self._folders.values():
                    shutil.rmtree(folder, ignore_errors=True)
                return

    def _receive(self) -> bool:
        data, ancillary, _, _ = self._sock.recvmsg(MAX_LINE_BYTES, socket.CMSG_SPACE(64))
        for _, _, payload in ancillary:
            fds = array.array("i")
            fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
            self._fds += fds
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(data)

    def _obey(self, order: dict[str, Any]) -> None:
        number = order["session"]
        if order["op"] == "fork":
            self._fork(number, order["folder"])
            return
        pid = next((p for p, session in self._pids.items() if session == number), None)
        if pid is None:
            return
        if order["op"] == "interrupt":
            os.kill(pid, signal.SIGINT)
        else:
            _kill_group(pid)

    def _fork(self, number: int, folder: str) -> None:
        fds, self._fds = self._fds[:3], self._fds[3:]
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # no memory or no process left: its closed socket tells the host
        if pid == 0:
            self._become_repl(fds, folder)
        if pid > 0:
            self._pids[pid] = number
            self._folders[pid] = folder
        for fd in fds:
            os.close(fd)

    def _become_repl(self, fds: list[int], folder: str) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            for fd in (self._sock.fileno(), self._wake_read, self._wake_write):
                os.close(fd)
            self._sock.detach()
            _settle(fds[1], folder)
            Session(socket.socket(fileno=fds[0]), fds[2]).serve()
        except BaseException as error:
            sys.stderr = os.fdopen(2, "w", errors="replace")
            sys.excepthook(type(error), error, error.__traceback__)
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _reap(self) -> None:
        while self._pids:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            _kill_group(ended.si_pid)  # what the REPL started ends with it
            os.waitpid(ended.si_pid, 0)
            shutil.rmtree(self._folders.pop(ended.si_pid, ""), ignore_errors=True)
            number = self._pids.pop(ended.si_pid, None)
            if number is not None:
                status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
                line = json.dumps({"session": number, "status": status})
                with contextlib.suppress(OSError):
                    self._sock.sendall(line.encode() + b"\n")


def _import(name: str) -> None:
    with contextlib.suppress(ImportError):  # a build of Python may lack sqlite3, say
        __import__(name)


def _settle(output: int, folder: str) -> None:
    """Makes the fork a group of its own, with a folder of its own, that ends with us."""
    os.setsid()
    with contextlib.suppress(OSError, AttributeError):  # Linux alone has it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(folder)
    os.environ.update(HOME=folder, TMPDIR=folder)


def _kill_group(pid: int) -> None:
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def main(fd: int) -> None:
    """Serves the socket behind `fd` until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wide_pools()
    Zygote(socket.socket(fileno=fd)).serve()
