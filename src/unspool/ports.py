"""What unspool needs of its adapters, on one page. Adapters subclass nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from unspool.context.source import Context
from unspool.spec import ReplSpec
from unspool.types import Cell, Completion, Observation, OnText, Request, Usage

CallDoor = Callable[[str, Sequence[Any]], Awaitable[Any]]
"""How a cell reaches the host: `await door(name, args)` gives a JSON-like value, or raises
an `UnspoolError`, whose message the cell gets as an exception."""


class Model(Protocol):
    """Something that answers a chat."""

    @property
    def name(self) -> str:
        """What reports call it."""
        ...

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request`; with `on_text`, its pieces are handed over as they arrive.

        Cancelling the call gives up the request at once.

        Raises:
            ModelUnavailable: the same request may succeed later.
            ModelRefused: it never will.
        """
        ...

    async def aclose(self) -> None:
        """Gives back what the model holds (connections); it is not used afterwards."""
        ...


class Priced(Protocol):
    """What a model may have besides, so that a limit in dollars holds before a call is sent."""

    def price(self, usage: Usage) -> int | None:
        """What so many tokens cost, in microusd; None when that is not known."""
        ...


class Repl(Protocol):
    """One namespace that cells run in, one after the other."""

    async def run(self, cell: Cell) -> Observation:
        """Executes `cell`; never raises for what the cell did.

        A cell that has to be killed is reported in the observation, with what was lost.

        Raises:
            SandboxError: the REPL cannot go on at all.
        """
        ...

    async def aclose(self) -> None:
        """Ends the REPL and all that its cells started. May be called twice."""
        ...


class Loader(Protocol):
    """Reads one format. It runs in a confined process, with no network and no other file."""

    def __call__(self, file: BinaryIO, name: str) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
        """The documents in `file`, which stands at its beginning and can seek.

        Of each: the name within the file (empty where the file is one document), the text, and
        what else is known of it, as JSON has it. What it raises is why the file is not read.
        """
        ...


class Sandbox(Protocol):
    """Where REPLs live. One that binds the documents of a context as the one text that they
    make has `joins_documents = True` besides."""

    async def check(self) -> str:
        """What holds the model's code, in one line; soon known after the first time.

        Raises:
            SandboxError: the sandbox does not work here, or cannot hold what it promises.
        """
        ...

    async def open(self, context: Context, door: CallDoor, spec: ReplSpec) -> Repl:
        """A new REPL with `context` bound, whose calls of models and tools go to `door`.

        Raises:
            SandboxError: it cannot be started.
        """
        ...

    async def aclose(self) -> None:
        """Ends every REPL that is still open, and gives back what the sandbox holds."""
        ...
