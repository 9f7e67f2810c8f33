"""What the host can learn of a cell from its text, for a sandbox that cannot tell."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from unspool.sandboxes.worker.execute import TAKE_AWAITABLES

Span = tuple[int, int]
"""Where an expression starts and ends in the text, in bytes of UTF-8."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a cell's text says. All of it is empty where the text is no Python."""

    assigned: tuple[str, ...] = ()
    """The names that it binds outside of functions and classes, in their order."""
    imported: frozenset[str] = frozenset()
    """Those among them that it imports."""
    awaited: frozenset[Span] = frozenset()
    """The calls of models whose result is awaited, here or by `asyncio.gather` and its like."""


def read(code: str, awaitable: Collection[str]) -> Reading:
    """Reads a cell; never raises. `awaitable` are the names of functions that may be awaited."""
    try:
        tree = compile(code, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        bound = list(_bound(tree.body))
        awaited = list(_awaited(tree, awaitable))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Reading()
    starts = list(itertools.accumulate((len(line) for line in code.encode().split(b"\n")),
                                       lambda at, line: at + line + 1, initial=0))  # fmt: skip
    return Reading(
        tuple(dict.fromkeys(name for name, _ in bound)),
        frozenset(name for name, is_import in bound if is_import),
        frozenset(_span(call, starts) for call in awaited),
    )


def _bound(body: Iterable[ast.stmt]) -> Iterator[tuple[str, bool]]:
    """The names that statements bind, and whether by an import."""
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, False
                for inner in ast.walk(statement):
                    if isinstance(inner, ast.Global):
                        yield from ((shared, False) for shared in inner.names)
            case ast.ClassDef(name=name):
                yield name, False
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from ((one.asname or one.name.split(".")[0], True) for one in names)
            case _:
                yield from ((name, False) for name in _stored(statement))
                for field in ("body", "handlers", "cases", "orelse", "finalbody"):
                    for part in getattr(statement, field, ()):
                        yield from _bound(getattr(part, "body", ()) if field in _ARMS else [part])


_ARMS = ("handlers", "cases")


def _stored(node: ast.AST) -> Iterator[str]:
    """Names that one statement stores to: not in its inner statements, nor in scopes within."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif isinstance(child, _TRANSPARENT) and not isinstance(child, _SCOPES):
            yield from _stored(child)


_TRANSPARENT = (ast.expr, ast.withitem, ast.pattern)
_SCOPES = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def _awaited(tree: ast.AST, own: Collection[str]) -> Iterator[ast.Call]:
    awaited = [expression for node in ast.walk(tree) for expression in _awaits(node)]
    for expression in awaited:
        yield from _own_calls(expression, own)
    parts = (part for expression in awaited for part in ast.walk(expression))
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    for node in ast.walk(tree):  # and what those names were given before
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in names:
                yield from _own_calls(value, own)
            case ast.Call(func=ast.Attribute(ast.Name(id=name), "append"), args=[value]):
                if name in names:
                    yield from _own_calls(value, own)
            case _:
                pass


def _awaits(node: ast.AST) -> list[ast.expr]:
    """The expressions that `node` waits for."""
    match node:
        case ast.Await(value=value):
            return [value]
        case ast.Call(func=ast.Attribute(attr=name), args=args) if name in TAKE_AWAITABLES:
            return args
        case _:
            return []


def _own_calls(node: ast.expr, own: Collection[str]) -> Iterator[ast.Call]:
    """The calls of models that an awaited expression is, or that a list in it is made of."""
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in own:
            yield node
        case ast.Starred(value=inner) | ast.ListComp(elt=inner) | ast.GeneratorExp(elt=inner):
            yield from _own_calls(inner, own)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            for item in items:
                yield from _own_calls(item, own)
        case _:
            pass


def _span(node: ast.expr, starts: list[int]) -> Span:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    start = starts[node.lineno - 1] + node.col_offset
    return start, starts[node.end_lineno - 1] + node.end_col_offset
