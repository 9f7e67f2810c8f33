"""The fold from the events of a recorded run to its turns, with all that is inside of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from unspool import events
from unspool.names import is_opinion
from unspool.types import Cell, Observation, Result, Usage


@dataclass(slots=True)
class CallMade:
    """One request of a cell to a model."""

    started: events.CallStarted
    ended: events.CallEnded | None = None
    """None: it was under way when the record ends."""


@dataclass(slots=True)
class TurnMade:
    """One turn."""

    number: int
    replies: list[events.Replied] = field(default_factory=list)
    cuts: list[events.ReplyCut] = field(default_factory=list)
    """Parts of a reply that were cut and gone on with."""
    failures: list[events.Unanswered] = field(default_factory=list)
    cells: dict[int, Cell] = field(default_factory=dict)
    seen: dict[int, Observation] = field(default_factory=dict)
    calls: dict[int, CallMade] = field(default_factory=dict)
    tools: list[events.ToolEnded] = field(default_factory=list)
    children: list[RunMade] = field(default_factory=list)
    feedback: str = ""
    way: events.WayTaken | None = None
    """The way to answer that begins with it."""


@dataclass(slots=True)
class RunMade:
    """One run, and those inside of it."""

    id: str
    started: events.RunStarted | None = None
    turns: list[TurnMade] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Where it went on otherwise than was recorded."""
    resumed: list[Usage] = field(default_factory=list)
    """What was paid each time that another process went on with it."""
    opinions: list[RunMade] = field(default_factory=list)
    """Other runs of the same question."""
    result: Result | None = None
    way: events.WayTaken | None = None
    """Taken, and no turn of it begun."""

    @property
    def turn(self) -> TurnMade:
        """The turn that is under way."""
        if not self.turns:
            self.turns.append(TurnMade(1))
        return self.turns[-1]


def tree(past: Iterable[events.Event], run_id: str) -> RunMade:
    """The outermost run. What is missing of a damaged record is missing here too."""
    made = {run_id: RunMade(run_id)}
    for event in past:
        if event.run_id not in made:
            child = made[event.run_id] = RunMade(event.run_id)
            parent = made.get(event.run_id.rpartition(".")[0], made[run_id])
            others = parent.opinions if is_opinion(child.id) else parent.turn.children
            others.append(child)
        _add(made[event.run_id], event)
    return made[run_id]


def _add(run: RunMade, event: events.Event) -> None:
    match event:
        case events.RunStarted():
            run.started = event
        case events.TurnStarted():
            if any(one.number == event.turn and one.replies for one in run.turns):
                run.notes.append(f"the last reply, of turn {event.turn}, no longer counts")
            run.turns = [one for one in run.turns if one.number < event.turn]
            run.turns.append(TurnMade(event.turn, way=run.way))
            run.way = None
        case events.WayTaken():
            run.way = event
        case events.Differed():
            run.turns = [one for one in run.turns if one.number < event.turn]
            run.notes.append(f"turn {event.turn} came to something else: {event.why}")
        case events.Resumed():
            run.resumed.append(event.recorded)
        case events.RunEnded():
            run.result = event.result
        case _:
            if getattr(event, "turn", 0) > run.turn.number:  # the last reply after a limit
                run.turns.append(TurnMade(getattr(event, "turn", 0)))
            _add_to_turn(run.turn, event)


def _add_to_turn(turn: TurnMade, event: events.Event) -> None:
    match event:
        case events.Replied():
            turn.replies.append(event)
        case events.ReplyCut():
            turn.cuts.append(event)
        case events.Unanswered():
            turn.failures.append(event)
        case events.CellStarted():
            turn.cells[event.cell.number] = event.cell
        case events.CellEnded():
            turn.cells[event.observation.cell.number] = event.observation.cell
            turn.seen[event.observation.cell.number] = event.observation
        case events.CallStarted():
            turn.calls[event.call] = CallMade(event)
        case events.CallEnded() if event.call in turn.calls:
            turn.calls[event.call].ended = event
        case events.ToolEnded():
            turn.tools.append(event)
        case events.TurnEnded():
            turn.feedback = event.feedback
        case _:
            pass
