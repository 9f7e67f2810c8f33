"""Values as text of bounded length, made without making the long text first."""

from __future__ import annotations
import __future__

import itertools
import types
from collections.abc import Iterable, Mapping
from typing import Any

from .documents import Document

HEAD_CHARS = 60_000
TAIL_CHARS = 20_000
MANY = 2_000
"""Containers with more items than this show their first and last ones."""

Parts = tuple[str, str, int]
"""Head, tail, and how many characters are missing between them."""


def clip(text: str, head: int = HEAD_CHARS, tail: int = TAIL_CHARS) -> Parts:
    """Splits `text` so that at most `head` + `tail` characters remain."""
    if len(text) <= head + tail:
        return text, "", 0
    return text[:head], text[len(text) - tail :], len(text) - head - tail


def bounded_repr(value: Any) -> Parts:
    """`repr(value)`, clipped; of a long text or container only the ends are ever made."""
    kind = type(value)
    if kind in (str, bytes, bytearray, Document) and len(value) > HEAD_CHARS + TAIL_CHARS:
        head, tail = repr(value[:HEAD_CHARS]), repr(value[-TAIL_CHARS:])
        return head, tail, len(value) - HEAD_CHARS - TAIL_CHARS
    if kind in (list, tuple, set, frozenset, dict) and len(value) > MANY:
        return clip(_ends(value))
    return clip(repr(value))


def _ends(value: Any) -> str:
    if isinstance(value, dict):
        items: Iterable[str] = (f"{_short(k)}: {_short(v)}" for k, v in value.items())
    else:
        items = map(_short, value)
    shown = list(itertools.islice(items, MANY // 2))
    left = len(value) - len(shown)
    opening, closing = "[]" if type(value) is list else "()" if type(value) is tuple else "{}"
    return f"{opening}{', '.join(shown)}, ... and {left:,} more{closing}"


def _short(value: Any) -> str:
    head, tail, cut = clip(repr(value), 300, 100)
    return f"{head}... {cut:,} characters ...{tail}" if cut else head


def describe(value: Any) -> str:
    """The type of a variable, and its size where it has one."""
    kind = type(value).__name__
    if isinstance(value, (bool, int, float)):
        return f"{kind} {value!r}"
    if hasattr(value, "size_bytes") and kind == "BigText":  # to count it takes a pass
        return f"str[about {value.size_bytes:,}]"
    if isinstance(value, (str, bytes, list, tuple, set, Mapping)):
        return f"{kind}[{len(value):,}]"
    return kind


def variables(namespace: Mapping[Any, Any], hidden: frozenset[str], most: int = 100) -> list[str]:
    """The names that a model made, each as `name: type[size]`; neither modules nor private."""
    own = (
        f"{name}: {_described(value)}"
        for name, value in list(namespace.items())
        if isinstance(name, str) and not name.startswith("_") and name not in hidden
        if not _imported(value)
    )
    return list(itertools.islice(own, most))


def _described(value: Any) -> str:
    try:
        return describe(value)[:200]
    except Exception:  # a class of the model's own, or a number too long to be printed
        return type(value).__name__


def _imported(value: Any) -> bool:
    kind = type(value)
    if kind in (type, types.FunctionType, types.BuiltinFunctionType):
        return getattr(value, "__module__", None) != "__main__"
    return kind in (types.ModuleType, __future__._Feature)
