"""What a REPL process needs of whatever starts it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

FLAGS = ("-s", "-P", "-S", "-B", "-X", "utf8")
"""Of a worker's interpreter. `-I` would do the same, and overlook `HASHES`."""
HASHES = {"PYTHONHASHSEED": "0"}
"""Of its environment: sets have the same order in every REPL, so that a run can be replayed."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a REPL's process ended."""

    status: int
    """The exit status, or minus the signal."""
    after: int | None
    """The cell whose state is kept by a process that can go on; None where there is none."""


class Starter(Protocol):
    """Starts workers, signals them and says when they end. All calls are on one event loop."""

    @property
    def keeps(self) -> bool:
        """Whether a worker may fork to keep its state, and be revived."""
        ...

    def fork(self, fds: Sequence[int], folder: Path, on_exit: Callable[[Exit], None]) -> int:
        """Starts a worker over `fds` (socket, output, context); gives its number.

        The descriptors are the caller's to close. `on_exit` is called when its process ends,
        and again when one that was revived does. One that cannot be started says why on its
        output, and closes the socket.

        Raises:
            SandboxError: none can be started.
        """
        ...

    def interrupt(self, number: int) -> None:
        """Raises KeyboardInterrupt in its cell."""
        ...

    def allow_fork(self, number: int) -> None:
        """Lets it fork once, to keep its state."""
        ...

    def kill(self, number: int) -> None:
        """Ends the process that runs its cells; what keeps its state stays."""
        ...

    def revive(self, number: int, link: int) -> None:
        """Has the process that keeps its state go on, over the socket `link`."""
        ...

    def end(self, number: int) -> None:
        """Ends it and all that it has started; `on_exit` is not called any more."""
        ...
