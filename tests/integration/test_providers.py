"""Whole runs by the model strings of providers, sub-calls included."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from runs import cell
from support import ScriptedServer
from unspool import RLM, ConfigurationError
from unspool.config import from_environment
from unspool.errors import ModelRefused, UnknownModel
from unspool.foreign import address_of
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.testing.script import ChatRequest, Reply
from unspool.wiring import Wiring
from wires import ANTHROPIC, GEMINI, KEY, RESPONSES, SPOKEN, Spoken

CODE = cell(
    "parts = llm_query_batched([f'{i}: ' + context for i in range(4)])\n"
    "FINAL(' '.join(parts) + ' ' + llm_query('last'))"
)
STRINGS = {
    "anthropic": ("anthropic/claude-sonnet-4-5", "anthropic/claude-haiku-4-5"),
    "gemini": ("google/gemini-2.5-pro", "google/gemini-2.5-flash"),
    "responses": ("openai/gpt-5", "openai/o3-mini"),
}


def answer(request: ChatRequest) -> Reply:
    """The first turn looks, the second asks and answers; whatever else comes is a sub-call."""
    if request.model.endswith(("haiku-4-5", "flash", "o3-mini")):
        return Reply("yes", cached_tokens=1, reasoning_tokens=2, output_tokens=5)
    return Reply(
        CODE if request.assistant_count else cell("print(context)"), reasoning_content="hm"
    )


VARIABLES = {
    "anthropic": "ANTHROPIC_BASE_URL",
    "gemini": "GOOGLE_GEMINI_BASE_URL",
    "responses": "OPENAI_BASE_URL",
}
pytestmark = pytest.mark.usefixtures("newcomer")
at_base_url = pytest.mark.parametrize("where", ["base_url", "a variable"])
every = pytest.mark.parametrize("kind", SPOKEN)


def rlm_at(
    kind: str, where: str, server: ScriptedServer, patch: pytest.MonkeyPatch, *, end: str = ""
) -> RLM:
    """An RLM by the strings of a provider, whose address is that of `server`."""
    root, sub = STRINGS[kind]
    url = server.base_url.removesuffix(end)
    if where == "base_url":
        return RLM(root, sub_model=sub, base_url=url, api_key=KEY)
    patch.setenv(VARIABLES[kind], url)
    return RLM(root, sub_model=sub, api_key=KEY)


@every
@at_base_url
@pytest.mark.parametrize("whole", [True, False], ids=["with its version", "without"])
def test_a_run_asks_each_provider_in_its_own_format(
    kind: str, where: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At `base_url` the first request of all finds out that nobody has chat completions there."""
    with SPOKEN[kind].server(answer) as server:
        end = "" if whole else "/v1beta" if kind == "gemini" else "/v1"
        result = rlm_at(kind, where, server, monkeypatch, end=end).run("what?", "the text")
    assert (result.answer, result.status) == ("yes yes yes yes yes", "complete")
    assert result.usage.calls == len(server.requests) == 7
    assert result.usage.cached_tokens == 5
    assert {request.model for request in server.requests} == {
        name.partition("/")[2] for name in STRINGS[kind]
    }
    assert len(server.strays) == (1 if where == "base_url" else 0)


@every
def test_each_turn_begins_as_the_one_before_so_that_caches_hit(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks: list[Any] = []

    def unmarked(fields: dict[str, Any]) -> dict[str, Any]:
        if "cache_control" in fields:
            marks.append(fields.pop("cache_control"))
        return fields

    turns = [cell(f"print({n})") for n in range(3)]
    with SPOKEN[kind].server([*turns, cell("FINAL(1)")]) as server:
        rlm_at(kind, "a variable", server, monkeypatch).run("what?", "the text")
        bodies = [
            json.loads(json.dumps(request.raw), object_hook=unmarked) for request in server.requests
        ]
    said = [body.get("messages") or body.get("contents") or body["input"] for body in bodies]
    for earlier, later in pairwise(said):
        assert later[: len(earlier)] == earlier
        assert len(later) == len(earlier) + 2
    for name in ("system", "systemInstruction", "prompt_cache_key"):
        assert all(body.get(name) == bodies[0].get(name) for body in bodies)
    assert bool(bodies[0].get("prompt_cache_key")) == (kind == "responses")
    assert len(marks) == (2 * len(bodies) if kind == "anthropic" else 0)


@every
@at_base_url
def test_a_run_outlasts_an_overload_and_a_cut_reply(
    kind: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sub = STRINGS[kind][1].partition("/")[2]
    troubles = iter([Reply("busy", status=529, headers={"Retry-After": "0"})])
    cuts = iter([Reply("x" * 4000, cut_after_chars=3000)])

    def troubled(request: ChatRequest) -> Reply:
        return next(troubles if request.model == sub else cuts, answer(request))

    with SPOKEN[kind].server(troubled) as server:
        result = rlm_at(kind, where, server, monkeypatch).run("what?", "t")
    assert result.answer == "yes yes yes yes yes"
    assert (result.usage.calls, result.usage.lost_calls, len(server.requests)) == (7, 1, 9)


@every
def test_a_gateway_is_asked_over_chat_completions_by_the_whole_string(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer(answer) as server:
        result = rlm_at(kind, "base_url", server, monkeypatch).run("what?", "the text")
    assert result.answer == "yes yes yes yes yes"
    assert {request.model for request in server.requests} == set(STRINGS[kind])
    assert (len(server.requests), server.strays) == (7, [])


def test_a_gateway_without_responses_is_asked_over_chat_completions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with ScriptedServer(answer) as server:
        result = rlm_at("responses", "a variable", server, monkeypatch).run("what?", "the text")
    assert result.answer == "yes yes yes yes yes"
    assert {request.model for request in server.requests} == {"gpt-5", "o3-mini"}
    assert (len(server.requests), server.strays) == (7, ["POST /v1/responses"])


@pytest.mark.parametrize(
    ("name", "variable", "end"),
    [
        ("openai/gpt-4o", "OPENAI_BASE_URL", "/v1"),
        ("vllm/some/model", "VLLM_BASE_URL", "/v1"),
        ("vllm/some/model", "VLLM_BASE_URL", ""),
        ("ollama/some/model", "OLLAMA_HOST", ""),
    ],
)
def test_other_servers_are_where_their_variables_say(
    name: str, variable: str, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedServer([cell("FINAL(1)")]) as server:
        monkeypatch.setenv(variable, f"http://127.0.0.1:{server.port}{end}")
        result = RLM(name).run("what?", "text")
        assert server.requests[0].model == name.partition("/")[2]
    assert (result.answer, result.usage.calls) == (1, 1)


@every
@at_base_url
def test_a_model_that_nobody_has_is_told_with_all_that_was_said(
    kind: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = Reply("no such model", status=404)
    refused = pytest.raises(ModelRefused, match="no such model")
    with SPOKEN[kind].server(lambda _: missing) as server, refused as caught:
        rlm_at(kind, where, server, monkeypatch).run("what?", "text")
    assert ("unknown path: POST" in str(caught.value)) == bool(server.strays)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("spoken", "variable"),
    [
        (ANTHROPIC, "ANTHROPIC_API_KEY"),
        (GEMINI, "GEMINI_API_KEY"),
        (GEMINI, "GOOGLE_API_KEY"),
        (RESPONSES, "OPENAI_API_KEY"),
    ],
)
def test_the_key_is_that_of_the_providers_variable(
    spoken: Spoken, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"{spoken.provider}/{spoken.model}"
    with pytest.raises(ConfigurationError, match=variable):
        RLM(name)
    monkeypatch.setenv(variable, KEY)
    with spoken.server([cell("FINAL(1)")]) as server:
        assert RLM(name, base_url=server.base_url).run("what?", "text").answer == 1
    with ScriptedServer([cell("FINAL(1)")], models=[name]) as server:
        RLM(name, base_url=server.base_url).run("what?", "text")
        sent = server.requests[0].headers.get("authorization")
    # A gateway is not given another's key.
    assert sent == (f"Bearer {KEY}" if variable == "OPENAI_API_KEY" else None)


def test_fields_of_requests_are_given_with_the_name() -> None:
    with RESPONSES.server([cell("FINAL(1)")]) as server:
        name = 'openai/gpt-5?reasoning_effort=low&text={"verbosity":"low"}&service_tier=flex'
        RLM(name, base_url=server.base_url, api_key=KEY).run("what?", "text")
        body = server.requests[0].raw
    assert (body["model"], body["reasoning"]) == ("gpt-5", {"effort": "low"})
    assert (body["text"], body["service_tier"]) == ({"verbosity": "low"}, "flex")
    for name in ("openai/gpt-5?", "openai/?a=1"):
        with pytest.raises(UnknownModel, match=r"reasoning_effort=low"):
            RLM(name, api_key=KEY)


@pytest.mark.parametrize(
    ("name", "url", "address"),
    [
        (
            "anthropic/claude-sonnet-4-5",
            "https://api.anthropic.com",
            "https://api.anthropic.com/v1/messages",
        ),
        (
            "google/gemini-2.5-pro",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent",
        ),
        ("openai/o3-mini", "https://api.openai.com/v1", "https://api.openai.com/v1/responses"),
        (
            "anthropic/claude-sonnet-4.5",
            "https://openrouter.ai/api/v1",
            "https://openrouter.ai/api/v1/chat/completions",
        ),
        (
            "openai/gpt-oss-20b",
            "https://api.groq.com/openai/v1",
            "https://api.groq.com/openai/v1/chat/completions",
        ),
    ],
)
async def test_at_a_host_that_is_known_nothing_has_to_be_found_out(
    name: str, url: str, address: str
) -> None:
    """And no key goes where it does not belong: a gateway that is known gets no second request,
    in another's format and with another's key."""
    http = HttpPool()
    model = Wiring(from_environment(), http, Gates(), url, KEY).model(name)
    assert (address_of(model), "Either" in repr(model)) == (address, False)
    await http.aclose()


def test_an_address_may_say_that_it_has_chat_completions() -> None:
    with ANTHROPIC.server([cell("FINAL(1)")]) as server:
        url = f"{server.base_url}/chat/completions"
        with pytest.raises(ModelRefused, match="unknown path"):
            RLM("anthropic/claude-sonnet-4-5", base_url=url, api_key=KEY).run("what?", "text")
    assert (len(server.strays), server.requests) == (1, [])
