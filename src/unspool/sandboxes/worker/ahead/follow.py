"""The model's own functions: what a call of one gives, and what it may do."""

from __future__ import annotations

import ast
import types
from collections.abc import Mapping, Sequence
from typing import Any

from . import pure
from .attributes import Attributes
from .effects import Effects, Scans
from .env import Env, binds
from .heap import Heap
from .sources import Function, Sources
from .values import FUNCTIONS, MISSING, UNKNOWN, Lost, Raised, Stop

DEPTH = 12
"""Calls of the model's own functions inside of each other that are followed."""


class Made:
    """A function that the code makes while the scout follows it."""

    __slots__ = ("defaults", "env", "keywords", "tree")

    def __init__(
        self, tree: Function, env: Env, defaults: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        self.tree, self.env = tree, env
        self.defaults, self.keywords = defaults, keywords


class Functions(Attributes):
    """Expressions, and the functions of the cells with their trees."""

    def __init__(
        self, heap: Heap, scans: Scans, sources: Sources, models: Mapping[int, Any], module: Env
    ) -> None:
        super().__init__(heap, scans)
        self.sources, self.models, self.module = sources, models, module
        self.carriers: frozenset[str] | set[str] = frozenset()
        """Names of functions that may call a model."""
        self.rebound: frozenset[str] | set[str] = frozenset()
        """Names that the code ahead binds: what a closure holds of them is not followed."""
        self.depth = 0
        self._reading: set[int] = set()

    def body(self, tree: Function, env: Env) -> Any:
        """Runs a function's body; gives what it returns."""
        raise NotImplementedError

    def reaches(self, effects: Effects) -> bool:
        return not effects.words.isdisjoint(self.carriers)

    def may_end(self, effects: Effects) -> bool:
        if effects.may_end is None:
            effects.may_end = False  # for a function that calls itself
            effects.may_end = any(
                inner.raises or inner.ends or self.may_end(inner)
                for name in effects.called
                for inner in map(self._effects_of, self.sources.named(name))
            )
        return effects.may_end

    def _effects_of(self, tree: Function) -> Effects:
        return self.scans.of((tree.body,) if isinstance(tree, ast.Lambda) else tree.body)

    def havoc(self, effects: Effects, env: Env, why: Any) -> None:
        if effects.odd or not effects.called.isdisjoint(pure.REACHING):
            raise Stop
        self.doubt = True
        for name in effects.loads:
            self.heap.store(env.get(name))
        for node, deep in effects.changes:
            self._may_change(node, effects, env, deep=deep, why=why)
        for name in effects.called:
            self._may_call(name, env)
        binds(self.module, effects.globals, UNKNOWN)
        binds(env, effects.names, why)

    def _may_change(
        self, node: ast.expr, effects: Effects, env: Env, *, deep: bool, why: Any
    ) -> None:
        for part in ast.walk(node):
            if not isinstance(part, ast.Name):
                continue
            value = env.get(part.id)
            if part.id in effects.names or value is MISSING:
                self.heap.mark_stored()
            if value is MISSING or type(value) in FUNCTIONS:
                continue
            if part is node and not deep:
                self.heap.mark(value, why)
            else:
                self.heap.mark_deep(value, why=why)

    def _may_call(self, name: str, env: Env) -> None:
        trees = list(self.sources.named(name))
        value = env.get(name)
        if type(value) is types.FunctionType and name not in pure.HARMLESS:
            tree = self.sources.of(value)
            trees += [tree] if tree is not None and tree not in trees else []
        for tree in trees:
            if id(tree) not in self._reading:
                self._reading.add(id(tree))
                try:
                    self.havoc(self._effects_of(tree), Env(self.module), UNKNOWN)
                finally:
                    self._reading.discard(id(tree))

    def _lambda(self, node: ast.Lambda, env: Env) -> Any:
        return self.made(node, env)

    def made(self, node: Function, env: Env) -> Made:
        """A function of the code's own, with its defaults as they are now."""
        defaults = [self.value(one, env) for one in node.args.defaults]
        pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        keywords = {name.arg: self.value(one, env) for name, one in pairs if one is not None}
        return Made(node, env, defaults, keywords)

    def follow(
        self, tree: Function, function: Any, args: list[Any], keywords: Mapping[Any, Any]
    ) -> Any:
        """Runs a function of the model's own."""
        if self.depth >= DEPTH or isinstance(tree, ast.AsyncFunctionDef):
            raise Stop
        env = self._scope_of(tree, function)
        self._bind(tree, env, function, args, keywords)
        self.depth += 1
        try:
            if isinstance(tree, ast.Lambda):
                return self.value(tree.body, env)
            return self.body(tree, env)
        except Lost:
            effects = self._effects_of(tree)
            if effects.raises or effects.ends or self.may_end(effects):
                raise
            self.partial |= self.reaches(effects)
            self.havoc(effects, env, UNKNOWN)
            return UNKNOWN
        finally:
            self.depth -= 1

    def _scope_of(self, tree: Function, function: Any) -> Env:
        effects = self._effects_of(tree)
        if effects.odd:
            raise Stop
        if type(function) is Made:
            env = Env(function.env)
        else:
            outer = self.module
            if function.__globals__ is not self.globals:
                raise Stop
            if function.__closure__:
                names = function.__code__.co_freevars
                outer = Env(self.module, self._closed_over(names, function.__closure__))
            env = Env(outer)
        env.elsewhere = frozenset(effects.globals)
        return env

    globals: Any = None
    """The namespace of the cells itself."""

    def _closed_over(self, names: Sequence[str], cells: Sequence[Any]) -> dict[str, Any]:
        held = {}
        for name, cell in zip(names, cells, strict=True):
            try:
                held[name] = UNKNOWN if name in self.rebound else cell.cell_contents
            except ValueError:  # it is empty
                held[name] = UNKNOWN
        return held

    def _bind(
        self,
        tree: Function,
        env: Env,
        function: Any,
        args: list[Any],
        keywords: Mapping[Any, Any],
    ) -> None:
        own = type(function) is Made
        defaults = function.defaults if own else function.__defaults__ or ()
        named = dict(function.keywords if own else function.__kwdefaults__ or {})
        asked, given = tree.args, dict(keywords)
        names = [one.arg for one in (*asked.posonlyargs, *asked.args)]
        bound = dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))
        bound.update(zip(names, args, strict=False))
        if asked.vararg is not None:
            bound[asked.vararg.arg] = tuple(args[len(names) :])
        elif len(args) > len(names):
            raise Raised(TypeError("too many arguments"))
        only = [one.arg for one in asked.kwonlyargs]
        bound.update(named)
        for name in [name for name in given if name in names or name in only]:
            bound[name] = given.pop(name)
        if asked.kwarg is not None:
            bound[asked.kwarg.arg] = self.heap.made(given)
        elif given:
            raise Raised(TypeError("an argument that is not asked for"))
        if any(name not in bound for name in (*names, *only)):
            raise Raised(TypeError("an argument is missing"))
        env.over.update(bound)

    def may_run(self, function: Any) -> None:
        """A function of the model's own that somebody else may call."""
        tree = function.tree if type(function) is Made else None
        if type(function) is types.FunctionType and id(function) not in self.models:
            tree = self.sources.of(function)
        if tree is None:
            raise Stop
        effects = self._effects_of(tree)
        self.partial |= self.reaches(effects)
        self.havoc(effects, Env(self.module), UNKNOWN)
