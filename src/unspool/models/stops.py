"""Texts that end a reply, for servers that are not asked to end it there, or do not."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.types import OnText


def before(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first of `stops`."""
    ends = [end for end in (text.find(stop) for stop in stops if stop) if end >= 0]
    return text[: min(ends)] if ends else text


class Until:
    """Hands the pieces of a reply over up to the first of `stops`; what may be the beginning of
    one is held back until more has come, or `end` is called."""

    def __init__(self, on_text: OnText, stops: Sequence[str]) -> None:
        self._on_text, self._stops = on_text, [stop for stop in stops if stop]
        self._held, self._over = "", False

    def __call__(self, piece: str) -> None:
        """Takes the next piece."""
        if self._over:
            return
        text = self._held + piece
        whole = before(text, self._stops)
        self._over = len(whole) < len(text)
        at = len(whole) if self._over else len(text) - self._begun(text)
        self._held = text[at:]
        if at:
            self._on_text(text[:at])

    def end(self) -> None:
        """No more pieces come: what was held back is handed over."""
        if self._held and not self._over:
            self._on_text(self._held)
        self._over = True

    def _begun(self, text: str) -> int:
        """How many characters at the end may be the beginning of a stop text."""
        most = max(map(len, self._stops), default=1) - 1
        ends = (text[-length:] for length in range(min(most, len(text)), 0, -1))
        fitting = (end for end in ends if any(stop.startswith(end) for stop in self._stops))
        return len(next(fitting, ""))
