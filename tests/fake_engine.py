"""A Docker engine of ours: the calls that unspool makes, checked strictly, over real processes.

A container is a process of this machine with the environment that was asked for and nothing
else, so it confines nothing. Its streams come multiplexed, in pieces of odd sizes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from typing import Any

API = "1.47"
PIECES = (1, 7, 4096, 100_000)
TOP = {
    "Image", "Entrypoint", "Cmd", "WorkingDir", "User", "Env", "Labels", "Tty", "OpenStdin",
    "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr", "NetworkDisabled", "HostConfig",
}  # fmt: skip
HOST = {
    "NetworkMode": "none",
    "ReadonlyRootfs": True,
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "LogConfig": {"Type": "none"},
    "AutoRemove": True,
}


class Refused(Exception):
    """A request that a real engine would refuse too, with its status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Container:
    """One container, from its making to its end."""

    spec: dict[str, Any]
    folder: str
    attached: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    process: asyncio.subprocess.Process | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class FakeEngine:
    """Listens on a Unix socket, on a thread of its own, until it is left."""

    def __init__(self, image: str) -> None:
        self._image = image
        self._folder = tempfile.mkdtemp(prefix="fake-engine-")
        self.host = f"unix://{self._folder}/docker.sock"
        self.containers: dict[str, Container] = {}
        self.made = 0
        self.complaints: list[str] = []
        """What a request had wrong, whether or not its sender minded."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> FakeEngine:
        self._thread.start()
        listening = asyncio.start_unix_server(self._serve, f"{self._folder}/docker.sock")
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _end(self) -> None:
        self._server.close()
        for number in list(self.containers):
            await self._remove(number)
        await asyncio.gather(*self._tasks)  # their processes have been killed
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
        with contextlib.suppress(*ends):
            while not reader.at_eof():
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                method, target, _ = head.split("\r\n", 1)[0].split(" ")
                length = re.search(r"(?im)^content-length: *(\d+)", head)
                body = await reader.readexactly(int(length[1])) if length else b""
                attaching = re.fullmatch(r".*/containers/(\w+)/attach(\?.*)?", target)
                try:
                    if attaching:
                        self._attach(attaching[1], target, head, reader, writer)
                        return
                    await self._answer(method, target, body, writer)
                except Refused as refused:
                    self.complaints.append(str(refused))
                    _reply(writer, refused.status, {"message": str(refused)})
                await writer.drain()
        writer.close()

    async def _answer(
        self, method: str, target: str, body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        if (method, target) == ("GET", "/_ping"):
            writer.write(
                f"HTTP/1.1 200 OK\r\nApi-Version: {API}\r\nContent-Type: text/plain\r\n"
                "Content-Length: 2\r\n\r\nOK".encode()
            )
            return
        route = re.fullmatch(rf"/v{API}/(images|containers)/(.+?)(?:\?(.*))?", target)
        if route is None:
            raise Refused(404, f"page not found: {target}")
        kind, rest, query = route[1], route[2], route[3] or ""
        if kind == "images":
            if rest != f"{self._image}/json":
                raise Refused(404, f"No such image: {rest.removesuffix('/json')}")
            _reply(writer, 200, {"Id": "sha256:0"})
        elif (method, rest, query) == ("POST", "create", ""):
            _reply(writer, 201, {"Id": self._create(json.loads(body)), "Warnings": []})
        elif method == "DELETE":
            self._found(rest)
            await self._remove(rest)
            _reply(writer, 204)
        elif method == "POST" and rest.count("/") == 1:
            number, verb = rest.split("/")
            await self._do(verb, query, number, writer)
        else:
            raise Refused(404, f"page not found: {method} {target}")

    async def _do(self, verb: str, query: str, number: str, writer: asyncio.StreamWriter) -> None:
        container = self._found(number)
        match verb, query:
            case "start", "":
                await self._start(number, container)
                _reply(writer, 204)
            case "kill", "signal=SIGINT" | "signal=SIGKILL":
                if container.process is None or container.process.returncode is not None:
                    raise Refused(409, f"container {number} is not running")
                container.process.send_signal(getattr(signal, query.removeprefix("signal=")))
                _reply(writer, 204)
            case "wait", "condition=next-exit":
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                )
                await writer.drain()
                await container.ended.wait()
                assert container.process is not None
                code = container.process.returncode or 0
                data = json.dumps({"StatusCode": code if code >= 0 else 128 - code}).encode()
                writer.write(b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data))
            case _:
                raise Refused(400, f"not understood: {verb}?{query}")

    def _create(self, spec: dict[str, Any]) -> str:
        host = spec.get("HostConfig", {})
        wrong = [f"unknown field {name}" for name in spec.keys() - TOP]
        wrong += [f"{k} is {host.get(k)!r}" for k, wanted in HOST.items() if host.get(k) != wanted]
        if spec["Image"] != self._image:
            raise Refused(404, f"No such image: {spec['Image']}")
        if not (spec["OpenStdin"] and spec["StdinOnce"]) or spec["Tty"]:
            wrong.append("its streams are not those of a pipe")
        if spec["User"].split(":")[0] in ("", "0", "root") or not spec["NetworkDisabled"]:
            wrong.append("it has the rights of root, or a network")
        if not (0 < host.get("Memory", 0) == host.get("MemorySwap") and host.get("PidsLimit")):
            wrong.append("it has no bounds")
        if list(host.get("Tmpfs", {})) != ["/tmp"] or spec["WorkingDir"] != "/tmp":
            wrong.append("its scratch folder is not /tmp")
        if wrong:
            raise Refused(400, "; ".join(wrong))
        self.made += 1
        number = f"{self.made:064x}"
        self.containers[number] = Container(spec, tempfile.mkdtemp(dir=self._folder))
        return number

    def _attach(
        self,
        number: str,
        target: str,
        head: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        container = self._found(number)
        if set(target.partition("?")[2].split("&")) != {
            "stream=1", "stdin=1", "stdout=1", "stderr=1",
        }:  # fmt: skip
            raise Refused(400, f"not understood: {target}")
        if "upgrade: tcp" not in head.lower() or container.process is not None:
            raise Refused(400, "attach before the start, and ask for an upgrade")
        container.attached = reader, writer
        writer.write(
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        )

    async def _start(self, number: str, container: Container) -> None:
        if container.process is not None:
            raise Refused(409, "started already")
        if container.attached is None:
            raise Refused(400, "nobody would read what it writes")
        command: list[str] = [*container.spec["Entrypoint"], *container.spec["Cmd"]]
        program, *arguments = command
        if program != "python3":
            raise Refused(400, f"exec: {program!r}: executable file not found in $PATH")
        container.process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=container.folder,
            env=dict(pair.split("=", 1) for pair in container.spec["Env"]),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        task = self._loop.create_task(self._run(number, container))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, number: str, container: Container) -> None:
        process, attached = container.process, container.attached
        assert process is not None
        assert attached is not None
        assert process.stdout is not None
        assert process.stderr is not None
        reader, writer = attached
        feeding = asyncio.ensure_future(_feed(process, reader))
        lock = asyncio.Lock()
        await asyncio.gather(
            _multiplex(1, process.stdout, writer, lock), _multiplex(2, process.stderr, writer, lock)
        )
        await process.wait()
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        container.ended.set()
        writer.close()
        await self._remove(number)

    async def _remove(self, number: str) -> None:
        container = self.containers.pop(number, None)
        if container is None:
            return
        if container.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(container.process.pid, signal.SIGKILL)
        elif container.attached is not None:
            container.attached[1].close()
        shutil.rmtree(container.folder, ignore_errors=True)

    def _found(self, number: str) -> Container:
        if number not in self.containers:
            raise Refused(404, f"No such container: {number}")
        return self.containers[number]


async def _feed(process: asyncio.subprocess.Process, reader: asyncio.StreamReader) -> None:
    assert process.stdin is not None
    try:
        while data := await reader.read(1 << 16):
            process.stdin.write(data)
            await process.stdin.drain()
    finally:
        process.stdin.close()


async def _multiplex(
    kind: int, source: asyncio.StreamReader, writer: asyncio.StreamWriter, lock: asyncio.Lock
) -> None:
    sizes = itertools.cycle(PIECES)
    while data := await source.read(next(sizes)):
        async with lock:
            writer.write(bytes([kind, 0, 0, 0]) + len(data).to_bytes(4, "big") + data)
            with contextlib.suppress(ConnectionError):
                await writer.drain()


def _reply(writer: asyncio.StreamWriter, status: int, data: object = None) -> None:
    body = b"" if data is None else json.dumps(data).encode()
    writer.write(
        f"HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
