"""Statements that run while the reply that they stand in is still being written."""

from __future__ import annotations

import asyncio

from support import ScriptedServer
from unspool import RLM, Result
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Completion, OnText, Request, Usage


class Gated:
    """A root model that writes on only when its first statement's sub-call was answered."""

    name = "gated"

    def __init__(self, head: str, tail: str) -> None:
        self._head, self._tail = head, tail
        self.answered = asyncio.Event()

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        if on_text is None:
            self.answered.set()
            return Completion("four", Usage(calls=1), self.name)
        on_text(self._head)
        await asyncio.wait_for(self.answered.wait(), 60)
        on_text(self._tail)
        return Completion(self._head + self._tail, Usage(calls=1), self.name)

    async def aclose(self) -> None: ...


def test_a_sub_call_is_made_while_the_reply_is_still_being_written() -> None:
    head = "I ask.\n```repl\nfound = llm_query('two and two?')\nwords = len(context)\n"
    model = Gated(head, "print(found)\nFINAL((found, words))\n```")
    result = RLM(model, early=True).run("what?", "the text")
    assert (result.answer, result.status) == (("four", 8), "complete")


def _ask(*replies: Reply | str, early: bool = True) -> tuple[Result, list[ChatRequest]]:
    def answer(request: ChatRequest) -> Reply | str:
        if request.last.startswith("sub:"):
            return "an answer"
        return replies[min(request.assistant_count, len(replies) - 1)]

    with ScriptedServer(answer) as server:
        result = RLM("root", base_url=server.base_url, api_key="k", early=early).run("q", "text")
        return result, [exchange.request for exchange in server.exchanges]


CODE = """Let me see.
```repl
import json
a = llm_query('sub: one')
print('first', a)
if len(context) > 3:
    b = 'long'
# a remark between
else:
    b = 'short'
for n in range(2):
    print(n, b)
def twice(x):
    return 2 * x

twice(21)
```
"""


def test_a_reply_runs_to_the_same_end_as_in_one_piece() -> None:
    shown = []
    for early in (True, False):
        result, asked = _ask(CODE, "```repl\nFINAL(twice(len(b)))\n```", early=early)
        assert result.answer == 8
        shown.append([request.last for request in asked if "Output" in request.last])
    assert shown[0] == shown[1]
    assert "first an answer\n0 long\n1 long\n42" in shown[0][0]


def test_nothing_runs_behind_an_error_or_an_answer() -> None:
    broken = "```repl\nx = 1\n1 / 0\nx = 2\nx = 3\n```"
    result, asked = _ask(broken, "```repl\nFINAL(x)\nx = 5\nFINAL(x)\n```")
    assert result.answer == 1
    assert "ZeroDivisionError" in asked[1].last


def test_of_a_reply_that_breaks_off_what_was_complete_is_run_and_kept() -> None:
    text = "```repl\nseen = [llm_query('sub: one')]\nseen.append(len(context))\nseen.append('cut"
    cut = Reply(text + "x" * 400, piece_chars=8, cut_after_chars=6_000)
    result, asked = _ask(cut, "```repl\nprint(seen)\nFINAL(seen)\n```")
    assert result.answer in (["an answer"], ["an answer", 4])
    assert "broke off" in asked[2].last
    assert sum(request.last == "sub: one" for request in asked) == 1
