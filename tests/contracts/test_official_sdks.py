"""Our requests and our strict servers, held to the official SDKs' own types and clients.

Skipped where they are not installed (`pip install anthropic openai google-genai`), as in CI: with
what they need they are 160 MB, for tests of shapes that change a few times a year. The
strict servers hold our requests to the same shapes without them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest

from support import SERVED, ScriptedServer
from unspool.models.chat import ChatFormat
from unspool.models.http import HttpPool
from unspool.models.providers import find
from unspool.models.wire import WireModel
from unspool.testing.script import Reply
from unspool.types import Message, Request
from wires import ANTHROPIC, GEMINI, KEY, RESPONSES, Spoken

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
REQUEST = Request(
    (
        Message("system", "s"),
        Message("user", "q"),
        Message("assistant", "a"),
        Message("user", "q"),
        Message("user", "r"),
    ),
    max_tokens=99,
    temperature=0.5,
    stop=("END",),
    extra={"reasoning_effort": "low"},
    schema=SCHEMA,
    is_root=True,
    tree_id="run-1",
)
REPLY = Reply(
    "hello, you",
    cached_tokens=2,
    reasoning_tokens=1,
    reasoning_content="hm",
    input_tokens=20,
    output_tokens=9,
    piece_chars=4,
)
ENDINGS = ("stop", "length", "refusal", "content_filter")


@pytest.fixture(autouse=True)
def _no_run_has_asked() -> Iterator[None]:
    yield
    SERVED.clear()


async def sent(spoken: Spoken) -> list[Mapping[str, Any]]:
    """What our adapter sends, plain and streamed."""
    http = HttpPool(trust_env=False)
    with spoken.server(lambda _: REPLY) as server:
        model = spoken.model_at(server, http)
        await model.complete(REQUEST)
        await model.complete(REQUEST, lambda _: None)
        await http.aclose()
        return [request.raw for request in server.requests]


def answered(spoken: Spoken, body: Mapping[str, Any], path: str, reply: Reply) -> Any:
    """What our strict server answers: a body, or the data of all events."""
    with spoken.server(lambda _: reply) as server:
        return asked_of(server.base_url + path, body)


def asked_of(url: str, body: Mapping[str, Any]) -> Any:
    """What a server answers: a body, or the data of all events."""
    headers = {
        "Content-Type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-goog-api-key": KEY,
        "Authorization": f"Bearer {KEY}",
    }
    with urlopen(HttpRequest(url, json.dumps(body).encode(), headers)) as response:
        text = response.read().decode()
    if text.startswith("{"):
        return json.loads(text)
    lines = (line[6:] for line in text.splitlines() if line.startswith("data: {"))
    return [json.loads(line) for line in lines]


def fits(types: Any, body: Mapping[str, Any]) -> None:
    """Checks `body` against one of the SDKs' typed dicts, whose fields are all there are."""
    pydantic = pytest.importorskip("pydantic")
    pydantic.TypeAdapter(types).validate_python(dict(body))
    known = {name for one in types.__mro__ for name in getattr(one, "__annotations__", ())}
    assert set(body) <= known | set(types.__required_keys__) | set(types.__optional_keys__)


async def test_anthropics_types_take_our_requests_and_our_servers_answers() -> None:
    types = pytest.importorskip("anthropic.types")
    params = pytest.importorskip("anthropic.types.message_create_params")
    events = pytest.importorskip("pydantic").TypeAdapter(types.RawMessageStreamEvent)
    plain, streamed = await sent(ANTHROPIC)
    # The SDK has dropped `temperature`, which its older models still take.
    fits(params.MessageCreateParamsNonStreaming, {k: plain[k] for k in plain if k != "temperature"})
    fits(
        params.MessageCreateParamsStreaming,
        {k: v for k, v in streamed.items() if k != "temperature"},
    )
    for ending in ENDINGS:
        reply = Reply("hi", finish_reason=ending, reasoning_content="hm", reasoning_tokens=1)
        message = types.Message.model_validate(answered(ANTHROPIC, plain, "/messages", reply))
        assert message.content[-1].text == "hi"
        for event in answered(ANTHROPIC, streamed, "/messages", reply):
            if event["type"] != "ping":
                events.validate_python(event)


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-opus-4-5", "claude-opus-5"])
async def test_anthropics_types_take_every_way_to_say_how_much_to_reason(model: str) -> None:
    params = pytest.importorskip("anthropic.types.message_create_params")
    http = HttpPool(trust_env=False)
    with ANTHROPIC.server(lambda _: REPLY) as server:
        asked = replace(REQUEST, max_tokens=4000, temperature=None)
        await ANTHROPIC.model_at(server, http, model=model).complete(asked)
        await http.aclose()
        body = server.requests[0].raw
    assert "thinking" in body or "effort" in body["output_config"]
    fits(params.MessageCreateParamsNonStreaming, body)


async def test_openais_types_take_chat_completions_of_ours() -> None:
    types = pytest.importorskip("openai.types.chat")
    params = pytest.importorskip("openai.types.chat.completion_create_params")
    http = HttpPool(trust_env=False)
    form = ChatFormat(find("openai").quirks("o3-mini"))
    with ScriptedServer(lambda _: REPLY) as server:
        model = WireModel("m", model="o3-mini", format=form, base_url=server.base_url, http=http)
        await model.complete(REQUEST)
        await model.complete(REQUEST, lambda _: None)
        await http.aclose()
        plain, streamed = [dict(request.body) for request in server.requests]
        asked = partial(asked_of, server.base_url + "/chat/completions")
        whole, events = asked(plain), asked(streamed)
    fits(params.CompletionCreateParamsNonStreaming, plain)
    fits(params.CompletionCreateParamsStreaming, streamed)
    assert types.ChatCompletion.model_validate(whole).choices[0].message.content == REPLY.text
    for event in events:
        types.ChatCompletionChunk.model_validate(event)


async def test_openais_types_take_our_requests_and_our_servers_answers() -> None:
    types = pytest.importorskip("openai.types.responses")
    params = pytest.importorskip("openai.types.responses.response_create_params")
    events = pytest.importorskip("pydantic").TypeAdapter(types.ResponseStreamEvent)
    plain, streamed = await sent(RESPONSES)
    fits(params.ResponseCreateParamsNonStreaming, plain)
    fits(params.ResponseCreateParamsStreaming, streamed)
    for ending in ENDINGS:
        reply = Reply("hi", finish_reason=ending, reasoning_content="hm", reasoning_tokens=1)
        response = types.Response.model_validate(answered(RESPONSES, plain, "/responses", reply))
        assert response.usage.output_tokens_details.reasoning_tokens == 1
        for event in answered(RESPONSES, streamed, "/responses", reply):
            events.validate_python(event)


async def test_googles_types_take_our_requests_and_our_servers_answers() -> None:
    types = pytest.importorskip("google.genai.types")
    path = f"/models/{GEMINI.model}"
    for body, method in zip(
        await sent(GEMINI), ("generateContent", "streamGenerateContent?alt=sse"), strict=True
    ):
        assert set(body) == {"contents", "systemInstruction", "generationConfig"}
        for content in (*body["contents"], body["systemInstruction"]):
            types.Content.model_validate(content)
        types.GenerationConfig.model_validate(body["generationConfig"])
        for ending in (*ENDINGS, "blocked"):
            reply = Reply("hi", finish_reason=ending, reasoning_content="hm", reasoning_tokens=1)
            got = answered(GEMINI, body, f"{path}:{method}", reply)
            for one in got if isinstance(got, list) else [got]:
                types.GenerateContentResponse.model_validate(one)


def test_anthropics_client_is_served() -> None:
    sdk = pytest.importorskip("anthropic")
    with ANTHROPIC.server(lambda _: REPLY) as server:
        client = sdk.Anthropic(api_key=KEY, base_url=server.base_url.removesuffix("/v1"))
        asked: dict[str, Any] = {
            "model": ANTHROPIC.model,
            "max_tokens": 99,
            "messages": [{"role": "user", "content": "q"}],
        }
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            heard = list(stream.text_stream)
            last = stream.get_final_message()
    assert whole.content[-1].text == "".join(heard) == last.content[-1].text == REPLY.text
    assert whole.usage.cache_read_input_tokens == 2
    assert last.usage.output_tokens == 9


def test_openais_client_is_served() -> None:
    sdk = pytest.importorskip("openai")
    with RESPONSES.server(lambda _: REPLY) as server:
        client = sdk.OpenAI(api_key=KEY, base_url=server.base_url)
        whole = client.responses.create(model=RESPONSES.model, input="q")
        with client.responses.stream(model=RESPONSES.model, input="q") as stream:
            *_, last = stream
    assert whole.output_text == last.response.output_text == REPLY.text
    assert last.response.usage.total_tokens == 29


def test_googles_client_is_served() -> None:
    sdk = pytest.importorskip("google.genai")
    with GEMINI.server(lambda _: REPLY) as server:
        options = {"base_url": server.base_url.removesuffix("/v1beta"), "api_version": "v1beta"}
        client = sdk.Client(api_key=KEY, http_options=options)
        whole = client.models.generate_content(model=GEMINI.model, contents="q")
        parts = list(client.models.generate_content_stream(model=GEMINI.model, contents="q"))
    assert whole.text == "".join(part.text or "" for part in parts) == REPLY.text
    assert whole.usage_metadata.thoughts_token_count == 1
