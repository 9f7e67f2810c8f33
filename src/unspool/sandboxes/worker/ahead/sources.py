"""The syntax trees of functions that cells have defined."""

from __future__ import annotations

import ast
import linecache
import types
from collections.abc import Sequence
from typing import Any

from .effects import own_yield

Function = ast.FunctionDef | ast.Lambda | ast.AsyncFunctionDef


class Sources:
    """Finds the tree of a function object by the place of its code.

    `cells` are the names of those that are not read yet, whoever adds to them: they are read,
    from the line cache, when a function is wanted.
    """

    def __init__(self, cells: list[str]) -> None:
        self._unread = cells
        self._places: dict[tuple[str, int, str], list[Function]] = {}
        self._generators: dict[int, tuple[Any, bool]] = {}
        self._named: dict[str, list[Function]] = {}

    def of(self, function: types.FunctionType) -> Function | None:
        """The tree of `function`; None where it is unknown, or could be one of several."""
        self._read()
        code = function.__code__
        found = self._places.get((code.co_filename, code.co_firstlineno, code.co_name), ())
        return found[0] if len(found) == 1 else None

    def named(self, name: str) -> Sequence[Function]:
        """Every function and method of the cells that has this name."""
        self._read()
        return self._named.get(name, ())

    def is_generator(self, tree: Function) -> bool:
        """True where a call of it gives a generator."""
        known = self._generators.get(id(tree))
        if known is None:
            known = self._generators[id(tree)] = (tree, own_yield(tree))
        return known[1]

    def _read(self) -> None:
        while self._unread:
            cell = self._unread.pop()
            cache: dict[str, Any] = linecache.cache
            lines = cache.get(cell, (0, None, ()))[2]
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            tree: Any = compile("".join(lines), cell, "exec", flags, dont_inherit=True)
            self._learn(tree, cell)

    def _learn(self, tree: ast.AST, cell: str) -> None:
        for node in ast.walk(tree):
            if not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.AsyncFunctionDef)):
                continue
            name, line = "<lambda>", node.lineno
            if not isinstance(node, ast.Lambda):
                name = node.name
                line = min((line, *(one.lineno for one in node.decorator_list)))
                self._named.setdefault(name, []).append(node)
            self._places.setdefault((cell, line, name), []).append(node)
