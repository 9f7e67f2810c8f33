"""How a run tells what happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from unspool.budget import Ledger
from unspool.events import Event


class Emit(Protocol):
    """Makes an event of this run and hands it on."""

    def __call__(self, kind: type[Event], /, **fields: Any) -> None: ...


def emitter(run_id: str, ledger: Ledger, listen: Callable[[Event], None]) -> Emit:
    """Fills in what every event of a run has in common."""

    def emit(kind: type[Event], /, **fields: Any) -> None:
        listen(kind(run_id=run_id, at_s=ledger.elapsed_s, **fields))

    return emit
