"""The clock as cells read it: what they read is taken down, and can be given to them again.

It stands in the place of Python's own functions, once in the interpreter that REPLs are
forked from. What was imported from `time` before that, by this package among others, reads
the machine's clock as ever, and nothing is taken down.
"""

from __future__ import annotations

import collections
import contextlib
import ctypes
import datetime
import gc
import importlib
import sys
import time
import types
from collections.abc import Callable, Iterable, Sequence
from time import struct_time
from typing import Any

MOST_READINGS = 1_000
"""Of a cell that are taken down: the first ones."""

WALL, MONOTONIC, PERFORMANCE, PROCESSOR = range(4)
"""The kinds of clocks. A reading is its nanoseconds times four, plus the kind: one that is
given again then never is taken for that of another clock, whatever the order of threads."""
_KIND_BITS = 2
_KIND = (1 << _KIND_BITS) - 1

_KEEP_TIME = "asyncio.base_events concurrent.futures._base"
"""Modules that look `time.monotonic` up while they wait: no cell asks for these readings."""

_time_ns, _monotonic_ns, _perf_counter_ns = time.time_ns, time.monotonic_ns, time.perf_counter_ns
_process_time_ns, _gmtime, _localtime = time.process_time_ns, time.gmtime, time.localtime
_ctime, _asctime, _strftime = time.ctime, time.asctime, time.strftime
_NAMES = frozenset(name for name in vars(time) if not name.startswith("_"))


class Clock:
    """Python's clocks. Any thread may read them."""

    def __init__(self) -> None:
        self._taken: list[int] = []
        self._given: Sequence[collections.deque[int]] | None = None
        self._ahead = [0] * (_KIND + 1)

    def begin(self, given: Iterable[int] | None) -> None:
        """A cell begins: it gets the readings `given` first, each from its own clock.

        When they are used up, that clock moves on from the last one. With None all readings
        are real, but for those clocks that never go back: they stay ahead by as much.
        """
        self._given = None
        if given is None:
            if self._ahead[WALL]:
                self._ahead[WALL] = 0
            return
        queues = tuple(collections.deque[int]() for _ in self._ahead)
        for reading in given:
            queues[reading & _KIND].append(reading >> _KIND_BITS)
        self._given = queues

    def end(self) -> list[int]:
        """The readings since the last end, as `begin` takes them; no more than a bound."""
        taken = self._taken
        if taken:
            self._taken = []
        return taken

    def _read(self, kind: int, now: int) -> int:
        if self._given is None:
            now += self._ahead[kind]
        else:
            now = self._again(kind, now)
        if len(self._taken) < MOST_READINGS:
            self._taken.append(now << _KIND_BITS | kind)
        return now

    def _again(self, kind: int, now: int) -> int:
        assert self._given is not None
        with contextlib.suppress(IndexError):  # used up, perhaps by another thread
            self._ahead[kind] = self._given[kind].popleft() - now
        return now + self._ahead[kind]

    # The names, arguments and results are those of `time`.

    def time(self) -> float:
        return self._read(WALL, _time_ns()) / 1e9

    def time_ns(self) -> int:
        return self._read(WALL, _time_ns())

    def monotonic(self) -> float:
        return self._read(MONOTONIC, _monotonic_ns()) / 1e9

    def monotonic_ns(self) -> int:
        return self._read(MONOTONIC, _monotonic_ns())

    def perf_counter(self) -> float:
        return self._read(PERFORMANCE, _perf_counter_ns()) / 1e9

    def perf_counter_ns(self) -> int:
        return self._read(PERFORMANCE, _perf_counter_ns())

    def process_time(self) -> float:
        return self._read(PROCESSOR, _process_time_ns()) / 1e9

    def process_time_ns(self) -> int:
        return self._read(PROCESSOR, _process_time_ns())

    def _seconds(self) -> int:
        return self._read(WALL, _time_ns()) // 1_000_000_000

    def gmtime(self, seconds: float | None = None, /) -> struct_time:
        return _gmtime(self._seconds() if seconds is None else seconds)

    def localtime(self, seconds: float | None = None, /) -> struct_time:
        return _localtime(self._seconds() if seconds is None else seconds)

    def ctime(self, seconds: float | None = None, /) -> str:
        return _ctime(self._seconds() if seconds is None else seconds)

    def asctime(self, *moment: Any) -> str:
        return _asctime(*(moment or (self.localtime(),)))

    def strftime(self, format: str, /, *moment: Any) -> str:
        return _strftime(format, *(moment or (self.localtime(),)))

    def __reduce__(self) -> tuple[Any, ...]:
        """Its methods can be pickled: they are found where Python's own functions are."""
        return importlib.import_module, ("time",)

    def __deepcopy__(self, memo: Any) -> Clock:
        return self

    def install(self) -> list[Callable[..., Any]]:
        """Has everything in this process that asks for the time from now on ask this clock.

        Gives the functions that stand in the place of others.
        """
        real = types.ModuleType("time")
        vars(real).update(vars(time))
        for name in _KEEP_TIME.split():
            module = sys.modules.get(name)
            if module is not None and getattr(module, "time", None) is time:
                module.time = real  # type: ignore[attr-defined]
        replaced = [getattr(self, name) for name in vars(Clock) if name in _NAMES]
        for method in replaced:  # methods, as functions of C, are not bound by other classes
            setattr(time, method.__name__, method)
        return [*replaced, *self._install_moments()]

    def _install_moments(self) -> list[Callable[..., Any]]:
        """`datetime.now` and `utcnow` of the type itself, so that it stays the type that it is.

        `today` looks `time.time` up.
        """
        kind = datetime.datetime
        of_seconds: Any = kind.__dict__["fromtimestamp"]

        # Microseconds, rounded down, pass through a float unharmed until the year 2106.
        def now(cls: Any, tz: Any = None) -> Any:
            return of_seconds.__get__(None, cls)(self._microseconds() / 1e6, tz)

        def utcnow(cls: Any) -> Any:
            moment = of_seconds.__get__(None, cls)(self._microseconds() / 1e6, datetime.UTC)
            return moment.replace(tzinfo=None)

        found = [now, utcnow]
        with contextlib.suppress(Exception):  # another Python: moments are not taken down
            (names,) = (one for one in gc.get_referents(kind.__dict__) if type(one) is dict)
            for one in found:
                one.__qualname__, one.__module__ = f"datetime.{one.__name__}", "datetime"
                names[one.__name__] = classmethod(one)
            ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
        return found

    def _microseconds(self) -> int:
        return self._read(WALL, _time_ns()) // 1_000
