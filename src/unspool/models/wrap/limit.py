"""A bound on how many requests a model gets at the same time."""

from __future__ import annotations

import asyncio

from unspool.ports import Model
from unspool.types import Completion, OnText, Request


class Limit:
    """`model`, with at most `parallel` requests under way; the others wait their turn."""

    def __init__(self, model: Model, parallel: int) -> None:
        self._model = model
        self._slots = asyncio.Semaphore(parallel)

    def __repr__(self) -> str:
        return f"Limit({self._model!r})"

    @property
    def name(self) -> str:
        """See `unspool.ports.Model`."""
        return self._model.name

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """See `unspool.ports.Model`."""
        async with self._slots:
            return await self._model.complete(request, on_text)

    async def aclose(self) -> None:
        """See `unspool.ports.Model`."""
        await self._model.aclose()
