"""The REPL's functions, served by the host: for a sandbox whose cells call out of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from unspool.errors import UnspoolError
from unspool.ports import CallDoor
from unspool.sandboxes.worker.channel import CallFailed, Channel
from unspool.sandboxes.worker.cutting import Cutter
from unspool.sandboxes.worker.offers import offered
from unspool.sandboxes.worker.search import Hits, Searcher
from unspool.sandboxes.worker.tools import model_calls, no_input
from unspool.spec import Tool


class _Asked(Exception):
    """What a function wants of the host, once it has found its arguments in order."""

    def __init__(self, name: str, args: list[Any]) -> None:
        self.name, self.args_asked = name, args


class _Once:
    """Stands in for the worker's channel: takes down the call, or gives the reply to it."""

    def __init__(self, reply: Mapping[str, Any] | None = None) -> None:
        self._reply = reply

    def call(self, name: str, args: list[Any]) -> Any:
        if self._reply is None:
            raise _Asked(name, args)
        if "error" in self._reply:
            raise CallFailed(self._reply["error"])
        return self._reply["value"]


class HostedCalls:
    """Serves `llm_query` and its like and the user's tools through a door; `search` and
    `chunks` here."""

    def __init__(
        self,
        door: CallDoor,
        searcher: Searcher,
        cutter: Cutter,
        tools: Sequence[Tool],
        variables: Callable[[], str],
    ) -> None:
        self._door, self._variables = door, variables
        self._searcher, self._cutter = searcher, cutter
        self._tools = [[tool.name, tool.signature, tool.doc] for tool in tools]
        self.notes: list[str] = []
        """What `search` had to say besides its lines."""
        self.awaitable = frozenset(self._calls())
        """The functions that may be awaited."""
        self.names = self.awaitable | {"search", "chunks", "SHOW_VARS", "input"}

    def _calls(self, reply: Mapping[str, Any] | None = None) -> dict[str, Callable[..., Any]]:
        channel = cast(Channel, _Once(reply))
        return {**model_calls(channel), **offered(channel, self._tools)}

    async def call(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What the function of that name gives; raises what it would raise in a cell."""
        match name:
            case "search":
                return self._lines(await asyncio.to_thread(self._searcher.search, *args, **kwargs))
            case "chunks":
                return list(await asyncio.to_thread(self._cutter.chunks, *args, **kwargs))
            case "SHOW_VARS":
                return self._variables()
            case "input":
                return no_input()
        try:
            return self._calls()[name](*args, **kwargs)
        except _Asked as asked:
            reply = await self._ask(asked.name, asked.args_asked)
        except TypeError as misused:  # Python names a function by where it was made
            raise TypeError(str(misused).replace("model_calls.<locals>.", "")) from None
        return self._calls(reply)[name](*args, **kwargs)

    async def _ask(self, name: str, args: list[Any]) -> dict[str, Any]:
        try:
            return {"value": await self._door(name, args)}
        except UnspoolError as failed:
            return {"error": str(failed)}
        except Exception as broken:  # whatever it is, the cell must not wait for ever
            return {"error": f"{type(broken).__name__}: {broken}"[:500]}

    def _lines(self, hits: Any) -> list[Any]:
        if not isinstance(hits, Hits):
            return list(hits)
        whole, lines = str(hits), "\n".join(hits)
        around = whole.partition(lines) if lines else (whole,)
        said = (part.strip() for part in around if part is not lines and part != lines)
        self.notes += [f"search: {note}" for note in said if note]
        return list(hits)
