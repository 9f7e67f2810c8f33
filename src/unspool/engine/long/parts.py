"""The reply of a root model, in as many parts as its output limit makes of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from unspool import events
from unspool.engine.long.continuing import MOST, MOST_BOUNDED, more_code, more_of_code, whole
from unspool.engine.parts import Parts
from unspool.errors import ModelRefused
from unspool.events import Emit
from unspool.record import RecordedReply
from unspool.types import Completion, OnText, Request, Source

Paid = Callable[[Request, OnText | None], Awaitable[tuple[Completion, Request]]]
"""Sends a request, whose reply may be shown as it grows; gives what came, and what was sent."""


class _Part(NamedTuple):
    """A part that nobody has been told of."""

    completion: Completion
    request: Request | None
    """None: it is from the record."""

    @property
    def source(self) -> Source:
        return "record" if self.request is None else "model"


class InParts:
    """One reply on its way. Each part is told of, and kept, before the next is asked for."""

    def __init__(
        self,
        parts: Parts,
        turn: int,
        *,
        last: bool,
        paid: Paid,
        emit: Emit,
        kept: Callable[[Request], int],
    ) -> None:
        self._parts, self._turn, self._paid, self._kept = parts, turn, paid, kept
        self._emit, self._tell = emit, partial(emit, turn=turn, last=last)
        self._cuts: deque[Completion] = deque()
        self._part: _Part | None = None
        self._grew: OnText | None = None
        self._shown = ""

    def again(self, known: RecordedReply, on_text: OnText | None) -> Completion | None:
        """The reply, if the record has all of it, told of as from there."""
        if known.whole is None:
            return None
        for cut in known.cuts:
            self._tell(events.ReplyCut, completion=cut, source="record")
        self._tell(events.Replied, completion=known.whole, source="record")
        if on_text is not None:
            on_text(known.whole.text)
        return known.whole

    async def whole(
        self, request: Request, known: RecordedReply, grew: OnText | None
    ) -> Completion:
        """The reply. `known` is what the record has of it. `grew` is given the first part as it
        comes, and what the others add at their end: where it begins is not known before.

        Raises: what asking the model does.
        """
        self._cuts.extend(known.cuts)
        self._grew = grew
        bounded = request.max_tokens is not None
        try:
            said = await whole(
                self._say,
                request,
                worth=more_of_code if bounded else more_code,
                most=MOST_BOUNDED if bounded else MOST,
                output_tokens=self._parts.profile_of(self._parts.root).output_tokens,
            )
        except ModelRefused as silent:
            if self._part is not None:
                usage = self._part.completion.usage
                self._emit(events.Unanswered, turn=self._turn, usage=usage, error=str(silent))
            raise
        if grew is not None and said.text.startswith(self._shown):
            grew(said.text[len(self._shown) :])
        await self._told(events.Replied, said)
        return said

    async def _say(self, request: Request, before: Completion | None) -> Completion:
        if before is not None:
            await self._told(events.ReplyCut, before)
        if self._cuts:
            self._part = _Part(self._cuts.popleft(), None)
            if self._grew is not None and not self._shown:
                self._grew(self._part.completion.text)
        else:
            self._part = _Part(*await self._paid(request, None if self._shown else self._grew))
        self._shown = self._shown or self._part.completion.text
        return self._part.completion

    async def _told(self, kind: type[events.Event], completion: Completion) -> None:
        """Tells of the part that is at hand; of the whole after a part that could not be had,
        there is none."""
        part, self._part = self._part, None
        sent = part and part.request
        if part is not None and sent is None:
            self._tell(kind, completion=completion, source=part.source)
            return
        kept = 0 if sent is None else self._kept(sent)
        new = sent and replace(sent, messages=sent.messages[kept:])
        self._tell(kind, completion=completion, request=new, kept=kept)
        await self._parts.memory.kept()
