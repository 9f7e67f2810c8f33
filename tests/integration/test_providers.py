"""Whole runs by the model strings of providers, sub-calls included."""

from __future__ import annotations

import pytest

from runs import cell
from support import ScriptedServer
from unspool import RLM, ConfigurationError
from unspool.errors import UnknownModel
from unspool.testing.script import ChatRequest, Reply
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


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.usefixtures("newcomer")
def test_a_run_asks_each_provider_in_its_own_format(kind: str) -> None:
    root, sub = STRINGS[kind]
    with SPOKEN[kind].server(answer) as server:
        rlm = RLM(root, sub_model=sub, base_url=server.base_url, api_key=KEY)
        result = rlm.run("what?", "the text")
    assert (result.answer, result.status) == ("yes yes yes yes yes", "complete")
    assert result.usage.calls == len(server.requests) == 7
    assert result.usage.cached_tokens == 5
    assert {request.model for request in server.requests} == {
        root.partition("/")[2],
        sub.partition("/")[2],
    }


@pytest.mark.parametrize("kind", SPOKEN)
@pytest.mark.usefixtures("newcomer")
def test_a_run_outlasts_an_overload_and_a_cut_reply(kind: str) -> None:
    root, sub = STRINGS[kind]
    troubles = iter([Reply("busy", status=529, headers={"Retry-After": "0"})])
    cuts = iter([Reply("x" * 4000, cut_after_chars=3000)])

    def troubled(request: ChatRequest) -> Reply:
        if request.model == sub.partition("/")[2]:
            return next(troubles, answer(request))
        return next(cuts, answer(request))

    with SPOKEN[kind].server(troubled) as server:
        result = RLM(root, sub_model=sub, base_url=server.base_url, api_key=KEY).run("what?", "t")
    assert result.answer == "yes yes yes yes yes"
    assert (result.usage.calls, result.usage.lost_calls, len(server.requests)) == (7, 1, 9)


@pytest.mark.usefixtures("newcomer")
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


@pytest.mark.usefixtures("newcomer")
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


@pytest.mark.usefixtures("newcomer")
def test_other_models_of_these_names_are_asked_by_chat_completions() -> None:
    """`google/gemma...` is what a server of one's own calls a model; a gateway is asked by an
    address that says so."""
    for name, end in (
        ("google/gemma-3-27b-it", ""),
        ("openai/gpt-oss-20b", ""),
        ("anthropic/claude-sonnet-4-5", "/chat/completions"),
    ):
        with ScriptedServer([cell("FINAL(1)")]) as server:
            RLM(name, base_url=server.base_url + end, api_key=KEY).run("what?", "text")
            assert server.requests[0].model == name
