"""The event loop of the package, on a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LoopThread:
    """Runs coroutines for callers of any kind: scripts, threads, notebooks, other loops.

    The thread starts with the first coroutine and ends with the process. A forked child
    gets a thread of its own when it first needs one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._at_exit: list[Callable[[], Awaitable[None]]] = []
        if sys.platform != "win32":
            os.register_at_fork(after_in_child=self._forked)

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Starts `work` on the loop, with the caller's context variables.

        Cancelling the future cancels the work.
        """
        loop, context = self._running(), contextvars.copy_context()
        outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

        def start() -> None:
            task = loop.create_task(work, context=context)
            task.add_done_callback(lambda done: _hand_over(done, outcome))
            outcome.add_done_callback(lambda _: loop.call_soon_threadsafe(task.cancel))

        loop.call_soon_threadsafe(start)
        return outcome

    def call(self, function: Callable[[], object]) -> None:
        """Calls `function` on the loop, soon."""
        self._running().call_soon_threadsafe(function)

    def at_exit(self, close: Callable[[], Awaitable[None]]) -> None:
        """Has `close` awaited before the loop ends."""
        self._at_exit.append(close)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._loop.run_forever, name="unspool", daemon=True
                )
                self._thread.start()
                atexit.register(self.close)
            return self._loop

    def close(self) -> None:
        """Ends what is under way, then the loop and its thread."""
        with self._lock:
            loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None:
            return
        ended = asyncio.run_coroutine_threadsafe(self._wind_up(), loop)
        # The process is ending: what still hangs after this ends with it.
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            ended.result(timeout=5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=1)

    async def _wind_up(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for close in self._at_exit:
            await close()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._loop = self._thread = None
        self._at_exit = []


def _hand_over(done: asyncio.Task[T], outcome: concurrent.futures.Future[T]) -> None:
    if done.cancelled():
        outcome.cancel()
    if not outcome.set_running_or_notify_cancel():
        return
    error = done.exception()
    if error is not None:
        outcome.set_exception(error)
    else:
        outcome.set_result(done.result())
