"""What to do instead, where a cell took `context` for a plain `str` and it is none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from .documents import Document, Documents
from .text.big import BigText

_BIG = "A text that stays in its file is no `str` to functions that want a whole one."
_IN_PARTS = (
    "Give them slices, `context[a:b]`, or go line by line: `for line in context.splitlines():`."
)
_JSON = (
    "JSON lines are read one by one: `for line in context.splitlines(): row = json.loads(line)`;"
    " of one large value, slices can be searched: `re.finditer(pattern, context)`."
)
_ROWS = "Rows are read one by one from `csv.reader(context.splitlines(True))`, or `csv.DictReader`."
_HASH = (
    "It is hashed piece by piece: `for at in range(0, len(context), 10**6):"
    " digest.update(context[at:at + 10**6].encode())`."
)
_WRITE = "It is written piece by piece: `for line in context.splitlines(True): file.write(line)`."
_ONE_TEXT = "`context` is one text, no dict or list: `context.find`, `re.finditer`, and slices."
_IDIOMS = {
    **dict.fromkeys(("loads", "load", "literal_eval", "eval", "safe_load"), _JSON),
    **dict.fromkeys(("StringIO", "BytesIO", "reader", "DictReader", "read_csv"), _ROWS),
    **dict.fromkeys(("sha256", "sha1", "md5", "blake2b", "crc32", "new", "update"), _HASH),
    **dict.fromkeys(("write", "write_text"), _WRITE),
}
_REFUSALS = ("TypeError", "AttributeError", "SyntaxError", "ValueError", "ProgrammingError")
_NO_DICT = "string indices must be integers"
_NO_PAIR = "values to unpack"


def instead(code: str, error: str, context: Any) -> str:
    """What to do instead, when a cell failed because `context` is no `str`; else empty."""
    said = error.rpartition("\n")[2]
    if not said.partition(":")[0].endswith(_REFUSALS):
        return ""
    if type(context) is Documents:
        return _of_documents(said, error, context)
    if "TooLarge" in said.partition(":")[0]:
        return ""
    if type(context) is BigText and _NO_DICT in said and "context[" in error:
        return _ONE_TEXT
    passed = list(_passed(code)) if type(context) is BigText else []
    if "BigText" not in said and not (passed and "'str' object has no" not in said):
        return ""
    names = [name for name in passed or _called(code) if name in _IDIOMS]
    return f"{_BIG} {_IDIOMS[names[0]] if names else _IN_PARTS}"


def _of_documents(said: str, error: str, context: Documents) -> str:
    of_one = f"'{Document.__name__}' object" in said or _NO_DICT in said
    pairs = _NO_PAIR in said and " in context" in error
    if Documents.__name__ not in said and "buffer API" not in said and not of_one and not pairs:
        return ""
    return (
        f"`context` is a sequence of {len(context):,} documents: `for doc in context:` gives each"
        " with doc.name and doc.text; `context.text` is all of them as one str."
    )


def _passed(code: str) -> Iterator[str]:
    """The functions that are given `context` itself, by their last names."""
    for call in _calls(code):
        if any(isinstance(one, ast.Name) and one.id == "context" for one in call.args):
            yield _last_name(call.func)


def _called(code: str) -> Iterator[str]:
    return (_last_name(call.func) for call in _calls(code))


def _calls(code: str) -> Iterator[ast.Call]:
    try:
        tree = compile(code, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node


def _last_name(function: ast.expr) -> str:
    return getattr(function, "attr", "") or getattr(function, "id", "")
