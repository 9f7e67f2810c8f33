"""Comprehensions, read item by item as the code will."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from .apply import Calls
from .env import Env
from .values import UNKNOWN, Undecided


class Comprehensions(Calls):
    """Expressions with comprehensions."""

    def assign(self, target: ast.expr, value: Any, env: Env) -> None:
        """`target = value`."""
        raise NotImplementedError

    def _rows(self, node: Any, at: int, env: Env, inner: Env) -> Iterator[None]:
        """Binds the names of a comprehension for each item, in order.

        Raises:
            Undecided: it is not known how many there are.
        """
        one, last = node.generators[at], at == len(node.generators) - 1
        known = UNKNOWN if one.is_async else self.iterable(self.value(one.iter, env))
        whole = self.join(known)
        if whole is not None:
            raise Undecided(whole, node, inner)
        for item in self.each(known):
            self.assign(one.target, item, inner)
            for test in one.ifs:
                truth = self.truth(self.value(test, inner))
                if type(truth) is not bool:
                    raise Undecided(truth, node, inner)
                if not truth:
                    break
            else:
                if last:
                    yield None
                else:
                    yield from self._rows(node, at + 1, inner, inner)

    def _comprehension(self, node: Any, env: Env, made: Any, done: Callable[[Env], None]) -> Any:
        inner = Env(env, inner=True)
        try:
            for _ in self._rows(node, 0, env, inner):
                done(inner)
        except Undecided as undecided:
            return self.maybe((node,), env, undecided.why)
        return self.heap.made(made)

    def _listcomp(self, node: ast.ListComp, env: Env) -> Any:
        made: list[Any] = []
        return self._comprehension(
            node, env, made, lambda inner: made.append(self.value(node.elt, inner))
        )

    def _generatorexp(self, node: ast.GeneratorExp, env: Env) -> Any:
        return self.heap.made(self._generated(node, env))

    def _generated(self, node: ast.GeneratorExp, env: Env) -> Iterator[Any]:
        inner = Env(env, inner=True)
        for _ in self._rows(node, 0, env, inner):
            yield self.value(node.elt, inner)

    def _setcomp(self, node: ast.SetComp, env: Env) -> Any:
        made: list[Any] = []
        found = self._comprehension(
            node, env, made, lambda inner: made.append(self.value(node.elt, inner))
        )
        whole = self.solid(found) if found is not made else self.solid(*made)
        return self.fresh(set, made) if whole is None else self.lost(whole, *made)

    def _dictcomp(self, node: ast.DictComp, env: Env) -> Any:
        made: list[tuple[Any, Any]] = []
        found = self._comprehension(
            node,
            env,
            made,
            lambda inner: made.append((self.value(node.key, inner), self.value(node.value, inner))),
        )
        whole = self.solid(*(key for key, _ in made)) if found is made else self.join(found)
        return self.fresh(dict, made) if whole is None else self.lost(whole, *made)
