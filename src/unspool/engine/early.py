"""Statements that run while the reply that they stand in is still being written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Self

from unspool.engine.cells import Reply
from unspool.statements import Statements
from unspool.types import Cell, Clip, Completion, Observation, OnText

BROKEN = "The reply broke off; what was complete of it was run. Go on from there."
CHANGED = "Of the reply only the statements above were run."


class Early:
    """Runs the statements of one reply, in order, as soon as each is complete.

    `run` is None: nothing runs early, and replies pass as they are. Leaving the context
    without `rest` gives up what is still running.
    """

    def __init__(self, run: Callable[[str], Awaitable[Observation]] | None) -> None:
        self._run = run
        self._statements = Statements()
        self._due: list[str] = []
        self._seen: list[Observation] = []
        self._running: asyncio.Task[None] | None = None
        self._joins = False

    @property
    def grew(self) -> OnText | None:
        """Takes the reply, piece by piece; None when nobody wants it."""
        return None if self._run is None else self._grew

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def rest(self, reply: Reply, completion: Completion) -> Reply:
        """What is still to be run of a whole reply, once all that was begun has ended."""
        if self._running is not None:
            await self._running
        if completion.finish == "cut":
            return Reply(hint=BROKEN)
        if not self._seen:
            return reply
        if self._is_over or not reply.cells:
            return Reply()
        first, *others = reply.cells
        head = self._statements.taken.strip("\n")
        if not first.startswith(head):
            return Reply(hint=CHANGED)
        left = first[len(head) :].lstrip("\n")
        self._joins = bool(left.strip())
        return replace(reply, cells=(left, *others) if self._joins else tuple(others))

    def joined(self, seen: Sequence[Observation], hint: str) -> list[Observation]:
        """All observations of the reply: one block of code has one, in however many parts."""
        if not self._seen:
            return list(seen)
        own = [*self._seen, *(seen[:1] if self._joins else ())]
        return [_joined(own, (hint,) if hint else ()), *seen[self._joins :]]

    @property
    def _is_over(self) -> bool:
        last = self._seen[-1] if self._seen else None
        return last is not None and (bool(last.error) or last.finished)

    def _grew(self, text: str) -> None:
        self._due += self._statements.grew(text)
        if self._due and (self._running is None or self._running.done()):
            self._running = asyncio.get_running_loop().create_task(self._run_due())

    async def _run_due(self) -> None:
        assert self._run is not None
        while self._due and not self._is_over:
            # The value of an expression is shown of a block's last statement alone.
            self._seen.append(await self._run(f"{self._due.pop(0)}\nNone"))


def _joined(parts: Sequence[Observation], besides: tuple[str, ...]) -> Observation:
    """What came of one block that was run in several parts, with notes `besides`."""
    last = parts[-1]
    answers = [one.answer for one in parts if one.answer is not None]
    return replace(
        last,
        cell=Cell("\n".join(one.cell.code for one in parts), last.cell.number),
        stdout=_clips([one.stdout for one in parts]),
        stderr=_clips([one.stderr for one in parts]),
        notes=(*(note for one in parts for note in one.notes), *besides),
        names=next((one.names for one in reversed(parts) if one.names), ()),
        answer=answers[-1] if answers else None,
        seconds=sum(one.seconds for one in parts),
    )


def _clips(clips: Sequence[Clip]) -> Clip:
    return Clip("".join(one.text for one in clips), sum(one.cut_chars for one in clips))
