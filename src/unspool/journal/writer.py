"""The one thread of a process that writes a journal."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from unspool.errors import JournalError
from unspool.journal.store import connected, explained

MOST_AT_ONCE = 1_024
"""Jobs that may go into one transaction."""
GATHER_S = 0.004
"""How long more of them are waited for while several wait for each one: a transaction costs the
disk about as much whatever is in it."""
LINGER_S = 0.05
"""How long a job may lie that nobody waits for: a transaction costs more than what is in it."""

Write = Callable[[sqlite3.Connection], None]


class Owner:
    """On whose behalf is written. Once something of it could not be, nothing more is: a record
    must not have holes. `failed` says why."""

    def __init__(self) -> None:
        self.failed: JournalError | None = None


@dataclass(slots=True)
class _Job:
    owner: Owner
    write: Write | None
    done: asyncio.Future[None] | None = field(default=None)


class Writer:
    """Writes in order, all that waits in one transaction: a thousand replies at once cost a few
    of them. The thread starts with the first job."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def put(self, owner: Owner, write: Write) -> None:
        """Has `write` done soon. It raises nothing: `written` tells."""
        self._put(_Job(owner, write))

    async def written(self, owner: Owner) -> None:
        """Waits until all that was put before is on the disk.

        Raises:
            JournalError: something of this owner cannot be written.
        """
        if owner.failed is not None:
            raise owner.failed
        done = asyncio.get_running_loop().create_future()
        self._put(_Job(owner, None, done))
        await done

    def close(self) -> None:
        """Writes what waits, and ends the thread."""
        with self._lock:
            self._end()

    def before_fork(self) -> None:
        """Closes the file until `after_fork`: a forked process that let go of a connection of
        ours would take the file's log away from under us."""
        self._lock.acquire()
        self._end()

    def after_fork(self, *, is_child: bool) -> None:
        """Goes on; in the child, from nothing."""
        if is_child:
            self._lock, self._jobs = threading.Lock(), queue.SimpleQueue()
        else:
            self._lock.release()

    def _end(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join()

    def _put(self, job: _Job) -> None:
        self._jobs.put(job)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._work, name="unspool-journal", daemon=True
                    )
                    self._thread.start()

    def _work(self) -> None:
        jobs: list[_Job] = []
        try:
            while (first := self._jobs.get()) is not None:
                if sum(job.done is not None for job in jobs) > 1:
                    time.sleep(GATHER_S)
                jobs = [first]
                ending = self._gather(jobs)
                self._write(jobs)
                _tell(jobs)
                if ending:
                    break
        finally:
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
                self._connection = None

    def _gather(self, jobs: list[_Job]) -> bool:
        """Takes what waits besides, and what comes until somebody waits for it to be done;
        gives whether the end was asked for."""
        until, awaited = time.monotonic() + LINGER_S, jobs[0].done is not None
        with contextlib.suppress(queue.Empty):
            while len(jobs) < MOST_AT_ONCE:
                left_s = 0.0 if awaited else until - time.monotonic()
                job = self._jobs.get(left_s > 0, max(left_s, 0.0))
                if job is None:
                    return True
                jobs.append(job)
                awaited = awaited or job.done is not None
        return False

    def _write(self, jobs: list[_Job]) -> None:
        try:
            with explained(self.path):
                self._connection = self._connection or connected(self.path)
                self._transaction(self._connection, jobs)
        except JournalError as failed:
            for job in jobs:
                job.owner.failed = job.owner.failed or failed
            if self._connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")

    def _transaction(self, connection: sqlite3.Connection, jobs: Iterable[_Job]) -> None:
        begun = False
        for job in jobs:
            if job.write is None or job.owner.failed is not None:
                continue
            if not begun:
                connection.execute("BEGIN IMMEDIATE")
                begun = True
            try:
                job.write(connection)
            except (sqlite3.DatabaseError, OSError):
                raise
            except Exception as broken:  # this one cannot be recorded; the others can
                why = f"{type(broken).__name__}: {broken}"
                job.owner.failed = JournalError(f"an event cannot be recorded: {why}")
        if begun:
            connection.execute("COMMIT")


def _tell(jobs: Iterable[_Job]) -> None:
    """Wakes those who wait, each loop once."""
    loops: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
    for job in jobs:
        if job.done is not None:
            loops.setdefault(job.done.get_loop(), []).append(job)
    for loop, waiting in loops.items():
        with contextlib.suppress(RuntimeError):  # it has been closed: nobody waits any more
            loop.call_soon_threadsafe(_wake, waiting)


def _wake(waiting: Iterable[_Job]) -> None:
    for job in waiting:
        if job.done is None or job.done.done():
            continue
        if job.owner.failed is None:
            job.done.set_result(None)
        else:
            job.done.set_exception(job.owner.failed)
