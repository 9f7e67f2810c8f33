"""Holds a run to its record, as far as there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unspool import events
from unspool.errors import ReplayDiffers
from unspool.events import Emit
from unspool.ports import Repl
from unspool.record import Record
from unspool.types import Cell, Observation


class Again:
    """Runs cells of one run as they ran before, and compares what comes of them."""

    def __init__(self, run_id: str, record: Record, emit: Emit) -> None:
        self._run_id, self._record, self._emit = run_id, record, emit

    async def run(self, cell: Cell, repl: Repl) -> Observation:
        """What comes of a cell, whose clock shows what it showed before. One that was lost with
        all that it did is not run again: it might take as long until it is killed."""
        before = self._record.cell(self._run_id, cell.number)
        if before is None and self._record.closed:
            return Observation(cell, error="This cell was cut off when it was recorded.", lost=True)
        if before is None or before.cell.code != cell.code:
            return await repl.run(cell)
        if before.lost:
            return before
        return replace(await repl.run(replace(cell, clock=before.clock)), cell=cell)

    def seen(self, turn: int, now: Sequence[Observation]) -> Sequence[Observation]:
        """What counts as seen in a turn.

        Raises:
            ReplayDiffers: it is something else than was recorded, and that is to stop the run.
        """
        why = self._record.differs(self._run_id, turn, now)
        if not why:
            return now
        before = self._record.turn(self._run_id, turn)
        if self._record.on_difference == "record" and before is not None:
            return before.observations
        if self._record.on_difference == "anew":
            self._emit(events.Differed, turn=turn, why=why)
            self._record.forget(self._run_id, turn)
            return now
        raise ReplayDiffers(
            f"run {self._run_id}, turn {turn}: the cells were run again and came to something"
            f" else: {why}. Nothing was changed. Resume with on_difference='record' to go on as"
            " recorded, or with 'anew' to go on from what they came to now, which asks the root"
            " model again."
        )

    def feedback(self, turn: int) -> str | None:
        """What the root model was shown after a turn."""
        before = self._record.turn(self._run_id, turn)
        return None if before is None else before.feedback
