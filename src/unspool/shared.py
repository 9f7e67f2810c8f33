"""What all runs of a process share."""

from __future__ import annotations

import os
import sys
import threading
from functools import partial

from unspool.journals import Journals
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.ports import Sandbox
from unspool.runtimes.thread import LoopThread
from unspool.sandboxing import Sandboxes
from unspool.types import Usage

CONNECTIONS = 1_024


class Shared:
    """One loop, its connections, a warm interpreter, the journals."""

    def __init__(self) -> None:
        self.loop = LoopThread()
        self.http = HttpPool(limit=CONNECTIONS)
        self.gates = Gates()
        self.spent = Usage()
        """By all runs of the process that have ended."""
        self.sandboxes = Sandboxes()
        self.journals = Journals()
        self._close_at_exit()
        self._warming = False
        self._warmer: threading.Thread | None = None
        if sys.platform != "win32":
            os.register_at_fork(
                before=self._before_fork,
                after_in_parent=partial(self.journals.after_fork, is_child=False),
                after_in_child=self._forked,
            )

    def _before_fork(self) -> None:
        """An import that is under way would be locked in the child for ever."""
        if self._warmer is not None:
            self._warmer.join()
        self.journals.before_fork()

    def _forked(self) -> None:
        self._warming = False
        self.http = HttpPool(limit=CONNECTIONS)
        self.gates.forked()
        self.sandboxes.forked()
        self.journals.after_fork(is_child=True)
        self._close_at_exit()

    def _close_at_exit(self) -> None:
        for part in (self.sandboxes, self.http, self.journals):
            self.loop.at_exit(part.aclose)

    def warm(self, sandbox: Sandbox) -> None:
        """Starts on what the first run would have to wait for, while nobody waits."""
        begin = getattr(sandbox, "warm", None)
        if begin is not None:
            self.loop.call(begin)
        if not self._warming:
            self._warming = True
            self._warmer = threading.Thread(target=self.http.warm, name="unspool-warm", daemon=True)
            self._warmer.start()
