"""Replies in the shapes that models write them, and the cells that they mean."""

import ast
import json
import time
import warnings

import pytest

from unspool.engine.cells import FinalText, Reply, parse

MARKDOWN = 's = """\n# Title\n```\ncode\n```\n"""\nprint(s)'
NESTED = 's = """\n```python\nprint(1)\n```\nand\n```json\n{}\n```\n"""\nFINAL(s)'
CALL = {"name": "python", "arguments": {"code": "x = 1\nprint(x)"}}


def block(code: str, info: str = "repl", mark: str = "```") -> str:
    return f"{mark}{info}\n{code}\n{mark}"


FENCES = {
    "prose around a block": (f"I will add.\n{block('x = 1 + 2\nprint(x)')}\nDone.",) * 0
    or ("I will add.\n```repl\nx = 1 + 2\nprint(x)\n```\nDone.", ["x = 1 + 2\nprint(x)"]),
}
