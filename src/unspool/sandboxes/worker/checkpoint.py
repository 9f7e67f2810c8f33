"""A REPL's state, kept by a process that waits: should the one that runs cells be lost, it
goes on from here.

Forking is the one thing that a confined process may do only when it is told to: the filter
of system calls asks the process above, which allows it once for each order from the host.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable

from .chance import Chance
from .namespaces import end_with_parent


class Checkpoints:
    """The forks of one REPL. `lifeline` is its socket to the process above.

    `hang_up` closes a fork's end of the socket to the host, who waits for the end of it.
    `chance` goes on in a fork as it would have here.
    """

    def __init__(
        self, lifeline: socket.socket, hang_up: Callable[[], None], chance: Chance
    ) -> None:
        self._lifeline, self._hang_up, self._chance = lifeline, hang_up, chance
        self._spares: list[int] = []

    def take(self, after: int) -> socket.socket | None:
        """Forks a process with the state of this one, which followed cell `after`.

        It is None for the process that goes on; where it cannot fork, the earlier spare stays.
        In the other process this returns when it has to take over, with the new socket to
        the host.
        """
        self._bury()
        spare, control = 0, []
        with contextlib.suppress(OSError):  # not allowed, no memory, no descriptors left
            ours, theirs = socket.socketpair()
            with ours:
                control.append(theirs)
                with self._chance.kept():
                    spare = os.fork()
                if spare == 0:
                    theirs.close()
                    self._hang_up()
                    return self._wait(ours)
        self._announce(spare, after, control)
        return None

    def _announce(self, spare: int, after: int, control: list[socket.socket]) -> None:
        """Tells the process above how it went: without a descriptor, there is no spare."""
        if spare:
            self._spares.append(spare)
            with contextlib.suppress(OSError):  # a group of its own, where that is allowed
                os.setpgid(spare, 0)
        fds = [one.fileno() for one in control if spare]
        with contextlib.suppress(OSError):
            socket.send_fds(self._lifeline, [f"{spare} {after}".encode()], fds)
        for one in control:
            one.close()

    def _wait(self, control: socket.socket) -> socket.socket:
        _, fds, _, _ = socket.recv_fds(control, 1, 1)
        if not fds:
            os._exit(0)
        end_with_parent()
        self._chance.renew()
        self._spares.clear()
        return socket.socket(fileno=fds[0])

    def _bury(self) -> None:
        """Takes note of the end of earlier spares: they are killed when a new one is ready."""
        left = []
        for spare in self._spares:
            with contextlib.suppress(ChildProcessError):
                if os.waitpid(spare, os.WNOHANG) == (0, 0):
                    left.append(spare)
        self._spares = left
