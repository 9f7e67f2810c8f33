"""Which HTTP client, and what our adapter adds: 1,000 calls of 50 ms against a scripted server.

    python benchmarks/http_clients.py [--calls 1000] [--latency-s 0.05] [--rounds 5]

The server is a process of its own. Each row is the median of the rounds, after one that
opens the connections; `wall` and `cpu` are the client's. Clients that are not installed are
left out. `floor` is bytes over a bare asyncio protocol: what no client can beat.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from unspool.models.chat import ChatFormat
from unspool.models.http import Endpoint, HttpPool
from unspool.models.wire import WireModel
from unspool.types import Message, Request

PROMPT = "x" * 3000
BODY = json.dumps({"model": "sub", "messages": [{"role": "user", "content": PROMPT}]}).encode()
HEADERS = {"Authorization": "Bearer none", "Content-Type": "application/json"}

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Row:
    client: str
    in_flight: int
    first_s: float
    wall_s: float
    cpu_s: float


@asynccontextmanager
async def aiohttp_plain(base_url: str, limit: int) -> AsyncIterator[Call]:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=limit)
    async with aiohttp.ClientSession(connector=connector, headers=HEADERS) as session:

        async def call() -> object:
            async with session.post(f"{base_url}/chat/completions", data=BODY) as reply:
                return await reply.json()

        yield call


@asynccontextmanager
async def httpx2_plain(base_url: str, limit: int) -> AsyncIterator[Call]:
    import httpx2

    limits = httpx2.Limits(max_connections=limit, max_keepalive_connections=limit)
    async with httpx2.AsyncClient(headers=HEADERS, limits=limits, timeout=60) as client:

        async def call() -> object:
            return (await client.post(f"{base_url}/chat/completions", content=BODY)).json()

        yield call


@asynccontextmanager
async def http_pool(base_url: str, limit: int) -> AsyncIterator[Call]:
    pool = HttpPool(limit=limit)
    endpoint = Endpoint(f"{base_url}/chat/completions", HEADERS)

    async def call() -> object:
        return json.loads((await pool.post(endpoint, BODY)).body)

    yield call
    await pool.aclose()


@asynccontextmanager
async def wire_model(base_url: str, limit: int) -> AsyncIterator[Call]:
    pool = HttpPool(limit=limit)
    model = WireModel(
        "sub", model="sub", format=ChatFormat(), base_url=base_url, http=pool, api_key="none"
    )
    request = Request((Message("user", PROMPT),))

    yield lambda: model.complete(request)
    await pool.aclose()


class _Bare(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.reply.set_result(data)


@asynccontextmanager
async def floor(base_url: str, limit: int) -> AsyncIterator[Call]:
    loop = asyncio.get_running_loop()
    host, port = base_url.split("/")[2].split(":")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}"
    sent = head.encode() + b"\r\n\r\n" + BODY
    idle: list[_Bare] = []

    async def call() -> object:
        bare = idle.pop() if idle else (await loop.create_connection(_Bare, host, int(port)))[1]
        bare.reply = loop.create_future()
        bare.transport.write(sent)  # type: ignore[attr-defined]
        data = await bare.reply
        idle.append(bare)
        return json.loads(data.partition(b"\r\n\r\n")[2])

    yield call
    for bare in idle:
        bare.transport.close()


CLIENTS = {
    "floor": (None, floor),
    "aiohttp": ("aiohttp", aiohttp_plain),
    "httpx2": ("httpx2", httpx2_plain),
    "HttpPool": ("aiohttp", http_pool),
    "WireModel": ("aiohttp", wire_model),
}


async def measure(name: str, base_url: str, in_flight: int, options: argparse.Namespace) -> Row:
    gate = asyncio.Semaphore(in_flight)

    async def one(call: Call) -> None:
        async with gate:
            await call()

    walls, cpus = [], []
    async with AsyncExitStack() as stack:
        call = await stack.enter_async_context(CLIENTS[name][1](base_url, in_flight))
        for _ in range(options.rounds + 1):
            wall, cpu = time.perf_counter(), time.process_time()
            async with asyncio.TaskGroup() as group:
                for _ in range(options.calls):
                    group.create_task(one(call))
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
    medians = statistics.median(walls[1:]), statistics.median(cpus[1:])
    return Row(name, in_flight, walls[0], *medians)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--latency-s", type=float, default=0.05)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    command = [sys.executable, "-m", "unspool.testing.serve", "--latency-s"]
    server = subprocess.Popen(
        [*command, str(options.latency_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    base_url = json.loads(server.stdout.readline())["base_url"]
    print("client     in flight  first s  wall s  cpu s cpu ms/call")
    for in_flight in (options.calls, 256):
        for name, (module, _) in CLIENTS.items():
            if module is not None and importlib.util.find_spec(module) is None:
                continue
            row = asyncio.run(measure(name, base_url, in_flight, options))
            print(
                f"{row.client:<10} {row.in_flight:>9} {row.first_s:>8.2f} {row.wall_s:>7.2f} "
                f"{row.cpu_s:>6.2f} {row.cpu_s / options.calls * 1000:>11.2f}"
            )
    server.stdin.close()
    print("server:", server.stdout.read().strip())
    server.wait()


if __name__ == "__main__":
    main()
