"""What a scout knows of a value: the value itself, nothing, or that a reply decides it."""

from __future__ import annotations

import collections
import datetime
import decimal
import fractions
import re
import types
from typing import TYPE_CHECKING, Any

from ..documents import Document, Documents
from ..text.patterns import Match, Pattern

if TYPE_CHECKING:
    from ..channel import Begun


AHEAD = "unspool: looks at what the code is about to ask"
"""The name under which rewritten code finds the look ahead; no name that anybody writes."""


class _Unknown:
    """The one value of which nothing is known."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


class _Missing:
    """Stands where there is no value at all."""

    __slots__ = ()


UNKNOWN = _Unknown()
MISSING = _Missing()


class Late:
    """A value that will be known when these replies are there. It belongs to one turn."""

    __slots__ = ("on", "turn")

    def __init__(self, on: frozenset[Begun], turn: int) -> None:
        self.on, self.turn = on, turn


class Signal(Exception):
    """How a scout leaves the code that it follows."""


class Waits(Signal):
    """What the code does next depends on replies that are not there yet."""

    def __init__(self, on: frozenset[Begun]) -> None:
        super().__init__()
        self.on = on


class Lost(Signal):
    """What the code does next cannot be known; the rest of this turn is not walked."""


class Undecided(Lost):
    """How many items there are depends on what is not known."""

    def __init__(self, why: Any, node: Any, env: Any) -> None:
        super().__init__()
        self.why, self.node, self.env = why, node, env


class Stop(Signal):
    """Nothing more of this loop can be foretold."""


class Raised(Signal):
    """The code itself will raise `error` here."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


SCALARS: frozenset[Any] = frozenset(
    (
        str, bytes, int, float, complex, bool, type(None), type(Ellipsis), type(NotImplemented),
        range, slice, re.Pattern, re.Match, datetime.date, datetime.datetime, datetime.timedelta,
        datetime.time, decimal.Decimal, fractions.Fraction, Document, Documents, Pattern, Match,
    )
)  # fmt: skip
"""Exact types that never change, and whose methods run no code of the model's."""

TEXTS: frozenset[Any] = frozenset((str, bytes, Document))
RUNS: frozenset[Any] = TEXTS | {range, Documents}
"""Of the above, those that have items."""
DOCUMENTS: frozenset[Any] = frozenset((Document, Documents))
OF_DOCUMENTS = frozenset(("name", "text", "start", "end", "metadata", "names", "starts"))
"""Attributes of documents that are values."""

MAPPINGS: frozenset[Any] = frozenset(
    (dict, collections.defaultdict, collections.OrderedDict, collections.Counter)
)
SEQUENCES: frozenset[Any] = frozenset((list, tuple, set, frozenset, collections.deque))
VIEWS: frozenset[Any] = frozenset((type({}.keys()), type({}.values()), type({}.items())))
ITERATORS: frozenset[Any] = frozenset(
    (enumerate, zip, reversed, type(reversed([])), type(iter([])), type(iter(())),
     type(iter("")), type(iter(range(0))), type(iter({})), type(iter({}.items())),
     type(iter({}.values())), type(iter(set())), type(iter(b"")), type(re.finditer("", "")),
     type(reversed({})), type(iter("\xe9")))
)  # fmt: skip
"""What the scout itself makes of the above, and reads once, as the code will its own."""

FUNCTIONS: frozenset[Any] = frozenset(
    (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type)
)


def joined(parts: Any, turn: int) -> Any:
    """UNKNOWN or Late, whichever `parts` make of a whole; None: all of them are known."""
    on: frozenset[Begun] = frozenset()
    for part in parts:
        if part is UNKNOWN:
            return UNKNOWN
        if type(part) is Late:
            if part.turn != turn:
                return UNKNOWN
            on |= part.on
    return Late(on, turn) if on else None
