"""What a cell leaves behind, where that is some names with plain values and nothing else.

Of most cells that look at a context this is so, and it can be read off their code: then these
values are all that has to be kept of the cell, and no copy of the process.
"""

from __future__ import annotations

import ast
import signal
import sys
import threading
from collections.abc import Mapping
from typing import Any

from . import wire
from .ahead.pure import READING
from .ahead.values import OF_DOCUMENTS
from .documents import Document, Documents

MOST_CHARS = 16_384
"""Of all values that one cell leaves: to copy the process costs as much as to send more."""
MOST_BITS = 1_024
"""Of a whole number: Python writes very long ones as text only when asked to."""
PLAIN = frozenset((str, bytes, int, float, bool, type(None)))
"""Exact types that never change, and whose methods run no code of the model's."""
READ = PLAIN | {Document, Documents}
"""What cells may read as well, for it stays as it is whatever is done."""
BUILTINS = frozenset(
    "abs all any bin bool bytes chr dict divmod enumerate float format frozenset hex int isinstance"
    " len list max min oct ord print range repr reversed round set sorted str sum tuple type"
    " zip".split()
)
"""What cells may call: with plain values and what these give of them, nothing else changes."""
_ALLOWED = (
    *(ast.Module, ast.Expr, ast.Assign, ast.AugAssign, ast.For, ast.While, ast.If, ast.Pass),
    *(ast.Break, ast.Continue, ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.BinOp),
    *(ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Slice, ast.Tuple, ast.List, ast.Dict),
    *(ast.Set, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension),
    *(ast.NamedExpr, ast.Starred, ast.keyword, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
    *(ast.Load, ast.Store),
)


class Remains:
    """Says of each cell what it leaves. `own` are the names that the REPL gives, `builtins`
    the functions of Python's own as they were."""

    def __init__(
        self, namespace: Mapping[str, Any], own: Mapping[str, Any], builtins: Mapping[str, Any]
    ) -> None:
        self._namespace, self._own = namespace, own
        self._builtins, self._now = dict(builtins), builtins
        self._names: set[str] | None = None

    def forget(self) -> None:
        """A new cell begins: nothing is known of it."""
        self._names = None

    def read(self, tree: ast.Module) -> None:
        """Takes note of the names that a cell will bind, if that is all that it can do."""
        stored: set[str] = set()
        loaded: set[str] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                (loaded if isinstance(node.ctx, ast.Load) else stored).add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                loaded.add(node.target.id)
            elif not self._is_harmless(node):
                return
        if all(map(self._may_be_bound, stored)) and all(
            name in stored or self._may_be_read(name) for name in loaded
        ):
            self._names = stored

    def left(self) -> dict[str, Any] | None:
        """The names and values that the cell leaves, as they travel; None: there is more."""
        if self._names is None:
            return None
        held = {n: self._namespace[n] for n in self._names if n in self._namespace}
        chars = 0
        for value in held.values():
            if type(value) not in PLAIN:
                return None
            if isinstance(value, int) and value.bit_length() > MOST_BITS:
                return None
            chars += len(value) if isinstance(value, (str, bytes)) else 1
        return None if chars > MOST_CHARS else {n: wire.encode(v) for n, v in held.items()}

    def _is_harmless(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            called = node.func
            return isinstance(called, ast.Attribute) or (
                isinstance(called, ast.Name) and called.id in BUILTINS
            )
        if isinstance(node, ast.Attribute):  # of plain data there are methods alone
            known = node.attr in READING or node.attr in OF_DOCUMENTS
            return known and isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Subscript):
            return isinstance(node.ctx, ast.Load)
        return isinstance(node, _ALLOWED)

    def _may_be_bound(self, name: str) -> bool:
        known = name in self._own or name in self._builtins or name.startswith("__")
        return not known and type(self._namespace.get(name)) in PLAIN

    def _may_be_read(self, name: str) -> bool:
        if name in self._namespace:
            return type(self._namespace[name]) in READ
        if name not in BUILTINS:
            return name not in self._now  # nobody has it, and the cell is told so
        return self._now[name] is self._builtins[name]


def is_alone() -> bool:
    """Whether nothing that earlier cells have begun may run beside a cell: a thread, a timer,
    a profiler."""
    timed = any(signal.getitimer(signal.ITIMER_REAL))
    return threading.active_count() == 1 and not timed and sys.getprofile() is None
