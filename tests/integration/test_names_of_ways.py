"""What a model's code has called as it liked stands in no later way of answering's way."""

from __future__ import annotations

import pytest

from runs import Known, cell, solve, ways
from unspool.testing.script import ChatRequest

TEXT = "The ferry calls at Leith.\nThe lighthouse at Ramsund is kept by Sunniva Moe.\n" * 3
QUESTION = "Who keeps the lighthouse at Ramsund?"
ANSWER = '{"do": "answer", "text": "Sunniva Moe"}'
TAKEN = [
    "list = search('Leith')\nstr = sum = max = 0\n1/0",
    "len = sorted = isinstance = exec = globals = dict = 3\n1/0",
    "answer = None\n1/0",
    "del answer\n1/0",
    "re = itertools = collections = _apart = _steps = 7\n1/0",
]


def reads(request: ChatRequest) -> str:
    told = request.last.partition("Question")[0]
    return "Sunniva Moe" if "Sunniva" in told or "Notes from" in told else "NOTHING"


@pytest.mark.parametrize("code", TAKEN)
@pytest.mark.parametrize("way", ["guided", "mapreduce"])
def test_names_that_code_has_taken_mean_nothing_to_the_next_way(
    known: Known, code: str, way: str
) -> None:
    known()
    one = ANSWER if way == "guided" else "I do not know."

    def roots(request: ChatRequest) -> str:
        return one if '"do"' in str(request.messages[0]) else cell(code)

    def script(request: ChatRequest) -> str:
        return reads(request) if request.model == "sub" else roots(request)

    question = QUESTION if way == "guided" else "who keeps the light?"
    result, _ = solve(script, TEXT, question=question)
    expected = ["rlm", "guided"] if way == "guided" else ["rlm", "guided", "mapreduce"]
    assert ways(result, *expected) == "Sunniva Moe"
    ours = [one for turn in result.turns[3:] for one in turn.observations]
    assert not any(one.error for one in ours)


def names(text: str) -> list[str]:
    return text.split()


def test_tools_may_be_called_as_the_steps_call_their_own(known: Known) -> None:
    known()
    tools = dict.fromkeys(("names", "steps", "itertools", "Steps", "words", "pieces"), names)
    for mode in ("guided", "mapreduce"):
        result, _ = solve([ANSWER] * 2, TEXT, question=QUESTION, mode=mode, sub=reads, tools=tools)
        assert ways(result, mode) == "Sunniva Moe"
