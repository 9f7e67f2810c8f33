"""Asks the plain model: one request, no REPL."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from unspool.budget import LimitReached
from unspool.calibrate.kept import Kept, Row
from unspool.calibrate.purse import Purse
from unspool.errors import ContextTooLong, ModelError
from unspool.foreign import price_of
from unspool.ports import Model
from unspool.schema.asking import value_of_each
from unspool.tasks import Kind, Task, make
from unspool.tasks.messages import GENERATED
from unspool.tasks.scores import label
from unspool.types import Completion, Message, Request

CHARS_PER_TOKEN = 3
"""For the length of a text that is to have so many tokens; the true number is measured."""
LOCAL_REPLY_TOKENS = 200
"""A small model on this machine that does not stop would take minutes."""
ITEMS = 20
"""Messages labelled for each number of items in a request: the most in one is as many."""
ANSWER_ONLY = "Answer with nothing but the answer."


class Stopped(Exception):
    """No time or no money is left for this."""


@dataclass(frozen=True, slots=True)
class Plain:
    """The model, what may be spent on it, and where its answers go."""

    model: Model
    kept: Kept
    purse: Purse
    parallel: int = 8
    """Requests in flight at the same time."""

    async def question(self, kind: Kind, tokens: int, seed: int) -> None:
        """Asks a question of that kind over a text of about so many tokens, where that was not
        done before. A text that the model refuses as too long counts as not understood.

        Raises:
            Stopped: there is no time or money left for it.
            ModelError: the model does not answer.
        """
        key = f"length/{kind}/{tokens:07}/{seed:06}"
        if key in self.kept:
            return
        task = make(kind, seed, tokens * CHARS_PER_TOKEN)
        said: dict[str, object] = {}
        try:
            began_s = asyncio.get_running_loop().time()
            prompt = f"{task.context}\n\n{task.question}\n{ANSWER_ONLY}"
            reply = await self.ask([Message("user", prompt)])
            seconds = asyncio.get_running_loop().time() - began_s
            said = {"answer": reply.text, "score": task.score(reply.text), "seconds": seconds}
            said["input_tokens"] = reply.usage.input_tokens or tokens
        except ContextTooLong:
            said = {"answer": None, "score": 0.0, "refused": "too long"}
        self.kept.add(_row(key, "length", task, tokens=tokens, **said))

    async def items(self, seed: int, per_call: int) -> None:
        """Has so many short messages labelled in each request, as `ask_each` does, where that
        was not done before. Raises what `question` does."""
        key = f"items/{seed:06}/{per_call:03}"
        if key in self.kept:
            return
        task = make("label", seed, ITEMS * 200, domain=GENERATED[seed % len(GENERATED)].name)
        items, labels = task.items[:ITEMS], task.labels[:ITEMS]
        before, stopped, places = self.purse.spent, [], asyncio.Semaphore(self.parallel)

        async def send(messages: tuple[Message, ...], wire: Mapping[str, Any] | None) -> str:
            try:
                async with places:
                    return (await self.ask(messages, wire)).text
            except (Stopped, ModelError) as failed:
                stopped.append(failed)
                raise

        outcomes = await value_of_each(send, items, task.each, None, per_call)
        if stopped:
            raise stopped[0]
        told = [outcome[0] for outcome in outcomes]
        right = sum(label(said, labels) == own for said, own in zip(told, labels, strict=True))
        tokens = self.purse.spent.tokens - before.tokens
        said = {"per_call": per_call, "of": len(items), "right": right, "tokens": tokens}
        row = _row(key, "items", task, **said, answer=told, wanted=labels)
        self.kept.add(row)

    async def ask(
        self, messages: Sequence[Message], wire: Mapping[str, Any] | None = None
    ) -> Completion:
        """One request, with the JSON schema that its reply is to fit. Raises what `question`
        does, and `ContextTooLong`."""
        request = Request(tuple(messages), max_tokens=self._most, schema=wire)
        if self.purse.empty:
            raise Stopped
        try:
            async with (
                asyncio.timeout(self.purse.left_s),
                self.purse.ledger.call(request, partial(price_of, self.model)) as call,
            ):
                return await call.pay(self.model.complete(call.request))
        except (LimitReached, TimeoutError) as reached:
            raise Stopped from reached

    @property
    def _most(self) -> int | None:
        return LOCAL_REPLY_TOKENS if self.model.name.startswith("local/") else None


def _row(key: str, probe: str, task: Task, **said: object) -> Row:
    about = {"kind": task.kind, "seed": task.seed, "domain": task.domain, "shape": task.shape}
    wanted = {"expected": task.expected, "chars": len(task.context)}
    return {"key": key, "probe": probe, **about, **wanted, **said}
