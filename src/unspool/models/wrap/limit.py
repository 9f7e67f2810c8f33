"""Keeps requests back until their server will take them."""

from __future__ import annotations

from functools import partial

from unspool.errors import ModelUnavailable
from unspool.foreign import address_of, price_of
from unspool.models.gate import Gate
from unspool.models.rates import LISTENER
from unspool.ports import Model
from unspool.types import Completion, OnText, Request, Usage

CHARS_PER_TOKEN = 4
OVERLOADED = frozenset({429, 503, 529})


class Limit:
    """`model`, asked no faster than its server wants; `gate` is shared by all who ask it.

    A request waits where too many are under way, where the server said that its rate is used
    up, and after a refusal for as long as the server asked, whichever request was refused.
    """

    def __init__(self, model: Model, gate: Gate) -> None:
        self._model, self._gate = model, gate
        self._reply_tokens = 0.0

    def __repr__(self) -> str:
        return f"Limit({self._model!r})"

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self._model.name

    @property
    def address(self) -> str:
        """Where the model inside is served."""
        return address_of(self._model)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request` when it is its turn. Raises what the model inside raises."""
        gate = self._gate
        ticket = await gate.enter(
            tree_id=request.tree_id, is_root=request.is_root, tokens=self._tokens(request)
        )
        listening = LISTENER.set(partial(gate.told, ticket))
        try:
            completion = await self._model.complete(request, on_text)
        except ModelUnavailable as refused:
            if refused.status in OVERLOADED:
                gate.overloaded(ticket, refused.retry_after_s)
            raise
        else:
            gate.answered(ticket)
            self._reply_tokens += (completion.usage.output_tokens - self._reply_tokens) / 8
            return completion
        finally:
            LISTENER.reset(listening)
            gate.leave(ticket)

    def price(self, usage: Usage) -> int | None:
        """See `unspool.ports.Priced`."""
        return price_of(self._model, usage)

    async def aclose(self) -> None:
        """Closes the model inside."""
        await self._model.aclose()

    def _tokens(self, request: Request) -> float:
        return request.chars / CHARS_PER_TOKEN + (request.max_tokens or self._reply_tokens)
