"""The code of a reply, cut into statements while the reply is still being written."""

from __future__ import annotations

import ast
import re
import warnings

_OPENS = re.compile(r"^```[ \t]*(?:repl|python3?|py)[ \t]*\n", re.M | re.I)
_THOUGHT = re.compile(r"[<\[](/?)(?:\w+:)?(?:think|thinking|thought|reasoning)[>\]]", re.I)
_STARTS = re.compile(r"^(?!(?:else|elif|except|finally)\b|[\s#@'\")\]}`]|\Z)", re.M)
"""Lines that begin a statement, unless they are inside of a string or of parentheses."""
_TRIES = 4


class Statements:
    """Cuts the first block of code in a reply that arrives in pieces.

    A statement is complete when another one has begun behind it: the last of a block is left
    to whoever reads the whole reply. What is doubtful (reasoning, a block without its mark,
    code that does not compile) is left too.
    """

    def __init__(self) -> None:
        self._text = ""
        self._start: int | None = None
        self.taken = ""
        """The code that has been given out so far."""

    def grew(self, text: str) -> list[str]:
        """Takes what was written; gives the statements that are complete now, as they stand."""
        self._text += text
        if "\n" not in text:
            return []
        if self._start is None:
            self._start = self._opening()
        if self._start is None:
            return []
        code = self._text[self._start : self._text.rindex("\n") + 1]
        done, does_something = _complete(code[len(self.taken) :])
        self.taken += done
        return [done] if does_something else []

    def _opening(self) -> int | None:
        """Where the code of the first block begins, outside of reasoning."""
        for block in _OPENS.finditer(self._text):
            marks = _THOUGHT.findall(self._text, 0, block.start())
            if not marks or marks[-1]:
                return block.end()
        return None


def _complete(code: str) -> tuple[str, bool]:
    """The head of `code` that ends where a statement begins, and compiles; whether it does
    something, and is not mere remarks."""
    starts = [found.start() for found in _STARTS.finditer(code)][1:]
    for start in starts[: -_TRIES - 1 : -1]:
        tree = _tree(code[:start])
        if tree is not None:
            return code[:start], bool(tree.body)
    return "", False


def _tree(code: str) -> ast.Module | None:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.Module = compile(code, "<reply>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return tree
