"""A warm interpreter that forks a REPL whenever the host asks for one.

It is started by `exec` with a clean environment, imports what models use, and then does
nothing but fork, signal and reap. Each order is a line of JSON on the socket given by its
descriptor; that for a fork carries three descriptors: the REPL's socket, the pipe for what
is written to descriptors 1 and 2, and the shared memory of the context. That for a revival
carries the new socket alone.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from .forked import Forked, receive_now
from .namespaces import adopt_orphans, end_with_parent, enter, mount_scratch
from .packages import import_all
from .session import Nature, Session

# What models import most, imported while there is nothing else to do: a REPL that is
# forked later has it for free, the first one need not wait for it.
WARM = (
    "abc argparse ast asyncio base64 bisect calendar collections.abc concurrent.futures"
    " concurrent.futures.thread copy csv dataclasses datetime decimal difflib email.utils enum"
    " fractions functools glob hashlib heapq html html.parser inspect io itertools json logging"
    " math operator pathlib pprint queue random re shutil sqlite3 statistics string struct"
    " tempfile textwrap threading time traceback typing unicodedata urllib.parse uuid"
    " xml.etree.ElementTree zlib"
).split()

STACK_BYTES = 1 << 20
"""Of each thread that a cell starts: hundreds of them wait for models, and few go deep."""
MAX_LINE_BYTES = 1 << 16


class Zygote:
    """Forks REPLs, passes signals on to them, and tells the host when they end."""

    def __init__(
        self,
        sock: socket.socket,
        layers: list[str],
        nature: Nature,
        broken: str = "",
        own: Any = ((), ()),
    ) -> None:
        self._sock, self._nature, self._own = sock, nature, own
        self._layers, self._broken = layers, broken
        self._buffer = b""
        self._fds: list[int] = []
        self._repls: dict[int, Forked] = {}
        self._serving = True
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        self._sources = selectors.DefaultSelector()
        self._sources.register(sock, selectors.EVENT_READ, self._receive)
        self._sources.register(self._wake_read, selectors.EVENT_READ, self._reap)

    def serve(self) -> None:
        """Works until the host closes the socket, then ends all REPLs."""
        cold = list(reversed(WARM))
        while self._serving:
            ready = self._sources.select(0 if cold else None)
            # Orders first: one that allows a fork was sent before the fork was asked for.
            for key, _ in sorted(ready, key=lambda one: one[0].fileobj is not self._sock):
                if key.fd in self._sources.get_map():
                    key.data()
            if not ready:
                _import(cold.pop())
                if not cold:
                    import_all(*self._own)
                    gc.collect()
                    gc.freeze()
        for repl in self._repls.values():
            repl.end()
            repl.clean_up()

    def _receive(self) -> None:
        """Obeys every order that is there: more than one read, where descriptors came along."""
        while self._serving:
            try:
                data, fds = receive_now(self._sock, MAX_LINE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            self._fds += fds
            *lines, self._buffer = (self._buffer + data).split(b"\n")
            for line in lines:
                self._obey(json.loads(line))
            self._serving = bool(data)

    def _obey(self, order: dict[str, Any]) -> None:
        number = order["session"]
        if order["op"] == "fork":
            self._fork(number, order["folder"])
            return
        repl = self._repls.get(number)
        if order["op"] == "revive":
            self._revive(number, repl)
        if repl is None:
            return
        match order["op"]:
            case "interrupt":
                repl.interrupt()
            case "kill":
                repl.kill()
            case "checkpoint":
                repl.order()
                self._watch(repl.lifeline.fileno(), lambda: self._lifeline(repl))
            case "end":
                repl.end()
                if not repl.running:
                    self._forget(repl)

    def _fork(self, number: int, folder: str) -> None:
        fds, self._fds = self._fds[:3], self._fds[3:]
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        mounted = "mount namespace" in self._layers and mount_scratch(folder)
        try:
            pid = os.fork()
        except OSError:
            pid = -1  # no memory or no process left: its closed socket tells the host
        if pid == 0:
            self._become_repl(fds, folder, far)
        for fd in fds:
            os.close(fd)
        far.close()
        repl = Forked(number, pid, folder, near, mounted=mounted)
        if pid < 0:
            repl.clean_up()
            return
        self._repls[number] = repl
        self._watch(near.fileno(), lambda: self._lifeline(repl))

    def _become_repl(self, fds: list[int], folder: str, lifeline: socket.socket) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            _close_all_but(*fds, lifeline.fileno())
            _settle(fds[1], folder)
            if self._broken:
                raise ImportError(self._broken)
            repl = socket.socket(fileno=fds[0])
            Session(repl, fds[2], lifeline, self._layers, self._nature).serve()
        except BaseException as error:
            sys.stderr = os.fdopen(2, "w", errors="replace")
            sys.excepthook(type(error), error, error.__traceback__)
            sys.stderr.flush()
        finally:
            os._exit(1)

    def _revive(self, number: int, repl: Forked | None) -> None:
        (link,), self._fds = self._fds[:1], self._fds[1:]
        if repl is None or repl.running or not repl.revive(link):
            self._report(number, -signal.SIGKILL, None)
        os.close(link)

    def _watch(self, fd: int, ready: Callable[[], None]) -> None:
        if fd not in self._sources.get_map():
            self._sources.register(fd, selectors.EVENT_READ, ready)

    def _unwatch(self, fd: int) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._sources.unregister(fd)

    def _lifeline(self, repl: Forked) -> None:
        repl.receive()
        if not repl.awaits:
            self._unwatch(repl.lifeline.fileno())
        if repl.listener >= 0:
            self._watch(repl.listener, lambda: self._filter(repl))

    def _filter(self, repl: Forked) -> None:
        if not repl.answer_filter():
            self._unwatch(repl.listener)

    def _reap(self) -> None:
        os.read(self._wake_read, 4096)
        while True:
            try:
                ended = _ended()
            except ChildProcessError:
                return
            if ended is None:
                return
            pid, status = ended
            repls = self._repls.values()
            repl = next((r for r in repls if r.running and r.pid == pid), None)
            if repl is not None:
                repl.receive()  # what it sent before it ended
                repl.ended()  # before its number can be another's
            with contextlib.suppress(ChildProcessError):  # reaped already
                os.waitpid(pid, 0)
            if repl is not None:
                self._report(repl.number, status, repl.after)
                if repl.unwanted or repl.after is None:
                    self._forget(repl)

    def _forget(self, repl: Forked) -> None:
        self._unwatch(repl.lifeline.fileno())
        self._unwatch(repl.listener)
        repl.clean_up()
        self._repls.pop(repl.number, None)

    def _report(self, number: int, status: int, after: int | None) -> None:
        line = json.dumps({"session": number, "status": status, "after": after})
        with contextlib.suppress(OSError):
            self._sock.sendall(line.encode() + b"\n")


def _ended() -> tuple[int, int] | None:
    """A child that has ended, and its status or minus the signal; not yet reaped, where the
    system can tell without that.

    Raises:
        ChildProcessError: there are no children.
    """
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        pid, status = os.waitpid(-1, os.WNOHANG)
        return (pid, os.waitstatus_to_exitcode(status)) if pid else None
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if ended is None:
        return None
    return ended.si_pid, ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _import(name: str) -> None:
    with contextlib.suppress(ImportError):  # a build of Python may lack sqlite3, say
        __import__(name)


def _close_all_but(*keep: int) -> None:
    """What the zygote has open belongs to other REPLs."""
    last = 2
    for fd in sorted(keep):
        os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def _settle(output: int, folder: str) -> None:
    """Makes the fork a group of its own, with a folder of its own, that ends with us."""
    os.setsid()
    end_with_parent()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.chdir(folder)
    threading.stack_size(STACK_BYTES)
    os.environ["HOME"] = os.environ["TMPDIR"] = folder


def main(fd: int, options: str) -> None:
    """Serves the socket behind `fd` until it is closed.

    `options` is JSON: whether REPLs are `confined`, `packages`, their names and the folders
    that they are in, and likewise `own`, without which REPLs do as well.
    """
    given = json.loads(options)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 16), most))
    layers = enter(fd) if given["confined"] else []
    adopt_orphans()
    nature = Nature()  # before anything is imported that would look past it
    broken = import_all(*given["packages"])
    Zygote(socket.socket(fileno=fd), layers, nature, broken, given["own"]).serve()
