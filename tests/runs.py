"""Whole runs, against a scripted server over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from support import ScriptedServer
from unspool import RLM, Result
from unspool.testing.script import Answerer, Reply, turns
from unspool.types import Usage

KEY = "sk-test-0123456789"
Known = Callable[..., None]
"""Of the fixture `known`."""


def cell(code: str) -> str:
    return f"Some thoughts.\n```repl\n{code}\n```"


def solve(
    script: Sequence[Reply | str] | Answerer,
    context: Any = "the text",
    *,
    sub: Any = None,
    question: str = "what?",
    schema: Any = None,
    **options: Any,
) -> tuple[Result, ScriptedServer]:
    """One run; asserts that what we say was spent is what the server counted."""
    answerer = script if callable(script) else turns(script, sub=sub)
    options = {"sub_model": "sub", **options}
    with ScriptedServer(answerer, api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, **options)
        result = rlm.run(question, context, schema)
    assert _counts(result.usage) == _counts(server.usage)
    assert sum(turn.usage.tokens for turn in result.turns) <= result.usage.tokens
    return result, server


def ways(result: Result, *expected: str) -> Any:
    """The answer, where the run has gone these ways to it."""
    assert (result.status, result.ways) == ("complete", expected), result.error
    return result.answer


def _counts(usage: Usage) -> tuple[int, int, int]:
    return usage.calls, usage.input_tokens, usage.output_tokens
