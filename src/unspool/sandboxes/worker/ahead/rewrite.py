"""Puts a look ahead before each loop of a cell that may call a model; nothing else changes."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from .plan import FUNCTION, ITEM, Site
from .values import AHEAD

READERS = frozenset("list tuple set frozenset dict sorted sum max min".split())
"""Functions that read all items of what they are given, at once."""
READING_METHODS = frozenset(("join", "extend", "update"))
LAZY = frozenset("map filter zip enumerate".split())
KEYED = frozenset(("sorted", "max", "min"))
LOOKING = frozenset("locals vars dir eval exec globals".split())
"""In a function that uses one of these, its variables are not looked at: that would show."""
MOST_STATEMENTS = 40

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr, ast.Return)
_ITERATING = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Rewriter:
    """Rewrites the trees of cells. `carriers` are the names that may call a model; those that
    a cell adds are added to it, and each look ahead to `sites`."""

    def __init__(self, carriers: set[str], sites: list[Site], cell: str) -> None:
        self._carriers, self._sites, self._cell = carriers, sites, cell
        self._globals: frozenset[str] = frozenset()
        self._blind = False

    def rewrite(self, tree: ast.Module) -> None:
        """Rewrites `tree` in place; every node keeps its line."""
        while self._learn(tree):
            pass
        self._visit(tree)

    def _learn(self, tree: ast.AST) -> bool:
        """Finds names that carry a call of a model; False: there are no more."""
        before = len(self._carriers)
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                if self._mentions(node.body):
                    self._carriers.add(node.name)
            elif isinstance(node, ast.Assign) and self._is_carried(node.value):
                self._carriers |= {one.id for one in node.targets if isinstance(one, ast.Name)}
        return len(self._carriers) > before

    def _is_carried(self, value: ast.expr) -> bool:
        """True for an expression that gives a carrier, or holds one: an alias, a lambda."""
        called = {id(node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
        inside = any(isinstance(node, ast.Lambda) for node in ast.walk(value))
        return any(
            isinstance(node, (ast.Name, ast.Attribute))
            and (inside or id(node) not in called)
            and self._is_carrier(node)
            for node in ast.walk(value)
        )

    def _is_carrier(self, node: ast.AST) -> bool:
        return (isinstance(node, ast.Name) and node.id in self._carriers) or (
            isinstance(node, ast.Attribute) and node.attr in self._carriers
        )

    def _mentions(self, nodes: Iterable[ast.AST]) -> bool:
        return any(self._is_carrier(part) for node in nodes for part in ast.walk(node))

    def _visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.AsyncFunctionDef):
            return
        if isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    self._visit(part)
            return
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            outer = self._globals, self._blind
            self._globals = frozenset(
                name for one in _own(node) if isinstance(one, ast.Global) for name in one.names
            )
            self._blind = any(isinstance(one, ast.Name) and one.id in LOOKING for one in _own(node))
            self._inside(node)
            self._globals, self._blind = outer
            return
        self._inside(node)

    def _inside(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self._visit(child)
        if self._blind:
            return
        if isinstance(node, ast.For):
            self._loop(node)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp)):
            self._comprehension(node, "")
        elif isinstance(node, ast.Call):
            self._reader(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and not isinstance(node, ast.ClassDef):
                block[:] = self._block(block)

    def _loop(self, node: ast.For) -> None:
        lazily = isinstance(node.iter, ast.GeneratorExp) or (
            isinstance(node.iter, ast.Call)
            and isinstance(node.iter.func, ast.Name)
            and node.iter.func.id in LAZY
        )
        reached = [*node.body, node.iter] if lazily else node.body
        if not self._mentions(reached) or _waits(node.body):
            return
        site = self._site("for", node.body, node)
        site.target, site.iter = node.target, node.iter
        site.watch = [*node.body, node.target]
        node.iter = self._look(site, node.iter)

    def _comprehension(self, node: Any, consumer: str) -> None:
        first, rest = node.generators[0], node.generators[1:]
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        tests = [*first.ifs, *(part for one in rest for part in (one.iter, *one.ifs))]
        if not self._mentions([*parts, *tests]) or _waits([node]):
            return
        body: list[ast.stmt] = [_at(part, ast.Expr(part)) for part in parts]
        for one in reversed(rest):
            body = _tested(one.ifs, body)
            body = [_at(one.iter, ast.For(one.target, one.iter, body, [], None))]
        site = self._site("items", _tested(first.ifs, body), node)
        site.target, site.iter, site.consumer = first.target, first.iter, consumer
        site.watch = [node]
        first.iter = self._look(site, first.iter)

    def _reader(self, node: ast.Call) -> None:
        """A call of a function that reads all that a generator or `map` gives it."""
        called = node.func
        name = called.id if isinstance(called, ast.Name) else ""
        method = called.attr if isinstance(called, ast.Attribute) else ""
        if not node.args or isinstance(node.args[0], ast.Starred):
            return
        reads = name in READERS or (method in READING_METHODS and len(node.args) == 1)
        first = node.args[0]
        if name in KEYED and len(node.args) == 1:
            for one in node.keywords:
                if one.arg == "key":
                    self._mapped(node, 0, one.value, name)
        if reads and isinstance(first, ast.GeneratorExp):
            self._comprehension(first, name)
        elif reads and isinstance(first, ast.Call) and isinstance(first.func, ast.Name):
            maps = first.func.id in ("map", "filter") and not first.keywords
            if maps and len(first.args) == 2:
                self._mapped(first, 1, first.args[0], f"{name} {first.func.id}")

    def _mapped(self, node: ast.Call, at: int, function: ast.expr, consumer: str) -> None:
        given = node.args[at]
        simple = isinstance(function, (ast.Name, ast.Attribute, ast.Lambda))
        if not simple or isinstance(given, ast.Starred) or not self._mentions([function]):
            return
        if (
            isinstance(given, ast.Call)
            and isinstance(given.func, ast.Name)
            and given.func.id == AHEAD
        ):
            return
        call = ast.Call(ast.Name(FUNCTION, ast.Load()), [ast.Name(ITEM, ast.Load())], [])
        body: list[ast.stmt] = [_at(node, ast.Expr(_at(node, call)))]
        site = self._site("items", body, node)
        site.target, site.iter = _at(node, ast.Name(ITEM, ast.Store())), given
        site.function, site.consumer = function, consumer
        site.watch = [node]
        node.args[at] = self._look(site, given)

    def _block(self, block: Sequence[ast.stmt]) -> list[ast.stmt]:
        """Statements with looks ahead before `while` loops, and before calls in a row."""
        out: list[ast.stmt] = []
        run: list[ast.stmt] = []
        for node in block:
            if isinstance(node, _SIMPLE) and not self._iterates(node) and not _waits([node]):
                run.append(node)
                if len(run) < MOST_STATEMENTS:
                    continue
            out += self._run(run)
            if run[-1:] != [node]:
                out += self._before_while(node)
                out.append(node)
            run = []
        return out + self._run(run)

    def _before_while(self, node: ast.stmt) -> list[ast.stmt]:
        if not isinstance(node, ast.While) or not self._mentions(node.body) or _waits([node]):
            return []
        site = self._site("while", node.body, node)
        site.test, site.watch = node.test, [node]
        return [_at(node, ast.Expr(self._look(site, None, node)))]

    def _run(self, run: list[ast.stmt]) -> list[ast.stmt]:
        """Statements in a row, with a look ahead before the first of several calls."""
        calling = [at for at, node in enumerate(run) if self._calls(node)]
        if sum(self._calls(run[at]) for at in calling) < 2:
            return run
        first, last = calling[0], calling[-1]
        body = run[first : last + 1]
        site = self._site("block", body, body[0])
        site.lines = (body[0].lineno, body[-1].end_lineno or body[-1].lineno)
        site.watch = list(body)
        look = _at(body[0], ast.Expr(self._look(site, None, body[0])))
        return [*run[:first], look, *run[first:]]

    def _calls(self, node: ast.AST) -> int:
        """How many calls of carriers there are in a statement."""
        return sum(
            isinstance(part, ast.Call) and self._is_carrier(part.func) for part in ast.walk(node)
        )

    def _iterates(self, node: ast.AST) -> bool:
        """True for a statement in which a call may be made any number of times, or later."""
        return any(
            isinstance(part, (*_ITERATING, ast.Lambda)) and self._mentions([part])
            for part in ast.walk(node)
        ) or any(isinstance(part, ast.Name) and part.id == AHEAD for part in ast.walk(node))

    def _site(
        self, kind: Literal["for", "while", "items", "block"], body: list[ast.stmt], node: Any
    ) -> Site:
        lines = (node.lineno, node.end_lineno or node.lineno)
        number = len(self._sites)
        site = Site(number, kind, body, lines, self._cell, globals=self._globals)
        self._sites.append(site)
        return site

    def _look(self, site: Site, given: ast.expr | None, place: ast.AST | None = None) -> ast.Call:
        number = ast.Constant(site.number)
        args: list[ast.expr] = [number] if given is None else [number, given]
        call = ast.Call(ast.Name(AHEAD, ast.Load()), args, [])
        where = given if place is None else place
        assert where is not None
        for node in (number, call.func, call):
            _at(where, node)
        return call


def _at(place: ast.AST, node: Any) -> Any:
    return ast.copy_location(node, place)


def _tested(tests: Sequence[ast.expr], body: list[ast.stmt]) -> list[ast.stmt]:
    for test in reversed(tests):
        body = [_at(test, ast.If(test, body, []))]
    return body


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside of it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, _FUNCTIONS):
            yield from _own(child)


def _waits(nodes: Iterable[ast.AST]) -> bool:
    """True for code that hands over to somebody else in the middle."""
    kinds = (ast.Yield, ast.YieldFrom, ast.Await, ast.AsyncFor, ast.AsyncWith)
    for node in nodes:
        if isinstance(node, kinds) or (isinstance(node, ast.comprehension) and node.is_async):
            return True
        if not isinstance(node, _FUNCTIONS) and _waits(ast.iter_child_nodes(node)):
            return True
    return False
