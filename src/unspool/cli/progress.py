"""What is told on stderr while a run goes on."""

from __future__ import annotations

import sys
import time
from typing import Protocol, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from unspool import events
from unspool.cli.output import taken, visible
from unspool.events import Event
from unspool.names import is_opinion
from unspool.types import Observation, Result, Usage

SHOWN_LINES = 6
LINE_CHARS = 160


class Progress(Protocol):
    """Shows events; used as a context manager around the run."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def say(self, text: str) -> None:
        """One line besides the events."""
        ...

    def show(self, event: Event) -> None:
        """Takes note of an event, and shows what of it is worth showing."""
        ...


def progress_for(*, quiet: bool) -> Progress:
    """Nothing when quiet, a live line on a terminal, plain lines elsewhere."""
    if quiet:
        return Quiet()
    return Lively() if sys.stderr.isatty() else Lines()


class Quiet:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def say(self, text: str) -> None:
        pass

    def show(self, event: Event) -> None:
        pass


class Lines(Quiet):
    """Plain lines: each turn's code and what it showed, and the sums at the end."""

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def show(self, event: Event) -> None:
        for line in told(event):
            self.say(line)


class Lively(Quiet):
    """A line that is kept up to date under the turns so far."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._state = State()
        self._spinner = Spinner("dots")
        self._live = Live(get_renderable=self._line, console=self._console, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        self._console.print(Text(text, style="dim"))

    def show(self, event: Event) -> None:
        self._state.add(event)
        for line in told(event):
            self._console.print(Text(line, style="" if line[:1] == " " else "bold"))

    def _line(self) -> Spinner:
        self._spinner.update(text=Text(self._state.line(), no_wrap=True, overflow="ellipsis"))
        return self._spinner


class State:
    """What the live line says."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()
        self._turn = 0
        self._doing = "starting"
        self._in_flight = self._done = self._chars = 0
        self._usage = Usage()

    def add(self, event: Event) -> None:
        """Takes note of an event."""
        match event:
            case events.TurnStarted():
                self._turn, self._doing, self._chars = event.turn, "waiting for the model", 0
            case events.ReplyGrew():
                self._chars += len(event.text)
                self._doing = f"the model writes ({self._chars:,} characters)"
            case events.Replied() | events.ReplyCut():
                self._usage += event.completion.usage
            case events.CellStarted():
                self._doing = "running code"
            case events.CallStarted():
                self._in_flight += 1
            case events.CallEnded():
                self._in_flight -= 1
                self._done += 1
                self._usage += event.usage
            case _:
                pass

    def line(self) -> str:
        """The line."""
        parts = [f"turn {self._turn}", self._doing]
        if self._in_flight or self._done:
            parts.append(f"sub-calls: {self._in_flight} in flight, {self._done:,} done")
        parts += [spent(self._usage), f"{time.monotonic() - self._started_s:.0f} s"]
        return " · ".join(parts)


def told(event: Event) -> list[str]:
    """The lines that an event is worth; indented ones are what the model wrote or saw."""
    match event:
        case events.RunStarted(parent_id=None):
            size = f"{event.context_chars:,} characters"
            reads = f"{event.model} reads {size} ({event.context_kind}); {event.isolation}"
            return [f"run {event.run_id}", visible(reads)]
        case events.WayTaken() if "." not in event.run_id and (event.why or event.way != "rlm"):
            return [visible(taken(event))]
        case events.CellStarted() if "." not in event.run_id:
            return [f"turn {event.turn}, code:", *_some(event.cell.code)]
        case events.CellEnded() if "." not in event.run_id:
            return _seen(event.observation)
        case events.RunEnded() if "." not in event.run_id:
            return [summary(event.result)]
        case events.RunStarted(depth=0):
            return [f"run {event.run_id} of the same question begins"]
        case events.RunEnded() if is_opinion(event.run_id):
            return [f"run {event.run_id}: {summary(event.result)}"]
        case _:
            return []


def summary(result: Result) -> str:
    """How a run ended, and what it took."""
    end = "complete" if result.complete else f"ended early ({result.status})"
    turns = f"{len(result.turns)} turn{'s' if len(result.turns) != 1 else ''}"
    line = f"{end}: {turns}, {result.seconds:.1f} s, {spent(result.usage)}"
    return f"{line}\n{visible(result.error)}" if result.error else line


def spent(usage: Usage) -> str:
    """Tokens and cost."""
    tokens = f"{usage.tokens:,} tokens"
    if usage.usd is None or not usage.microusd:
        return tokens
    return f"{tokens}, ${usage.usd:.4f}{' or more' if usage.unpriced_calls else ''}"


def _seen(one: Observation) -> list[str]:
    shown = one.error.splitlines()[-1] if one.error else one.text
    if shown.strip():
        return ["  showed:", *_some(shown)]
    return []


def _some(text: str) -> list[str]:
    lines = [visible(line) for line in text.strip().splitlines() if line.strip()]
    some = [f"    {line[:LINE_CHARS]}" for line in lines[:SHOWN_LINES]]
    left = len(lines) - len(some)
    return [*some, f"    ... {left:,} more lines"] if left > 0 else some
