"""How a contract suite is run: one test a promise, with no plug-in and no fixture."""

from __future__ import annotations

import asyncio
import json
import unittest
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, Protocol

from unspool.context.source import Context
from unspool.errors import UnspoolError
from unspool.ports import CallDoor, Repl, Sandbox
from unspool.spec import ReplSpec
from unspool.types import Cell, Observation

LONGEST_S = 100.0
"""A promise that takes longer is broken."""

Trait = Literal[
    "callbacks",
    "classes",
    "confined",
    "del",
    "documents",
    "files",
    "generators",
    "keeps",
    "library",
    "streams",
    "surrogates",
    "threads",
]
"""What a sandbox may lack and still be of use.

`callbacks`: calls of models from a function that `map` or `sorted` calls; `classes`:
inheritance, exceptions and properties of one's own; `confined`: no file, network or process
of the machine's; `del`; `documents`: a context of several is a sequence of them; `files`: a
folder of its own; `generators`: `yield`;
`keeps`: variables outlive a cell that had to be stopped; `library`: Python's standard
library; `streams`: output past Python's own streams is shown; `surrogates`: text that is no
valid Unicode passes unharmed; `threads`.
"""


class Case(Protocol):
    """What a promise is checked of."""

    lacks: frozenset[Trait]

    def make(self) -> Sandbox: ...


class Cells:
    """Runs cells in one REPL, numbering them."""

    def __init__(self, repl: Repl) -> None:
        self.repl = repl
        self._number = 0

    async def __call__(self, code: str) -> Observation:
        self._number += 1
        return await self.repl.run(Cell(code, self._number))


class Rooms:
    """Opens REPLs of one sandbox, and closes them with it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._opened: list[Repl] = []

    async def open(self, context: Any = "some text", door: CallDoor | None = None,
                   **asked: Any) -> Cells:  # fmt: skip
        """A REPL over `context`; what is `asked` besides goes into its `ReplSpec`."""
        given = context if isinstance(context, Context) else Context(context)
        repl = await self.sandbox.open(given, door or echo, ReplSpec(**{"question": "?", **asked}))
        self._opened.append(repl)
        return Cells(repl)

    async def aclose(self) -> None:
        """Closes all REPLs, then the sandbox."""
        for repl in self._opened:
            await repl.aclose()
        await self.sandbox.aclose()


Check = Callable[[Any, Rooms], Awaitable[None]]


def promise(*traits: Trait) -> Callable[[Check], Callable[[Case], None]]:
    """Makes a test of a check. A sandbox that lacks one of `traits` has to fail it: what a
    sandbox is said to lack is then as true as what it is said to have."""

    def made(check: Check) -> Callable[[Case], None]:
        def test(self: Case) -> None:
            lacking = sorted(self.lacks.intersection(traits))
            if not lacking:
                asyncio.run(_kept(check, self))
                return
            try:
                asyncio.run(_kept(check, self))
            except (AssertionError, UnspoolError):
                raise unittest.SkipTest(f"this sandbox lacks {', '.join(lacking)}") from None
            raise AssertionError(f"this sandbox has {lacking} after all: take it from `lacks`")

        # functools.wraps would show pytest the check's arguments, as fixtures to be filled in
        test.__name__, test.__doc__ = check.__name__, check.__doc__
        test.__qualname__, test.__module__ = check.__qualname__, check.__module__
        return test

    return made


async def _kept(check: Check, case: Case) -> None:
    rooms = Rooms(case.make())
    try:
        async with asyncio.timeout(LONGEST_S):
            await check(case, rooms)
    except TimeoutError as late:
        raise AssertionError(f"not done after {LONGEST_S:.0f} s") from late
    finally:
        await rooms.aclose()


def same(seen: object, wanted: object) -> None:
    """Raises AssertionError with both values where they differ, in type or in content."""
    if type(seen) is not type(wanted) or seen != wanted:
        raise AssertionError(f"{_shown(seen)} instead of {_shown(wanted)}")


def holds(part: str, text: str) -> None:
    """Raises AssertionError with the text where `part` is not in it."""
    if part not in text:
        raise AssertionError(f"{part!r} is not in {_shown(text)}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) < 2_000 else f"{text[:1_500]} ... {text[-400:]}"


async def echo(name: str, args: Sequence[Any]) -> Any:
    """A host that answers each prompt with itself, and fails those that say so."""
    if name.endswith("_batched"):
        return [[None, f"refused: {p}"] if "fail" in p else [f"re: {p}"] for p in args[0]]
    if "fail" in args[0]:
        raise UnspoolError(f"refused: {args[0]}")
    return f"re: {args[0]}"


def ready(seen: Observation) -> Any:
    """The answer that a cell gave. Raises AssertionError where there is none, or a draft."""
    if seen.answer is None or not seen.answer.ready:
        raise AssertionError(f"no ready answer: {seen.answer} {all_text(seen)[-2_000:]}")
    return seen.answer.value


def all_text(seen: Observation) -> str:
    """All that a cell showed, and the notes."""
    return json.dumps([seen.text, seen.notes], ensure_ascii=False)
