"""Code of ours in a REPL where a model's code may have run before: it has its own names.

What that code has called `list`, or a user has named a tool, means nothing to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import Template

_CODE = Template("""
import builtins
if not builtins.isinstance(builtins.globals().get("answer"), builtins.dict):
    answer = {"content": "", "ready": False}
_apart = {$given}
builtins.exec(r'''
$source
''', _apart)
""")


def apart(source: str, given: Iterable[str]) -> str:
    """The code that runs `source` with the names of the REPL that it is `given`, those of Python,
    and no others, and leaves what it defines in `_apart`."""
    names = ", ".join(['"__name__": "__main__"', *(f'"{name}": {name}' for name in given)])
    return _CODE.substitute(source=source.strip(), given=names).strip()
