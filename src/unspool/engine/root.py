"""The one door to the root model."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from unspool import events
from unspool.engine.history import History
from unspool.engine.long.parts import InParts
from unspool.engine.parts import Parts
from unspool.errors import ContextTooLong
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
        self,
        history: History,
        turn: int,
        on_text: OnText | None = None,
        *,
        last: bool = False,
    ) -> Completion:
        """The reply of one turn, gone on with where the output limit cuts it; a history that is
        too long for the model is made shorter if it can be. From then on the price of another
        reply is set aside for the run, which only `last` may take. `on_text` gets it in pieces;
        a reply that breaks off then counts as far as it came.

        Raises:
            LimitReached: there is not enough left; nothing was sent.
            ModelError: the model failed.
            JournalError: the reply cannot be kept.
        """

        def sent() -> Request:
            tree_id, streamed = self._ledger.tree_id, on_text is not None
            made = history.extract() if last else history.request()
            return replace(made, tree_id=tree_id, is_root=True, partial=streamed)

        def grew(text: str) -> None:
            if self._parts.stream:
                self._emit(events.ReplyGrew, turn=turn, text=text)
            if on_text is not None:
                on_text(text)

        known = self._parts.memory.record.said(self._run_id, turn, last=last)
        paid = partial(self._paid, turn, self._run_id if last else None)
        reply = InParts(self._parts, turn, last=last, paid=paid, emit=self._emit, kept=self._kept)
        shown = grew if self._parts.stream or on_text is not None else None
        for _ in range(known.shortened):
            history.messages.shrink()
        while True:
            try:
                completion = reply.again(known, on_text) or await reply.whole(sent(), known, shown)
                break
            except ContextTooLong:
                if not history.messages.shrink():
                    raise
                self._emit(events.HistoryShortened, turn=turn, last=last)
        if last:
            self._ledger.close(self._run_id)
        else:
            request = sent()
            grown = (*request.messages, Message("assistant", completion.text))
            price = partial(price_of, self._parts.root)
            self._ledger.set_aside(self._run_id, replace(request, messages=grown), price)
        return completion

    async def _paid(
        self, turn: int, last_of: str | None, request: Request, grew: OnText | None
    ) -> tuple[Completion, Request]:
        model = self._parts.root
        async with self._ledger.call(request, partial(price_of, model), last_of=last_of) as call:
            try:
                return await call.pay(ask(model, call.request, grew)), call.request
            except BaseException as failed:
                error = str(failed) or type(failed).__name__
                self._emit(events.Unanswered, turn=turn, usage=call.usage, error=error)
                raise

    def _kept(self, request: Request) -> int:
        """How many of a request's messages were sent before, in the same places."""
        before, self._sent = self._sent, request.messages
        pairs = enumerate(zip(before, self._sent, strict=False))
        return next((n for n, (old, new) in pairs if old != new), min(len(before), len(self._sent)))
