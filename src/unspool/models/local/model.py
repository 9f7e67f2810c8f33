"""The embedded model behind the same interface as every other."""

from __future__ import annotations

import asyncio

from unspool.errors import ModelFileError
from unspool.models.chat import ChatModel
from unspool.models.http import HttpPool
from unspool.models.local.catalog import LocalModel
from unspool.models.local.files import ModelFiles
from unspool.models.local.server import shared
from unspool.types import Completion, OnText, Request, Usage


class EmbeddedModel:
    """A model whose server starts, in this process, with the first request."""

    def __init__(self, model: LocalModel, files: ModelFiles, http: HttpPool) -> None:
        self._model, self._files, self._http = model, files, http
        self._starting = asyncio.Lock()
        self._chat: ChatModel | None = None

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
        async with self._starting:
            if self._chat is None:
                self._chat = await self._started()
        return await self._chat.complete(request, on_text)

    async def aclose(self) -> None:
        """Leaves the server running: it is the process's, not this object's."""

    async def _started(self) -> ChatModel:
        file = self._files.path(self._model)
        if file is None:
            raise ModelFileError(
                f"{self.name} has not been fetched yet: run `unspool models pull"
                f" {self._model.name}` once ({self._model.size_bytes / 1e9:.1f} GB)."
            )
        server = await asyncio.to_thread(shared, self._model, file)
        return ChatModel(
            self.name,
            model=server.name,
            base_url=server.base_url,
            api_key=server.api_key,
            http=self._http,
            pricer=_free,
        )


def _free(_: Usage) -> int:
    return 0
