"""The recording of one tree of runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from unspool import events
from unspool.journal.codec import Codec
from unspool.journal.listing import check
from unspool.journal.lock import RunLock
from unspool.journal.store import keep_text
from unspool.journal.writer import Owner, Write, Writer
from unspool.types import Usage

Mark = tuple[type[events.Event], int]
"""Which event of a run it is."""


class Recording(Owner):
    """Takes the events of one tree as they happen. Lives on one event loop.

    Of a run that goes on from its record (`past`), what is in the record is not written again.
    """

    def __init__(
        self,
        writer: Writer,
        codec: Codec,
        lock: RunLock,
        run_id: str,
        number: int = 0,
        past: Iterable[events.Event] = (),
        places: int = 0,
    ) -> None:
        super().__init__()
        self._writer, self._codec, self._lock = writer, codec, lock
        self._run_id = run_id
        self.number = number
        """Of its row in the list; known once that is written."""
        self._places = places
        self._known: dict[str, dict[Mark, int]] = defaultdict(dict)
        self._held: dict[str, list[events.Event]] = defaultdict(list)
        self._paid, self._turns = Usage(), 0
        self._beside: asyncio.Future[None] | None = None
        self._recall(past)

    def listen(self, event: events.Event) -> None:
        """Has `event` written, unless it is in the record."""
        if isinstance(event, events.TurnStarted):
            self._held[event.run_id] = []
        if isinstance(event, events.Differed):
            self._differed(event)
        elif _mark(event) in self._known[event.run_id] or _is_told_again(event):
            if not isinstance(event, (events.CallStarted, events.CallEnded)):
                self._held[event.run_id].append(event)
        elif not isinstance(event, events.ReplyGrew):
            self._paid += _paid(event)
            self._record(event)
            if event.run_id == self._run_id:
                self._sum_up(event)

    def resumed(self, recorded: Usage, at_s: float) -> None:
        """Tells that the run goes on."""
        self._record(events.Resumed(run_id=self._run_id, at_s=at_s, recorded=recorded))

    def copy(self, past: Iterable[events.Event]) -> None:
        """Has events written that happened before there was this run."""
        for event in past:
            self._record(event)

    async def kept(self) -> None:
        """Waits until all that was told so far is on the disk.

        Raises:
            JournalError: something of it cannot be written.
        """
        await self._writer.written(self)

    def write(self, write: Write) -> None:
        """Has something else written on behalf of the run."""
        self._writer.put(self, write)

    def beside(self, work: Callable[[], None]) -> None:
        """Does `work` on a thread while the run goes on."""
        self._beside = asyncio.ensure_future(asyncio.to_thread(work))

    async def aclose(self) -> None:
        """Waits until all is written that can be, and lets others have the run."""
        try:
            waited = [self._beside] if self._beside is not None else []
            await asyncio.gather(*waited, self.kept(), return_exceptions=True)
        finally:
            self._lock.release()

    def release(self) -> None:
        """Lets others have the run; for one that has not gone on."""
        self._lock.release()

    def _record(self, event: events.Event) -> None:
        self.write(partial(self._insert, event))

    def _insert(self, event: events.Event, connection: sqlite3.Connection) -> None:
        kind, inside = type(event).__name__, event.run_id.removeprefix(self._run_id)
        body = self._codec.encode(event, partial(keep_text, connection))
        self._places += 1
        row = (self.number, self._places, inside, kind, body)
        done = connection.execute(
            "INSERT INTO events (tree, place, run, kind, body, crc) VALUES (?, ?, ?, ?, ?, ?)",
            (*row, check(self._run_id, *row[1:])),
        )
        if isinstance(event, events.CallEnded) and event.source == "model" and not event.error:
            connection.execute(
                "INSERT OR REPLACE INTO replies (key, seq) VALUES (?, ?)",
                (event.reply_key, done.lastrowid),
            )

    def _sum_up(self, event: events.Event) -> None:
        """Keeps what the list of runs shows up to date."""
        if isinstance(event, (events.TurnEnded, events.RunEnded)):
            status = error = ""
            if isinstance(event, events.TurnEnded):
                self._turns = event.turn
            else:
                status, error = event.result.status, event.result.error
            self.write(partial(self._update, self._paid, self._turns, event.at_s, status, error))

    def _update(
        self,
        paid: Usage,
        turns: int,
        at_s: float,
        status: str,
        error: str,
        connection: sqlite3.Connection,
    ) -> None:
        connection.execute(
            "UPDATE runs SET status = ?, error = ?, turns = ?, calls = ?, tokens = ?,"
            " microusd = ?, unpriced = ?, seconds = ? WHERE number = ?",
            (
                status,
                error,
                turns,
                paid.calls,
                paid.tokens,
                paid.microusd,
                paid.unpriced_calls,
                at_s,
                self.number,
            ),
        )

    def _differed(self, event: events.Differed) -> None:
        """What the turn came to now takes the place of what it came to before."""
        known = self._known[event.run_id]
        self._known[event.run_id] = {m: turn for m, turn in known.items() if turn < event.turn}
        for one in (event, *self._held.pop(event.run_id, [])):
            self._record(one)

    def _recall(self, past: Iterable[events.Event]) -> None:
        """What a turn came to is known once the root has said something to it."""
        turns: dict[str, int] = defaultdict(int)
        open_: dict[str, list[Mark]] = defaultdict(list)
        for event in past:
            self._paid += _paid(event)
            known, turn = self._known[event.run_id], turns[event.run_id]
            match event:
                case events.TurnStarted():
                    turns[event.run_id] = event.turn
                    open_[event.run_id].append(_mark(event))
                case events.CellEnded() | events.TurnEnded():
                    open_[event.run_id].append(_mark(event))
                case events.Replied(last=False):
                    known.update(
                        dict.fromkeys(open_[event.run_id], turn - 1)
                        | {(events.TurnStarted, turn): turn}
                    )
                    open_[event.run_id].clear()
                case events.Differed():
                    self._known[event.run_id] = {m: t for m, t in known.items() if t < event.turn}
                case events.RunStarted() | events.CellStarted():
                    known[_mark(event)] = turn
                case _:
                    pass
            if isinstance(event, events.TurnEnded) and event.run_id == self._run_id:
                self._turns = event.turn


def _mark(event: events.Event) -> Mark:
    kind = type(event)
    match event:
        case events.RunStarted():
            return kind, 0
        case events.TurnStarted() | events.TurnEnded():
            return kind, event.turn
        case events.CellStarted():
            return kind, event.cell.number
        case events.CellEnded():
            return kind, event.observation.cell.number
        case _:
            return kind, -1


def _is_told_again(event: events.Event) -> bool:
    return getattr(event, "source", "") == "record"


def _paid(event: events.Event) -> Usage:
    if _is_told_again(event):
        return Usage()
    if isinstance(event, (events.Replied, events.ReplyCut)):
        return event.completion.usage
    usage: Any = getattr(event, "usage", None)
    return usage if isinstance(usage, Usage) else Usage()
