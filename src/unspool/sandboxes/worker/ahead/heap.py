"""Which objects a scout may read: none that the code ahead changes, under whatever name."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from typing import Any

from .values import (
    FUNCTIONS,
    ITERATORS,
    MAPPINGS,
    MISSING,
    SCALARS,
    SEQUENCES,
    UNKNOWN,
    VIEWS,
    Late,
    Stop,
    joined,
)

MOST_REACHED = 50_000
"""Objects that are followed from one that changes; with more there is no looking ahead."""
MOST_KEPT = 20_000
DEEP = 30
STEP_ITEMS = 64
"""Items of a container whose types are looked at in one step."""


class _Change:
    """What the code does to one object: since which turn all of it, or some places of it."""

    __slots__ = ("places", "thing", "whole")

    def __init__(self, thing: Any) -> None:
        self.thing = thing
        self.whole: int | None = None
        self.places: dict[Any, int] = {}


class Heap:
    """Changes to the model's own objects, by turn, and what the scout made for itself.

    The scout never changes an object of the model's: it notes that the code will, and reads
    it no more. What it has made in this turn (`own`) it may change as the code does.
    """

    def __init__(self) -> None:
        self._changes: dict[int, _Change] = {}
        self._stored: dict[int, Any] = {}
        self._any_stored = False
        self.turn = 0
        self.own: dict[int, Any] = {}
        self.marks: dict[int, Any] = {}
        """Of own objects: UNKNOWN or Late, where it is not known what the code made of them."""
        self._put: dict[int, dict[Any, Any]] = {}
        """By object: what this turn has put where."""
        self.watched: dict[int, Any] | None = None
        """While it is not None: takes down every container that is read."""
        self.steps = 0
        self.changed = 0
        """How often an object of the model's was marked."""

    def begin(self, turn: int) -> None:
        """From here on it is this turn's walk, from its beginning."""
        self.turn, self.own, self.marks, self._put = turn, {}, {}, {}

    def made(self, thing: Any) -> Any:
        """`thing`, which the scout may change from now on in this turn."""
        self.own[id(thing)] = thing
        return thing

    def is_own(self, thing: Any) -> bool:
        """True for what this turn's walk has made."""
        return id(thing) in self.own

    def seen(self, thing: Any) -> Any:
        """`thing` where its content may be read; else UNKNOWN or Late."""
        kind = type(thing)
        if kind in SCALARS or thing is UNKNOWN:
            return thing
        if kind is Late:
            return thing if thing.turn == self.turn else UNKNOWN
        if id(thing) in self.own:
            return self.marks.get(id(thing), thing)
        if self.watched is not None and kind not in FUNCTIONS:
            self.watched[id(thing)] = thing
        change = self._changes.get(id(thing))
        if change is None:
            return thing
        if change.whole is not None and change.whole <= self.turn:
            return UNKNOWN
        return UNKNOWN if any(since <= self.turn for since in change.places.values()) else thing

    def found_at(self, thing: Any, place: Any) -> Any:
        """What this turn has put at that place; MISSING where it did not."""
        return self._put.get(id(thing), {}).get(place, MISSING)

    def seen_at(self, thing: Any, place: Any) -> Any:
        """`thing` where what it holds at `place` may be read; else UNKNOWN or Late."""
        change = self._changes.get(id(thing))
        if change is None or id(thing) in self.own:
            return self.seen(thing)
        if change.whole is not None and change.whole <= self.turn:
            return UNKNOWN
        since = change.places.get(place)
        return thing if since is None or since > self.turn else UNKNOWN

    def solid(self, thing: Any) -> Any:
        """`thing` where all of it, however deep, may be read; else UNKNOWN or Late."""
        if type(thing) in SCALARS:
            return thing
        return self._solid(thing, 0)

    def _solid(self, thing: Any, depth: int) -> Any:
        kind, seen = type(thing), self.seen(thing)
        if seen is not thing or kind is Late or thing is UNKNOWN or kind in SCALARS:
            return seen
        if depth > DEEP:
            return UNKNOWN
        if kind in MAPPINGS:
            parts: Iterable[Any] = (*thing.keys(), *thing.values())
        elif kind in SEQUENCES or kind in VIEWS:
            parts = thing
        else:
            return UNKNOWN
        kinds = set(map(type, parts))
        self.steps += len(thing) // STEP_ITEMS
        if kinds <= SCALARS:
            return thing
        self.steps += len(thing)
        rest = joined((self._solid(part, depth + 1) for part in parts), self.turn)
        return thing if rest is None else rest

    def mark(self, thing: Any, why: Any = UNKNOWN) -> None:
        """The code changes `thing` itself, not what it holds."""
        if type(thing) in SCALARS or type(thing) in FUNCTIONS:
            return
        self._put.pop(id(thing), None)
        if thing is UNKNOWN or type(thing) is Late:
            self.mark_stored()
        elif id(thing) in self.own:
            self.marks[id(thing)] = why
        else:
            change = self._change(thing)
            if change.whole is None or change.whole > self.turn:
                change.whole = self.turn
            self.changed += 1

    def put(self, thing: Any, place: Any, value: Any) -> None:
        """The code puts `value` at one place of `thing`."""
        self._put.setdefault(id(thing), {})[place] = value
        if id(thing) in self.own:
            self.marks[id(thing)] = UNKNOWN
            return
        places = self._change(thing).places
        places[place] = min(places.get(place, self.turn), self.turn)
        self.changed += 1

    def mark_deep(self, *things: Any, why: Any = UNKNOWN) -> None:
        """The code may change these and whatever can be reached from them."""
        todo, done = list(things), set()
        while todo:
            thing = todo.pop()
            kind = type(thing)
            if kind in SCALARS or kind in FUNCTIONS or id(thing) in done:
                continue
            if isinstance(thing, type):
                continue
            done.add(id(thing))
            self._put.pop(id(thing), None)
            if self._is_gone(thing):
                continue
            self.mark(thing, why)
            if thing is not UNKNOWN and kind is not Late:
                todo += _held(thing)
            if len(done) > MOST_REACHED:
                raise Stop
        self.steps += len(done)

    def store(self, *things: Any) -> None:
        """These may be reached from now on by ways that are not followed."""
        for thing in things:
            if type(thing) in SCALARS or type(thing) in FUNCTIONS:
                continue
            if thing is UNKNOWN or type(thing) is Late:
                continue
            if self._any_stored:
                self.mark_deep(thing)
            elif len(self._stored) >= MOST_KEPT:
                self.mark_stored()
                self.mark_deep(thing)
            else:
                self._stored[id(thing)] = thing

    def mark_stored(self) -> None:
        """The code changes something that the scout cannot tell from what was stored."""
        if not self._any_stored:
            self._any_stored = True
            stored, self._stored = self._stored, {}
            self.mark_deep(*stored.values())

    def is_changed(self, things: Iterable[Any]) -> bool:
        """True where the code changes one of `things` themselves."""
        return any(id(thing) in self._changes or id(thing) in self.marks for thing in things)

    def _is_gone(self, thing: Any) -> bool:
        change = self._changes.get(id(thing))
        return change is not None and change.whole is not None and change.whole <= self.turn

    def _change(self, thing: Any) -> _Change:
        change = self._changes.get(id(thing))
        if change is None:
            change = self._changes[id(thing)] = _Change(thing)
        return change


def _held(thing: Any) -> list[Any]:
    """What `thing` holds directly and could be changed through it."""
    kind = type(thing)
    if kind in MAPPINGS:
        parts = [*thing.keys(), *thing.values()]
    elif kind in SEQUENCES:
        parts = list(thing)
    elif kind in VIEWS or kind in ITERATORS:
        parts = gc.get_referents(thing)
    else:
        parts = gc.get_referents(thing)
    return [part for part in parts if type(part) not in SCALARS]
