"""One loop that is about to run: the scout goes ahead of it, turn by turn."""

from __future__ import annotations

import ast
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from .apply import Unasked
from .effects import Scans
from .env import Env
from .evaluate import view_of
from .heap import Heap
from .pool import MOST_AHEAD, MOST_CHARS_AHEAD, Foretold, Pool
from .sources import Sources
from .values import (
    MAPPINGS,
    MISSING,
    RUNS,
    SEQUENCES,
    UNKNOWN,
    VIEWS,
    Lost,
    Raised,
    Stop,
    Waits,
)
from .walk import Outcome, Turn, Walk

FIRST_STEPS = 10_000
"""Work that may be done before a loop begins; where no call was found by then, none is sought."""
NEXT_STEPS = 1_000
"""Work at a time while the code waits for a reply."""
QUICK_STEPS = 2_000
"""A turn that takes more is walked while the code waits, and only then."""
MOST_WALKS = 40
ITEM = "an item of what is given"
FUNCTION = "the function it is given to"


@dataclass(slots=True, eq=False)
class Site:
    """A place in a cell before which there is a look ahead."""

    number: int
    kind: Literal["for", "while", "items", "block"]
    body: list[ast.stmt]
    """What is done in each turn."""
    lines: tuple[int, int]
    cell: str
    target: ast.expr | None = None
    iter: ast.expr | None = None
    test: ast.expr | None = None
    function: ast.expr | None = None
    """Of `map` and the like: it is looked up once."""
    consumer: str = ""
    """The name of the function that reads all items; empty: the language does."""
    globals: frozenset[str] = frozenset()
    """Names that are declared global around it."""
    barren: int = 0
    """Looks ahead in a row, of this cell, that found no call."""
    used: int = 0
    """Calls of this cell that were on their way when the code reached them."""
    watch: list[ast.AST] = field(default_factory=list)
    """All of it, for the names that it binds."""

    def note(self) -> str:
        """What the model is told of it."""
        cell = re.sub(r"\W+", " ", self.cell).strip()
        line = self.lines[0]
        where = f"from line {line} on" if self.kind == "block" else f"of the loop in line {line}"
        return f"{self.used:,} sub-calls {where} ({cell}) ran at the same time."


@dataclass(frozen=True, slots=True)
class Shared:
    """What all plans use."""

    pool: Pool
    sources: Sources
    scans: Scans
    models: Mapping[int, Any]
    offered: Mapping[int, Any]
    carriers: set[str]
    namespace: dict[str, Any]


class Plan:
    """The calls of one loop that is running, as far as they can be foretold."""

    def __init__(self, site: Site, frame: types.FrameType, given: Any, shared: Shared) -> None:
        self.site, self._shared = site, shared
        self._place = (id(frame), frame.f_code)
        self.ahead = self.chars_ahead = self.most_in_flight = 0
        self._began: list[Foretold] = []
        self._open, self._failed = True, False
        self._total_steps = self._index = 0
        self._module = Env(None, dict(frame.f_globals))
        self._names = self._module
        if frame.f_locals is not frame.f_globals:
            self._names = Env(self._module, dict(frame.f_locals))
            self._names.elsewhere = site.globals
        self._heap = Heap()
        self._walk = Walk(self._heap, shared.scans, shared.sources, shared.models, self._module)
        self._walk.offered, self._walk.carriers = shared.offered, shared.carriers
        self._walk.globals = shared.namespace
        self._walk.started = self._started
        bound = shared.scans.of(site.watch)
        self._walk.rebound = bound.names | bound.globals
        self._watched: list[Any] = []
        self._items: Iterator[Any] = iter(())
        self._prepare(given)

    def _prepare(self, given: Any) -> None:
        """Finds out over what the loop goes."""
        try:
            self._walk.begin(Turn(-1, None, None))
            if self._is_shadowed():
                raise Stop
            if self.site.kind in ("for", "items"):
                self._items = self._items_of(given)
            elif self.site.kind == "block":
                self._items = iter((None,))
            if self.site.function is not None:
                self._names.over[FUNCTION] = self._walk.value(self.site.function, self._names)
        except (Stop, Lost, Waits, Raised):
            self._fail()

    def _is_shadowed(self) -> bool:
        """True where the function that is to read all items is not Python's own."""
        name = self.site.consumer
        return any(
            one and (one in self._names.base or one in self._module.base) for one in name.split()
        )

    def _items_of(self, given: Any) -> Iterator[Any]:
        kind = type(given)
        plain = any(
            kind.__iter__ is base.__iter__
            for base in (list, tuple, str, dict)
            if issubclass(kind, base)
        )
        if kind in RUNS or kind in SEQUENCES or kind in MAPPINGS or kind in VIEWS or plain:
            self._watched = [given]
            if kind in VIEWS:
                self._watched += view_of(given)
            return iter(given)
        assert self.site.iter is not None
        effects = self._shared.scans.of((self.site.iter,))
        if not self._walk.rebound.isdisjoint(effects.loads):
            raise Stop
        self._heap.watched = {}
        known = self._walk.iterable(self._walk.value(self.site.iter, self._names))
        self._watched = list(self._heap.watched.values())
        self._heap.watched = None
        if self._walk.join(known) is not None:
            raise Stop
        return iter(known)

    @property
    def is_covering(self) -> bool:
        """True where no call was missed so far: loops inside need not be looked at again."""
        return not self._failed and not self._walk.partial

    @property
    def is_of_use(self) -> bool:
        """True where a call was found."""
        return bool(self._began)

    def is_running(self) -> bool:
        """True while the code is still in the loop."""
        frame: types.FrameType | None = sys._getframe(1)
        while frame is not None:
            if (id(frame), frame.f_code) == self._place:
                first, last = self.site.lines
                return first <= (frame.f_lineno or 0) <= last
            frame = frame.f_back
        return False

    def is_at(self, frame: types.FrameType) -> bool:
        """True where the loop is one of this frame."""
        return (id(frame), frame.f_code) == self._place

    def first(self) -> None:
        """Looks ahead before the loop begins."""
        self._safely(lambda: self._scout(FIRST_STEPS))
        if not self._began:
            self._fail()

    def _safely(self, work: Callable[[], None]) -> None:
        """Does `work`; whatever breaks the scout ends its plan, and not the code."""
        try:
            work()
        except Exception:
            self._fail()

    def go_on(self) -> bool:
        """Looks further ahead, while the code waits in this loop; False: there is no need."""
        if not self.has_room:
            return False
        self._safely(lambda: self._scout(NEXT_STEPS))
        return True

    def top_up(self) -> None:
        """Looks further ahead where few calls are left, if that takes no time to speak of."""
        if self.ahead < MOST_AHEAD // 2 and self.is_quick and self in self._shared.pool.plans:
            self.go_on()

    @property
    def is_quick(self) -> bool:
        """True where walking a turn takes no time to speak of."""
        return self._heap.steps < QUICK_STEPS

    @property
    def has_room(self) -> bool:
        """True while there may be more to foretell."""
        return self._open and self.ahead < MOST_AHEAD and self.chars_ahead < MOST_CHARS_AHEAD

    def missed(self) -> None:
        """The code has made a call that was not foretold."""
        if self.is_covering or not self.ahead:
            self._fail()

    def begun(self, call: Foretold) -> None:
        """A call was sent for this loop."""
        self.ahead += 1
        self.chars_ahead += call.chars
        self._began = (
            [one for one in self._began if one.frame is None]
            if (len(self._began) > 2 * MOST_AHEAD)
            else self._began
        )
        self._began.append(call)
        if self.most_in_flight < 2:
            self.most_in_flight = sum(1 for one in self._began if one.frame is None)

    def reached(self, call: Foretold) -> None:
        """The code has come to a call that was sent for this loop."""
        self.ahead -= 1
        self.chars_ahead -= call.chars
        self.site.used += self.most_in_flight > 1

    def _fail(self) -> None:
        self._open, self._failed = False, True

    def _scout(self, steps: int) -> None:
        end = self._total_steps + steps
        while self.has_room and self._total_steps < end:
            if self._heap.is_changed(self._watched):
                self._fail()
                return
            self._next()
            self._total_steps += self._heap.steps

    def _next(self) -> None:
        """Walks one more turn."""
        before = (dict(self._names.over), dict(self._module.over))
        turn = Turn(self._index, MISSING, before)
        self._walk.begin(turn)
        try:
            if self.site.kind == "while":
                going = self._walk.truth(self._walk.value(self.site.test, self._names))  # type: ignore[arg-type]
                if type(going) is not bool:
                    raise Stop
            else:
                turn.item = next(self._items, MISSING)
                going = turn.item is not MISSING
        except (Stop, Lost, Waits, Raised, RuntimeError):
            self._fail()
            return
        if not going:
            self._open = False
            return
        self._index += 1
        at = self._follow(turn, self._names)
        if at is not None:
            self._leave(at)
        self._names.forget_late()
        self._module.forget_late()
        self._await(turn)

    def _follow(self, turn: Turn, names: Env) -> int | None:
        """Walks a turn; gives the statement at which it had to be left, if any."""
        at, outcome = 0, cast("Outcome", None)
        env = Env(names, inner=True) if self.site.kind == "items" else names
        try:
            if self.site.target is not None:
                self._walk.assign(self.site.target, turn.item, env)
            while at < len(self.site.body) and outcome is None:
                outcome = self._walk.statement(self.site.body[at], env)
                at += 1
        except Waits as waits:
            turn.needs.append(waits.on)
            return at
        except Lost:
            return at
        except Raised:
            self._open = False
        except Stop:
            self._fail()
        self._ended(outcome)
        return None

    def _ended(self, outcome: Outcome) -> None:
        if outcome is not None and outcome != "continue":
            self._open = False

    def _leave(self, at: int) -> None:
        """The rest of a turn is not known: what it may do counts as done, or ends the plan."""
        effects = self._shared.scans.of(self.site.body[at:])
        try:
            if effects.leaves or self._walk.may_end(effects):
                raise Stop
            self._walk.partial |= self._walk.reaches(effects) and not self._walk.turn.needs
            self._walk.havoc(effects, self._names, UNKNOWN)
        except Stop:
            self._fail()

    def _await(self, turn: Turn) -> None:
        for call in {call for need in turn.needs for call in need}:
            if call.frame is None:
                call.waiting.append(lambda: self._safely(lambda: self._resume(turn)))

    def _resume(self, turn: Turn) -> None:
        """Walks a turn again, now that a reply is there."""
        ready = any(all(call.frame is not None for call in need) for need in turn.needs)
        if not ready or turn.walks > MOST_WALKS or self not in self._shared.pool.plans:
            return
        names_over, module_over = turn.before
        module = self._module.begun_again(None, module_over)
        names = module
        if self._names is not self._module:
            names = self._names.begun_again(module, names_over)
        self._walk.module = module
        self._walk.begin(turn)
        try:
            self._follow(turn, names)
        finally:
            self._walk.module = self._module
        self._await(turn)

    def _started(self, turn: Turn, begun: list[Any], call: Callable[[], Any]) -> Any:
        """Makes a call of a model for a turn, or gives what came of it."""
        used = 0
        pool = self._shared.pool

        def door(name: str, args: list[Any]) -> Any:
            nonlocal used
            if used == len(begun):
                begun.append(pool.begin(name, args, self))
            one = begun[used]
            used += 1
            if one.frame is None:
                raise Unasked(one)
            return pool.channel.result(one.frame)

        found = pool.through(door, call)
        return self._heap.made(found) if type(found) in (list, dict) else found
