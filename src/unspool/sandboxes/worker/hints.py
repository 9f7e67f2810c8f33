"""What a cell was looking for, when what it shows is nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

NOTHING = frozenset({"", "[]", "()", "{}", "set()", "None", "-1", "0", "False", "''"})
NO_MATCH = "'NoneType' object has no attribute"
LOOKING = frozenset(
    "search findall finditer match fullmatch compile find rfind index count startswith".split()
)
LEAST_CHARS = 3


def looked_for(code: str, shown: str, error: str) -> str:
    """The texts and patterns that `code` searched with, when it came back with nothing.

    Empty when it showed something, failed for another reason, or did not search.
    """
    if error and NO_MATCH not in error:
        return ""
    if not error and not set(shown.split("\n")) <= NOTHING:
        return ""
    try:
        tree = compile(code, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return ""
    return " ".join(dict.fromkeys(_patterns(tree)))


def _patterns(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[pattern, *_]) if name in LOOKING:
                yield from _texts(pattern)
            case ast.Compare(left=pattern, ops=[ast.In() | ast.NotIn(), *_]):
                yield from _texts(pattern)
            case _:
                pass


def _texts(node: ast.expr) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            text = part.value.strip()
            if len(text) >= LEAST_CHARS:
                yield text
