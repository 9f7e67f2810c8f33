"""Sub-calls that are the same are made once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from unspool.errors import UnspoolError
from unspool.types import Said

Pay = Callable[[], Awaitable[Said]]
Find = Callable[[str], Awaitable[Said | None]]


class Cache:
    """The replies of one tree of runs, by the keys of their requests; lives on one event loop.

    `on=False`: every call is made. `find` looks for a reply that other runs have had.
    """

    def __init__(self, *, on: bool = False, find: Find | None = None) -> None:
        self._on, self._find = on, find
        self._replies: dict[str, asyncio.Future[Said]] = {}

    @property
    def is_on(self) -> bool:
        """Whether calls that are the same are made once."""
        return self._on

    async def reply(self, key: str, pay: Pay) -> tuple[Said, bool]:
        """The reply to that request, and whether it cost nothing. `pay` makes the call, once
        for all who ask for it meanwhile; one that fails, fails for all of them, and is made
        anew for who asks later. When it is cancelled, the next of them makes it.

        Raises:
            UnspoolError: the call failed.
        """
        if not self._on:
            return await pay(), False
        while (under_way := self._replies.get(key)) is not None:
            try:
                return await asyncio.shield(under_way), True
            except asyncio.CancelledError:
                if not under_way.cancelled():
                    raise
        return await self._first(key, pay)

    async def _first(self, key: str, pay: Pay) -> tuple[Said, bool]:
        mine = self._replies[key] = asyncio.get_running_loop().create_future()
        try:
            found = await self._find(key) if self._find is not None else None
            reply = await pay() if found is None else found
        except UnspoolError as failed:
            del self._replies[key]
            mine.set_exception(failed)
            mine.exception()  # who else waits for it is told; nobody may
            raise
        except BaseException:
            del self._replies[key]
            mine.cancel()
            raise
        mine.set_result(reply)
        return reply, found is not None
