"""The user's own functions, for cells to call: what is told of them, and how they are run."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import contextvars
import inspect
import keyword
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from unspool.errors import ConfigurationError
from unspool.ports import CallDoor
from unspool.spec import Tool

PARALLEL = 64
"""Calls of tools in one run at the same time: each may have a thread of its own."""
SHOWN_CHARS = 4_000
"""Of an exception's text."""

RESERVED = frozenset(
    "context question answer search chunks SHOW_VARS FINAL FINAL_VAR LLMError ToolError llm_query"
    " llm_query_batched rlm_query rlm_query_batched ask_each".split()
)
"""Names in the REPL that are ours."""

Function = Callable[..., Any]
Around = Callable[[str, Sequence[Any], Callable[[], Awaitable[Any]]], Awaitable[Any]]


@dataclass(frozen=True)
class Tools:
    """Functions by the names that cells know them by.

    A coroutine function runs on unspool's event loop, any other on a thread of its own: one
    that never returns holds up neither other runs nor the end of the program.
    """

    functions: Mapping[str, Function] = field(default_factory=dict)
    offered: tuple[Tool, ...] = ()
    """The same as values that travel."""

    @classmethod
    def of(cls, functions: Mapping[str, Function]) -> Tools:
        """The tools of a user.

        Raises:
            ConfigurationError: one is no function, or has a name that it cannot have.
        """
        offered = tuple(_described(name, function) for name, function in functions.items())
        return cls(dict(functions), offered)

    def door(self, beyond: CallDoor, around: Around | None = None) -> CallDoor:
        """Answers calls of tools, and hands all others on to `beyond`. Called on the loop.
        `around` is given each call of a tool, and makes it or not.

        A tool's result is `[value]`; of one that raised, `[None, type, text, arguments]`.
        """
        slots = asyncio.Semaphore(PARALLEL)

        async def answer(name: str, args: Sequence[Any]) -> Any:
            function = self.functions.get(name)
            if function is None:
                return await beyond(name, args)
            made = partial(call, function, *args)
            return await (made() if around is None else around(name, args, made))

        async def call(function: Function, given: list[Any], named: dict[str, Any]) -> Any:
            try:
                async with slots:
                    return [await _called(function, given, named)]
            except asyncio.CancelledError:
                raise
            except BaseException as failed:  # SystemExit too: a tool must not end the loop
                return [None, *_told(failed)]

        return answer if self.functions else beyond


async def _called(function: Function, given: list[Any], named: dict[str, Any]) -> Any:
    if _is_async(function):
        return await function(*given, **named)
    context = contextvars.copy_context()
    value = await _on_a_thread(lambda: context.run(function, *given, **named))
    return await value if inspect.isawaitable(value) else value


async def _on_a_thread(call: Callable[[], Any]) -> Any:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(found: tuple[Any, BaseException | None]) -> None:
        if not outcome.done():  # nobody waits for it any more when the run has ended
            outcome.set_result(found)

    def work() -> None:
        found = _tried(call)
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=work, name="unspool-tool", daemon=True).start()
    value, failed = await outcome
    if failed is not None:
        raise failed
    return value


def _is_async(function: Function) -> bool:
    """Whether it, or as an object its `__call__`, is a coroutine function."""
    of_class = getattr(type(function), "__call__", None)  # noqa: B004
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(of_class)


def _tried(call: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    """Some exceptions cannot pass from a thread to a loop by themselves."""
    try:
        return call(), None
    except StopIteration as failed:
        return None, RuntimeError(f"StopIteration: {failed}")
    except BaseException as failed:
        return None, failed


def _told(failed: BaseException) -> tuple[str, str, list[Any]]:
    try:
        text = str(failed)[:SHOWN_CHARS]
    except Exception:  # an exception of the user's own that cannot be printed
        text = "(its message cannot be shown)"
    made_of = _made_of(failed)
    simple = all(value is None or isinstance(value, (str, int, float, bool)) for value in made_of)
    short = simple and len(str(made_of)) <= SHOWN_CHARS
    return type(failed).__name__, text, made_of if short else []


def _made_of(failed: BaseException) -> list[Any]:
    """What an exception was made of; of an OSError, `args` lacks the file."""
    reduced = failed.__reduce__() if isinstance(failed, OSError) else ()
    if len(reduced) > 1 and isinstance(reduced[1], tuple):
        return list(reduced[1])
    return list(failed.args)


def _described(name: Any, function: Any) -> Tool:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ConfigurationError(
            f"tools={{{name!r}: ...}}: a tool's name has to be one that Python code can call."
        )
    if name in RESERVED or name.startswith("_") or hasattr(builtins, name):
        raise ConfigurationError(
            f"tools={{{name!r}: ...}}: the name is taken in the REPL; give the tool another one."
        )
    if not callable(function):
        raise ConfigurationError(
            f"tools={{{name!r}: ...}}: give a function, not {type(function).__name__}."
        )
    return Tool(name, signature_of(function), inspect.getdoc(function) or "")


def signature_of(function: Function) -> str:
    """A function's signature as Python code that stands by itself."""
    try:
        found = inspect.signature(function)
    except (ValueError, TypeError):  # some that are written in C have none
        return "(*args, **kwargs)"
    shown = [_shown(parameter) for parameter in found.parameters.values()]
    plain = found.replace(parameters=shown, return_annotation=_annotation(found.return_annotation))
    return str(plain)


class _Code(str):
    """Text that a signature shows as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    default, nothing = parameter.default, inspect.Parameter.empty
    if default is not nothing:
        default = _Code(repr(default) if _is_literal(repr(default)) else "...")
    return parameter.replace(default=default, annotation=_annotation(parameter.annotation))


def _annotation(annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty:
        return annotation
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    try:
        ast.parse(text, mode="eval")
    except SyntaxError:
        return inspect.Parameter.empty
    return _Code(text)


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return True
