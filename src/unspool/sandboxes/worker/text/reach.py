"""What can be told of a regular expression before it is run: how far a match may look, and
what every match has in it.

It is read off the tree that `re` itself makes of a pattern. All of it errs on the safe side.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")
_constants: Any = importlib.import_module("re._constants")

ASCII = frozenset(range(128))
MANY = 100_000
"""A repeat of more characters than this is taken as one without end, where it stops at all."""
UNROLLED = 16
LEAST_TAIL = 256
_ONE = frozenset((_constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY, _constants.IN))
_REPEATS = frozenset((_constants.MAX_REPEAT, _constants.MIN_REPEAT, _constants.POSSESSIVE_REPEAT))
_MORE_THAN_ASCII = "\x85\xa0\xe9\u2028\u4e2d\U0001f600"
"""Characters that stand for all others when a set is asked whether it has everything."""

Item = tuple[Any, Any]
Steps = list[Any]
"""What a match goes through in order: a number of characters, a `Stop`, or a tuple of
alternatives, each a list of the same."""


class Wild(Exception):
    """A part may run over any text without end."""


class Stop:
    """Characters at which an endless repeat comes to its end; all are ASCII."""

    def __init__(self, chars: Iterable[int]) -> None:
        escaped = b"".join(b"\\x%02x" % char for char in sorted(chars))
        self._regex = re.compile(b"[%s]" % escaped)

    def last(self, data: bytes, at: int) -> int:
        """The last place up to `at` where such a character is; -1 when there is none."""
        size = LEAST_TAIL
        while at >= 0:
            low = max(0, at + 1 - size)
            found = [one.start() for one in self._regex.finditer(data, low, at + 1)]
            if found:
                return found[-1]
            if low == 0:
                break
            size *= 8
        return -1


@dataclass
class Reach:
    """How far the matches of one pattern look.

    `steps` leads over the whole pattern; None where a part of it is wild.
    """

    steps: Steps | None = None
    _groups: dict[int, tuple[Steps, frozenset[int]]] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[Item], flags: int) -> Reach:
        """The reach of a pattern's tree."""
        made = cls()
        try:
            made.steps = made.walk(items, flags)
        except Wild:
            made.steps = None
        return made

    def walk(self, items: Iterable[Item], flags: int) -> Steps:
        """The steps through `items`.

        Raises:
            Wild: one of them has no bound.
        """
        steps: Steps = []
        for op, given in items:
            if op in _ONE:
                steps.append(1)
            elif op in _REPEATS:
                steps += self._repeat(given, flags)
            elif op is _constants.SUBPATTERN:
                steps += self._group(given, flags)
            elif op is _constants.GROUPREF:
                steps += self._known(given)[0]
            elif op in (_constants.BRANCH, _constants.GROUPREF_EXISTS):
                steps.append(tuple(self.walk(one, flags) for one in _branches(op, given)))
            else:
                steps += self.walk(_inside(op, given), flags)
        return steps

    def _known(self, number: int) -> tuple[Steps, frozenset[int]]:
        if number not in self._groups:
            raise Wild
        return self._groups[number]

    def _group(self, given: Any, flags: int) -> Steps:
        number, added, taken, inner = given
        flags = (flags | added) & ~taken
        steps = self.walk(inner, flags)
        if number is not None:
            self._groups[number] = steps, self._consumed(inner, flags)
        return steps

    def _repeat(self, given: Any, flags: int) -> Steps:
        _, most, inner = given
        steps = self.walk(inner, flags)
        if not steps:
            return []
        endless = most is _constants.MAXREPEAT or most > MANY
        if not endless and all(type(step) is int for step in steps):
            if sum(steps) * int(most) <= MANY:
                return [sum(steps) * int(most)]
        elif not endless and most * len(steps) <= UNROLLED:
            return steps * int(most)
        stops = ASCII - self._consumed(inner, flags)
        if stops:
            return [Stop(stops)]
        if not endless and all(type(step) is int for step in steps):
            return [sum(steps) * int(most)]
        raise Wild

    def _consumed(self, items: Iterable[Item], flags: int) -> frozenset[int]:
        """The ASCII characters that these may take in."""
        found: frozenset[int] = frozenset()
        for op, given in items:
            if op in _ONE:
                found |= members(op, given, flags)
            elif op in _REPEATS:
                found |= self._consumed(given[2], flags)
            elif op is _constants.SUBPATTERN:
                found |= self._consumed(given[3], (flags | given[1]) & ~given[2])
            elif op is _constants.GROUPREF:
                found |= self._known(given)[1]
            elif op in (_constants.BRANCH, _constants.GROUPREF_EXISTS):
                found = found.union(*(self._consumed(one, flags) for one in _branches(op, given)))
            else:
                found |= self._consumed(_inside(op, given), flags)
        return found


def _branches(op: Any, given: Any) -> list[Any]:
    return list(given[1]) if op is _constants.BRANCH else [one or () for one in given[1:]]


def _inside(op: Any, given: Any) -> Any:
    """What is tried at one place: nothing but that, of what looks back or at edges.

    Raises:
        Wild: nothing is known of such an item.
    """
    if op is _constants.ATOMIC_GROUP:
        return given
    if op in (_constants.ASSERT, _constants.ASSERT_NOT):
        return given[1] if given[0] > 0 else ()
    if op in (_constants.AT, getattr(_constants, "FAILURE", None)):
        return ()
    raise Wild


def last_start(steps: Steps, data: bytes) -> int:
    """The last place in `data` from where a match looks at nothing behind its end; -1: none."""
    return _back(steps, data, _back_chars(data, len(data), 2))


def _back(steps: Steps, data: bytes, at: int) -> int:
    chars = 0
    for step in reversed(steps):
        if type(step) is int:
            chars += step
            continue
        at, chars = _back_chars(data, at, chars), 0
        if at < 0:
            return -1
        if isinstance(step, Stop):
            at = step.last(data, at)
        else:
            at = min((_back(one, data, at) for one in step), default=at)
    return _back_chars(data, at, chars)


def _back_chars(data: bytes, at: int, chars: int) -> int:
    low = at - chars
    if low >= 0 and chars and not data[low:at].isascii():
        low = at - 4 * chars
        while low > 0 and data[low] & 0xC0 == 0x80:
            low -= 1
    return low if low > 0 else -1


def single(op: Any, given: Any, flags: int) -> re.Pattern[str]:
    """A pattern of one item that takes one character."""
    state = _parser.State()
    state.str, state.flags = "", flags & ~re.DEBUG
    made: re.Pattern[str] = _compiler.compile(_parser.SubPattern(state, [(op, given)]), state.flags)
    return made


def members(op: Any, given: Any, flags: int) -> frozenset[int]:
    """The ASCII characters that an item of one character matches."""
    one = single(op, given, flags)
    return frozenset(char for char in ASCII if one.fullmatch(chr(char)))


def takes_all(op: Any, given: Any, flags: int) -> bool:
    """Whether an item of one character matches every character."""
    one = single(op, given, flags)
    return len(members(op, given, flags)) == len(ASCII) and all(
        one.fullmatch(char) for char in _MORE_THAN_ASCII
    )


def parsed(pattern: str, flags: int) -> Any:
    """The tree of a pattern, as `re` has it."""
    return _parser.parse(pattern, flags & ~re.DEBUG)


def literal(items: Iterable[Item], flags: int) -> str:
    """The longest text that every match has in it, as far as that can be seen."""
    runs = [""]
    _literals(items, flags, runs)
    return max(runs, key=len)


def _literals(items: Iterable[Item], flags: int, runs: list[str]) -> None:
    for op, given in items:
        if op is _constants.LITERAL and _is_plain(given, flags):
            runs[-1] += chr(given)
        elif op is _constants.SUBPATTERN:
            _literals(given[3], (flags | given[1]) & ~given[2], runs)
        elif op is _constants.ATOMIC_GROUP:
            _literals(given, flags, runs)
        elif op in _REPEATS and given[0] > 0:
            runs.append("")
            _literals(given[2], flags, runs)
            runs.append("")
        elif op is not _constants.AT:
            runs.append("")


def _is_plain(char: int, flags: int) -> bool:
    """Whether a literal is found as its own bytes: no other case, nothing that stands for
    what is broken."""
    if 0xD800 <= char < 0xE000 or char == 0xFFFD:
        return False
    return not flags & re.IGNORECASE or (char < 128 and not chr(char).isalpha())


@dataclass(frozen=True)
class WildParts:
    """A pattern with parts that may run over any text without end."""

    head: Any
    """The tree of what is before the first such part."""
    firm: Any
    """The pattern, but what is before a wild part is matched in its first way or not at all;
    None where a wild part is not lazy, or not at the top of the pattern."""
    steps: list[Steps]
    """Through each of the parts between the wild ones, as far as they are known."""


def wild_parts(tree: Any, flags: int) -> WildParts:
    """Takes such a pattern apart."""
    items, wild, reach = list(tree), [], Reach()
    between: list[Steps] = [[]]
    for number, (op, given) in enumerate(items):
        if _is_lazy(op, given, flags):
            wild.append(number)
            between.append([])
            continue
        try:
            between[-1] += reach.walk([(op, given)], flags)
        except Wild:
            first = wild[0] if wild else number
            return WildParts(_parser.SubPattern(tree.state, items[:first]), None, between[:1])
    head = _parser.SubPattern(tree.state, items[: wild[0]])
    return WildParts(head, _firm(tree.state, items, wild), between)


def looks_back(items: Iterable[Item]) -> int:
    """Characters before its start that a match may look at."""
    chars = 0
    for op, given in items:
        if op in (_constants.ASSERT, _constants.ASSERT_NOT):
            chars += given[1].getwidth()[1] if given[0] < 0 else looks_back(given[1])
        elif op in _REPEATS:
            chars += looks_back(given[2])
        elif op is _constants.SUBPATTERN:
            chars += looks_back(given[3])
        elif op is _constants.ATOMIC_GROUP:
            chars += looks_back(given)
        elif op is _constants.BRANCH:
            chars += sum(map(looks_back, given[1]))
        elif op is _constants.GROUPREF_EXISTS:
            chars += sum(looks_back(one or ()) for one in given[1:])
    return chars


def _firm(state: Any, items: Sequence[Item], wild: Sequence[int]) -> Any:
    """The same pattern; what is before a wild part is matched in its first way, or not at all."""
    made: list[Item] = []
    at = 0
    for number in wild:
        made += items[at:number]
        if made:
            made = [(_constants.ATOMIC_GROUP, _parser.SubPattern(state, made))]
        made.append(items[number])
        at = number + 1
    return _parser.SubPattern(state, made + list(items[at:]))


def _is_lazy(op: Any, given: Any, flags: int) -> bool:
    """Whether an item is a lazy repeat of any character, perhaps in a group of its own."""
    while op is _constants.SUBPATTERN:
        _, added, taken, inner = given
        flags = (flags | added) & ~taken
        if len(inner) != 1:
            return False
        ((op, given),) = inner
    if op is not _constants.MIN_REPEAT or given[1] is not _constants.MAXREPEAT:
        return False
    return (
        len(given[2]) == 1
        and given[2][0][0] in _ONE
        and takes_all(given[2][0][0], given[2][0][1], flags)
    )


def compiled(tree: Any, flags: int) -> re.Pattern[str]:
    """A tree, or a part of one, as a pattern."""
    made: re.Pattern[str] = _compiler.compile(tree, flags & ~re.DEBUG)
    return made
