"""Which files are taken, by patterns: the same in folders and inside of archives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Patterns = Sequence[Sequence[object]]
"""Pairs, in their order: whether it says yes, and a regular expression to be matched from a path's
start. The last one that fits decides."""


class Chosen:
    """Takes what `take` says yes to, or anything where it is empty, but what `leave` says yes to
    or to a folder above it: as git has it, nothing in such a folder is taken back."""

    def __init__(self, take: Patterns, leave: Patterns) -> None:
        self._take, self._leave = _compiled(take), _compiled(leave)

    def takes(self, path: str) -> bool:
        """Whether a file of that path is taken."""
        if self._take and not _decided(self._take, path):
            return False
        return not any(_decided(self._leave, one) for one in _folders_and(path))

    def enters(self, path: str) -> bool:
        """Whether anything in a folder of that path may be taken, if it may in the one above."""
        return not _decided(self._leave, path + "/")


def _compiled(patterns: Patterns) -> list[tuple[bool, re.Pattern[str]]]:
    """The last one first."""
    return [(bool(yes), re.compile(str(text), re.S)) for yes, text in reversed(patterns)]


def _decided(patterns: list[tuple[bool, re.Pattern[str]]], path: str) -> bool:
    return next((yes for yes, pattern in patterns if pattern.match(path)), False)


def _folders_and(path: str) -> Iterator[str]:
    at = path.find("/") + 1
    while at:
        yield path[:at]
        at = path.find("/", at) + 1
    yield path
