"""What tests use of each other's: a server that counts, a clock."""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from unspool import SandboxError
from unspool.sandboxes.docker_engine import Engine
from unspool.testing import server
from unspool.testing.sandbox_contract.promises import Cells

T = TypeVar("T")


class ScriptedServer(server.ScriptedServer):
    """The scripted server, whose count every test's runs are held to at its end (`conftest`).

    `counted=False`: runs of other processes ask it too.
    """

    def __init__(self, *args: Any, counted: bool = True, **options: Any) -> None:
        super().__init__(*args, **options)
        if counted:
            SERVED.append(self)

    @property
    def cut(self) -> int:
        """How many answers it did not send whole."""
        return sum(
            e.answered and e.reply.status == 200 and not e.wire.whole for e in self.exchanges
        )


SERVED: list[ScriptedServer] = []
"""Those of the test that is under way."""


def _opened(fd: str) -> str:
    """What a descriptor stands for; nothing when it has been closed by now."""
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""


def contexts_held() -> int:
    """How many contexts this process holds in shared memory, once that no longer falls."""
    for _ in range(250):
        held = sum("unspool-context" in _opened(fd) for fd in os.listdir("/proc/self/fd"))
        if not held:
            break
        time.sleep(0.02)
    return held


OpenRepl = Callable[..., Awaitable[Cells]]


def engine_has(image: str) -> bool:
    """Whether a real Docker engine is here, and has `image`."""

    async def asked() -> bool:
        engine = Engine()
        try:
            await engine.ping()
            return await engine.has_image(image)
        except SandboxError:
            return False
        finally:
            await engine.aclose()

    return asyncio.run(asked())


class _NoWaiting(selectors.DefaultSelector):
    """Where it would wait, the loop's time goes on instead."""

    def __init__(self, loop: TimelessLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits for something that cannot happen"
        self._loop.now_s += timeout
        return super().select(0)


class TimelessLoop(asyncio.SelectorEventLoop):
    """An event loop in which sleeping takes no time; for code that meets no real I/O."""

    def __init__(self) -> None:
        self.now_s = 0.0
        super().__init__(_NoWaiting(self))

    def time(self) -> float:
        return self.now_s


def in_no_time(work: Coroutine[Any, Any, T]) -> T:
    """Runs `work` to its end, on a clock of its own that begins at 0."""
    with asyncio.Runner(loop_factory=TimelessLoop) as runner:
        return runner.run(work)
