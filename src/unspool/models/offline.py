"""A model that is never asked."""

from __future__ import annotations

from unspool.errors import ModelRefused
from unspool.types import Completion, OnText, Request


class Offline:
    """Stands for a model where all that it said is on record."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """
        Raises:
            ModelRefused: always.
        """
        asked = request.messages[-1].content[:80] if request.messages else ""
        raise ModelRefused(
            f"the record has no reply of {self.name!r} to {asked!r}: it is a replay, in which no"
            " model is asked."
        )

    async def aclose(self) -> None:
        """There is nothing to close."""
