"""The one door from a cell to models and to child runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from unspool.budget import LimitReached
from unspool.engine.long.continuing import any_more, whole
from unspool.errors import UnspoolError
from unspool.events import CANCELLED, CallEnded, CallRefused, CallStarted, Emit
from unspool.foreign import ask, price_of
from unspool.keys import key_of_reply, key_of_request
from unspool.ledger import Ledger
from unspool.memory import Memory
from unspool.ports import Model
from unspool.replies import spoken
from unspool.schema.asking import each, items_per_call, value_of, value_of_each
from unspool.schema.faults import BadSchema
from unspool.schema.items import text_of
from unspool.schema.value import Schema
from unspool.types import Completion, Message, Request, Said, Source, Usage

Child = Callable[[str, Any, Model | None, Schema | None], Awaitable[Any]]
"""Runs a child over a context, and gives its answer."""


class _Asked(NamedTuple):
    """One sub-call, and the names that it goes by."""

    model: Model
    request: Request
    key: str
    reply_key: str


class SubCallError(UnspoolError):
    """A call from a cell that cannot be made; its message is shown to the model."""


class SubCalls:
    """Answers the calls of one run's cells, any number at the same time.

    `child` is None where child runs may not be started: there `rlm_query` asks the
    sub-model, with the context in the prompt. `per_call` says how many short items a model
    is asked about at once when a cell does not say.
    Calls are numbered from `calls_made` on.
    """

    def __init__(
        self,
        sub: Model,
        models: Mapping[str, Model],
        *,
        ledger: Ledger,
        emit: Emit,
        allowed: bool,
        child: Child | None,
        per_call: Callable[[Model], int] = lambda model: 1,
        memory: Memory,
        calls_made: int = 0,
    ) -> None:
        self._sub, self._models = sub, models
        self._ledger, self._emit = ledger, emit
        self._allowed, self._child, self._per_call = allowed, child, per_call
        self._slots = asyncio.Semaphore(ledger.limits.parallel)
        self._memory, self._count = memory, calls_made

    async def __call__(self, name: str, args: Sequence[Any]) -> Any:
        """See `unspool.ports.CallDoor`."""
        if not self._allowed:
            raise SubCallError("this run may not call models: solve it with code (max_depth is 0)")
        match name, *args:
            case "llm_query", str(prompt), model, *form:
                return await self._ask(prompt, model, _schema(*form))
            case "llm_query_batched", list(prompts), model, *form:
                schema = _schema(*form)
                return await each(self._ask(str(prompt), model, schema) for prompt in prompts)
            case "rlm_query", str(prompt), context, model, *form:
                return await self._delegate(prompt, context, model, _schema(*form))
            case "rlm_query_batched", list(prompts), list(contexts), model, *form:
                schema, pairs = _schema(*form), zip(prompts, contexts, strict=True)
                return await each(self._delegate(str(p), c, model, schema) for p, c in pairs)
            case "ask_each", list(items), str(question), model, per_call, *form:
                chosen = self._model(model)
                size = items_per_call(per_call, self._per_call(chosen), items)
                send = partial(self._send, chosen, model)
                return await value_of_each(send, items, question, _schema(*form), size)
            case _:
                raise SubCallError(f"there is no function {name!r} with such arguments")

    async def _delegate(
        self, prompt: str, context: Any, model: str | None, schema: Schema | None
    ) -> Any:
        if self._child is not None:
            chosen = None if model is None else self._model(model)
            data = prompt if context is None else context
            return await self._child(prompt, data, chosen, schema)
        whole = prompt if context is None else f"{prompt}\n\n{text_of(context)}"
        return await self._ask(whole, model, schema)

    async def _ask(self, prompt: str, name: str | None, schema: Schema | None) -> Any:
        return await value_of(partial(self._send, self._model(name), name), prompt, schema)

    async def _send(
        self,
        model: Model,
        name: str | None,
        messages: tuple[Message, ...],
        wire: Mapping[str, Any] | None,
    ) -> str:
        async def say(part: Request, _: Completion | None) -> Completion:
            said = await self._said(model, part, name)
            return Completion(said.text, Usage(), model.name, "length" if said.cut else "stop")

        request = Request(
            messages,
            schema=wire,
            tree_id=self._ledger.tree_id,
            hedge_s=self._ledger.limits.hedge_seconds,
        )
        return spoken((await whole(say, request, worth=any_more)).text)

    async def _said(self, model: Model, request: Request, name: str | None) -> Said:
        key = key_of_request(request, name)
        asked = _Asked(model, request, key, key_of_reply(model, key))
        said, free = await self._memory.cache.reply(asked.reply_key, partial(self._told, asked))
        if free:
            known = self._memory.record.call(key)  # so that no later call takes it
            source: Source = "cache" if known is None else "record"
            self._emit_call(asked, source)(said, Usage(cache_hits=1), 0.0, "")
        return said

    async def _told(self, asked: _Asked) -> Said:
        """What the record has of such a call; else it is made."""
        known = self._memory.record.call(asked.key)
        if known is None:
            try:
                return await self._paid(asked)
            except LimitReached as reached:
                self._emit(CallRefused, key=asked.key, error=str(reached), limit=reached.limit)
                raise
        if isinstance(known, CallRefused):
            if self._memory.record.closed:
                self._emit(CallRefused, key=known.key, error=known.error, limit=known.limit)
            raise SubCallError(known.error)
        said = Said(known.reply, known.cut)
        self._emit_call(asked, "record")(said, known.usage, known.seconds, known.error)
        if known.error:
            raise SubCallError(known.error)
        return said

    async def _paid(self, asked: _Asked) -> Said:
        model = asked.model
        call = self._ledger.call(asked.request, partial(price_of, model))
        async with self._slots, call:
            started_s = time.monotonic()
            ended = self._emit_call(asked, "model")
            said, error = Said(""), CANCELLED
            try:
                completion = await call.pay(ask(model, call.request))
                said, error = Said(completion.text, completion.finish == "length"), ""
            except UnspoolError as failed:
                error = str(failed)
                raise
            finally:
                ended(said, call.usage, time.monotonic() - started_s, error)
        await self._memory.kept()
        return said

    def _emit_call(
        self, asked: _Asked, source: Source
    ) -> Callable[[Said, Usage, float, str], None]:
        """Tells that a call begins; what it gives tells that it has ended."""
        self._count += 1
        number, model = self._count, asked.model
        *before, last = asked.request.messages
        self._emit(
            CallStarted,
            call=number,
            model=model.name,
            prompt=last.content,
            before=tuple(before),
            source=source,
        )

        def ended(said: Said, usage: Usage, seconds: float, error: str) -> None:
            self._emit(
                CallEnded,
                call=number,
                model=model.name,
                prompt_chars=asked.request.chars,
                reply=said.text,
                cut=said.cut,
                usage=usage,
                seconds=seconds,
                error=error,
                source=source,
                key=asked.key,
                reply_key=asked.reply_key,
            )

        return ended

    def _model(self, name: str | None) -> Model:
        if name is None:
            return self._sub
        if not isinstance(name, str) or name not in self._models:
            known = ", ".join(sorted(self._models))
            given = f"{name[:60]!r}" if isinstance(name, str) else type(name).__name__
            raise SubCallError(
                f"no model is called {given} here; there are: {known}. A text to be read belongs"
                " into the prompt."
            )
        return self._models[name]


def _schema(form: Any = None) -> Schema | None:
    """The schema that a cell gave; it comes from code that a model wrote."""
    try:
        return None if form is None else Schema.of_json(form)
    except BadSchema as bad:
        raise SubCallError(f"the schema cannot be used: {bad}") from bad
