"""The fold from events to turns, usage and result."""

from __future__ import annotations

from dataclasses import dataclass, field

from unspool import events
from unspool.types import Limit, Observation, SubCall, Turn, Usage, Way

Paid = events.Replied | events.ReplyCut | events.Unanswered | events.CallEnded
"""What tells of requests that were paid for."""


@dataclass(slots=True)
class _Open:
    """A turn as far as it has come."""

    started_s: float
    reply: str = ""
    observations: list[Observation] = field(default_factory=list)
    calls: list[SubCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)

    def saw(self, seen: Observation) -> None:
        """A cell that is run again in a turn that was cut short counts as it is now."""
        kept = [one for one in self.observations if one.cell.number < seen.cell.number]
        self.observations = [*kept, seen]

    def ended(self, number: int, feedback: str, at_s: float) -> Turn:
        return Turn(
            number=number,
            reply=self.reply,
            observations=tuple(self.observations),
            feedback=feedback,
            sub_calls=tuple(self.calls),
            usage=self.usage,
            seconds=at_s - self.started_s,
        )


class Trajectory:
    """Collects the turns of one run from its events; those of child runs only add usage.

    `usage` is what the run and all inside of it have spent so far, `paid` what of it is
    not told again from a record. `refused` is the limit that has last kept one of the run's
    own cells from asking a model; None: none has.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._turns: dict[int, Turn] = {}
        self._open: dict[int, _Open] = {}
        self._now = 0
        self.usage = self.paid = Usage()
        self.refused: Limit | None = None
        self._ways: list[Way] = []

    def add(self, event: events.Event) -> None:
        """Takes note of `event`."""
        if isinstance(event, Paid):
            self._spend(event)
        if event.run_id != self._run_id:
            return
        match event:
            case events.WayTaken() | events.CallRefused():
                self._note(event)
            case events.TurnStarted():
                self._now = event.turn
                self._open.setdefault(event.turn, _Open(event.at_s))
            case events.Replied():
                self._turn(event.turn, event.at_s).reply = event.completion.text
            case events.CellEnded():
                self._turn(event.turn, event.at_s).saw(event.observation)
            case events.CallEnded():
                self._turn(self._now, event.at_s).calls.append(_sub_call(event))
            case events.TurnEnded():
                turn = self._turn(event.turn, event.at_s)
                self._turns[event.turn] = turn.ended(event.turn, event.feedback, event.at_s)
            case events.Differed():
                self._turns = {at: one for at, one in self._turns.items() if at <= event.turn}
                self._open = {at: one for at, one in self._open.items() if at <= event.turn}

    def _note(self, event: events.WayTaken | events.CallRefused) -> None:
        if isinstance(event, events.WayTaken):
            self._ways.append(event.way)
        else:
            self.refused = event.limit

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that have ended, in order."""
        return tuple(self._turns[number] for number in sorted(self._turns))

    @property
    def ways(self) -> tuple[Way, ...]:
        """How it was tried to answer, in order."""
        return tuple(dict.fromkeys(self._ways))

    def cut_short(self, at_s: float) -> None:
        """The run has ended: a turn that was under way, if any, counts as far as it came."""
        for number, turn in self._open.items():
            if number not in self._turns and (turn.reply or turn.calls):
                self._turns[number] = turn.ended(number, "", at_s)

    def _spend(self, event: Paid) -> None:
        if isinstance(event, (events.Replied, events.ReplyCut)):
            spent = event.completion.usage
        else:
            spent = event.usage
        self.usage += spent
        if getattr(event, "source", "") != "record":
            self.paid += spent
        self._turn(self._now, event.at_s).usage += spent

    def _turn(self, number: int, at_s: float) -> _Open:
        return self._open.setdefault(number, _Open(at_s))


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
