"""What to do, as values that can travel."""

from __future__ import annotations

from dataclasses import dataclass

from unspool.budget import Limits
from unspool.schema.value import Schema
from unspool.types import Mode


@dataclass(frozen=True, slots=True)
class Tool:
    """A function of the user's that cells may call; it runs in the host."""

    name: str
    signature: str
    """As Python has it, from `(` on; a default value that is no literal is `...`."""
    doc: str = ""
    """Its documentation."""

    @property
    def line(self) -> str:
        """What the model is told of it."""
        first = self.doc.strip().partition("\n")[0]
        return f"{self.name}{self.signature}: {first}" if first else f"{self.name}{self.signature}"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """One question, and within what bounds it is to be answered."""

    question: str
    run_id: str
    limits: Limits
    max_depth: int = 1
    """0: cells cannot call models; 1: they can; N: they can start runs N - 1 levels deep."""
    depth: int = 0
    """How many runs this one is inside of."""
    parent_id: str | None = None
    schema: Schema | None = None
    """What the answer has to look like; None leaves it to the model."""
    earlier: tuple[str, ...] = ()
    """What it is told of the questions before it, whose variables it finds; a line each."""
    first_cell: int = 1
    """The number of its first cell: a REPL that has run others before goes on counting."""
    key: str = ""
    """Of a child run: the same for the same question over the same context."""
    seed: int = 0
    """What is random in its REPL follows from this."""
    mode: Mode = "auto"


@dataclass(frozen=True, slots=True)
class ReplSpec:
    """What a REPL is opened with, and what its cells may take."""

    question: str = ""
    """Bound as `question`."""
    nearest: bool = False
    """A cell whose own search finds nothing is shown the nearest lines."""
    cell_seconds: float = 60.0
    """A cell's own time; waiting in the door does not count."""
    memory_bytes: int = 4 << 30
    """What the REPL may hold besides its context."""
    output_chars: int = 200_000
    """Kept of each of a cell's streams: half of it from the head, half from the tail."""
    tools: tuple[Tool, ...] = ()
    """Functions that cells find under their names. `door(name, [positional arguments, keyword
    arguments])` gives `[value]`, or of a tool that raised `[None, type, text, arguments]`."""
    children: bool = False
    """Cells may start child runs: a part of the context then travels as its place in it."""
    ahead: bool = True
    """Calls of loops are sent before the code reaches them, where it is certain to."""
    seed: int | None = None
    """What all that is random in the REPL follows from; None: it differs each time."""
