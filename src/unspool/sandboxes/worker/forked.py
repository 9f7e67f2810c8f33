"""One REPL as the zygote sees it: the process that runs cells, and the one kept in reserve."""

from __future__ import annotations

import array
import contextlib
import errno
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import struct
from dataclasses import dataclass

from .namespaces import unmount

NOTICE_RECV, NOTICE_SEND = 0xC0502100, 0xC0182101
NOTICE_BYTES = 80
CONTINUE = 1
SPARE = re.compile(rb"(\d{1,9}) (\d{1,9})")
"""What a REPL says of a fork: its process's number, and that of the cell it follows."""
MOST_MISSES = 3
MAX_FDS = 16
MESSAGES = 16
"""Read at a time: a cell may send without end."""


def receive_now(sock: socket.socket, size: int) -> tuple[bytes, list[int]]:
    """What has arrived on `sock`, and the descriptors that came with it.

    Raises:
        BlockingIOError: nothing has. (`socket.recv_fds` of Python 3.11 drops its flags.)
    """
    fds = array.array("i")
    room = socket.CMSG_SPACE(MAX_FDS * fds.itemsize)
    data, ancillary, _, _ = sock.recvmsg(size, room, socket.MSG_DONTWAIT)
    for _, _, payload in ancillary:
        fds.frombytes(payload[: len(payload) - len(payload) % fds.itemsize])
    return data, fds.tolist()


@dataclass(slots=True)
class Spare:
    """A process that waits on `control` with the state that followed cell `after`."""

    pid: int
    control: socket.socket
    after: int


class Forked:
    """What the zygote knows of one REPL, and may do to it.

    `lifeline` brings descriptors from the REPL: that of its filter of system calls, then one
    for each spare. Whatever else a cell sends there is dropped.
    """

    def __init__(
        self, number: int, pid: int, folder: str, lifeline: socket.socket, *, mounted: bool
    ) -> None:
        self.number, self.pid = number, pid
        self.lifeline = lifeline
        self.listener = -1
        self._group = pid
        self._folder, self._mounted = folder, mounted
        self._spare: Spare | None = None
        self._orders = 0
        self._permits = 0
        self._misses = 0
        self._starting = True
        self.running = True
        self.unwanted = False

    @property
    def after(self) -> int | None:
        """The cell whose state the spare has; None without a spare."""
        return None if self._spare is None else self._spare.after

    def interrupt(self) -> None:
        """Has Python raise KeyboardInterrupt in the cell."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends the process that runs cells, and what it has started; the spare stays."""
        self._signal(signal.SIGKILL)

    def end(self) -> None:
        """Ends all of it."""
        self.unwanted = True
        self.kill()
        self._drop_spare()
        self._kill_group()  # a fork that nobody was told of, too

    def ended(self) -> None:
        """The process that ran cells has ended and is reaped after this."""
        self.running = False
        if self.listener < 0:  # confined, it has started nothing that could be left over
            self._kill_group()

    def order(self) -> None:
        """Lets the REPL fork once more, to keep its state; not when that has failed so often
        that a cell may be hiding what it forks."""
        self._orders += 1
        self._permits += self._misses < MOST_MISSES

    def answer_filter(self) -> bool:
        """Answers a process that asks to fork; False when nobody can ask any more."""
        if self.listener < 0:
            return False
        notice = bytearray(NOTICE_BYTES)
        try:
            fcntl.ioctl(self.listener, NOTICE_RECV, notice)
        except OSError:  # whoever asked has been killed meanwhile
            return not self._is_deserted()
        allowed, self._permits = self._permits > 0, max(0, self._permits - 1)
        (one,) = struct.unpack_from("Q", notice)
        answer = (one, 0, 0, CONTINUE) if allowed else (one, 0, -errno.EPERM, 0)
        with contextlib.suppress(OSError):  # whoever asked has been killed meanwhile
            fcntl.ioctl(self.listener, NOTICE_SEND, struct.pack("QqiI", *answer))
        return True

    @property
    def awaits(self) -> bool:
        """Whether something is due on the lifeline: else it is not read, whatever is there."""
        return self._starting or self._orders > 0

    def _is_deserted(self) -> bool:
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        return any(found & select.POLLHUP for _, found in poll.poll(0))

    def receive(self) -> None:
        """Takes what is due from the lifeline: the filter's descriptor first, then a spare."""
        for _ in range(MESSAGES):
            if not self.awaits:
                return
            try:
                text, fds = receive_now(self.lifeline, 64)
            except OSError:
                return
            if self._starting and text == b"filter":
                self._starting = False
                self.listener = fds.pop() if fds else -1
            elif answer := SPARE.fullmatch(text):
                self._orders -= 1
                self._permits = min(self._permits, self._orders)
                self._take_spare(int(answer[1]), int(answer[2]), fds)
            for fd in fds:
                os.close(fd)

    def revive(self, link: int) -> bool:
        """Has the spare go on over the socket `link`; False when there is none that can."""
        spare, self._spare = self._spare, None
        if spare is None:
            return False
        with_it = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [link]))]
        try:  # never waiting: a cell may have put something else in the spare's place
            spare.control.sendmsg([b"."], with_it, socket.MSG_DONTWAIT)
        except OSError:
            return False
        finally:
            spare.control.close()
        self.pid, self.running = spare.pid, True
        self._orders = self._permits = 0
        if self.listener < 0:
            self._group = self.pid
        return True

    def clean_up(self) -> None:
        """Gives back all that was held for this REPL, its folder too."""
        self._drop_spare()
        self.lifeline.close()
        if self.listener >= 0:
            os.close(self.listener)
            self.listener = -1
        if self._mounted:
            unmount(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: int) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._group, signal.SIGKILL)

    def _take_spare(self, pid: int, after: int, fds: list[int]) -> None:
        """Without a descriptor the REPL could not fork, and the earlier spare stays. A cell may
        forge a number, but not that of a process outside of its REPL's group."""
        self._misses += 1  # whatever comes instead of a spare is one
        if len(fds) != 1 or pid == self.pid or not self._is_in_group(pid):
            return
        try:
            control = socket.socket(fileno=fds[0])
        except OSError:  # a cell has sent what is no socket
            return
        fds.clear()
        self._drop_spare()
        self._spare, self._misses = Spare(pid, control, after), 0

    def _is_in_group(self, pid: int) -> bool:
        if self.listener < 0:  # unconfined, it has a group of its own
            return True
        with contextlib.suppress(ProcessLookupError):
            return os.getpgid(pid) == self._group
        return False

    def _drop_spare(self) -> None:
        if self._spare is not None:
            self._spare.control.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._spare.pid, signal.SIGKILL)
            self._spare = None
