"""The connections that models share, against the scripted server."""

from __future__ import annotations

import asyncio

import pytest

from unspool.errors import ConfigurationError, ModelUnavailable
from unspool.models.chat import ChatFormat
from unspool.models.http import HttpPool
from unspool.models.wire import WireModel
from unspool.testing.script import Reply
from unspool.testing.server import ScriptedServer
from unspool.types import Message, Request

REQUEST = Request((Message("user", "q"),))


def chat(base_url: str, pool: HttpPool, model: str = "root") -> WireModel:
    return WireModel("test/root", model=model, format=ChatFormat(), base_url=base_url, http=pool)


async def test_one_pool_serves_many_models_and_does_not_outgrow_its_limit() -> None:
    pool = HttpPool(limit=8, trust_env=False)
    with ScriptedServer(lambda _: Reply("a", latency_s=0.005)) as server:
        models = [chat(server.base_url, pool, name) for name in ("a", "b")]
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(models[number % 2].complete(REQUEST))
        assert (server.usage.calls, server.connections <= 8) == (100, True)
    await pool.aclose()


def test_a_pool_outlives_its_loops() -> None:
    pool = HttpPool(trust_env=False)
    with ScriptedServer(lambda _: "a") as server:
        model = chat(server.base_url, pool)
        texts = [asyncio.run(model.complete(REQUEST)).text for _ in range(2)]
    asyncio.run(pool.aclose())
    assert texts == ["a", "a"]


async def test_proxy_variables_are_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    with ScriptedServer(lambda _: "through the proxy") as server:
        monkeypatch.setenv("http_proxy", server.base_url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "direct.invalid")
        pool = HttpPool()
        model = chat("http://nowhere.invalid/v1", pool)
        assert (await model.complete(REQUEST)).text == "through the proxy"
        with pytest.raises(ModelUnavailable, match="no connection"):
            await chat("http://direct.invalid/v1", pool).complete(REQUEST)
        monkeypatch.setenv("http_proxy", "socks5://user:secret@host")
        with pytest.raises(ConfigurationError, match="NO_PROXY") as caught:
            await chat("http://other.invalid/v1", pool).complete(REQUEST)
        assert "secret" not in str(caught.value)
    await pool.aclose()
