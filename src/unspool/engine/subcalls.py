"""The one door from a cell to models and to child runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

from unspool.errors import UnspoolError
from unspool.events import CallEnded, CallStarted, Emit
from unspool.foreign import ask, price_of
from unspool.ledger import Ledger
from unspool.ports import Model
from unspool.schema.asking import each, items_per_call, value_of, value_of_each
from unspool.schema.faults import BadSchema
from unspool.schema.items import text_of
from unspool.schema.value import Schema
from unspool.types import Message, Request

Child = Callable[[str, Any, Model | None, Schema | None], Awaitable[Any]]
"""Runs a child over a context, and gives its answer."""


class SubCallError(UnspoolError):
    """A call from a cell that cannot be made; its message is shown to the model."""


class SubCalls:
    """Answers the calls of one run's cells, any number at the same time.

    `child` is None where child runs may not be started: there `rlm_query` asks the
    sub-model, with the context in the prompt. `per_call` says how many short items a model
    is asked about at once when a cell does not say.
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
    ) -> None:
        self._sub, self._models = sub, models
        self._ledger, self._emit = ledger, emit
        self._allowed, self._child, self._per_call = allowed, child, per_call
        self._slots = asyncio.Semaphore(ledger.limits.parallel)
        self._count = 0

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
                send = partial(self._send, chosen)
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
        return await value_of(partial(self._send, self._model(name)), prompt, schema)

    async def _send(
        self, model: Model, messages: tuple[Message, ...], wire: Mapping[str, Any] | None
    ) -> str:
        ledger = self._ledger
        request = Request(
            messages,
            schema=wire,
            tree_id=ledger.tree_id,
            hedge_s=ledger.limits.hedge_seconds,
        )
        prompt, chars = messages[-1].content, sum(len(one.content) for one in messages)
        call = ledger.call(request, partial(price_of, model))
        async with self._slots, call:
            self._count += 1
            number, started_s = self._count, time.monotonic()
            self._emit(CallStarted, call=number, model=model.name, prompt=prompt)
            reply, error = "", "cancelled"
            try:
                reply = (await call.pay(ask(model, call.request))).text
                error = ""
            except UnspoolError as failed:
                error = str(failed)
                raise
            finally:
                self._emit(
                    CallEnded,
                    call=number,
                    model=model.name,
                    prompt_chars=chars,
                    reply=reply,
                    usage=call.usage,
                    seconds=time.monotonic() - started_s,
                    error=error,
                )
        return reply

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
