"""Names as the scout sees them: what they were, and what the code has bound them to since."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping
from typing import Any

from .values import MISSING, UNKNOWN, Late


class Env:
    """One scope. What is bound later is kept apart, so that a turn can begin again."""

    __slots__ = ("base", "elsewhere", "inner", "over", "parent")

    def __init__(
        self,
        parent: Env | None = None,
        base: Mapping[str, Any] | None = None,
        *,
        inner: bool = False,
    ) -> None:
        self.base: Mapping[str, Any] = {} if base is None else base
        self.over: dict[str, Any] = {}
        self.parent = parent
        self.inner = inner
        """True for the scope of a comprehension: `:=` binds in the one around it."""
        self.elsewhere: frozenset[str] = frozenset()
        """Names that are declared `global` here."""

    def get(self, name: str) -> Any:
        """What `name` is, or MISSING."""
        env: Env | None = self.top if name in self.elsewhere else self
        while env is not None:
            if name in env.over:
                return env.over[name]
            if name in env.base:
                return env.base[name]
            env = env.parent
        return vars(builtins).get(name, MISSING)

    def set(self, name: str, value: Any) -> None:
        """Binds `name` in this scope, or where it was declared to be."""
        (self.top if name in self.elsewhere else self).over[name] = value

    def set_outside(self, name: str, value: Any) -> None:
        """Binds `name` as `:=` does."""
        env = self
        while env.inner and env.parent is not None:
            env = env.parent
        env.set(name, value)

    @property
    def top(self) -> Env:
        """The scope of the cells."""
        env = self
        while env.parent is not None:
            env = env.parent
        return env

    def begun_again(self, parent: Env | None, over: Mapping[str, Any]) -> Env:
        """This scope as it was when its later bindings were `over`."""
        env = Env(parent, self.base)
        env.over, env.elsewhere = dict(over), self.elsewhere
        return env

    def forget_late(self) -> None:
        """The next turn begins: it does not wait for this one's replies."""
        for name, value in self.over.items():
            if type(value) is Late:
                self.over[name] = UNKNOWN


def binds(env: Env, names: Iterable[str], why: Any) -> None:
    """It is not known what these names are."""
    for name in names:
        env.set_outside(name, why)
