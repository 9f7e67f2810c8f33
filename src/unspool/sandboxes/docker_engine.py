"""The few calls of the Docker Engine's API that containers for REPLs need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from unspool.errors import SandboxError

if TYPE_CHECKING:
    import aiohttp

DEFAULT_HOST = "unix:///var/run/docker.sock"
START_TIMEOUT_S = 20.0
HEADER_BYTES = 8
STDOUT, STDERR = 1, 2

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class EngineError(Exception):
    """The engine refused a request; the message is its own."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Engine:
    """An engine behind a Unix socket or a plain TCP port. Use it on one event loop only."""

    def __init__(self, host: str | None = None) -> None:
        self.host = host or DEFAULT_HOST
        at = urlsplit(self.host)
        if at.scheme not in ("unix", "tcp") or not (at.path or at.hostname):
            raise SandboxError(
                f"DOCKER_HOST is {self.host!r}: only unix:///PATH and tcp://HOST:PORT are spoken."
            )
        self._socket = Path(at.path) if at.scheme == "unix" else None
        self._address = (at.hostname or "docker", at.port or 2375)
        self._session: aiohttp.ClientSession | None = None
        self._version = ""

    async def ping(self) -> None:
        """Finds out which version of the API is spoken.

        Raises:
            SandboxError: there is no engine.
        """
        if self._version:
            return
        import aiohttp

        try:
            async with self._http().get(self._url("/_ping"), timeout=_timeout(5)) as reply:
                self._version = f"/v{reply.headers.get('Api-Version', '1.41')}"
        except (aiohttp.ClientError, OSError, TimeoutError) as failed:
            raise SandboxError(
                f"no Docker engine answers at {self.host} ({_why(failed)}): start it,"
                " or set DOCKER_HOST to where it listens, or use another sandbox."
            ) from failed

    async def has_image(self, image: str) -> bool:
        """Whether containers can be made of `image` without fetching it."""
        try:
            await self._call("GET", f"/images/{image}/json")
        except EngineError as refused:
            if refused.status == 404:
                return False
            raise
        return True

    async def create(self, body: Mapping[str, Any]) -> str:
        """Makes a container; gives its id."""
        return str((await self._call("POST", "/containers/create", body=body))["Id"])

    async def start(self, container: str) -> None:
        """Lets its command run."""
        await self._call("POST", f"/containers/{container}/start")

    async def exit_status(self, container: str) -> int:
        """Waits for its next end; gives its status. To be asked before it is started."""
        path = f"/containers/{container}/wait?condition=next-exit"
        reply = await self._call("POST", path, timeout_s=None)
        return int(reply["StatusCode"])

    async def signal(self, container: str, name: str) -> None:
        """Sends a signal to its first process."""
        await self._call("POST", f"/containers/{container}/kill?signal={name}")

    async def remove(self, container: str) -> None:
        """Ends it, and removes what is left of it."""
        try:
            await self._call("DELETE", f"/containers/{container}?force=true&v=true")
        except EngineError as refused:
            if refused.status not in (404, 409):  # gone already, or about to be
                raise

    async def attach(self, container: str) -> Streams:
        """Its standard streams: what is written is its input; what is read, see `frame`."""
        if self._socket is not None:
            reader, writer = await asyncio.open_unix_connection(str(self._socket))
        else:
            reader, writer = await asyncio.open_connection(*self._address)
        path = f"{self._version}/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            "Content-Length: 0\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), START_TIMEOUT_S)
        status = int(head.split(None, 2)[1])
        if status not in (101, 200):
            writer.close()
            raise EngineError(f"the engine did not attach: {head.splitlines()[0]!r}", status)
        return reader, writer

    async def aclose(self) -> None:
        """Ends the connections."""
        session, self._session, self._version = self._session, None, ""
        if session is not None:
            await session.close()

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            path = self._socket
            connector = aiohttp.UnixConnector(str(path), limit=0) if path else None
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session

    def _url(self, path: str) -> str:
        host, port = self._address
        return f"http://docker{path}" if self._socket else f"http://{host}:{port}{path}"

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        timeout_s: float | None = START_TIMEOUT_S,
    ) -> Any:
        import aiohttp

        asking = self._http().request(
            method, self._url(self._version + path), json=body, timeout=_timeout(timeout_s)
        )
        try:
            async with asking as reply:
                status = reply.status
                data = await reply.json(content_type=None) if status != 204 else None
        except (aiohttp.ClientError, ValueError) as broken:
            raise EngineError(f"{method} {path}: {type(broken).__name__}", 0) from broken
        if status >= 400:
            said = data.get("message", "") if isinstance(data, dict) else ""
            raise EngineError(said or f"{method} {path}: {status}", status)
        return data


def _why(failed: Exception) -> str:
    return getattr(failed, "strerror", None) or type(failed).__name__


def _timeout(seconds: float | None) -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(total=seconds)


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes] | None:
    """The next piece of a container's output and which stream it is of; None at the end."""
    try:
        header = await reader.readexactly(HEADER_BYTES)
        return header[0], await reader.readexactly(int.from_bytes(header[4:], "big"))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
