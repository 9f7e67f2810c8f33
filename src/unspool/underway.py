"""Runs that have been started on the package's loop, and how they are waited for."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from unspool.events import Event
from unspool.runtimes.thread import LoopThread
from unspool.types import Result

Work = Callable[[Callable[[Event], None], asyncio.Event, bool], Coroutine[Any, Any, Result]]
"""Makes a run: it tells its events, ends when the event is set, and streams if that is true."""


class UnderWay:
    """A run that has been started on the package's loop."""

    def __init__(
        self,
        loop: LoopThread,
        work: Work,
        listen: Callable[[Event], None] = lambda event: None,
        *,
        in_pieces: bool = False,
    ) -> None:
        self._loop, self._stop = loop, asyncio.Event()
        self._outcome = loop.submit(work(listen, self._stop, in_pieces))

    def stop(self) -> None:
        """Ends the run soon, with the best answer so far. May be called from anywhere."""
        self._loop.call(self._stop.set)

    def result(self) -> Result:
        """Waits for the end."""
        try:
            return self._outcome.result()
        except KeyboardInterrupt:
            self.stop()
            self._outcome.result()
            raise

    async def aresult(self) -> Result:
        """Waits for the end without holding up the loop; being cancelled ends the run."""
        return await asyncio.wrap_future(self._outcome)


class Stream(UnderWay):
    """A run under way: iterate over it for its events, with `for` or `async for`.

    The last event is `RunEnded`, which has the result. `stop` ends the run early; its best
    answer so far is in the result, whose status is then `cancelled`.
    """

    def __init__(self, loop: LoopThread, work: Work) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        super().__init__(loop, work, self._events.put, in_pieces=True)
        self._outcome.add_done_callback(lambda _: self._events.put(None))

    def __iter__(self) -> Iterator[Event]:
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)  # for whoever iterates again
        self._outcome.result()

    async def __aiter__(self) -> AsyncIterator[Event]:
        try:
            while (event := await self._next()) is not None:
                yield event
        except asyncio.CancelledError:
            self._outcome.cancel()
            raise
        except GeneratorExit:  # the loop was left early
            self.stop()
            raise
        self._events.put(None)  # for whoever iterates again
        self._outcome.result()

    async def _next(self) -> Event | None:
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return await asyncio.to_thread(self._events.get)
