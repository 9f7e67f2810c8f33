"""What a piece of code may do, whichever way it runs: read from its syntax tree alone."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from . import pure
from .values import AHEAD

ENDS = frozenset("FINAL FINAL_VAR exit quit _exit".split())
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_LOOPS = (ast.For, ast.AsyncFor, ast.While)


class Effects:
    """The names that a piece of code binds, what it may change, and how it may be left."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.globals: set[str] = set()
        self.loads: set[str] = set()
        """Names whose values may be stored somewhere."""
        self.words: set[str] = set()
        """Every name and attribute that is mentioned."""
        self.changes: list[tuple[ast.expr, bool]] = []
        """Expressions whose value is changed: itself (False), or what it holds as well (True)."""
        self.called: set[str] = set()
        """Names and methods that are called."""
        self.breaks = self.continues = self.returns = False
        self.raises = self.ends = self.yields = self.odd = False
        self.may_end: bool | None = None
        """Whether a function that is called here raises or ends the run; None: not yet read."""

    @property
    def leaves(self) -> bool:
        """True where it may leave the loop or function around it, an error of its own aside."""
        return self.breaks or self.returns or self.raises or self.ends or self.yields

    @property
    def control(self) -> bool:
        """True where what comes after it may not run."""
        return self.leaves or self.continues


class _Reader:
    """Fills one `Effects`."""

    def __init__(self) -> None:
        self.found = Effects()

    def read(self, nodes: Iterable[ast.AST], *, loop: bool = False, caught: bool = False) -> None:
        for node in nodes:
            self._node(node, loop, caught)

    def _node(self, node: ast.AST, loop: bool, caught: bool) -> None:
        found = self.found
        if isinstance(node, _SCOPES):
            self._scope(node, caught)
            return
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == AHEAD:
            self.read(node.args, loop=loop, caught=caught)
            return
        if isinstance(node, ast.Try):
            self.read(node.body, loop=loop, caught=caught or bool(node.handlers))
            self.read((*node.handlers, *node.orelse, *node.finalbody), loop=loop, caught=caught)
            return
        if isinstance(node, _LOOPS):
            self._own(node)
            heads = (node.test,) if isinstance(node, ast.While) else (node.target, node.iter)
            self.read(heads, loop=loop, caught=caught)
            self.read(node.body, loop=True, caught=caught)
            self.read(node.orelse, loop=loop, caught=caught)
            return
        if isinstance(node, ast.Break):
            found.breaks |= not loop
        elif isinstance(node, ast.Continue):
            found.continues |= not loop
        elif isinstance(node, ast.Raise):
            found.raises |= not caught
        else:
            self._own(node)
        for child in ast.iter_child_nodes(node):
            if _only_read(node, child):
                found.words.add(child.id)  # type: ignore[attr-defined]
            else:
                self._node(child, loop, caught)

    def _scope(self, node: ast.AST, caught: bool) -> None:
        """A function that is made here: what it does counts once it is called, so now."""
        inner = _Reader()
        body = [node.body] if isinstance(node, ast.Lambda) else node.body  # type: ignore[attr-defined]
        inner.read(body, caught=caught)
        one, found = inner.found, self.found
        arguments = getattr(node, "args", None)
        parts = () if arguments is None else ast.walk(arguments)
        names = {part.arg for part in parts if isinstance(part, ast.arg)}
        one.loads -= names | (one.names - one.globals)
        if not isinstance(node, ast.Lambda):
            found.names.add(node.name)  # type: ignore[attr-defined]
            found.words.add(node.name)  # type: ignore[attr-defined]
            self.read(node.decorator_list)  # type: ignore[attr-defined]
        found.odd |= one.odd or isinstance(node, ast.ClassDef)
        found.raises |= one.raises
        found.ends |= one.ends
        for mine, its in (
            (found.globals, one.globals), (found.loads, one.loads),
            (found.words, one.words), (found.called, one.called),
        ):  # fmt: skip
            mine |= its
        found.changes += one.changes

    def _own(self, node: ast.AST) -> None:
        """What one node does by itself."""
        kind: Any = getattr(self, f"_{type(node).__name__.lower()}", None)
        if kind is not None:
            kind(node)

    def _name(self, node: ast.Name) -> None:
        self.found.words.add(node.id)
        if isinstance(node.ctx, ast.Load):
            self.found.loads.add(node.id)
        else:
            self.found.names.add(node.id)
        self.found.ends |= node.id in ENDS

    def _attribute(self, node: ast.Attribute) -> None:
        self.found.words.add(node.attr)
        self.found.ends |= node.attr in ENDS
        if not isinstance(node.ctx, ast.Load):
            self._change(node.value, deep=False)

    def _subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._change(node.value, deep=False)
            self.found.ends |= isinstance(node.value, ast.Name) and node.value.id == "answer"

    def _augassign(self, node: ast.AugAssign) -> None:
        self._change(node.target, deep=False)
        if isinstance(node.target, ast.Name):
            self.found.loads.add(node.target.id)

    def _excepthandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.found.names.add(node.name)

    def _import(self, node: ast.Import) -> None:
        self.found.names |= {(one.asname or one.name).partition(".")[0] for one in node.names}

    def _importfrom(self, node: ast.ImportFrom) -> None:
        self.found.names |= {one.asname or one.name for one in node.names}

    def _global(self, node: ast.Global) -> None:
        self.found.globals |= set(node.names)

    def _nonlocal(self, node: ast.Nonlocal) -> None:
        self.found.odd = True

    def _return(self, node: ast.Return) -> None:
        self.found.returns = True

    def _yield(self, node: ast.AST) -> None:
        self.found.yields = True

    _yieldfrom = _await = _asyncfor = _asyncwith = _yield

    def _match(self, node: ast.Match) -> None:
        for part in ast.walk(node):
            name = getattr(part, "name", None) or getattr(part, "rest", None)
            if isinstance(name, str):
                self.found.names.add(name)

    def _call(self, node: ast.Call) -> None:
        called = node.func
        name = called.id if isinstance(called, ast.Name) else ""
        if isinstance(called, ast.Attribute):
            name = called.attr
            if name in pure.CHANGING:
                self._change(called.value, deep=False)
            elif name not in pure.READING:
                self._change(called.value, deep=True)
        self.found.called.add(name)
        if name in pure.READING or name in pure.HARMLESS or name in pure.CHANGING:
            return
        for argument in (*node.args, *(one.value for one in node.keywords)):
            self._change(argument, deep=True)

    def _change(self, node: ast.expr, *, deep: bool) -> None:
        self.found.changes.append((node, deep))


def _only_read(node: ast.AST, child: ast.AST) -> bool:
    """True for `x` in `len(x)`: nothing keeps it, nothing changes it."""
    return (
        isinstance(node, ast.Call)
        and isinstance(child, ast.Name)
        and child is not node.func
        and isinstance(node.func, ast.Name)
        and node.func.id in pure.HARMLESS
    )


class Scans:
    """The effects of code that was read before."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Any, Effects]] = {}

    def of(self, nodes: Sequence[ast.AST]) -> Effects:
        """What `nodes`, one after the other, may do."""
        key = (id(nodes[0]), len(nodes)) if nodes else (0, 0)
        known = self._known.get(key)
        if known is None:
            reader = _Reader()
            reader.read(nodes)
            known = self._known[key] = (nodes, reader.found)
        return known[1]


def own_yield(node: ast.AST) -> bool:
    """True for a function that is a generator."""
    return any(_yields(child) for child in ast.iter_child_nodes(node))


def _yields(node: ast.AST) -> bool:
    if isinstance(node, (ast.Yield, ast.YieldFrom)):
        return True
    if isinstance(node, _SCOPES):
        return False
    return any(_yields(child) for child in ast.iter_child_nodes(node))
