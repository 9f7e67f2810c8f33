"""Asks a model in whichever of two formats its server has."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from unspool.errors import ModelRefused
from unspool.foreign import address_of, price_of
from unspool.ports import Model
from unspool.types import Completion, OnText, Request, Usage

_NOT_THERE = frozenset({404, 405})
_PATIENCE_S = 0.25
"""A path that is not there is told by then; a reply takes longer, and nobody waits for it."""


@dataclass(slots=True, eq=False)
class Server:
    """What the models at one address have found out about it, for those that are asked next."""

    has_other: bool = False
    """It had no path for the first format, and nothing says that it has none for the other."""
    tried: asyncio.Event | None = None
    """Set as soon as one path is known to be there or not; None: nobody has asked yet."""


class Either:
    """`first`, or `other` where the server has no path for what `first` asks.

    Which of the two is found out by the first request: where that is refused with 404 or 405, it
    is sent once more, by the other, and if that is answered it stays so. `server` is shared by
    the models at one address, so that those which are asked later begin with what the earlier
    ones have found; requests that come while the very first is under way wait a moment for it.
    """

    def __init__(self, first: Model, other: Model, server: Server) -> None:
        self._first, self._other, self._server = first, other, server
        self._settled: Model | None = None

    def __repr__(self) -> str:
        return f"Either({self._first!r}, {self._other!r})"

    @property
    def name(self) -> str:
        """The name of the models inside."""
        return self._first.name

    @property
    def address(self) -> str:
        """Where the one is served that is asked, as far as that is known."""
        return address_of(self._likely)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request`. Raises what the model inside raises; where the server has neither
        path, what it said to both."""
        if self._settled is not None:
            return await self._settled.complete(request, on_text)
        tried = await self._others_tried()
        try:
            return await self._found(request, on_text, tried)
        finally:
            tried.set()

    def price(self, usage: Usage) -> int | None:
        """See `unspool.ports.Priced`."""
        return price_of(self._likely, usage)

    async def aclose(self) -> None:
        """Closes the models inside."""
        await self._first.aclose()
        await self._other.aclose()

    @property
    def _likely(self) -> Model:
        return self._settled or (self._other if self._server.has_other else self._first)

    async def _others_tried(self) -> asyncio.Event:
        """Waits a moment for what another request is about to find out, if one is."""
        tried = self._server.tried
        if tried is None:
            tried = self._server.tried = asyncio.Event()
        elif not tried.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(tried.wait(), _PATIENCE_S)
        return tried

    async def _found(
        self, request: Request, on_text: OnText | None, tried: asyncio.Event
    ) -> Completion:
        one = self._likely
        another = self._first if one is self._other else self._other
        try:
            completion = await one.complete(request, on_text)
        except ModelRefused as refused:
            if refused.status not in _NOT_THERE:
                raise
            self._server.has_other = another is self._other
            tried.set()
            return await self._instead(another, refused, request, on_text)
        self._settled = self._settled or one
        return completion

    async def _instead(
        self, another: Model, refused: ModelRefused, request: Request, on_text: OnText | None
    ) -> Completion:
        try:
            completion = await another.complete(request, on_text)
        except ModelRefused as again:
            if again.status in _NOT_THERE:
                self._server.has_other = another is not self._other
                raise ModelRefused(
                    f"{refused} Asked in the other format that it may have: {again}",
                    status=refused.status,
                    lost_calls=refused.lost_calls + again.lost_calls,
                ) from again
            self._settled = another
            raise
        self._settled = another
        return completion
