"""What a model typed out, rather than had computed or was shown."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

_WORD = re.compile(r"\w[\w.,:/'-]*")
_OPENERS = frozenset(
    "the a an it its in on at this that these those there yes no true false none based according"
    " answer final here both all each and but for from of to as by with i".split()
)


def typed(code: str) -> bool:
    """Whether every answer in `code` was typed out, none computed."""
    return _all_literal(code, answers)


def typed_prompts(code: str) -> bool:
    """Whether every prompt in `code` was typed out: none can hold a piece of the context."""
    return _all_literal(code, _prompts)


def facts(text: str) -> list[str]:
    """The numbers and the names in a text."""
    words = (match.group().rstrip(".,:/-'") for match in _WORD.finditer(text))
    return [word for word in words if _is_fact(word)]


def _all_literal(code: str, find: Callable[[ast.AST], Iterator[ast.expr]]) -> bool:
    try:
        tree = compile(code, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        literals = _literals(tree)
        found = list(find(tree))
        return bool(found) and all(_is_literal(one, literals) for one in found)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _prompts(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("llm_query" | "llm_query_batched"), args=[prompt, *_]):
                yield prompt
            case _:
                pass


def answers(tree: ast.AST) -> Iterator[ast.expr]:
    """What the code of a cell gives as its answer, wherever it does."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("FINAL"), args=[value, *_]):
                yield value
            case ast.Call(func=ast.Name("FINAL_VAR"), args=[ast.Constant(str(name)), *_]):
                yield ast.Name(name, ast.Load())
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name("answer"), slice=ast.Constant("content"))],
                value=value,
            ):
                yield value
            case ast.Assign(targets=[ast.Name("answer")], value=ast.Dict(keys, values)):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "content":
                        yield value
            case _:
                pass


def _literals(tree: ast.AST) -> frozenset[str]:
    """Names that are only ever given a literal."""
    stored: dict[str, bool] = {}
    given = {
        id(target): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            value = given.get(id(node))
            literal = value is not None and _is_literal(value, frozenset())
            stored[node.id] = stored.get(node.id, True) and literal
    return frozenset(name for name, literal in stored.items() if literal)


def _is_literal(node: Any, literals: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in literals
    if isinstance(node, (ast.Call, ast.Subscript, ast.Attribute, ast.Await, ast.ListComp)):
        return False
    allowed = (ast.expr_context, ast.operator, ast.unaryop)
    return isinstance(node, (ast.Constant, *allowed)) or all(
        _is_literal(child, literals) for child in ast.iter_child_nodes(node)
    )


def _is_fact(word: str) -> bool:
    if any(char.isdigit() for char in word):
        return True
    return len(word) > 1 and word[0].isupper() and word.lower() not in _OPENERS
