"""One HTTP client for all models of an engine: kept-open connections, foreign errors kept in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from unspool.errors import ConfigurationError, ModelError, ModelRefused, ModelUnavailable

if TYPE_CHECKING:
    import aiohttp

_CONNECT_S = 15.0
_KEPT_OPEN_S = 60.0
_NAMES_KEPT_S = 300
_DRAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go, checked once."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    """They hold the key, and so are never shown."""
    silence_s: float = 600.0
    """Longest time, in seconds, that the server may say nothing."""

    @property
    def shown(self) -> str:
        """The address without anything that could be secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


class HttpPool:
    """Connections that all models of an engine share; opened on the first request.

    `limit` bounds the connections that are open at once: requests beyond it wait. With
    `trust_env` the proxy variables and the system's proxy settings are obeyed. It may be
    used from several event loops; each gets connections of its own.
    """

    def __init__(self, *, limit: int = 512, trust_env: bool = True) -> None:
        self._limit = limit
        self._trust_env = trust_env
        self._sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
        self._proxies: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"HttpPool(limit={self._limit})"

    def warm(self) -> None:
        """Imports the HTTP library, which the first request would wait for."""
        import aiohttp  # noqa: F401

    async def post(self, endpoint: Endpoint, body: bytes) -> HttpReply:
        """Sends `body` and reads the whole reply, whatever its status.

        Cancelling it closes the connection.

        Raises:
            ModelUnavailable: the server cannot be reached, is silent, or cut the reply.
            ModelRefused: its certificate is not trusted, or its address is not one.
        """
        reply = await self._send(endpoint, body)
        try:
            return HttpReply(reply.status, reply.headers, await _read(reply, endpoint))
        finally:
            reply.release()

    @asynccontextmanager
    async def stream(self, endpoint: Endpoint, body: bytes) -> AsyncGenerator[HttpStream, None]:
        """Sends `body` and hands over the reply as it arrives. Raises like `post`."""
        reply = await self._send(endpoint, body)
        try:
            yield HttpStream(reply, endpoint)
        finally:
            reply.close()

    async def aclose(self) -> None:
        """Closes the running loop's connections, and those of loops that have ended."""
        session = self._sessions.pop(asyncio.get_running_loop(), None)
        if session is not None:
            await session.close()
        await self._close_ended()

    async def _send(self, endpoint: Endpoint, body: bytes) -> aiohttp.ClientResponse:
        session = await self._session()
        import aiohttp

        try:
            return await session.post(
                endpoint.url,
                data=body,
                headers=endpoint.headers,
                proxy=self._proxy(endpoint),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=_CONNECT_S, sock_read=endpoint.silence_s
                ),
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The cause would carry the request's headers, and so the key.
            raise _failure(error, endpoint) from None

    async def _session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        session = self._sessions.get(loop)
        if session is None:
            session = self._sessions[loop] = self._open()
            await self._close_ended()
        return session

    def _open(self) -> aiohttp.ClientSession:
        import aiohttp

        connector = aiohttp.TCPConnector(
            limit=self._limit, ttl_dns_cache=_NAMES_KEPT_S, keepalive_timeout=_KEPT_OPEN_S
        )
        return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def _close_ended(self) -> None:
        for loop in [loop for loop in self._sessions if loop.is_closed()]:
            await self._sessions.pop(loop).close()

    def _proxy(self, endpoint: Endpoint) -> str | None:
        if not self._trust_env:
            return None
        if endpoint.url not in self._proxies:
            self._proxies[endpoint.url] = _proxy_of(endpoint.url)
        return self._proxies[endpoint.url]


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole reply."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes


class HttpStream:
    """A reply that is arriving."""

    def __init__(self, reply: aiohttp.ClientResponse, endpoint: Endpoint) -> None:
        self._reply = reply
        self._endpoint = endpoint
        self.status: int = reply.status
        self.headers: Mapping[str, str] = reply.headers

    async def read(self) -> HttpReply:
        """The rest of the reply at once. Raises like `HttpPool.post`."""
        return HttpReply(self.status, self.headers, await _read(self._reply, self._endpoint))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body's bytes as they come. Raises like `HttpPool.post`."""
        import aiohttp

        pieces = self._reply.content.iter_any()
        while True:
            try:
                piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except (aiohttp.ClientError, OSError) as error:
                raise _failure(error, self._endpoint) from None
            yield piece

    async def drain(self) -> None:
        """Waits briefly for the end, so that the connection can serve again."""
        import aiohttp

        try:
            async with asyncio.timeout(_DRAIN_S):
                await self._reply.read()
        except (aiohttp.ClientError, OSError):  # a time-out is an OSError
            return


async def _read(reply: aiohttp.ClientResponse, endpoint: Endpoint) -> bytes:
    import aiohttp

    try:
        return await reply.read()
    except (aiohttp.ClientError, OSError) as error:
        raise _failure(error, endpoint) from None


def _failure(error: Exception, endpoint: Endpoint) -> ModelError:
    import aiohttp

    where = endpoint.shown
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return ModelRefused(
            f"{where}: no secure connection ({_reason(error)}). Check that base_url begins "
            "with the right one of http:// and https://, and that the certificate is trusted."
        )
    if isinstance(error, TimeoutError):
        waited = f"no connection in {_CONNECT_S:g} s or silent for {endpoint.silence_s:g} s"
        return ModelUnavailable(f"{where}: the server did not answer ({waited}).", lost_calls=1)
    if isinstance(error, aiohttp.ClientConnectorError):
        return ModelUnavailable(
            f"{where}: no connection ({_reason(error)}). Is the server running, and is "
            "base_url right?"
        )
    if isinstance(error, ValueError):
        return ModelRefused(f"{where}: the request cannot be sent ({type(error).__name__}).")
    return ModelUnavailable(
        f"{where}: the reply was cut or broken ({type(error).__name__}).", lost_calls=1
    )


def _reason(error: Exception) -> str:
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", error)
    return getattr(cause, "strerror", None) or type(cause).__name__


def _proxy_of(url: str) -> str | None:
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    found = getproxies()
    proxy = found.get(parts.scheme) or found.get("all")
    if proxy is None or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    if urlsplit(proxy).scheme not in ("http", "https"):
        raise ConfigurationError(
            f"the proxy set for {parts.scheme} is neither http:// nor https://, the two kinds "
            "that work: change the proxy variable, or list the host in NO_PROXY."
        )
    return proxy
