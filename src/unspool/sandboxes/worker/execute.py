"""Runs the code of one cell in a namespace that stays."""

from __future__ import annotations
import __future__

import ast
import asyncio
import contextlib
import inspect
import linecache
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))

TAKE_AWAITABLES = frozenset({"gather", "create_task", "ensure_future", "wait_for", "as_completed"})

FRAMES, FRAMES_SHOWN = 5_000, 200
"""Of a traceback with more frames, so many are shown: the last ones."""

_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class Executor:
    """Compiles and runs cells; `from __future__` and the event loop outlive each of them.

    `awaitable` are functions of the REPL that may be awaited: `await f(x)` runs as
    `await f.aio(x)`. `rewrite` may change a cell's tree before it is compiled; it is given
    the tree, the code and the cell's name.
    """

    def __init__(
        self,
        namespace: dict[str, Any],
        awaitable: frozenset[str],
        rewrite: Callable[[ast.Module, str, str], None],
    ) -> None:
        self._namespace = namespace
        self._awaitable, self._rewrite = awaitable, rewrite
        self._flags = 0
        self._runner: asyncio.Runner | None = None

    def run(self, code: str, name: str) -> Any:
        """Runs `code`; gives the value of its last expression, or None.

        What the code raises passes through, with `name` as the file in its traceback.
        """
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
        tree = self._parse(code, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        codes = [compile(tree, name, "exec", self._compile_flags(), dont_inherit=True)]
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            codes.append(compile(expression, name, "eval", self._compile_flags(), True))
        # Where one part awaits, all of it runs in the loop: what calls give can be awaited there.
        awaits = any(one.co_flags & inspect.CO_COROUTINE for one in codes)
        in_loop = awaits and "asyncio.run(" not in code
        values = [self._run(one, in_loop=in_loop) for one in codes]
        return values[-1] if last is not None else None

    def renew(self) -> None:
        """Forgets the event loop, in a fork: the threads that it used are not there."""
        self._runner = None

    def _parse(self, code: str, name: str) -> ast.Module:
        flags = self._compile_flags() | ast.PyCF_ONLY_AST
        tree: ast.Module = compile(code, name, "exec", flags, dont_inherit=True)
        self._flags |= _future_flags(tree)
        if "await" in code or "asyncio" in code:
            with contextlib.suppress(RecursionError):  # it runs as it was written
                _AwaitOwn(self._awaitable).visit(tree)
                ast.fix_missing_locations(tree)
        with contextlib.suppress(RecursionError):
            self._rewrite(tree, code, name)
        return tree

    def _compile_flags(self) -> int:
        return ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | self._flags

    def _run(self, code: types.CodeType, *, in_loop: bool) -> Any:
        is_coroutine = bool(code.co_flags & inspect.CO_COROUTINE)
        if not (is_coroutine or in_loop):
            return eval(code, self._namespace)
        if self._runner is None:
            self._runner = asyncio.Runner()
        try:
            return self._runner.run(_awaited(code, self._namespace))
        except KeyboardInterrupt:
            self._runner = None  # its loop was stopped in the middle of a step
            raise


async def _awaited(code: types.CodeType, namespace: dict[str, Any]) -> Any:
    given = eval(code, namespace)
    return await given if code.co_flags & inspect.CO_COROUTINE else given


class _AwaitOwn(ast.NodeTransformer):
    """Lets `await llm_query(...)` wait without holding up the cell's event loop."""

    def __init__(self, own: frozenset[str]) -> None:
        self._own = own

    def visit_Await(self, node: ast.Await) -> ast.AST:
        self.generic_visit(node)
        _make_awaitable(node.value, self._own)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called in TAKE_AWAITABLES:
            for argument in node.args:
                for item in _items(argument):
                    _make_awaitable(item, self._own)
        return node


def _items(node: ast.expr) -> list[ast.expr]:
    """What a call is given by this argument: itself, or each item of a list that is spread."""
    if isinstance(node, ast.Starred):
        node = node.value
    if isinstance(node, (ast.ListComp, ast.GeneratorExp)):
        return [node.elt]
    return node.elts if isinstance(node, (ast.List, ast.Tuple)) else [node]


def _make_awaitable(node: ast.expr, own_names: frozenset[str]) -> None:
    match node:
        case ast.Call(func=ast.Name(id=name) as function) if name in own_names:
            own = ast.Attribute(function, "aio", ast.Load())
            node.func = ast.copy_location(own, function)
        case _:
            pass


def _future_flags(tree: ast.Module) -> int:
    flags = 0
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            code = compile(ast.Module([node], []), "<future>", "exec", dont_inherit=True)
            flags |= code.co_flags & _FUTURES
    return flags


def explain(error: BaseException) -> str:
    """The traceback as the model should read it: its own lines, none of ours."""
    try:
        deep = _is_deep(error.__traceback__)
        limit = -FRAMES_SHOWN if deep else None
        report = traceback.TracebackException.from_exception(error, compact=True, limit=limit)
        _drop_own_frames(report)
        return "".join(report.format()).rstrip()
    except Exception:  # an exception of the model's own that cannot even be printed
        return f"{type(error).__name__} (its message cannot be shown)"


def _is_deep(trace: types.TracebackType | None) -> bool:
    """Whether it has so many frames (recursion until memory ends) that showing all takes long."""
    for _ in range(FRAMES):
        if trace is None:
            return False
        trace = trace.tb_next
    return True


def _drop_own_frames(report: traceback.TracebackException) -> None:
    todo, seen = [report], set()
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        one.stack[:] = [f for f in one.stack if not f.filename.startswith(HERE)]
        todo += [r for r in (one.__cause__, one.__context__) if r is not None]
        todo += getattr(one, "exceptions", None) or []


def fresh_main() -> types.ModuleType:
    """A new `__main__`: dataclasses, pickle and typing look their names up in it."""
    module = types.ModuleType("__main__")
    module.__builtins__ = __builtins__  # type: ignore[attr-defined]
    sys.modules["__main__"] = module
    return module
