"""What happens in a run, one frozen class each.

Progress, `Result`, and whatever is recorded are folds over these. `VERSION` changes when a
field changes its meaning; new fields alone do not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from unspool.types import (
    Cell,
    Completion,
    Limit,
    Message,
    Observation,
    Request,
    Result,
    Source,
    Usage,
    Way,
)

VERSION = 1
CANCELLED = "cancelled"
"""The error of a sub-call that was under way when its cell was ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Common to all of them."""

    run_id: str
    at_s: float
    """Seconds since the outermost run began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run begins. Of a child run, `parent_id` names the one whose cell asked for it; of a
    further run of the same question, which has the same depth, the first one."""

    question: str
    model: str
    sub_model: str
    context_kind: str
    context_chars: int
    isolation: str
    pack: str
    """Its name, and the parts that are switched off."""
    depth: int = 0
    parent_id: str | None = None
    key: str = ""
    """Of a child run: the same for the same question over the same context."""
    seed: int = 0
    """What is random in its REPL follows from this."""
    pack_version: str = ""
    """The hash of the pack's texts and sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayTaken(Event):
    """A way to answer is tried."""

    way: Way
    why: str = ""
    """Why the one before it was left; empty for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted(Event):
    """The root model is about to be asked."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyGrew(Event):
    """A piece of the root's reply has arrived; sent only where the reply is streamed."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCut(Event):
    """The root model's output limit has cut its reply, and it is asked to go on: `Replied` has
    the whole, and the usage of the last part."""

    turn: int
    completion: Completion
    """This part."""
    last: bool = False
    source: Source = "model"
    request: Request | None = None
    """As of `Replied`; so is `kept`."""
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replied(Event):
    """The root model has answered."""

    turn: int
    completion: Completion
    last: bool = False
    """The one reply after a limit was reached."""
    source: Source = "model"
    request: Request | None = None
    """What was sent; its messages go behind the first `kept` of those that were sent before it
    in this run. None: it is told again from a record, or of a reply that was cut no more could
    be had."""
    kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanswered(Event):
    """The root model has not answered; `usage` has what may have been billed all the same."""

    turn: int
    usage: Usage
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryShortened(Event):
    """The history did not fit in the root model's window: from here on more of its older turns
    are summed up. What is summed up before it comes to that is not told of."""

    turn: int
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CellStarted(Event):
    """A cell is about to run."""

    turn: int
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEnded(Event):
    """A cell has run."""

    turn: int
    observation: Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """A cell asks a model."""

    call: int
    """Counted from 1 over the run."""
    model: str
    prompt: str
    """The last message; `before` has those that go before it."""
    before: tuple[Message, ...] = ()
    source: Source = "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """The model has answered, or `error` says why it has not."""

    call: int
    model: str
    prompt_chars: int
    reply: str
    usage: Usage
    seconds: float
    error: str = ""
    source: Source = "model"
    cut: bool = False
    """The reply was cut at the output limit."""
    key: str = ""
    """The same for the same messages and parameters."""
    reply_key: str = ""
    """The same if it is the same model, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Event):
    """A cell asks a model, and the call is not sent: a limit has been reached."""

    key: str
    error: str
    limit: Limit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolEnded(Event):
    """A cell has called a function of the user's."""

    name: str
    key: str
    """The same for the same arguments."""
    outcome: Any
    """What the cell got: `[value]`, or `[None, type, text, arguments]` of what was raised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEnded(Event):
    """The root model is shown `feedback`, or the run ends."""

    turn: int
    feedback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differed(Event):
    """A run that goes on from its record has come to something else in this turn: what was
    recorded from there on no longer counts, but as what was paid."""

    turn: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed(Event):
    """Another process goes on with the run, from its record."""

    recorded: Usage
    """What was paid until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """A run has ended."""

    result: Result


class Emit(Protocol):
    """Makes an event of one run and hands it on."""

    def __call__(self, kind: type[Event], /, **fields: Any) -> None: ...


def emitter(run_id: str, now_s: Callable[[], float], listen: Callable[[Event], None]) -> Emit:
    """Fills in what every event of a run has in common; `now_s` counts from the tree's start."""

    def emit(kind: type[Event], /, **fields: Any) -> None:
        listen(kind(run_id=run_id, at_s=now_s(), **fields))

    return emit
