"""Many calls, many runs, and servers that are not well: every run ends, and every token counts.

What was paid is compared with the servers' own count after each test (`conftest`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs import cell
from support import ScriptedServer, contexts_held
from unspool import RLM, Limits, Result
from unspool.testing.faults import FAULTS, faulty
from unspool.testing.script import Answerer, ChatRequest, Reply, is_sub_call, turns


def shout(request: ChatRequest) -> Reply:
    return Reply(request.last.upper(), latency_s=0.01)


def batches(width: int) -> Answerer:
    """Two turns: a look, then a batch of sub-calls whose answers are the run's."""
    batch = f"r = llm_query_batched([f'{{context}} {{i}}' for i in range({width})])\n"
    replies = [cell("print(context)"), cell(batch + "FINAL([str(x) for x in r])")]
    return turns(replies, sub=shout, turn_by="assistant_count")


def engine(server: ScriptedServer, **options: object) -> RLM:
    return RLM("root", base_url=server.base_url, api_key="k", sub_model="sub", **options)  # type: ignore[arg-type]


async def at_once(rlm: RLM, contexts: Sequence[str]) -> list[Result]:
    return await asyncio.gather(*(rlm.arun("what?", context) for context in contexts))


async def test_with_every_third_reply_at_fault_every_run_ends_right_or_says_why() -> None:
    contexts = [f"text {n}" for n in range(6)]
    with ScriptedServer(faulty(batches(20), jitter_s=0.02)) as server:
        results = await at_once(engine(server), contexts)
    for context, result in zip(contexts, results, strict=True):
        assert result.complete, result.error
        for number, answer in enumerate(result.answer):
            assert answer == f"{context} {number}".upper() or "attempts over" in answer
    assert len(server.exchanges) > server.usage.calls


@pytest.mark.parametrize("kind", FAULTS)
def test_a_streamed_run_meets_each_fault_and_goes_on(kind: str) -> None:
    script = faulty(batches(3), kinds=[kind], rate=0.4, seed=3)
    with ScriptedServer(script) as server:
        stream = engine(server).stream("what?", "text")
        assert list(stream)
    assert stream.result().answer == [f"TEXT {n}" for n in range(3)]


async def test_a_server_that_only_refuses_ends_the_run_with_what_it_said() -> None:
    def script(request: ChatRequest) -> Reply | str:
        if is_sub_call(request):
            return Reply("out of order", status=500)
        return batches(2)(request)

    with ScriptedServer(script) as server:
        (result,) = await at_once(engine(server, retries=1), ["text"])
    assert all("out of order" in answer for answer in result.answer)


async def test_a_server_that_takes_ten_at_a_time_answers_three_hundred() -> None:
    def sub(request: ChatRequest) -> Reply:
        busy = sum(not e.answered and not e.cancelled for e in server.exchanges)
        if busy >= 10:
            return Reply("too many", status=429, headers={"retry-after-ms": "5"})
        return Reply("ok", latency_s=0.01)

    batch = cell("r = llm_query_batched(['p'] * 300)\nFINAL([str(x) for x in r].count('ok'))")
    with ScriptedServer(turns([batch], sub=sub)) as server:
        result = await engine(server, retries=20).arun("what?", "text")
    assert result.answer == 300


def test_a_thousand_calls_at_once() -> None:
    with ScriptedServer(batches(1_000)) as server:
        result = engine(server).run("what?", "text")
    assert result.answer == [f"TEXT {n}" for n in range(1_000)]
    assert result.usage.calls == len(server.requests) == 1_002
    assert server.connections <= 513


async def test_two_hundred_runs_at_once() -> None:
    contexts = [f"text {n}" for n in range(200)]
    with ScriptedServer(batches(2)) as server:
        results = await at_once(engine(server), contexts)
    assert [r.answer for r in results] == [[f"{c} 0".upper(), f"{c} 1".upper()] for c in contexts]
    assert [r.usage.calls for r in results] == [4] * 200


TREE = """\
kind, *names = context.split()
here, below = names[0], int(kind) - 1
if below < 0:
    FINAL(llm_query(here))
else:
    widths = [2, 3, 20]
    parts = [f"{below} {here}.{i}" for i in range(widths[below])]
    answers = rlm_query_batched(["go on"] * len(parts), parts)
    FINAL([here, *map(str, answers)])"""


def tree(request: ChatRequest) -> Reply | str:
    return shout(request) if is_sub_call(request) else cell(TREE)


def test_a_tree_three_levels_deep_and_twenty_wide() -> None:
    with ScriptedServer(tree) as server:
        result = engine(server, max_depth=5).run("go on", "3 r")
    leaves = 20 * 3 * 2
    assert result.complete
    assert str(result.answer).count("R.") == leaves
    assert result.usage.calls == 1 + 20 + 20 * 3 + leaves + leaves


def test_parents_that_wait_for_children_that_wait_for_places_come_to_an_end() -> None:
    """More children than places at each depth, and one sub-call of a run at a time."""
    code = """\
depth = int(context)
if depth == 0:
    FINAL(sum(map(len, llm_query_batched(["x"] * 3))))
else:
    width = 40 if depth == 2 else 2
    answers = rlm_query_batched(["go on"] * width, [str(depth - 1)] * width)
    FINAL(sum(answers))"""

    def script(request: ChatRequest) -> Reply | str:
        return shout(request) if is_sub_call(request) else cell(code)

    with ScriptedServer(script) as server:
        result = engine(server, max_depth=4, limits=Limits(parallel=1)).run("go on", "2")
    assert result.answer == 40 * 2 * 3


SMALL_TREE = """\
if len(context) > 3:
    print(llm_query_batched(["a", "b"] * 5))
    answers = rlm_query_batched(["go on"] * 3, ["x"] * 3)
else:
    answers = llm_query_batched(["c"] * 4)
answer["content"] = list(map(str, answers))"""


@settings(max_examples=15)
@given(st.integers(1, 120))
def test_a_run_that_is_stopped_at_any_point_leaves_nothing_under_way(events: int) -> None:
    replies = [cell(SMALL_TREE), cell("FINAL(answer['content'])")]
    script = turns(replies, sub=shout, turn_by="assistant_count", beyond="repeat")
    with ScriptedServer(script) as server:
        stream = engine(server, max_depth=2).stream("what?", "the text")
        for number, _ in enumerate(stream, start=1):
            if number == events:
                stream.stop()
        result = stream.result()
        assert result.status in ("cancelled", "complete")
        for _ in range(500):
            if all(e.answered or e.cancelled for e in server.exchanges):
                break
            asyncio.run(asyncio.sleep(0.01))
        else:
            raise AssertionError("a request was not given up")
    assert not contexts_held()
    given_up = sum(e.cancelled for e in server.exchanges)
    assert given_up <= result.usage.lost_calls
    assert result.usage.calls <= server.usage.calls <= result.usage.calls + result.usage.lost_calls
