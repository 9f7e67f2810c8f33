"""The embedded model behind the same interface as every other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from unspool.errors import ModelFileError, ModelUnavailable
from unspool.models.chat import ChatFormat
from unspool.models.http import HttpPool
from unspool.models.local.catalog import LocalModel
from unspool.models.local.files import ModelFiles
from unspool.models.local.server import SLOTS, LocalServer, shared
from unspool.models.prices import free
from unspool.models.wire import WireModel, unwatched
from unspool.types import Completion, OnText, Request, Usage

CHARS_PER_TOKEN = 2.5
"""On the safe side: source code and numbers have about three."""
REPLY_TOKENS = 1_024
"""Set aside for a reply whose request names no length."""


class EmbeddedModel:
    """A model whose server starts with the first request, and again when it has died."""

    def __init__(self, model: LocalModel, files: ModelFiles, http: HttpPool) -> None:
        self._model, self._files, self._http = model, files, http
        self._starting = asyncio.Lock()
        self._server: LocalServer | None = None
        self._chat: WireModel | None = None
        self._window = _Window()

    def __repr__(self) -> str:
        return f"EmbeddedModel({self._model.name!r})"

    @property
    def name(self) -> str:
        """See `unspool.ports.Model`."""
        return f"local/{self._model.name}"

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """See `unspool.ports.Model`.

        Raises:
            MissingExtra, ModelFileError: the server cannot be started.
        """
        if request.temperature is None:
            request = replace(request, temperature=0.0)  # a small model wanders soon enough
        tokens = int(request.chars / CHARS_PER_TOKEN) + (request.max_tokens or REPLY_TOKENS)
        chat = await self._ready()
        async with self._window.room_for(tokens):
            # Streamed in any case: the server notices only of a stream that its reader left.
            try:
                return await chat.complete(request, on_text or unwatched)
            except ModelUnavailable:
                chat = await self._ready()  # it has died, and been started again
                return await chat.complete(request, on_text or unwatched)

    def price(self, usage: Usage) -> int | None:
        """Nothing: it runs on this machine."""
        return free(usage)

    async def aclose(self) -> None:
        """Leaves the server running: it is the process's, not this object's."""

    async def _ready(self) -> WireModel:
        async with self._starting:
            if self._chat is None or self._server is None or not self._server.running:
                self._server, self._chat = await self._started()
            return self._chat

    async def _started(self) -> tuple[LocalServer, WireModel]:
        file = self._files.path(self._model)
        if file is None:
            raise ModelFileError(
                f"{self.name} has not been fetched yet: run `unspool models pull"
                f" {self._model.name}` once ({self._model.size_bytes / 1e9:.1f} GB)."
            )
        server = await asyncio.to_thread(shared, self._model, file)
        self._window.tokens = server.window_tokens
        chat = WireModel(
            self.name,
            model=server.name,
            format=ChatFormat(),
            base_url=server.base_url,
            api_key=server.api_key,
            http=self._http,
            pricer=free,
            # The server closes kept connections on its own time, and a request may meet that.
            headers={"Connection": "close"},
        )
        return server, chat


class _Window:
    """Admits requests while they fit in the window that all slots share.

    The server fails every request under way when together they overflow it.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self._taken = self._count = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def room_for(self, tokens: int) -> AsyncIterator[None]:
        """Waits for room; a request longer than the window is let through alone, and refused
        by the server, which knows its true length."""
        tokens = min(tokens, self.tokens)
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._count < SLOTS and self._taken + tokens <= self.tokens
            )
            self._taken += tokens
            self._count += 1
        try:
            yield
        finally:
            self._taken -= tokens
            self._count -= 1
            async with self._changed:
                self._changed.notify_all()
