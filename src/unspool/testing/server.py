"""A model server whose answers are a script: for tests, docs and benchmarks."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from unspool.testing.connection import Connection, HttpRequest, Outcome
from unspool.testing.dialect import ChatDialect, Dialect
from unspool.testing.render import Wire, error_body, render_json, spent
from unspool.testing.script import Answerer, ChatRequest, Reply, Script, turns
from unspool.types import Usage

_BACKLOG = 4096


@dataclass(slots=True, eq=False)
class Exchange:
    """One request to a model and what came of it."""

    request: ChatRequest
    reply: Reply
    arrived_s: float
    """When it came in, on the clock of `time.monotonic`."""
    usage: Usage
    """What the answer costs, whether or not it was sent."""
    wire: Wire = field(repr=False)
    answered: bool = False
    """True: the answer was sent to its end, whatever its status."""
    cancelled: bool = False
    """True: the client went away before the answer was sent."""

    @property
    def latency_s(self) -> float:
        """Seconds before the first byte."""
        return self.reply.latency_s

    @property
    def drip_s(self) -> float:
        """Seconds between pieces."""
        return self.reply.drip_s

    @property
    def billed(self) -> bool:
        """True: the client got a whole answer with status 200."""
        return self.answered and self.reply.status == 200 and self.wire.whole

    def sent(self) -> None:
        """The connection is about to write the last byte."""
        self.answered = True

    def abandoned(self) -> None:
        """The client went away."""
        self.cancelled = True


@dataclass(frozen=True, slots=True)
class _Aside:
    """An answer that is not logged: a list of models, a wrong path."""

    wire: Wire
    latency_s: float = 0.0
    drip_s: float = 0.0

    def sent(self) -> None: ...
    def abandoned(self) -> None: ...


class ScriptedServer:
    """Answers `POST /v1/chat/completions` (plain and streamed) and `GET /v1/models`, or what
    `speaks` has in their place (`unspool.testing.formats`).

    `with` runs it on a thread of its own, `async with` on the running loop; either listens
    on the loopback address only. A script that raises, or has no reply left, answers with
    status 400, which no client repeats. With `api_key`, a request with another key gets a
    401. `exchanges` holds every request in the order of arrival, bodies included.
    """

    def __init__(
        self,
        script: Script,
        *,
        api_key: str | None = None,
        models: Iterable[str] = ("root", "sub"),
        port: int = 0,
        speaks: Dialect | None = None,
    ) -> None:
        self._speaks = speaks or ChatDialect()
        self._script: Answerer = script if callable(script) else turns(script)
        self._api_key = api_key
        self._models = tuple(models)
        self._wanted_port = port
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.exchanges: list[Exchange] = []
        self.connections = 0
        """How many connections were opened in all."""
        self.strays: list[str] = []
        """What was asked for and is not there, as `POST /v1/elsewhere`."""

    def __repr__(self) -> str:
        return f"ScriptedServer({len(self.exchanges)} requests)"

    @property
    def port(self) -> int:
        """The port it listens on. Raises RuntimeError before the start."""
        if self._server is None:
            raise RuntimeError("the scripted server is not running: use it in a `with`")
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL, `/v1` or the like included."""
        return f"http://127.0.0.1:{self.port}{self._speaks.root}"

    @property
    def requests(self) -> list[ChatRequest]:
        """Every request that came in, in order."""
        return [exchange.request for exchange in self.exchanges]

    @property
    def usage(self) -> Usage:
        """Sum over the whole answers with status 200: what a client has to account for."""
        return sum((e.usage for e in self.exchanges if e.billed), Usage())

    @property
    def cancelled(self) -> int:
        """How many requests were given up by their client."""
        return sum(exchange.cancelled for exchange in self.exchanges)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stop()

    def __enter__(self) -> Self:
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=(started,), name="scripted-server", daemon=True
        )
        self._thread.start()
        started.result()
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._finished.set)
        self._thread.join()

    def _serve(self, started: Future[None]) -> None:
        async def main() -> None:
            self._finished = asyncio.Event()
            try:
                await self._listen()
            except OSError as error:
                started.set_exception(error)
                return
            started.set_result(None)
            await self._finished.wait()
            await self._stop()

        asyncio.run(main())

    async def _listen(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(
            self._connect, "127.0.0.1", self._wanted_port, backlog=_BACKLOG
        )

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        await self._server.wait_closed()
        await asyncio.sleep(0)
        self._server = None

    def _connect(self) -> Connection:
        self.connections += 1
        return Connection(self._answer, self._connections)

    def _answer(self, request: HttpRequest) -> Outcome:
        path = request.path.partition("?")[0]
        if request.method == "GET" and path.endswith("/models"):
            listed = [{"id": name, "object": "model"} for name in self._models]
            return _Aside(render_json({"object": "list", "data": listed}))
        if request.method != "POST" or not self._speaks.serves(request.path):
            self.strays.append(f"{request.method} {path}")
            message = f"unknown path: {request.method} {path}"
            return _Aside(render_json(error_body(message, 404), 404))
        chat, problem = self._speaks.parse(request)
        refused = self._speaks.key_problem(request, self._api_key) or problem
        reply = self._speaks.bounded(chat, refused or self._play(chat))
        usage = spent(chat, reply)
        wire = self._speaks.render(chat, reply, usage)
        exchange = Exchange(chat, reply, time.monotonic(), usage, wire)
        self.exchanges.append(exchange)
        return exchange

    def _play(self, chat: ChatRequest) -> Reply:
        try:
            reply = self._script(chat)
        except Exception as error:  # a plug-in's fault is shown to whoever asked
            return Reply(f"the script failed: {error!r}", status=400)
        return Reply(reply) if isinstance(reply, str) else reply
