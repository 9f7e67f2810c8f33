"""The adapter for `/chat/completions` against the scripted server."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from unspool.errors import (
    ConfigurationError,
    ContextTooLong,
    ModelDeclined,
    ModelRefused,
    ModelUnavailable,
    UnknownModel,
)
from unspool.models.chat import ChatFormat
from unspool.models.http import HttpPool
from unspool.models.prices import pricer
from unspool.models.providers import Quirks, find
from unspool.models.wire import WireModel
from unspool.models.wrap.retry import Retry
from unspool.testing.script import ChatRequest, Reply
from unspool.testing.server import ScriptedServer
from unspool.types import Completion, Message, Request, Usage

KEY = "sk-test-0123456789abcdef"
REQUEST = Request((Message("user", "x" * 400),))


@pytest.fixture
async def http() -> AsyncIterator[HttpPool]:
    pool = HttpPool(trust_env=False)
    yield pool
    await pool.aclose()


def model_at(
    base_url: str, http: HttpPool, *, quirks: Quirks | None = None, **options: Any
) -> WireModel:
    settings = {"model": "root", "base_url": base_url, "api_key": KEY} | options
    return WireModel("test/root", format=ChatFormat(quirks or Quirks()), http=http, **settings)


def chat(server: ScriptedServer, http: HttpPool, **options: Any) -> WireModel:
    return model_at(server.base_url, http, **options)


async def complete(
    http: HttpPool, reply: Reply, request: Request = REQUEST, **options: Any
) -> Completion:
    with ScriptedServer(lambda _: reply) as server:
        return await chat(server, http, **options).complete(request)


async def streamed(http: HttpPool, reply: Reply, **options: Any) -> tuple[Completion, list[str]]:
    pieces: list[str] = []
    with ScriptedServer(lambda _: reply) as server:
        model = chat(server, http, **options)
        return await model.complete(REQUEST, pieces.append), pieces


def body(message: Mapping[str, Any], **more: Any) -> Reply:
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return Reply(body=json.dumps({"choices": [choice], **more}))


def events(*values: Any) -> Reply:
    lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return Reply(body="".join(f"data: {line}\r\n\r\n" for line in lines))


async def until(fact: Callable[[], bool]) -> None:
    for _ in range(5000):
        if fact():
            return
        await asyncio.sleep(0.002)
    raise AssertionError("it did not come to pass")


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


async def test_a_plain_reply_has_text_usage_and_the_servers_name(http: HttpPool) -> None:
    reply = Reply("hello", cached_tokens=7, reasoning_tokens=3, output_tokens=5)
    assert await complete(http, replace(reply, reasoning_content="hm")) == Completion(
        text="hello",
        usage=Usage(1, 100, 7, 5, 3, unpriced_calls=1),
        model="root",
        finish="stop",
        reasoning="hm",
    )


async def test_a_streamed_reply_is_the_same_in_pieces(http: HttpPool) -> None:
    reply = Reply("hello, you", cached_tokens=7, piece_chars=3, reasoning_content="hm")
    plain = await complete(http, reply)
    assert await streamed(http, reply) == (plain, ["hel", "lo,", " yo", "u"])


async def test_a_drip_fed_stream_keeps_its_connection(http: HttpPool) -> None:
    with ScriptedServer(lambda _: Reply("abcd", piece_chars=1, drip_s=0.01)) as server:
        model = chat(server, http)
        texts = [(await model.complete(REQUEST, lambda _: None)).text for _ in range(3)]
        assert (texts, server.connections) == (["abcd"] * 3, 1)


async def test_our_usage_is_the_servers(http: HttpPool) -> None:
    with ScriptedServer(lambda request: request.last[:50]) as server:
        model = chat(server, http, pricer=pricer(None, "root", prices={"root": (1.0, 2.0)}))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(model.complete(Request((Message("user", "y" * n),))))
                for n in range(300)
            ]
        total = sum((task.result().usage for task in tasks), Usage())
        assert replace(total, microusd=0) == server.usage
        assert total.microusd == total.input_tokens + 2 * total.output_tokens


async def test_the_request_holds_what_was_asked(http: HttpPool) -> None:
    request = Request((Message("user", "q"),), 9, 0.5, ("END",), {"seed": 1})
    with ScriptedServer(["ok", "ok END not this"]) as server:
        await chat(server, http, extra={"top_p": 1}, headers={"X-Title": "t"}).complete(request)
        quirks = find("openai").quirks("gpt-5-mini")
        cut = await chat(server, http, quirks=quirks).complete(request)
        first, second = server.requests
    common = {"model": "root", "messages": [{"role": "user", "content": "q"}], "seed": 1}
    settings = {"max_tokens": 9, "temperature": 0.5, "stop": ["END"], "top_p": 1}
    assert (first.body, first.headers["x-title"]) == (common | settings, "t")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert second.body == common | {"max_completion_tokens": 9}
    assert cut.text == "ok "


async def test_lone_surrogates_are_replaced_on_the_way_there_and_back(http: HttpPool) -> None:
    request = Request((Message("user", "a\ud800b \U0001f600 \ud83d\ude00"),))
    with ScriptedServer([body({"content": "c\ude00d"})]) as server:
        completion = await chat(server, http).complete(request)
        assert server.requests[0].last == "a\ufffdb \U0001f600 \U0001f600"
    assert completion.text == "c\ufffdd"


@pytest.mark.parametrize(
    ("message", "text", "reasoning"),
    [
        ({"content": None}, "", ""),
        ({"content": "a", "reasoning": "r"}, "a", "r"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "ab", ""),
        (
            {"content": [{"type": "thinking", "thinking": [{"text": "r"}]}, {"text": "a"}]},
            "a",
            "r",
        ),
        ({"content": None, "refusal": "no"}, "no", ""),
        (
            {"content": "", "tool_calls": [{"function": {"arguments": '{"code": "x = 1"}'}}]},
            "```python\nx = 1\n```",
            "",
        ),
        ({"content": "", "tool_calls": [{"function": {"arguments": '{"a": 1}'}}]}, "", ""),
        ({"content": "", "tool_calls": [{"function": {"arguments": "{broken"}}]}, "", ""),
    ],
)
async def test_every_shape_of_message_is_read(
    http: HttpPool, message: dict[str, Any], text: str, reasoning: str
) -> None:
    completion = await complete(http, body(message))
    assert (completion.text, completion.reasoning) == (text, reasoning)


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({}, Usage(1, 100, 0, 2)),
        ({"usage": None}, Usage(1, 100, 0, 2)),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": None}}, Usage(1, 5, 0, 2)),
        ({"timings": {"cache_n": 4, "prompt_n": 3, "predicted_n": 9}}, Usage(1, 7, 4, 9)),
        (
            {"usage": {"prompt_tokens": 5, "completion_tokens": 6, "prompt_cache_hit_tokens": 2}},
            Usage(1, 5, 2, 6),
        ),
        (
            {
                "usage": {
                    "prompt_tokens": 5,
                    "completion_tokens": 6,
                    "total_tokens": 21,
                    "completion_tokens_details": {"reasoning_tokens": 10},
                }
            },
            Usage(1, 5, 0, 16, 10),
        ),
    ],
)
async def test_every_shape_of_usage_is_read_and_a_missing_one_estimated(
    http: HttpPool, fields: dict[str, Any], usage: Usage
) -> None:
    completion = await complete(http, body({"content": "12345678"}, **fields))
    assert completion.usage == replace(usage, unpriced_calls=1)


async def test_the_servers_own_bill_comes_first(http: HttpPool) -> None:
    reply = body({"content": "a"}, usage={"cost": 0.0000125})
    assert (await complete(http, reply)).usage.microusd == 13


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("stop", "stop"), (None, "stop"), ("length", "length"), ("content_filter", "other")],
)
async def test_finish_reasons_are_three(http: HttpPool, reason: str | None, finish: str) -> None:
    assert (await complete(http, Reply("a", finish_reason=reason))).finish == finish


async def test_a_filtered_reply_without_a_word_is_declined(http: HttpPool) -> None:
    with pytest.raises(ModelDeclined, match="content_filter"):
        await complete(http, Reply("", finish_reason="content_filter"))
    with pytest.raises(ModelDeclined, match="other words"):
        await complete(http, Reply("flagged", status=400, error_code="content_filter"))


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
async def test_what_may_heal_is_unavailable(http: HttpPool, status: int) -> None:
    reply = Reply("busy", status=status, headers={"Retry-After": "7"})
    with pytest.raises(ModelUnavailable, match="busy") as caught:
        await complete(http, reply)
    assert (caught.value.status, caught.value.retry_after_s) == (status, 7.0)


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (Reply("bad field", status=400), "bad field.* does not take"),
        (Reply("who are you", status=401), "who are you.*Check the key.*OPENAI_API_KEY"),
        (Reply("pay first", status=402), "no credit"),
        (Reply("not you", status=403), "not allowed"),
        (Reply("no such model", status=404), "'root' at http://.*404.*Check the model's name"),
        (Reply("quota", status=429, error_code="insufficient_quota"), "no credit"),
        (Reply("moved", status=307, headers={"Location": "http://there"}), "http://there"),
        (Reply(status=422, body='{"detail": [{"loc": ["a"], "msg": "M", "input": "I"}]}'), "a: M"),
        (Reply(body="<!doctype html><html>"), "web page.*/v1"),
        (body({}, error={"message": "gone", "code": 404}), "gone"),
    ],
)
async def test_what_will_not_heal_is_refused_with_a_remedy(
    http: HttpPool, reply: Reply, says: str
) -> None:
    with pytest.raises(ModelRefused, match=says):
        await complete(http, reply)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("x", status=400, error_code="context_length_exceeded"),
        Reply("This model's maximum context length is 8192 tokens", status=400),
        Reply("the request exceeds the available context size, try increasing it", status=400),
        Reply("prompt is too long: 9 tokens > 8 maximum", status=400),
        Reply("Request too large for gpt on tokens per min (TPM)", status=429),
        Reply("Payload Too Large", status=413),
        Reply(status=500, body='{"error": "prompt too long; exceeded max context length"}'),
    ],
)
async def test_too_long_a_request_is_told_apart(http: HttpPool, reply: Reply) -> None:
    with pytest.raises(ContextTooLong, match="shorter prompt"):
        await complete(http, reply)


@pytest.mark.parametrize(
    "reply",
    [
        Reply("a long answer", cut_after_chars=0),
        Reply("a long answer", cut_after_chars=20),
        Reply("a long answer", wrong_length=True, piece_chars=4, cut_after_chars=300),
        Reply(body="garbage"),
        Reply(body=""),
        Reply(body="[1, 2]"),
        Reply(body='{"choices": []}'),
        body({}, error={"message": "overloaded", "code": 502}),
        body({}, error="overloaded"),
        Reply("half", finish_reason="error"),
    ],
)
async def test_broken_replies_are_unavailable_plain_and_streamed(
    http: HttpPool, reply: Reply
) -> None:
    with pytest.raises(ModelUnavailable):
        await complete(http, reply)
    with pytest.raises(ModelUnavailable):
        await streamed(http, reply)


async def test_a_server_that_is_down_or_silent_is_unavailable(http: HttpPool) -> None:
    with ScriptedServer(["a"]) as server:
        down = chat(server, http)
    with pytest.raises(ModelUnavailable, match="Is the server running"):
        await down.complete(REQUEST)
    with pytest.raises(ModelUnavailable, match="did not answer"):
        await complete(http, Reply("late", latency_s=30), timeout_s=0.05)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (events(delta(content="a"), delta("stop", content="b")), "ab"),
        (events(delta(content="a"), "", "[DONE]"), "a"),
        (Reply("ab", done=False), "ab"),
        (Reply(body=": ping\n\ndata: " + json.dumps(delta("stop", content="a"))), "a"),
        (events(delta(content="\ud83d"), delta("stop", content="\ude00")), "\U0001f600"),
        (
            events(
                delta(tool_calls=[{"index": 0, "function": {"arguments": '{"code": '}}]),
                delta("tool_calls", tool_calls=[{"index": 0, "function": {"arguments": '"1"}'}}]),
            ),
            "```python\n1\n```",
        ),
    ],
)
async def test_streams_end_in_many_ways(http: HttpPool, reply: Reply, text: str) -> None:
    assert (await streamed(http, reply))[0].text == text


async def test_a_stream_that_breaks_off_is_unavailable(http: HttpPool) -> None:
    for reply in (
        events(delta(content="a")),
        events(delta(content="a"), {"error": {"message": "overloaded"}}),
        events(delta(content="a"), "{broken"),
        Reply("a long answer " * 50, cut_after_chars=900),
    ):
        with pytest.raises(ModelUnavailable):
            await streamed(http, reply)


async def test_a_server_that_does_not_stream_is_read_whole(http: HttpPool) -> None:
    reply = replace(body({"content": "whole"}), headers={"Content-Type": "application/json"})
    completion, pieces = await streamed(http, reply)
    assert (completion.text, pieces) == ("whole", ["whole"])


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_closes_the_request(http: HttpPool, stream: bool) -> None:
    reply = Reply("abc", latency_s=0 if stream else 30, drip_s=30)
    with ScriptedServer(lambda _: reply) as server:
        on_text = (lambda _: None) if stream else None
        task = asyncio.create_task(chat(server, http).complete(REQUEST, on_text))
        await until(lambda: bool(server.exchanges))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: server.cancelled == 1)
        assert server.usage == Usage()


@pytest.mark.parametrize("status", [200, 400, 401, 500])
async def test_the_key_is_nowhere_to_be_seen(
    http: HttpPool, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    echo = f"your key {KEY} and sk-other-abcdefghijkl " + "x" * 388 + KEY
    reply = Reply(echo, status=status) if status != 200 else Reply(body=echo)
    with ScriptedServer(lambda _: reply) as server:
        model = chat(server, http, api_key=f" {KEY}\n")
        with pytest.raises((ModelRefused, ModelUnavailable)) as caught:
            await Retry(model, attempts=1).complete(REQUEST)
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    shown = "".join(traceback.format_exception(caught.value))
    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    texts = [repr(model), repr(model._endpoint), shown, caplog.text, *map(repr, chain)]
    assert [text for text in texts if "sk-" in text] == []
    assert "[key]" in shown


@pytest.mark.parametrize("base_url", ["", "localhost:8000", "ftp://h/v1", "http://", "http://a b"])
def test_a_base_url_that_is_none_is_told_at_once(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        model_at(base_url, HttpPool())


@pytest.mark.parametrize("api_key", ["two words", "kéy", "a\x00b"])
def test_a_key_that_is_none_is_told_without_showing_it(api_key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        model_at("http://h/v1", HttpPool(), api_key=api_key)
    assert api_key not in str(caught.value)


async def test_extra_that_is_not_json_is_told(http: HttpPool) -> None:
    with pytest.raises(ConfigurationError, match="extra"):
        await complete(http, Reply("a"), extra={"a": object()})


def test_an_unknown_provider_lists_the_known() -> None:
    with pytest.raises(UnknownModel, match=r"'opnai'.*deepseek.*openai"):
        find("opnai")
    assert find("lmstudio").key is None
    assert find("openai").key == "OPENAI_API_KEY"


@pytest.mark.parametrize("stream", [False, True])
async def test_fields_that_a_server_does_not_take_are_left_out_from_then_on(
    http: HttpPool, stream: bool
) -> None:
    """As those of models that reason do, whatever stands between."""

    def reasons(request: ChatRequest) -> Reply:
        if request.body.get("temperature") is not None:
            return Reply("Unsupported value: 'temperature' does not support 0.0", status=400)
        if "max_tokens" in request.body:
            said = "'max_tokens' is not supported with this model. Use 'max_completion_tokens'."
            return Reply(f"Unsupported parameter: {said}", status=400)
        return Reply(f"at most {request.body['max_completion_tokens']}")

    asked = replace(REQUEST, temperature=0.0, max_tokens=90, schema={"type": "object"})
    with ScriptedServer(reasons) as server:
        model = chat(server, http)
        for _ in range(2):
            completion = await model.complete(asked, print if stream else None)
            assert completion.text == "at most 90"
        assert len(server.requests) == 4
        assert all("response_format" in one.body for one in server.requests)


async def test_a_field_with_a_wrong_value_is_no_field_that_is_not_taken(http: HttpPool) -> None:
    reply = Reply("'temperature' must be between 0 and 2", status=400)
    with pytest.raises(ModelRefused, match="between 0 and 2"):
        await complete(http, reply, replace(REQUEST, temperature=3.0))


async def test_a_schema_that_the_server_fails_at_is_left_out(http: HttpPool) -> None:
    def fails(request: ChatRequest) -> Reply:
        if "response_format" in request.body:
            said = "Failed to generate JSON. Please adjust your prompt."
            return Reply(said, status=400, error_code="json_validate_failed")
        return Reply("{}")

    with ScriptedServer(fails) as server:
        asked = replace(REQUEST, schema={"type": "object"})
        assert (await chat(server, http).complete(asked)).text == "{}"
