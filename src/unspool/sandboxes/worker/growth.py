"""A long text that an answer holds and that grows: the host is sent what it has not."""

from __future__ import annotations

from typing import Any

LONG_CHARS = 1 << 20


class Growth:
    """Remembers the last long text that was sent; it shares it with the REPL's variables."""

    def __init__(self) -> None:
        self._sent = ""

    def news(self, value: Any) -> tuple[Any, int]:
        """What is to be sent of a value, and behind how many characters of what was sent last
        it goes; 0: it is the whole."""
        if type(value) is not str or len(value) < LONG_CHARS:
            self._sent = ""
            return value, 0
        sent, self._sent = self._sent, value
        if sent and value.startswith(sent):
            return value[len(sent) :], len(sent)
        return value, 0

    def forget(self) -> None:
        """The host has not got it, or may have got something else."""
        self._sent = ""
