"""The one door to the root model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from unspool import events
from unspool.engine.parts import Parts
from unspool.events import Emit
from unspool.foreign import ask, price_of
from unspool.ledger import Ledger
from unspool.types import Completion, Message, OnText, Request


class Root:
    """Asks one run's root model within what the tree may spend, and tells what came of it."""

    def __init__(self, run_id: str, parts: Parts, *, ledger: Ledger, emit: Emit) -> None:
        self._run_id, self._parts = run_id, parts
        self._ledger, self._emit = ledger, emit
        self._sent: tuple[Message, ...] = ()

    async def ask(
        self, request: Request, turn: int, on_text: OnText | None = None, *, last: bool = False
    ) -> Completion:
        """The reply of one turn; from then on the price of another one is set aside for the
        run, which only `last` may take. `on_text` gets it in pieces, and then a reply that
        breaks off counts as far as it came.

        Raises:
            LimitReached: there is not enough left; nothing was sent.
            ModelError: the model failed.
            JournalError: the reply cannot be kept.
        """
        request = replace(
            request, tree_id=self._ledger.tree_id, is_root=True, partial=on_text is not None
        )
        tell = partial(self._emit, events.Replied, turn=turn, last=last)
        completion = self._parts.memory.record.reply(self._run_id, turn, last=last)
        if completion is None:
            completion, sent = await self._paid(request, turn, on_text, last)
            kept = self._kept(sent)
            new = replace(sent, messages=sent.messages[kept:])
            tell(completion=completion, request=new, kept=kept)
            await self._parts.memory.kept()
        else:
            tell(completion=completion, source="record")
            if on_text is not None:
                on_text(completion.text)
        if last:
            self._ledger.close(self._run_id)
        else:
            grown = (*request.messages, Message("assistant", completion.text))
            price = partial(price_of, self._parts.root)
            self._ledger.set_aside(self._run_id, replace(request, messages=grown), price)
        return completion

    async def _paid(
        self, request: Request, turn: int, on_text: OnText | None, last: bool
    ) -> tuple[Completion, Request]:
        def grew(text: str) -> None:
            if self._parts.stream:
                self._emit(events.ReplyGrew, turn=turn, text=text)
            if on_text is not None:
                on_text(text)

        model = self._parts.root
        shown = grew if self._parts.stream or on_text is not None else None
        last_of = self._run_id if last else None
        async with self._ledger.call(request, partial(price_of, model), last_of=last_of) as call:
            try:
                return await call.pay(ask(model, call.request, shown)), call.request
            except BaseException as failed:
                error = str(failed) or type(failed).__name__
                self._emit(events.Unanswered, turn=turn, usage=call.usage, error=error)
                raise

    def _kept(self, request: Request) -> int:
        """How many of a request's messages were sent before: a history only grows."""
        before, self._sent = self._sent, request.messages
        return len(before) if self._sent[: len(before)] == before else 0
