"""What a tree of runs may spend: never more, the last reply set aside, the best answer kept.

What was spent is compared with the servers' own count after each test (`conftest`).
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs import cell, solve
from support import ScriptedServer
from unspool import RLM, Limits, events
from unspool.testing.script import ChatRequest, Reply, is_sub_call

SPENDING = """\
width, chars = map(int, context.split()[:2])
if len(context) < 20:
    answers = rlm_query_batched(["go on"] * 3, [context + " " * 20] * 3)
else:
    answers = []
answers += llm_query_batched(["x" * chars] * width)
print([str(a)[:200] for a in answers])"""


@settings(max_examples=25)
@given(
    st.one_of(st.none(), st.integers(1, 40)),
    st.one_of(st.none(), st.integers(1_000, 60_000)),
    st.one_of(st.none(), st.floats(0.001, 0.05)),
    st.integers(1, 30),
    st.integers(1, 6_000),
    st.integers(1, 8_000),
)
def test_a_tree_of_runs_never_spends_more_than_it_may(
    calls: int | None,
    tokens: int | None,
    usd: float | None,
    width: int,
    chars: int,
    written: int,
) -> None:
    limits = Limits(calls=calls, tokens=tokens, usd=usd, turns=2)

    def script(request: ChatRequest) -> Reply | str:
        return Reply("y" * written, latency_s=0.002) if is_sub_call(request) else cell(SPENDING)

    prices = {"root": (1.0, 2.0), "sub": (0.5, 1.5)}
    context = f"{width} {chars}"
    result, server = solve(script, context, limits=limits, prices=prices, max_depth=2)
    usage = server.usage
    assert result.status in ("calls", "tokens", "usd", "turns")
    assert (result.usage.calls, result.usage.tokens) == (usage.calls, usage.tokens)
    assert calls is None or usage.calls <= calls
    assert tokens is None or usage.tokens <= tokens
    assert usd is None or result.usage.microusd <= usd * 1_000_000


ASKING = cell(
    "r = llm_query_batched([f'p {i}' for i in range(50)])\nprint([str(x) for x in r][-1])"
)


def test_sub_calls_leave_the_last_reply_to_the_root() -> None:
    limits = Limits(calls=11)
    result, server = solve([ASKING, "It is blue."], sub="x", limits=limits, cache="off")
    assert (result.status, result.answer) == ("calls", "It is blue.")
    assert len(server.requests) == 11
    assert server.requests[-1].model == "root"
    assert "no turns left" in server.requests[-1].last
    assert "limit of 11 calls is reached; what is left is for the last" in server.requests[-1].last
    assert result.turns[-1].reply == "It is blue."
    assert sum(turn.usage.tokens for turn in result.turns) == server.usage.tokens


def test_the_last_reply_may_still_complete_a_draft() -> None:
    script: list[Reply | str] = [
        cell("r = llm_query_batched([f'p {i}' for i in range(50)])\nanswer['content'] = 'draft'"),
        cell("FINAL(answer['content'] + ', completed')"),
    ]
    result, _ = solve(script, sub="x", limits=Limits(calls=5))
    assert (result.status, result.answer) == ("calls", "draft, completed")


def test_a_draft_goes_before_a_last_reply_in_words() -> None:
    script: list[Reply | str] = [
        cell("r = llm_query_batched([f'p {i}' for i in range(50)])\nanswer['content'] = 'draft'"),
        "I could not finish.",
    ]
    result, _ = solve(script, sub="x", limits=Limits(calls=5))
    assert (result.status, result.answer) == ("calls", "draft")


def test_the_cells_of_a_last_reply_call_no_models() -> None:
    asking = cell("FINAL(str(llm_query_batched(['p'])[0]))")
    result, server = solve([cell("print(context)"), asking], sub="x", limits=Limits(turns=1))
    assert result.answer == "the run is at its end: no more calls of models"
    assert len(server.requests) == 2


def test_without_a_last_reply_the_likeliest_variable_is_the_answer() -> None:
    script: list[Reply | str] = [
        cell("results = [context.upper()]\ni = 7\ndef answer_it(): pass\nprint('looked')"),
        Reply("gone", status=400),
    ]
    result, _ = solve(script, limits=Limits(turns=1))
    assert (result.status, result.answer) == ("turns", ["THE TEXT"])


def test_without_such_a_variable_it_is_what_was_shown_last() -> None:
    script: list[Reply | str] = [
        cell("print('something')"),
        cell("i = 7\n1 / 0"),
        Reply("gone", status=400),
    ]
    result, _ = solve(script, limits=Limits(turns=2))
    assert (result.status, result.answer) == ("turns", "something")


def test_a_run_that_runs_out_of_time_gives_what_was_shown() -> None:
    script: list[Reply | str] = [cell("print('found it')"), Reply("late", latency_s=60)]
    result, server = solve(script, limits=Limits(seconds=1.0))
    assert (result.status, result.answer) == ("seconds", "found it")
    assert result.usage.lost_calls == server.cancelled == 1


def test_a_limit_that_allows_nothing_at_all_sends_nothing() -> None:
    result, server = solve([], limits=Limits(tokens=100))
    assert (result.status, result.answer, server.requests) == ("tokens", None, [])


def test_what_is_left_is_told_once_it_is_little() -> None:
    look = cell("print(context)")
    result, _ = solve([look] * 7 + [cell("FINAL(context)")], limits=Limits(calls=9))
    told = [turn.feedback.count("Left for this run") for turn in result.turns]
    assert told == [0, 0, 0, 0, 0, 0, 1, 0]
    assert "2 of 9 calls" in result.turns[6].feedback


def test_child_runs_beyond_their_limit_fail_and_the_run_goes_on() -> None:
    def script(request: ChatRequest) -> Reply | str:
        if "inner" in request.messages[1]["content"]:
            return cell("FINAL(context)")
        return cell("r = rlm_query_batched(['inner'] * 5, list('abcde'))\nFINAL(list(map(str, r)))")

    result, server = solve(script, limits=Limits(children=2), max_depth=2)
    assert result.answer[:2] == ["a", "b"]
    assert "limit of 2 child runs is reached" in result.answer[4]
    assert len(server.requests) == 3


def test_a_child_at_a_limit_leaves_its_parent_the_last_reply() -> None:
    def script(request: ChatRequest) -> Reply | str:
        if "inner" in request.messages[1]["content"]:
            return cell("print(context)")
        if request.assistant_count == 0:
            return cell("print(rlm_query('inner', 'part'))")
        return "The parent's answer."

    result, server = solve(script, limits=Limits(calls=6), max_depth=2)
    assert (result.status, result.answer) == ("calls", "The parent's answer.")
    assert "the child run ended early (calls)" in str(server.requests[-1].messages)
    assert len(server.requests) == 6


def test_a_slow_sub_call_is_sent_again_when_that_is_asked_for() -> None:
    asked: list[str] = []

    def sub(request: ChatRequest) -> Reply:
        asked.append(request.last)
        return Reply(f"answer {len(asked)}", latency_s=30 if len(asked) == 1 else 0)

    script: list[Reply | str] = [cell("FINAL(llm_query('p'))")]
    result, server = solve(script, sub=sub, limits=Limits(hedge_seconds=0.2))
    assert (result.answer, asked) == ("answer 2", ["p", "p"])
    assert (result.usage.calls, result.usage.lost_calls, server.cancelled) == (2, 1, 1)


def test_a_root_that_does_not_answer_is_told_with_what_may_be_billed() -> None:
    with ScriptedServer([cell("print(context)"), Reply("late", latency_s=60)]) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").stream("what?", "the text")
        seen = []
        for event in stream:
            seen.append(event)
            if isinstance(event, events.TurnStarted) and event.turn == 2:
                stream.stop()
    told = [event for event in seen if isinstance(event, events.Unanswered)]
    assert [event.usage.lost_calls for event in told] in ([], [1])
    assert stream.result().usage.lost_calls == len(told)


@pytest.mark.parametrize("prices", [None, {"root": (1.0, 1.0)}])
def test_calls_without_a_price_are_shown_as_such(prices: Any) -> None:
    script: list[Reply | str] = [cell("FINAL(llm_query('p'))")]
    result, _ = solve(script, sub="x", prices=prices)
    assert result.usage.unpriced_calls == (2 if prices is None else 1)
    assert (result.cost is None) == (prices is None)
