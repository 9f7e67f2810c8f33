"""The one door from a cell to models and to child runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from unspool.budget import Ledger
from unspool.engine.emit import Emit
from unspool.engine.parts import ask
from unspool.errors import UnspoolError
from unspool.events import CallEnded, CallStarted
from unspool.ports import Model
from unspool.types import Message, Request, Usage

Child = Callable[[str, Any, Model | None], Awaitable[Any]]
"""Runs a child over a context, and gives its answer."""

CHILDREN = 32
"""Child runs of one run at the same time: each has a process of its own."""


class SubCallError(UnspoolError):
    """A call from a cell that cannot be made; its message is shown to the model."""


class SubCalls:
    """Answers the calls of one run's cells, any number at the same time.

    `child` is None where child runs may not be started: there `rlm_query` asks the
    sub-model, with the context in the prompt.
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
    ) -> None:
        self._sub, self._models = sub, models
        self._ledger, self._emit = ledger, emit
        self._allowed, self._child = allowed, child
        self._slots = asyncio.Semaphore(ledger.limits.parallel)
        self._children = asyncio.Semaphore(CHILDREN)
        self._count = 0

    async def __call__(self, name: str, args: Sequence[Any]) -> Any:
        """See `unspool.ports.CallDoor`."""
        if not self._allowed:
            raise SubCallError("this run may not call models: solve it with code (max_depth is 0)")
        match name, *args:
            case "llm_query", str(prompt), model:
                return await self._ask(prompt, model)
            case "llm_query_batched", list(prompts), model:
                return await _each(self._ask(str(prompt), model) for prompt in prompts)
            case "rlm_query", str(prompt), context, model:
                return await self._delegate(prompt, context, model)
            case "rlm_query_batched", list(prompts), list(contexts), model:
                pairs = zip(prompts, contexts, strict=True)
                return await _each(self._delegate(str(p), c, model) for p, c in pairs)
            case _:
                raise SubCallError(f"there is no function {name!r} with such arguments")

    async def _delegate(self, prompt: str, context: Any, model: str | None) -> Any:
        if self._child is not None:
            chosen = None if model is None else self._model(model)
            async with self._children:
                return await self._child(prompt, prompt if context is None else context, chosen)
        return await self._ask(prompt if context is None else f"{prompt}\n\n{context}", model)

    async def _ask(self, prompt: str, name: str | None) -> str:
        model = self._model(name)
        request = Request((Message("user", prompt),))
        async with self._slots:
            with self._ledger.call(len(prompt), request.max_tokens) as settle:
                self._count += 1
                number, started_s = self._count, time.monotonic()
                self._emit(CallStarted, call=number, model=model.name, prompt=prompt)
                reply, usage, error = "", Usage(), "cancelled"
                try:
                    completion = await ask(model, request)
                    reply, usage, error = completion.text, completion.usage, ""
                    settle(usage)
                except UnspoolError as failed:
                    error = str(failed)
                    raise
                finally:
                    self._emit(
                        CallEnded,
                        call=number,
                        model=model.name,
                        prompt_chars=len(prompt),
                        reply=reply,
                        usage=usage,
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


async def _each(calls: Any) -> list[list[Any]]:
    """`[value]` for each call that was answered, `[None, why]` for each that failed."""

    async def one(call: Awaitable[Any]) -> list[Any]:
        try:
            return [await call]
        except UnspoolError as failed:
            return [None, str(failed)]
        except Exception as broken:  # the others are kept, whatever befell this one
            return [None, f"{type(broken).__name__}: {broken}"[:500]]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call)) for call in calls]
    return [task.result() for task in tasks]
