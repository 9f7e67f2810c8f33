"""Messages, generateContent and Responses, against servers of ours that hold them to it."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from support import SERVED
from unspool.errors import (
    ConfigurationError,
    ContextTooLong,
    ModelDeclined,
    ModelRefused,
    ModelUnavailable,
)
from unspool.models.anthropic import AnthropicFormat
from unspool.models.http import HttpPool
from unspool.models.prices import Written, pricer
from unspool.models.rates import LISTENER, Rates, Window
from unspool.models.wire import Counted
from unspool.testing.script import Reply
from unspool.types import Completion, Message, Request, Usage
from wires import ANTHROPIC, GEMINI, RESPONSES, SPOKEN, Spoken

SYSTEM, USER = Message("system", "Be brief."), Message("user", "x" * 400)
REPLIED = Message("assistant", "and then")
REQUEST = Request((SYSTEM, USER))
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
every = pytest.mark.parametrize("spoken", SPOKEN.values(), ids=SPOKEN)


@pytest.fixture
async def http() -> AsyncIterator[HttpPool]:
    pool = HttpPool(trust_env=False)
    yield pool
    await pool.aclose()
    SERVED.clear()  # no run has asked these servers


async def plain(
    spoken: Spoken, http: HttpPool, reply: Reply, request: Request = REQUEST, **options: Any
) -> Completion:
    with spoken.server(lambda _: reply) as server:
        return await spoken.model_at(server, http, **options).complete(request)


async def streamed(
    spoken: Spoken, http: HttpPool, reply: Reply, request: Request = REQUEST
) -> tuple[Completion, list[str]]:
    pieces: list[str] = []
    with spoken.server(lambda _: reply) as server:
        return await spoken.model_at(server, http).complete(request, pieces.append), pieces


async def sent(
    spoken: Spoken, http: HttpPool, request: Request, **options: Any
) -> Mapping[str, Any]:
    """The body of a request that the strict server has taken."""
    with spoken.server(["ok"]) as server:
        await spoken.model_at(server, http, **options).complete(request)
        return server.requests[0].raw


@every
async def test_a_plain_reply_has_text_usage_and_the_servers_name(
    spoken: Spoken, http: HttpPool
) -> None:
    reply = Reply(
        "hello",
        cached_tokens=7,
        reasoning_tokens=3,
        output_tokens=8,
        input_tokens=100,
        reasoning_content="hm",
    )
    assert await plain(spoken, http, reply) == Completion(
        text="hello",
        usage=Usage(1, 100, 7, 8, 3, unpriced_calls=1),
        model=spoken.model,
        finish="stop",
        reasoning="hm",
    )


@every
async def test_a_streamed_reply_is_the_same_in_pieces(spoken: Spoken, http: HttpPool) -> None:
    reply = Reply(
        "hello, you", cached_tokens=7, reasoning_tokens=1, piece_chars=3, reasoning_content="hm"
    )
    whole = await plain(spoken, http, reply)
    assert await streamed(spoken, http, reply) == (whole, ["hel", "lo,", " yo", "u"])


@every
async def test_a_streamed_connection_is_used_again(spoken: Spoken, http: HttpPool) -> None:
    with spoken.server(lambda _: Reply("abcd", piece_chars=1)) as server:
        model = spoken.model_at(server, http)
        texts = [(await model.complete(REQUEST, lambda _: None)).text for _ in range(3)]
        assert (texts, server.connections) == (["abcd"] * 3, 1)


@every
@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply_at_its_bound_says_so(spoken: Spoken, http: HttpPool, stream: bool) -> None:
    request = replace(REQUEST, max_tokens=20)
    ask = streamed if stream else plain
    done = await ask(spoken, http, Reply("x" * 400), request)
    completion = done if isinstance(done, Completion) else done[0]
    assert (completion.text, completion.finish) == ("x" * 80, "length")


@every
async def test_a_reply_ends_before_a_stop_text(spoken: Spoken, http: HttpPool) -> None:
    request = replace(REQUEST, stop=("\n\n", "END"))
    assert (await plain(spoken, http, Reply("a END b"), request)).text == "a "
    assert (await plain(spoken, http, Reply("a\n\nb"), request)).text == "a"
    for text, handed in (("ab END c", "ab "), ("a EN", "a EN")):
        done, pieces = await streamed(spoken, http, Reply(text, piece_chars=1), request)
        assert done.text == "".join(pieces) == handed


@every
async def test_a_schema_is_held_natively(spoken: Spoken, http: HttpPool) -> None:
    body = await sent(spoken, http, replace(REQUEST, schema=SCHEMA))
    held = {
        "anthropic": lambda: body["output_config"]["format"]["schema"],
        "google": lambda: body["generationConfig"]["responseJsonSchema"],
        "openai": lambda: body["text"]["format"]["schema"],
    }[spoken.provider]()
    assert held == SCHEMA


@every
async def test_a_schema_that_is_refused_is_left_out_from_then_on(
    spoken: Spoken, http: HttpPool
) -> None:
    refusal = Reply("Invalid schema for the response format", status=400)
    with spoken.server([refusal, "{}", "{}"]) as server:
        model = spoken.model_at(server, http)
        texts = [(await model.complete(replace(REQUEST, schema=SCHEMA))).text for _ in range(2)]
        assert (texts, len(server.exchanges)) == (["{}"] * 2, 3)


@every
async def test_a_refusal_without_a_word_is_an_error_that_says_why(
    spoken: Spoken, http: HttpPool
) -> None:
    reply = Reply("", finish_reason="content_filter")
    with pytest.raises(ModelDeclined, match=r"declined to answer: .*other words") as caught:
        await plain(spoken, http, reply)
    assert caught.value.lost_calls == 1
    with pytest.raises(ModelDeclined, match="declined to answer"):
        await streamed(spoken, http, reply)


@every
@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_in_words_is_a_reply_that_ended_otherwise(
    spoken: Spoken, http: HttpPool, stream: bool
) -> None:
    reply = Reply("I would rather not.", finish_reason="refusal")
    done = await (streamed if stream else plain)(spoken, http, reply)
    completion = done if isinstance(done, Completion) else done[0]
    assert (completion.text, completion.finish) == ("I would rather not.", "other")


@every
@pytest.mark.parametrize("wait", [None, "7"])
async def test_too_many_requests_are_unavailable_for_as_long_as_is_said(
    spoken: Spoken, http: HttpPool, wait: str | None
) -> None:
    reply = Reply("slow down", status=429, headers={"Retry-After": wait} if wait else {})
    with pytest.raises(ModelUnavailable, match="slow down") as caught:
        await plain(spoken, http, reply)
    assert caught.value.retry_after_s == (float(wait) if wait else None)


@every
@pytest.mark.parametrize("status", [500, 503, 529])
async def test_an_overloaded_server_is_unavailable(
    spoken: Spoken, http: HttpPool, status: int
) -> None:
    for ask in (plain, streamed):
        with pytest.raises(ModelUnavailable, match="Overloaded"):
            await ask(spoken, http, Reply("Overloaded", status=status))


@every
async def test_whether_to_ask_again_is_as_the_server_says(spoken: Spoken, http: HttpPool) -> None:
    for status, again, error in ((500, "false", ModelRefused), (400, "true", ModelUnavailable)):
        with pytest.raises(error, match="Ah"):
            await plain(spoken, http, Reply("Ah", status=status, headers={"X-Should-Retry": again}))


@every
async def test_too_long_a_request_is_told_apart(spoken: Spoken, http: HttpPool) -> None:
    for ask in (plain, streamed):
        with pytest.raises(ContextTooLong, match="shorter prompt"):
            await ask(spoken, http, Reply(spoken.too_long, status=400))


@every
async def test_a_wrong_key_is_told_and_not_shown(spoken: Spoken, http: HttpPool) -> None:
    with pytest.raises(ModelRefused, match="Check the key") as caught:
        await plain(spoken, http, Reply("ok"), api_key="sk-another-key-of-somebody")
    assert "another" not in str(caught.value)


@every
async def test_a_stream_that_breaks_off_is_unavailable_or_a_part(
    spoken: Spoken, http: HttpPool
) -> None:
    reply = Reply("a long answer " * 200, cut_after_chars=4000)
    with pytest.raises(ModelUnavailable) as caught:
        await streamed(spoken, http, reply)
    assert caught.value.lost_calls == 1
    part, pieces = await streamed(spoken, http, reply, replace(REQUEST, partial=True))
    assert part.finish == "cut"
    assert part.text == "".join(pieces)
    assert reply.text.startswith(part.text)
    assert part.usage == Usage(lost_calls=1)


async def test_a_stream_ends_with_what_says_how_it_ended(http: HttpPool) -> None:
    reply = Reply("a long answer", done=False)
    assert (await streamed(ANTHROPIC, http, reply))[0].text == reply.text
    for spoken in (GEMINI, RESPONSES):
        with pytest.raises(ModelUnavailable, match="cut before its end"):
            await streamed(spoken, http, reply)
        abrupt = Reply("a long answer", wrong_length=True)
        assert (await streamed(spoken, http, abrupt))[0].text == abrupt.text


@every
async def test_broken_replies_are_unavailable(spoken: Spoken, http: HttpPool) -> None:
    for body in ("garbage", "", "[1, 2]", "{}"):
        with pytest.raises(ModelUnavailable):
            await plain(spoken, http, Reply(body=body))
    with pytest.raises(ModelUnavailable):
        await plain(spoken, http, Reply("late", latency_s=30), timeout_s=0.05)


@every
async def test_a_reply_without_usage_is_estimated(spoken: Spoken, http: HttpPool) -> None:
    done = await plain(spoken, http, Reply("12345678", with_usage=False))
    assert (done.usage.calls, done.usage.output_tokens) == (1, 2)
    assert done.usage.input_tokens == (len(SYSTEM.content) + len(USER.content)) // 4


@every
@pytest.mark.parametrize(
    "messages",
    [
        (Message("user", ""),),
        (SYSTEM,),
        (SYSTEM, USER, USER, Message("assistant", " "), USER),
        (Message("assistant", "a"), USER),
        (USER, Message("assistant", "and then \n")),
        (USER, Message("assistant", "a"), Message("assistant", "b"), USER, SYSTEM),
    ],
)
async def test_every_chat_is_put_as_the_server_wants_it(
    spoken: Spoken, http: HttpPool, messages: tuple[Message, ...]
) -> None:
    for model in (spoken.model, *(["claude-opus-4-7"] if spoken is ANTHROPIC else [])):
        await sent(spoken, http, Request(messages, temperature=0.5), model=model)


@pytest.mark.parametrize(
    ("spoken", "model", "effort", "said"),
    [
        (ANTHROPIC, "claude-3-haiku-20240307", "high", {}),
        (ANTHROPIC, "claude-sonnet-4-5", "low", {"type": "enabled", "budget_tokens": 1024}),
        (ANTHROPIC, "claude-sonnet-4-5", "max", {"type": "enabled", "budget_tokens": 24_576}),
        (ANTHROPIC, "claude-sonnet-4-5", "none", {}),
        (ANTHROPIC, "claude-opus-4-5", "medium", {"effort": "medium"}),
        (ANTHROPIC, "claude-opus-5", "minimal", {"type": "adaptive", "effort": "low"}),
        (ANTHROPIC, "claude-sonnet-4-6", "none", {"effort": "low"}),
        (GEMINI, "gemini-2.0-flash", "high", {}),
        (GEMINI, "gemini-2.5-pro", "low", {"thinkingBudget": 1024}),
        (GEMINI, "gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        (GEMINI, "gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        (GEMINI, "gemini-3-pro-preview", "minimal", {"thinkingLevel": "low"}),
        (GEMINI, "gemini-3-flash-preview", "none", {"thinkingLevel": "minimal"}),
        (GEMINI, "gemini-3-flash-preview", "medium", {"thinkingLevel": "medium"}),
        (RESPONSES, "gpt-5", "high", {"effort": "high"}),
        (RESPONSES, "o3-mini", "low", {"effort": "low"}),
    ],
)
async def test_effort_is_one_word_for_all(
    http: HttpPool, spoken: Spoken, model: str, effort: str, said: Mapping[str, Any]
) -> None:
    request = replace(
        REQUEST, temperature=0.5, extra={"reasoning_effort": effort}, messages=(USER, REPLIED)
    )
    body = await sent(spoken, http, request, model=model)
    found = {
        **body.get("thinking", {}),
        **body.get("output_config", {}),
        **body.get("generationConfig", {}).get("thinkingConfig", {}),
        **body.get("reasoning", {}),
    }
    assert found == said


async def test_an_effort_that_nobody_knows_is_told(http: HttpPool) -> None:
    request = replace(REQUEST, extra={"reasoning_effort": "lots"})
    with pytest.raises(ConfigurationError, match=r"'lots'.*medium"):
        await sent(GEMINI, http, request)


async def test_reasoning_leaves_room_for_the_reply(http: HttpPool) -> None:
    request = replace(REQUEST, extra={"reasoning_effort": "high"})
    assert "thinking" not in await sent(ANTHROPIC, http, replace(request, max_tokens=99))
    body = await sent(ANTHROPIC, http, replace(request, max_tokens=4000))
    assert body["thinking"]["budget_tokens"] == 2000


async def test_a_model_without_system_messages_is_told_what_they_say(http: HttpPool) -> None:
    body = await sent(GEMINI, http, REQUEST, model="gemma-3-27b-it")
    assert [part["text"] for part in body["contents"][0]["parts"]] == [SYSTEM.content, USER.content]


async def test_claude_is_asked_with_marks_where_a_history_grows(http: HttpPool) -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    body = await sent(ANTHROPIC, http, replace(REQUEST, is_root=True))
    assert body["system"] == [{"type": "text", "text": "Be brief.", **mark}]
    assert body["messages"][-1]["content"] == [{"type": "text", "text": USER.content, **mark}]
    alone = await sent(ANTHROPIC, http, REQUEST)
    assert "cache_control" not in alone["messages"][0]["content"][0]


@pytest.mark.parametrize(
    ("model", "chars", "most"),
    [
        ("claude-3-haiku-20240307", 10, 4096),
        ("claude-opus-4-1", 10, 32_000),
        ("claude-sonnet-4-5", 10, 64_000),
        ("claude-sonnet-4-5", 300_000, 50_000),
        ("claude-opus-4-7", 10, 128_000),
        ("claude-fable-5", 10, 128_000),
    ],
)
async def test_claude_may_write_as_much_as_it_can(
    http: HttpPool, model: str, chars: int, most: int
) -> None:
    body = await sent(ANTHROPIC, http, Request((Message("user", "x" * chars),)), model=model)
    assert body["max_tokens"] == most
    assert body.get("stream", False) == (most > 8_192)
    asked = Request((Message("user", "x"),), max_tokens=200_000)
    assert (await sent(ANTHROPIC, http, asked, model=model))["max_tokens"] >= most


def test_what_claude_writes_into_its_cache_is_counted_apart() -> None:
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 100,
        "cache_creation": {"ephemeral_5m_input_tokens": 80, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1,
    }
    counted = AnthropicFormat().counted(usage, prompt_chars=1, reply_chars=1)
    assert counted == Counted(Usage(1, 114, 4, 1), written=Written(100, 20))


async def test_its_price_is_that_of_the_price_list(http: HttpPool) -> None:
    genai_prices = pytest.importorskip("genai_prices")
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 400,
        "cache_creation_input_tokens": 1000,
        "output_tokens": 20,
    }
    message = {"type": "message", "content": [{"type": "text", "text": "a"}], "usage": usage}
    known, short = pricer("anthropic", ANTHROPIC.model), replace(REQUEST, max_tokens=99)
    done = await plain(ANTHROPIC, http, Reply(body=json.dumps(message)), short, pricer=known)
    counted = genai_prices.Usage(
        input_tokens=1410, cache_read_tokens=400, cache_write_tokens=1000, output_tokens=20
    )
    listed = genai_prices.calc_price(counted, model_ref=ANTHROPIC.model, provider_id="anthropic")
    assert done.usage.microusd == math.ceil(listed.total_price * 1_000_000)


async def test_claude_is_held_to_a_schema_that_leaves_fields_open(http: HttpPool) -> None:
    """Its server wants every object closed."""
    inner = {"type": "object", "properties": {"properties": {"type": "string"}}}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
        "$defs": {"b": inner},
    }
    request = replace(REQUEST, schema=schema)
    with ANTHROPIC.server([Reply("{}")]) as server:
        await ANTHROPIC.model_at(server, http).complete(request)
        held = server.requests[0].raw["output_config"]["format"]["schema"]
    assert held["$defs"]["b"] == inner | {"additionalProperties": False}
    assert held["additionalProperties"] is False


async def test_what_servers_say_of_their_rates_is_heard(http: HttpPool) -> None:
    heard: list[Rates] = []
    LISTENER.set(heard.append)
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "39000",
    }
    await plain(ANTHROPIC, http, Reply("a", headers=headers))
    assert heard == [Rates(Window(49, 50), Window(39_000, 40_000))]


async def test_an_overload_in_the_middle_of_a_stream_is_unavailable(http: HttpPool) -> None:
    for kind, error, status in (
        ("overloaded_error", ModelUnavailable, 529),
        ("rate_limit_error", ModelUnavailable, 429),
        ("billing_error", ModelRefused, 402),
        ("request_too_large", ContextTooLong, 413),
    ):
        told = json.dumps({"type": "error", "error": {"type": kind, "message": "Ah"}})
        with pytest.raises(error, match="Ah") as caught:
            await streamed(ANTHROPIC, http, Reply(body=f"data: {told}\n\n"))
        assert caught.value.status == status


async def test_a_failed_response_says_whether_it_heals(http: HttpPool) -> None:
    for code, error in (
        ("server_error", ModelUnavailable),
        ("invalid_prompt", ModelDeclined),
        ("data_residency_mismatch", ModelRefused),
    ):
        reply = Reply("x", finish_reason="error", error_code=code)
        for ask in (plain, streamed):
            with pytest.raises(error, match=code):
                await ask(RESPONSES, http, reply)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        ({"error": {"type": "invalid_request_error", "code": "context_length_exceeded"}}, None),
        ({"error": {"type": "tokens", "code": "insufficient_quota"}}, ModelRefused),
        ({"error": {"type": "server_error", "code": None}}, ModelUnavailable),
        ({"code": "server_is_overloaded"}, ModelUnavailable),
    ],
)
async def test_an_error_in_a_stream_of_responses_is_read_however_it_is_put(
    http: HttpPool, event: Mapping[str, Any], error: type[Exception] | None
) -> None:
    told = json.dumps({"type": "error", **event})
    with pytest.raises(error or ContextTooLong):
        await streamed(RESPONSES, http, Reply(body=f"data: {told}\n\n"))


async def test_a_reply_is_whole_where_only_its_reasoning_came_in_pieces(http: HttpPool) -> None:
    said = {"type": "message", "content": [{"type": "output_text", "text": "the answer"}]}
    ended = {"object": "response", "status": "completed", "output": [said], "usage": {}}
    events = [
        {"type": "response.reasoning_summary_text.delta", "delta": "think"},
        {"type": "response.completed", "response": ended},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    completion, _ = await streamed(RESPONSES, http, Reply(body=body))
    assert (completion.text, completion.reasoning) == ("the answer", "think")


async def test_what_claude_has_read_is_not_unread_at_the_end(http: HttpPool) -> None:
    begun = {"input_tokens": 500, "cache_read_input_tokens": 100, "output_tokens": 1}
    ended = {"input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 7}
    events = [
        {"type": "message_start", "message": {"usage": begun}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "all"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": ended},
        {"type": "message_stop"},
    ]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    usage = (await streamed(ANTHROPIC, http, Reply(body=body)))[0].usage
    assert (usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (600, 100, 7)


async def test_what_is_cut_behind_the_end_of_a_reply_costs_nothing(http: HttpPool) -> None:
    events = [
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "all"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {}},
    ]
    whole = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    completion, _ = await streamed(ANTHROPIC, http, Reply(body=f'{whole}data: {{"type": "mess'))
    assert (completion.text, completion.usage.lost_calls) == ("all", 0)


async def test_what_is_sent_to_openai_is_not_kept_and_finds_its_cache(http: HttpPool) -> None:
    request = replace(REQUEST, is_root=True, tree_id="run-1", temperature=0.5, max_tokens=1)
    body = await sent(RESPONSES, http, request)
    assert (body["store"], body["prompt_cache_key"]) == (False, "run-1")
    assert (body["max_output_tokens"], "temperature" in body) == (16, False)


async def test_geminis_stumble_may_heal_and_a_blocked_prompt_does_not(http: HttpPool) -> None:
    for ask in (plain, streamed):
        with pytest.raises(ModelUnavailable, match="MALFORMED_FUNCTION_CALL"):
            await ask(GEMINI, http, Reply("", finish_reason="MALFORMED_FUNCTION_CALL"))
        with pytest.raises(ModelDeclined, match="prompt was blocked, PROHIBITED_CONTENT"):
            await ask(GEMINI, http, Reply("", finish_reason="blocked"))


@pytest.mark.parametrize(
    ("spoken", "extra", "says"),
    [
        (ANTHROPIC, {"stop": ["a"]}, "no field 'stop'"),
        (ANTHROPIC, {"messages": []}, "fewer than 1"),
        (ANTHROPIC, {"model": "claude-opus-4-7", "temperature": 1}, "deprecated"),
        (ANTHROPIC, {"thinking": {"type": "enabled", "budget_tokens": 99999}}, "budget_tokens"),
        (ANTHROPIC, {"output_config": {"effort": "low"}}, "effort parameter"),
        (ANTHROPIC, {"thinking": {"type": "adaptive"}}, "adaptive thinking"),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingLevel": "low"}}}, "level"),
        (GEMINI, {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}, "Budget 0"),
        (GEMINI, {"model": "m"}, "no field 'model'"),
        (GEMINI, {"generationConfig": {"responseJsonSchema": {}}}, "responseMimeType"),
        (RESPONSES, {"stop": ["a"]}, "Unknown parameter: 'stop'"),
        (RESPONSES, {"temperature": 1}, "Unsupported parameter: 'temperature'"),
        (RESPONSES, {"input": [{"role": "user", "content": ""}]}, "input"),
    ],
)
async def test_the_strict_servers_are_strict(
    http: HttpPool, spoken: Spoken, extra: Mapping[str, Any], says: str
) -> None:
    with pytest.raises(ModelRefused, match=says):
        await plain(spoken, http, Reply("ok"), replace(REQUEST, extra=extra, max_tokens=99))
