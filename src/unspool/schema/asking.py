"""Asking a model for values: one, with repairs, or one for each of many items."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from unspool.errors import ContextTooLong, UnspoolError
from unspool.schema.items import TEXT, one_prompt, packed_answers, packed_prompt, text_of
from unspool.schema.mending import Mostly, mostly_good
from unspool.schema.value import DoesNotFit, Schema
from unspool.types import Message

TRIES = 3
"""Replies that a value may cost before it is given up."""
SHORT_ITEM_CHARS = 300
MOST_PER_CALL = 100

Outcome = list[Any]
"""`[value]` of what was answered, `[None, why]` of what failed."""
Send = Callable[[tuple[Message, ...], Mapping[str, Any] | None], Awaitable[str]]
"""Gives the reply to messages, which with a JSON schema is to fit it."""


class Unanswered(UnspoolError):
    """A model was asked for a value and has not given one; its message is for the model."""


async def each(calls: Iterable[Awaitable[Any]]) -> list[Outcome]:
    """Awaits all at the same time; what befalls one does not touch the others."""

    async def one(call: Awaitable[Any]) -> Outcome:
        try:
            return [await call]
        except UnspoolError as failed:
            return [None, str(failed)]
        except Exception as broken:  # the others are kept, whatever befell this one
            return [None, f"{type(broken).__name__}: {broken}"[:500]]

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call)) for call in calls]
    return [task.result() for task in tasks]


async def value_of(send: Send, prompt: str, schema: Schema | None) -> Any:
    """The reply to a prompt: as text, or with a schema as a value that fits it. A reply that
    does not is sent back with the reason, up to `TRIES` replies; of a list most of whose items
    fit, only the others are asked for again.

    Raises:
        Unanswered: none of them fits.
        UnspoolError: a request failed.
    """
    if schema is None:
        return await send((Message("user", prompt),), None)
    asked = Message("user", f"{prompt}\n\n{schema.instruction}")
    messages: tuple[Message, ...] = (asked,)
    wire, listed = schema.wire, ""
    mostly: Mostly | None = None
    for number in range(1, TRIES + 1):
        reply = await send(messages, wire)
        mended = None if mostly is None else mostly.mended(reply, schema)
        try:
            if mended is not None and not mended.wrong:
                return schema.accept(list(mended.items))
            return schema.parse(reply)
        except DoesNotFit as wrong:
            why = str(wrong)
        anew = mostly_good(reply, schema)
        mostly = anew or mended
        if anew is not None or mended is None:
            listed = reply
        again = f"That does not fit (reply {number} of {TRIES}): {why}\n{schema.instruction}"
        wire = schema.wire
        if mostly is not None and mostly.wrong:
            again, wire = mostly.asked(schema)
        messages = (asked, Message("assistant", listed or "(empty)"), Message("user", again))
    raise Unanswered(f"no reply of {TRIES} fits the schema: {why}; the last: {reply[:200]!r}")


async def value_of_each(
    send: Send, items: Sequence[Any], question: str, schema: Schema | None, per_call: int
) -> list[Outcome]:
    """Asks `question` of each item: an outcome for each, in order.

    With `per_call` above 1, so many go into one request; an item whose answer is missing
    from the reply, is there twice, or does not fit, is then asked again by itself.
    """
    texts = [text_of(item) for item in items]
    groups = [texts[at : at + per_call] for at in range(0, len(texts), per_call)]
    asker = _Asker(send, question, schema)
    found = await asyncio.gather(*map(asker.group, groups))
    return [outcome for group in found for outcome in group]


def items_per_call(given: Any, usual: int, items: Sequence[Any]) -> int:
    """How many items to put into one request: as many as was said, else as `usual`, but of
    items that are not short one.

    Raises:
        Unanswered: what was given is no such number.
    """
    if given is None:
        short = usual == 1 or all(len(text_of(item)) <= SHORT_ITEM_CHARS for item in items)
        return usual if short else 1
    if not isinstance(given, int) or isinstance(given, bool) or not 1 <= given <= MOST_PER_CALL:
        raise Unanswered(f"per_call={given!r:.50}: give a whole number from 1 to {MOST_PER_CALL}")
    return given


class _Asker:
    def __init__(self, send: Send, question: str, schema: Schema | None) -> None:
        self._send, self._question, self._schema = send, question, schema

    async def group(self, items: Sequence[str]) -> list[Outcome]:
        if len(items) == 1:
            return await each([self._single(items[0])])
        schema = self._schema or TEXT
        [outcome] = await each([self._packed(items, schema)])
        if len(outcome) > 1:
            return [outcome] * len(items)
        sure = packed_answers(outcome[0], len(items), schema)
        missing = [i for i in range(len(items)) if i not in sure]
        again = await each(self._single(items[i]) for i in missing)
        late = dict(zip(missing, again, strict=True))
        return [[sure[i]] if i in sure else late[i] for i in range(len(items))]

    async def _single(self, item: str) -> Any:
        return await value_of(self._send, one_prompt(self._question, item), self._schema)

    async def _packed(self, items: Sequence[str], schema: Schema) -> str:
        prompt, wire = packed_prompt(self._question, items, schema)
        try:
            return await self._send((Message("user", prompt),), wire)
        except ContextTooLong:
            return ""  # each by itself may fit
