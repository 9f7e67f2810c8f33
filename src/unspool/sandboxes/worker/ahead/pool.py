"""Calls that were sent before the code reached them, and who waits for their replies."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import wire
from ..channel import Begun, Channel
from .values import Stop

if TYPE_CHECKING:
    from .plan import Plan

MOST_AHEAD = 1_000
"""Calls of one loop that are sent and not yet reached by the code."""
MOST_CHARS_AHEAD = 32 << 20
MOST_KEPT = 2_000
"""Calls that no cell has used yet, kept for a later one."""
PATIENCE_S = 0.02
"""A reply that takes longer leaves time for work that takes long itself."""
MOST_CHARS_KEPT = 32 << 20


class Foretold(Begun):
    """A call that the code is going to make."""

    __slots__ = ("chars", "key", "plans", "waiting")

    def __init__(self, key: Any, chars: int) -> None:
        super().__init__()
        self.key, self.chars = key, chars
        self.plans: list[Plan] = []
        self.waiting: list[Callable[[], None]] = []
        """What to do when its reply is there."""

    @property
    def failed(self) -> bool:
        """True when it came back with an error."""
        return self.frame is not None and "error" in self.frame


class Pool:
    """The road of every call from a cell to the host.

    A call that was foretold gets the reply that is on its way; any other is made now.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.plans: list[Plan] = []
        """The loops that run now, the innermost last."""
        self._calls: dict[Any, collections.deque[Foretold]] = {}
        self._door: Callable[[str, list[Any]], Any] | None = None
        self._main = threading.main_thread().ident

    def call(self, name: str, args: list[Any]) -> Any:
        """Has the host run `name`; see `Channel.call`. Any thread may."""
        if threading.get_ident() != self._main:
            return self.channel.call(name, args)
        if self._door is not None:
            return self._door(name, args)
        if not self._calls and not self.plans:
            return self.channel.call(name, args)
        with self.channel.guard:
            return self._call(name, args)

    def _call(self, name: str, args: list[Any]) -> Any:
        self.settle()
        self.drop_plans_of_the_past()
        call = self._take(key_of(name, args))
        if call is not None and call.failed and not self._is_expected(call):
            call = None
        if call is None:
            for plan in self.plans:
                plan.missed()
            try:
                return self.channel.call(name, args, self.settle)
            finally:
                self.settle()
        expected = self._is_expected(call)
        for plan in call.plans:
            plan.top_up()
        try:
            return self.channel.finish(call, self._advance)
        except Exception:
            if expected:
                raise
        finally:
            self.settle()
        return self.channel.call(name, args, self.settle)

    def _is_expected(self, call: Foretold) -> bool:
        """False for one that is left over from code that did not go on."""
        return any(plan in self.plans for plan in call.plans)

    def _take(self, key: Any) -> Foretold | None:
        calls = self._calls.get(key)
        if not calls:
            return None
        call = calls.popleft()
        if not calls:
            del self._calls[key]
        for plan in call.plans:
            plan.reached(call)
        return call

    def begin(self, name: str, args: list[Any], plan: Plan) -> Foretold:
        """Sends a call ahead of its time, or finds it among those that were sent.

        Raises:
            Stop: enough are on their way.
        """
        key = key_of(name, args)
        for call in self._calls.get(key, ()):
            if plan not in call.plans and not call.failed:
                break
        else:
            if plan.ahead >= 2 * MOST_AHEAD:
                raise Stop
            call = Foretold(key, sum(len(part) for part in key if type(part) is str))
            self.channel.begin(call, name, args)
            self._calls.setdefault(key, collections.deque()).append(call)
        call.plans.append(plan)
        plan.begun(call)
        return call

    def through(self, door: Callable[[str, list[Any]], Any], call: Callable[[], Any]) -> Any:
        """What `call` gives while each call to the host that it makes goes to `door`."""
        self._door = door
        try:
            return call()
        finally:
            self._door = None

    def settle(self) -> bool:
        """Does what was waiting for replies that are there now; False: there was nothing."""
        arrived = self.channel.arrived
        did = bool(arrived)
        while arrived:
            call = arrived.popleft()
            if isinstance(call, Foretold):
                waiting, call.waiting = call.waiting, []
                for resume in waiting:
                    resume()
        return did

    def _advance(self) -> bool:
        """A piece of work to do while waiting; False: there is none."""
        if self.settle() or any(plan.is_quick and plan.go_on() for plan in self.plans):
            return True
        slow = [plan for plan in self.plans if not plan.is_quick and plan.has_room]
        return bool(slow) and self.channel.rests(PATIENCE_S) and slow[0].go_on()

    def drop_plans_of_the_past(self) -> None:
        """Ends the plans of loops that have ended."""
        if self.plans:
            self.plans = [plan for plan in self.plans if plan.is_running()]

    def end_cell(self) -> None:
        """The cell is over: keeps what was not used for a later one, up to a bound."""
        self.plans = []
        self.channel.arrived.clear()
        count = chars = 0
        for key, calls in reversed(list(self._calls.items())):
            kept = collections.deque(call for call in calls if not call.failed)
            for call in kept:
                call.waiting, call.plans = [], []
            count += len(kept)
            chars += sum(call.chars for call in kept)
            if kept and count <= MOST_KEPT and chars <= MOST_CHARS_KEPT:
                self._calls[key] = kept
            else:
                del self._calls[key]

    def renew(self, channel: Channel) -> None:
        """This process goes on over another channel: replies to the old one will not come."""
        self.channel, self.plans = channel, []
        for key, calls in list(self._calls.items()):
            kept = collections.deque(call for call in calls if call.frame is not None)
            if kept:
                self._calls[key] = kept
            else:
                del self._calls[key]


def key_of(name: str, args: list[Any]) -> tuple[Any, ...]:
    """Equal for equal calls, types included."""
    if all(type(arg) is str or arg is None for arg in args):
        return (name, *args)
    return (name, wire.dumps(wire.encode(args)), "as data")
