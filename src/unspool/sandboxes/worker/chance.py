"""Everything random in a REPL: from the machine, or the same again from the same seed.

Python's `random` gives its generator a new seed in each process that is forked; here the
generator of the module is one that goes on where it was, as a copy of a REPL must.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import itertools
import os
import random
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

_REAL = os.urandom
SEED_BYTES = 32
NODE_BITS = 48
MULTICAST = 1 << 40
"""Set in a node's number that is no network card's."""


class Chance:
    """The source of all random bytes. Any thread may draw."""

    def __init__(self) -> None:
        self._key: bytes | None = None
        self._drawn = itertools.count()
        self._keeps = False

    def urandom(self, size: int, /) -> bytes:
        """`size` random bytes, in the place of `os.urandom`."""
        if self._key is None:
            return _REAL(size)
        if size < 0:
            raise ValueError("negative argument not allowed")
        block = self._key + b"%d" % next(self._drawn)
        return hashlib.shake_256(block).digest(size)

    def getrandom(self, size: int, flags: int = 0) -> bytes:
        """The same, in the place of `os.getrandom`."""
        return self.urandom(size)

    def __reduce__(self) -> tuple[Any, ...]:
        """Its methods can be pickled: they are found where Python's own functions are."""
        return importlib.import_module, ("os",)

    def __deepcopy__(self, memo: Any) -> Chance:
        return self

    def install(self) -> list[Callable[..., Any]]:
        """Has everything in this process that draws from now on draw from here.

        Gives the functions that stand in the place of others.
        """
        os.urandom = random._urandom = self.urandom  # type: ignore[attr-defined]
        if hasattr(os, "getrandom"):
            os.getrandom = self.getrandom
        seed = random.Random.seed

        @functools.wraps(seed)
        def seeded(generator: Any, a: Any = None, version: int = 2) -> None:
            seed(generator, self._number() if a is None else a, version)

        random.Random.seed = seeded  # type: ignore[method-assign, assignment]
        os.register_at_fork(after_in_child=self._forked)
        return _with_generator(random.Random())

    def begin(self, seed: int | None) -> None:
        """A REPL begins: with a seed, all that is drawn follows from it alone."""
        self._key = None if seed is None else b"%d/" % seed
        if seed is None:
            return
        self._drawn = itertools.count()
        random.seed()
        # C's own generator of these has neither our clock nor our node.
        uuid._generate_time_safe = None  # type: ignore[attr-defined]
        uuid._last_timestamp = None  # type: ignore[attr-defined]
        uuid._node = self._number() % (1 << NODE_BITS) | MULTICAST  # type: ignore[attr-defined]
        numpy_random = sys.modules.get("numpy.random")
        if numpy_random is not None:
            words = self.urandom(SEED_BYTES)
            numpy_random.seed([*memoryview(words).cast("I")])
        tempfile = sys.modules.get("tempfile")
        if tempfile is not None:
            tempfile._name_sequence = None  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """What is forked within goes on as this very process."""
        self._keeps = True
        try:
            yield
        finally:
            self._keeps = False

    def renew(self) -> None:
        """This process goes on in the place of the one that it was forked from."""
        names: Any = getattr(sys.modules.get("tempfile"), "_name_sequence", None)
        if hasattr(names, "_rng_pid"):  # it would take a new generator in a new process
            names._rng_pid = os.getpid()

    def _forked(self) -> None:
        """Of a process that a cell forks, nothing random is its parent's."""
        if self._keeps:
            return
        if self._key is not None:
            self._key += b"%d/" % os.getpid()
        random.seed()

    def _number(self) -> int:
        return int.from_bytes(self.urandom(SEED_BYTES), "big")


def _with_generator(generator: random.Random) -> list[Callable[..., Any]]:
    """Puts another generator behind the functions of `random`; gives those functions."""
    before = getattr(random, "_inst", None)
    random._inst = generator
    replaced = []
    for name, value in list(vars(random).items()):
        if before is not None and getattr(value, "__self__", None) is before:
            replaced.append(getattr(generator, name))
            setattr(random, name, replaced[-1])
    return replaced
