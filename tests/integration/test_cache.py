"""Sub-calls that are the same are made once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runs import cell, solve
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Limits
from unspool.cache import Cache
from unspool.errors import ModelError
from unspool.given import Caching
from unspool.testing.script import ChatRequest, Reply, turns
from unspool.types import Said

SAME = """
from concurrent.futures import ThreadPoolExecutor
first = [llm_query('p') for _ in range(3)] + llm_query_batched(['p', 'q', 'p'])
with ThreadPoolExecutor(4) as pool:
    first += pool.map(llm_query, ['p', 'r', 'r', 'r'])
FINAL(first)
"""


def numbered() -> object:
    asked: list[str] = []

    def sub(request: ChatRequest) -> Reply:
        asked.append(request.last)
        return Reply(f"{request.last}{len(asked)}", latency_s=0.02)

    return sub


def test_what_is_asked_ten_times_is_paid_once() -> None:
    result, server = solve([cell(SAME)], sub=numbered())
    assert result.answer[:4] == ["p1"] * 4
    assert len({one for one in result.answer if one[0] == "r"}) == 1
    assert sum(request.model == "sub" for request in server.requests) == 3
    assert (result.usage.calls, result.usage.cache_hits) == (4, 7)
    [turn] = result.turns
    assert [one.source for one in turn.sub_calls].count("cache") == 7
    assert all(not one.usage.tokens for one in turn.sub_calls if one.source == "cache")


def test_each_sample_is_paid_where_the_cache_is_off() -> None:
    result, server = solve([cell(SAME)], sub=numbered(), cache="off")
    assert len(set(result.answer)) == 10
    assert result.usage.cache_hits == 0
    assert len(server.requests) == 11


def test_other_models_other_forms_and_other_runs_are_asked_anew() -> None:
    code = "FINAL([llm_query('1'), llm_query('1', model='root'), llm_query('1', schema=int)])"

    def sub(request: ChatRequest) -> str:
        return "1" if "response_format" in request.body else "one"

    def root(request: ChatRequest) -> str:
        if request.model == "sub" or request.last == "1":
            return sub(request)
        return cell(code)

    with ScriptedServer(root, api_key="k") as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k", sub_model="sub")
        assert rlm.run("q", "c").answer == ["one", "one", 1]
        assert rlm.run("q", "c").usage.cache_hits == 0
    assert len(server.requests) == 8


def test_all_runs_share_what_the_journal_has(tmp_path: Path) -> None:
    answers = turns([cell("FINAL(llm_query('p'))")] * 3, sub=lambda request: "once")
    other = turns([cell("FINAL(llm_query('p'))")], sub=lambda request: "from elsewhere")

    def run(server: ScriptedServer, cache: Caching) -> tuple[str, int]:
        journal, url = tmp_path / "j.db", server.base_url
        rlm = RLM("root", base_url=url, api_key="k", sub_model="sub", journal=journal, cache=cache)
        result = rlm.run("q", "c")
        return result.answer, result.usage.cache_hits

    with ScriptedServer(answers, api_key="k") as server:
        assert run(server, "all") == ("once", 0)
        assert run(server, "all") == ("once", 1)
        assert run(server, "run") == ("once", 0)
        with ScriptedServer(other, api_key="k") as elsewhere:
            assert run(elsewhere, "all") == ("from elsewhere", 0)


def test_hits_are_free_at_a_limit() -> None:
    code = "x = llm_query('p')\ny = [llm_query('p') for _ in range(20)]\nFINAL(len(y))"
    result, server = solve([cell(code)], sub="x", limits=Limits(calls=3))
    assert (result.status, result.answer, len(server.requests)) == ("complete", 20, 2)


def test_a_wrong_choice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cache='some': give 'off' or 'run' or 'all'"):
        RLM("m", base_url="http://127.0.0.1:9/v1", api_key="k", cache="some")  # type: ignore[arg-type]


async def test_a_call_that_fails_is_made_anew_and_one_that_is_given_up_by_the_next() -> None:
    cache, made = Cache(on=True), 0

    async def fails() -> Said:
        nonlocal made
        made += 1
        await asyncio.sleep(0.01)
        raise ModelError("down")

    both = await asyncio.gather(
        cache.reply("k", fails), cache.reply("k", fails), return_exceptions=True
    )
    assert [str(one) for one in both] == ["down", "down"]
    assert made == 1

    async def slow() -> Said:
        nonlocal made
        made += 1
        await asyncio.sleep(0.02)
        return Said("x")

    first = asyncio.create_task(cache.reply("k", slow))
    second = asyncio.create_task(cache.reply("k", slow))
    await asyncio.sleep(0.005)
    first.cancel()
    assert await second == (Said("x"), False)
    assert await cache.reply("k", slow) == (Said("x"), True)
    assert made == 3
