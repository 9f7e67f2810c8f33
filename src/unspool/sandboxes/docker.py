"""The same REPL, in a container without network, on an engine that speaks Docker's API."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import io
import itertools
import os
import socket
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from unspool.context.source import Context
from unspool.errors import SandboxError
from unspool.ports import CallDoor
from unspool.sandboxes.docker_engine import STDERR, STDOUT, Engine, EngineError, Streams, frame
from unspool.sandboxes.process import start_repl
from unspool.sandboxes.repl import ProcessRepl
from unspool.sandboxes.starter import FLAGS, HASHES, Exit
from unspool.spec import ReplSpec

IMAGE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
LIFE = "container"
PROCESSES = 512
SCRATCH_BYTES = 256 << 20
NOBODY = "65534:65534"
PIECE_BYTES = 1 << 18

_BOOT = """
import os, sys
size, taken = int(sys.argv[1]), b""
while len(taken) < size:
    taken += os.read(0, size - len(taken)) or sys.exit(1)
fd = os.memfd_create("worker")
os.write(fd, taken)
sys.path.insert(0, f"/proc/self/fd/{fd}")
from worker.stdio import main
main()
"""


class DockerSandbox:
    """REPLs that are containers of `image`. Use it on one event loop only.

    `host` is where the engine listens (`unix:///PATH` or `tcp://HOST:PORT`). The image needs
    a `python3` of version 3.11 or later, and is not fetched.
    """

    def __init__(self, *, host: str | None = None, image: str | None = None) -> None:
        self._engine = Engine(host)
        self._image = image or IMAGE
        self._work: set[asyncio.Task[None]] = set()
        self._checked: str | None = None

    async def check(self) -> str:
        """See `unspool.ports.Sandbox`. A REPL is opened for it, once."""
        if self._checked is None:
            repl = await self.open(Context("?"), _no_calls, ReplSpec())
            await repl.aclose()
            self._checked = (
                f"a container of {self._image} without network, capabilities and privileges,"
                " with a file system that can only be read"
            )
        return self._checked

    async def open(self, context: Context, door: CallDoor, spec: ReplSpec) -> ProcessRepl:
        """See `unspool.ports.Sandbox`."""
        await self._engine.ping()
        try:
            found = self._checked or await self._engine.has_image(self._image)
        except EngineError as refused:
            raise SandboxError(f"the Docker engine at {self._engine.host}: {refused}") from refused
        if not found:
            raise SandboxError(
                f"the Docker engine at {self._engine.host} has no image {self._image!r}: run"
                f" docker pull {self._image}, or name another one in UNSPOOL_DOCKER_IMAGE."
            )
        starter = Containers(self._engine, self._image, spec.memory_bytes, self._work)
        return await start_repl(starter, context, door, spec, confined=False)

    def forked(self) -> None:
        """Begins anew in a process that was forked off: the containers are its parent's."""
        self._engine, self._work = Engine(self._engine.host), set()

    async def aclose(self) -> None:
        """Removes every container that is still there."""
        for life in self._work:
            if life.get_name() == LIFE:
                life.cancel()
        while self._work:
            await asyncio.gather(*self._work, return_exceptions=True)
        await self._engine.aclose()


class Containers:
    """Starts containers for one REPL, one after the other, and carries bytes to and fro.

    What it has under way is in `work`: the lives of containers, by the name `LIFE`, and orders.
    """

    keeps = False

    def __init__(
        self, engine: Engine, image: str, memory_bytes: int, work: set[asyncio.Task[None]]
    ) -> None:
        self._engine, self._image, self._memory_bytes = engine, image, memory_bytes
        self._work = work
        self._numbers = itertools.count(1)
        self._lives: dict[int, asyncio.Task[None]] = {}
        self._ids: dict[int, str] = {}
        self._on_exit: dict[int, Callable[[Exit], None]] = {}

    def fork(self, fds: Sequence[int], folder: Path, on_exit: Callable[[Exit], None]) -> int:
        """See `Starter`."""
        number = next(self._numbers)
        sock = socket.socket(fileno=os.dup(fds[0]))
        sock.setblocking(False)
        output, context = os.dup(fds[1]), os.dup(fds[2])
        self._on_exit[number] = on_exit
        life = self._live(number, sock, output, context)
        self._lives[number] = self._begun(life, LIFE)
        self._lives[number].add_done_callback(lambda _: self._lives.pop(number))
        return number

    def interrupt(self, number: int) -> None:
        """See `Starter`."""
        if number in self._ids:
            self._order(self._engine.signal(self._ids[number], "SIGINT"))

    def kill(self, number: int) -> None:
        """See `Starter`."""
        if number in self._lives:
            self._lives[number].cancel()

    def end(self, number: int) -> None:
        """See `Starter`."""
        self._on_exit.pop(number, None)
        self.kill(number)

    def allow_fork(self, number: int) -> None:
        """Not to be called: nothing is kept."""
        raise NotImplementedError

    def revive(self, number: int, link: int) -> None:
        """Not to be called: nothing is kept."""
        raise NotImplementedError

    def _begun(self, work: Any, name: str) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name=name)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def _order(self, work: Any) -> None:
        """Has something done that nobody waits for; a container that is gone needs it no more."""

        async def done() -> None:
            with contextlib.suppress(EngineError, OSError, TimeoutError):
                await work

        self._begun(done(), "order")

    async def _live(
        self,
        number: int,
        sock: socket.socket,
        output: int,
        context: int,
    ) -> None:
        """The life of one container, from its making to its removal."""
        status = -9
        try:
            body = self._body(os.fstat(context).st_size)
            container = self._ids[number] = await self._engine.create(body)
            streams = await self._engine.attach(container)
            ended = asyncio.ensure_future(self._engine.exit_status(container))
            try:
                await self._engine.start(container)
                await self._carry(streams, sock, output, context)
                status = await ended
            finally:
                ended.cancel()
                streams[1].close()
        except (EngineError, OSError, TimeoutError) as failed:
            with contextlib.suppress(OSError):
                os.write(output, f"the Docker engine: {failed}".encode()[:4_000])
        finally:
            sock.close()
            os.close(output)
            os.close(context)
            on_exit = self._on_exit.pop(number, None)
            if on_exit is not None:
                on_exit(Exit(128 - status if status > 128 else status, None))
            if number in self._ids:
                self._order(self._engine.remove(self._ids.pop(number)))

    async def _carry(
        self, streams: Streams, sock: socket.socket, output: int, context: int
    ) -> None:
        """Carries bytes both ways until the container closes its end."""
        reader, writer = streams
        sending = asyncio.ensure_future(_send(writer, sock, context))
        try:
            while (piece := await frame(reader)) is not None:
                kind, data = piece
                if kind == STDOUT:
                    await asyncio.get_running_loop().sock_sendall(sock, data)
                elif kind == STDERR:
                    await _write(output, data)
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    def _body(self, context_bytes: int) -> dict[str, Any]:
        """What the container is to be: everything is taken from it that a REPL can do without."""
        memory = self._memory_bytes + 2 * context_bytes
        return {
            "Image": self._image,
            "Entrypoint": ["python3"],
            "Cmd": [*FLAGS, "-c", _BOOT, str(len(archive()))],
            "WorkingDir": "/tmp",
            "User": NOBODY,
            "Env": [
                *("LANG=C.UTF-8", "LC_ALL=C.UTF-8", "HOME=/tmp", "TMPDIR=/tmp"),
                *(f"{name}={value}" for name, value in HASHES.items()),
            ],
            "Labels": {"unspool": "repl"},
            "Tty": False,
            "OpenStdin": True,
            "StdinOnce": True,
            "AttachStdin": True,
            "AttachStdout": True,
            "AttachStderr": True,
            "NetworkDisabled": True,
            "HostConfig": {
                "NetworkMode": "none",
                "ReadonlyRootfs": True,
                "CapDrop": ["ALL"],
                "SecurityOpt": ["no-new-privileges"],
                "PidsLimit": PROCESSES,
                "Memory": memory,
                "MemorySwap": memory,
                "Tmpfs": {"/tmp": f"rw,nosuid,nodev,noexec,mode=1777,size={SCRATCH_BYTES}"},
                "LogConfig": {"Type": "none"},
                "AutoRemove": True,
            },
        }


async def _send(writer: asyncio.StreamWriter, sock: socket.socket, context: int) -> None:
    """The worker's code, the context, then whatever the host has to say."""
    size = os.fstat(context).st_size
    writer.write(archive() + b'{"context_bytes": %d}\n' % size)
    for at in range(0, size, PIECE_BYTES):
        writer.write(os.pread(context, PIECE_BYTES, at))
        await writer.drain()
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(sock, PIECE_BYTES):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _write(fd: int, data: bytes) -> None:
    """Writes to a pipe that is read on this very loop."""
    view = memoryview(data)
    os.set_blocking(fd, False)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            await asyncio.sleep(0.001)
        except OSError:  # nobody reads it any more
            return


@functools.cache
def archive() -> bytes:
    """The worker's source files, as a zip that Python imports from."""
    folder, packed = Path(__file__).parent / "worker", io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archived:
        for path in sorted(folder.rglob("*.py")):
            archived.write(path, f"worker/{path.relative_to(folder)}")
    return packed.getvalue()


async def _no_calls(name: str, args: object) -> None:
    raise SandboxError(f"{name} cannot be called here")
