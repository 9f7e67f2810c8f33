"""The fold from events to turns, usage and result."""

from __future__ import annotations

from unspool import events
from unspool.types import Observation, SubCall, Turn, Usage


class Trajectory:
    """Collects the turns of one run from its events; those of child runs only add usage.

    `usage` is what the run and all inside of it have spent so far, `paid` what of it is
    not told again from a record.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._turns: list[Turn] = []
        self._reply = ""
        self._started_s, self._open = 0.0, 0
        self._usage = self.usage = self.paid = Usage()
        self._observations: list[Observation] = []
        self._calls: list[SubCall] = []

    def add(self, event: events.Event) -> None:
        """Takes note of `event`."""
        if isinstance(event, (events.Replied, events.Unanswered, events.CallEnded)):
            spent = event.completion.usage if isinstance(event, events.Replied) else event.usage
            self._usage += spent
            self.usage += spent
            if getattr(event, "source", "") != "record":
                self.paid += spent
        if event.run_id != self._run_id:
            return
        match event:
            case events.TurnStarted():
                self._started_s, self._open = event.at_s, event.turn
                self._reply, self._usage = "", Usage()
                self._observations, self._calls = [], []
            case events.Replied():
                self._reply = event.completion.text
            case events.CellEnded():
                self._saw(event.observation)
            case events.CallEnded():
                self._calls.append(_sub_call(event))
            case events.TurnEnded():
                self._turns.append(self._turn(event.turn, event.feedback, event.at_s))
                self._open = 0
            case events.Differed():
                self._turns = [turn for turn in self._turns if turn.number < event.turn]
            case _:
                pass

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that have ended, in order."""
        return tuple(self._turns)

    def cut_short(self, at_s: float) -> None:
        """The run has ended: a turn that was under way, if any, counts as far as it came."""
        if self._open and (self._reply or self._calls):
            self._turns.append(self._turn(self._open, "", at_s))
            self._open = 0

    def _saw(self, seen: Observation) -> None:
        """A cell that is run again in a turn that was cut short counts as it is now."""
        number = seen.cell.number
        self._observations = [one for one in self._observations if one.cell.number < number]
        self._observations.append(seen)

    def _turn(self, number: int, feedback: str, at_s: float) -> Turn:
        return Turn(
            number=number,
            reply=self._reply,
            observations=tuple(self._observations),
            feedback=feedback,
            sub_calls=tuple(self._calls),
            usage=self._usage,
            seconds=at_s - self._started_s,
        )


def _sub_call(event: events.CallEnded) -> SubCall:
    return SubCall(
        prompt_chars=event.prompt_chars,
        reply_chars=len(event.reply),
        model=event.model,
        usage=event.usage,
        seconds=event.seconds,
        error=event.error,
        source=event.source,
    )
