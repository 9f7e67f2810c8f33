"""How long a message to another process and back takes by itself: the floor under a cell."""

from __future__ import annotations

import asyncio
import os
import socket
import time

SIZE = 200
WARM_UP, TIMES = 50, 200


class _Echoed(asyncio.Protocol):
    def __init__(self) -> None:
        self.back = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        self.back.set_result(None)


def round_trips_ms() -> list[float]:
    """Round trips to a process that sends back what it gets, on an event loop of our own."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        while data := theirs.recv(SIZE):
            theirs.sendall(data)
        os._exit(0)
    theirs.close()
    try:
        return asyncio.run(_measured(ours))
    finally:
        os.waitpid(pid, 0)


async def _measured(sock: socket.socket) -> list[float]:
    loop, figures = asyncio.get_running_loop(), []
    transport, echoed = await loop.create_unix_connection(_Echoed, sock=sock)
    for _ in range(WARM_UP + TIMES):
        echoed.back = loop.create_future()
        began = time.perf_counter()
        transport.write(bytes(SIZE))
        await echoed.back
        figures.append((time.perf_counter() - began) * 1000)
    transport.close()
    return figures[WARM_UP:]
