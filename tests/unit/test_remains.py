"""Cells of which a few plain values are all that they leave."""

from __future__ import annotations

import ast
import builtins
import contextlib
from typing import Any

import pytest

from unspool.sandboxes.worker import wire
from unspool.sandboxes.worker.remains import Remains

TEXT = "a line\nanother line\n" * 30


class Odd(str):
    """Text whose methods run code."""

    __slots__ = ()

    def __len__(self) -> int:
        raise AssertionError("this is code of the model's own")


PLAIN: dict[str, dict[str, Any]] = {
    "print(len(context), context[:200])": {},
    "part = context[10:20]\nprint(1, part.count('l'))\npart": {"part": TEXT[10:20]},
    "n += 1; half = n / 2; both = f'{n:>4} {half!r}'": {"n": 5, "half": 2.5, "both": "   5 2.5"},
    "first = context.split('\\n')[0].encode(); ok = first in b'a line'": {
        "first": b"a line",
        "ok": True,
    },
    "total = 0\nfor i, line in enumerate(context.splitlines()):\n    if 'an' in line: total += i": {
        "total": 900,
        "i": 59,
        "line": "another line",
    },
    "longest = max((line for line in context.split('\\n')), key=len)": {"longest": "another line"},
    "low, high = 1, None\nwhile low < n: low *= 2": {"low": 4, "high": None},
    "early = 1\nnowhere": {"early": 1},
    "{w: context.count(w) for w in ('line', 'a')}": {},
    "print((m := n + 1))": {"m": 5},
}

MORE = {
    "a list": "lines = context.split('\\n')",
    "a generator": "g = (x for x in 'abc')",
    "a list of before": "items.append(1)",
    "a list of before, shown": "print(items)",
    "a list of before, by another name": "n = items",
    "a name that held a list": "items = 3",
    "a slot": "items[0] = 1",
    "an import": "import re",
    "a function": "def f(): return 1",
    "a lambda": "n = (lambda: 3)()",
    "a function of before": "n = own_function(1)",
    "text of a class of its own": "n = len(odd)",
    "a sub-call": "n = llm_query('x')",
    "the end": "FINAL(n)",
    "a name of the REPL's": "context = 'mine'",
    "a name of Python's": "len = 3",
    "a name with underscores": "__builtins__ = 3",
    "deletion": "del n",
    "a file": "n = open('x').read()",
    "code in text": "exec('n = 3')",
    "an attribute": "n = context.__class__",
    "a method by name": "n = getattr(context, 'upper')()",
    "very long text": "n = 'x' * 100_000",
    "a very long number": "n = 10 ** 5_000",
    "a scope": "global n\nn = 3",
    "a with": "with items: n = 3",
    "a try": "try: n = 3\nfinally: pass",
    "an annotation": "n: print(items) = 3",
    "a replaced builtin": "n = sorted('ba')",
}


def left_by(code: str, namespace: dict[str, Any], own: dict[str, Any]) -> dict[str, Any] | None:
    """What it takes down of a cell that is run over `namespace`."""
    now = dict(vars(builtins))
    remains = Remains(namespace, own, now)
    now["sorted"] = lambda text: text
    remains.forget()
    tree = ast.parse(code)
    remains.read(tree)
    namespace["__builtins__"] = {**now, "print": lambda *shown: None}
    with contextlib.suppress(Exception):  # what a cell raises leaves what it did before
        exec(compile(tree, "<cell>", "exec"), namespace)
    return remains.left()


def before() -> tuple[dict[str, Any], dict[str, Any]]:
    """A namespace, and what in it is the REPL's own."""
    own = {"context": TEXT, "llm_query": str, "FINAL": str}
    made = {"n": 4, "items": [0], "odd": Odd("odd"), "own_function": lambda n: n}
    return {**own, **made}, own


@pytest.mark.parametrize("code", PLAIN)
def test_plain_values_are_all_that_is_kept_of_a_cell_that_leaves_no_more(code: str) -> None:
    left = left_by(code, *before())
    assert left is not None
    seen = wire.decode(wire.loads(wire.dumps(left)))
    assert {name: (type(value), value) for name, value in seen.items()} == {
        name: (type(value), value) for name, value in PLAIN[code].items()
    }


@pytest.mark.parametrize("code", MORE.values(), ids=MORE.keys())
def test_what_may_leave_more_is_kept_by_a_copy(code: str) -> None:
    assert left_by(code, *before()) is None
