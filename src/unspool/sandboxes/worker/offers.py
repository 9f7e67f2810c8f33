"""The user's own functions, as a cell finds them: checked here, run in the host."""

from __future__ import annotations
import __future__

import builtins
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .channel import CallFailed, Channel
from .tools import ToolError, awaited_in, call_pool

Ask = Callable[[str, list[Any]], Any]


def offered(channel: Channel, tools: Sequence[Sequence[str]]) -> dict[str, Callable[..., Any]]:
    """A function for each tool of (name, signature, documentation)."""
    if not tools:
        return {}
    pool = call_pool()
    return {tool[0]: awaited_in(pool, _function(channel.call, *tool)) for tool in tools}


def _function(ask: Ask, name: str, signature: str, doc: str) -> Callable[..., Any]:
    shape = _shape(name, signature)

    @functools.wraps(shape)
    def tool(*args: Any, **kwargs: Any) -> Any:
        try:
            given = inspect.signature(shape).bind(*args, **kwargs)
        except TypeError as wrong:
            raise TypeError(f"{name}() {wrong}; it is {name}{signature}") from None
        try:
            result = ask(name, [list(given.args), dict(given.kwargs)])
        except CallFailed as failed:
            raise ToolError(f"{name}: {failed}") from None
        if len(result) == 1:
            return result[0]
        raise _error(*result[1:])

    tool.__doc__ = doc or f"{name}{signature}, run outside of the REPL."
    return tool


def _shape(name: str, signature: str) -> Callable[..., Any]:
    """A function of that signature which does nothing; its annotations stay text."""
    flags = __future__.annotations.compiler_flag
    code = compile(f"def {name}{signature}: ...", "<tool>", "exec", flags, dont_inherit=True)
    made: dict[str, Any] = {}
    exec(code, made)
    shape: Callable[..., Any] = made[name]
    shape.__module__ = "tools"
    return shape


def _error(kind: str, text: str, args: Sequence[Any]) -> Exception:
    """The exception of a tool: the builtin one of that name, else a ToolError that names it."""
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception):
        try:
            made: Exception = known(*(args or ([text] if text else [])))
            return made
        except TypeError:  # one that needs arguments of its own kind
            pass
    return ToolError(f"{kind}: {text}" if text else kind)
