"""A quick look for places where a regular expression may match, by RE2 where it is installed.

The expression it looks for is one for bytes that matches wherever the given one does, and
perhaps elsewhere: what cannot be said in RE2 is left out of it. `re` then decides.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from typing import Any

from . import reach
from .reach import Item

MOST_TIMES = 50
"""A repeat of more is looked for as one without end: it would need a large automaton."""
_NOT_ASCII = r"[\x80-\xff]{1,4}"
_TWINS = frozenset("iskISK")
"""ASCII letters that are another case of letters which are not."""

Prefilter = Callable[[bytes, int], int]
"""The first place in the bytes from a place on where a match may begin; -1: none."""


def prefilter(tree: Any, flags: int) -> Prefilter | None:
    """A prefilter for the pattern of this tree; None where there can be none."""
    with contextlib.suppress(Exception):  # a package that is missing, or refuses the pattern
        import re2

        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1
        options.log_errors, options.never_capture = False, True
        search = re2.compile(_wider(tree, flags).encode("latin-1"), options).search

        def look(data: bytes, at: int) -> int:
            found = search(data, at)
            return -1 if found is None else found.start()

        return look
    return None


def _wider(items: Iterable[Item], flags: int) -> str:
    """RE2's expression for bytes that has all matches of `items` among its own."""
    c = reach._constants
    made = []
    for op, given in items:
        if op in reach._ONE:
            made.append(_one(op, given, flags))
        elif op in reach._REPEATS:
            made.append(_repeat(given, flags))
        elif op is c.SUBPATTERN:
            made.append(f"(?:{_wider(given[3], (flags | given[1]) & ~given[2])})")
        elif op is c.ATOMIC_GROUP:
            made.append(f"(?:{_wider(given, flags)})")
        elif op is c.BRANCH:
            made.append(f"(?:{'|'.join(_wider(one, flags) for one in given[1])})")
        elif op is c.GROUPREF_EXISTS:
            made.append(f"(?:{'|'.join(_wider(one or (), flags) for one in given[1:])})")
        elif op is c.GROUPREF:
            made.append(r"[\x00-\xff]*")
        elif op not in (c.AT, c.ASSERT, c.ASSERT_NOT):
            raise ValueError(f"nothing is known of {op}")
    return "".join(made)


def _repeat(given: Any, flags: int) -> str:
    least, most, inner = given
    one = f"(?:{_wider(inner, flags)})"
    if len(inner) == 1 and inner[0][0] in reach._ONE:
        chars, more = _members(inner[0][0], inner[0][1], flags)
        if more is None:  # of bytes there are at least as many as of characters
            one = _class(chars, r"\x80-\xff")
        if most is reach._constants.MAXREPEAT or most > MOST_TIMES:
            return f"{one}{{{min(least, MOST_TIMES)},}}"
        if more is None:
            one = f"(?:{_class(chars)}|{_NOT_ASCII})" if chars else _NOT_ASCII
            one = f"(?:{one})"
    if most is reach._constants.MAXREPEAT or most > MOST_TIMES:
        return f"{one}{{{min(least, 2)},}}"
    return f"{one}{{{least},{most}}}"


def _one(op: Any, given: Any, flags: int) -> str:
    chars, more = _members(op, given, flags)
    if more:
        return more
    if more is None:
        return f"(?:{_class(chars)}|{_NOT_ASCII})" if chars else f"(?:{_NOT_ASCII})"
    return _class(chars)


def _members(op: Any, given: Any, flags: int) -> tuple[frozenset[int], str | None]:
    """The ASCII characters that an item matches, and what else: nothing, one character as
    bytes, or whatever else there is (None)."""
    chars = reach.members(op, given, flags)
    folded = bool(flags & re.IGNORECASE)
    if op is reach._constants.LITERAL:
        if given < 128:
            return chars, None if folded and chr(given) in _TWINS else ""
        if folded or given == 0xFFFD or 0xD800 <= given < 0xE000:
            return chars, None
        return chars, "".join(f"\\x{byte:02x}" for byte in chr(given).encode())
    twins = folded and any(chr(char) in _TWINS for char in chars)
    return chars, None if twins or _goes_beyond(op, given) else ""


def _goes_beyond(op: Any, given: Any) -> bool:
    """Whether a set may have characters that are not ASCII."""
    c = reach._constants
    if op is not c.IN:
        return True
    for kind, value in given:
        if kind is c.LITERAL and value < 128:
            continue
        if kind is c.RANGE and value[1] < 128:
            continue
        return True
    return False


def _class(chars: Iterable[int], more: str = "") -> str:
    return "[" + "".join(rf"\x{char:02x}" for char in sorted(chars)) + more + "]"
