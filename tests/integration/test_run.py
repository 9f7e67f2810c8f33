"""Runs through the front door, against a scripted server over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runs import KEY, cell, solve
from support import ScriptedServer, contexts_held
from unspool import RLM, Context, Files, Limits, Result, events
from unspool.errors import (
    ConfigurationError,
    ContextError,
    ContextTooLong,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from unspool.testing.script import ChatRequest, Reply, turns
from unspool.types import Completion, Message, Request, Usage


def test_a_question_is_answered_in_turns_over_one_namespace() -> None:
    result, _ = solve([cell("found = context.upper()\nprint(found)"), cell("FINAL(found + '!')")])
    assert (result.answer, result.status) == ("THE TEXT!", "complete")
    assert [turn.number for turn in result.turns] == [1, 2]
    assert "THE TEXT" in result.turns[0].feedback
    assert result.model == "root"
    assert result.cost is None


def test_the_history_grows_at_its_end_alone_and_never_holds_the_context() -> None:
    context = "needle " + "x" * 3_000_000
    _, server = solve(
        [cell("print(context)"), cell("print(len(context))"), cell("FINAL(context[:6])")], context
    )
    sent = [request.messages for request in server.requests]
    for earlier, later in itertools.pairwise(sent):
        assert later[: len(earlier)] == earlier
    assert max(len(json.dumps(messages)) for messages in sent) < 60_000


def test_the_answer_keeps_its_type_and_any_length() -> None:
    result, _ = solve([cell("x = list(range(300_000))"), cell("FINAL({'all': x, 'pair': (1, 2)})")])
    assert result.answer == {"all": list(range(300_000)), "pair": (1, 2)}


def test_several_blocks_run_in_order_up_to_the_first_that_fails() -> None:
    reply = "```python\na = 1\n```\nthen\n```py\nb = a / 0\n```\n~~~\nc = 3\n~~~"
    result, _ = solve([reply, cell("FINAL(['b' in globals(), 'c' in globals(), a])")])
    assert result.answer == [False, False, 1]
    assert "ZeroDivisionError" in result.turns[0].feedback


@pytest.mark.parametrize("reply", ["", "I think it is blue.", "```json\n{}\n```", "<think>hm"])
def test_a_reply_without_code_costs_a_turn_and_is_told_what_to_write(reply: str) -> None:
    result, _ = solve([reply, cell("x = context"), cell("FINAL(x)")])
    assert result.status == "complete"
    assert "```repl" in result.turns[0].feedback


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("FINAL(found)", "THE TEXT"),
        ("FINAL_VAR(found)", "THE TEXT"),
        ('FINAL_VAR("found")', "THE TEXT"),
        ("FINAL([found, (1, 2)])", ["THE TEXT", (1, 2)]),
        ("**FINAL(found.lower())**", "the text"),
    ],
)
def test_a_final_in_prose_after_the_code_is_understood(text: str, answer: object) -> None:
    result, _ = solve([f"```repl\nfound = context.upper()\nfound\n```\nDone.\n{text}"])
    assert (result.answer, result.status) == (answer, "complete")


def test_a_final_in_prose_that_is_no_expression_is_text() -> None:
    result, _ = solve([cell("print(context)"), "FINAL(the text (all of it), and\nno more)"])
    assert result.answer == "the text (all of it), and\nno more"


def test_a_final_of_an_unknown_name_is_that_text() -> None:
    result, _ = solve([cell("print('Blue is the text')"), "FINAL(Blue)"])
    assert result.answer == "Blue"


def test_sub_calls_run_at_the_same_time_and_are_counted() -> None:
    def sub(request: ChatRequest) -> Reply:
        return Reply(f"re {request.last}", latency_s=0.2)

    result, server = solve(
        [cell("r = llm_query_batched([f'p{i}' for i in range(30)])\nFINAL(r)")], sub=sub
    )
    assert result.answer == [f"re p{i}" for i in range(30)]
    assert server.connections >= 30
    assert len(result.turns[0].sub_calls) == 30


def test_a_sub_call_that_fails_is_an_exception_and_not_text() -> None:
    def sub(request: ChatRequest) -> Reply:
        bad = "bad" in request.last
        return Reply("no such thing", status=400) if bad else Reply("fine")

    result, _ = solve(
        [
            cell("llm_query('bad')"),
            cell("r = llm_query_batched(['a', 'bad', 'c'])\n[type(x).__name__ for x in r]"),
            cell("FINAL([str(x)[:4] for x in r])"),
        ],
        sub=sub,
    )
    assert "LLMError" in result.turns[0].feedback
    assert "['str', 'LLMError', 'str']" in result.turns[1].feedback
    assert result.answer == ["fine", result.answer[1], "fine"]


def test_a_sub_call_may_name_its_model_and_a_wrong_name_lists_the_right_ones() -> None:
    script = [
        cell("llm_query('x', model='typo')"),
        cell("r = llm_query('x', model='root')"),
        "by root",
        cell("FINAL(r)"),
    ]
    result, _ = solve(turns(script, sub="by sub"))
    assert "no model is called 'typo' here; there are: root, sub" in result.turns[0].feedback
    assert result.answer == "by root"


def test_at_depth_zero_there_are_no_sub_calls() -> None:
    result, server = solve(
        [cell("llm_query('x')"), cell("FINAL(len(context))")], sub="never", max_depth=0
    )
    assert "may not call models" in result.turns[0].feedback
    assert len(server.requests) == 2


def test_at_the_depth_limit_rlm_query_is_a_plain_sub_call() -> None:
    def sub(request: ChatRequest) -> Reply:
        return Reply(request.last.upper())

    result, _ = solve([cell("FINAL(rlm_query('sum up', context='a b'))")], sub=sub)
    assert result.answer == "SUM UP\n\nA B"


def test_child_runs_have_a_context_and_a_repl_of_their_own() -> None:
    def script(request: ChatRequest) -> Reply | str:
        opening = request.messages[1]["content"]
        if "count the words" in opening:
            return cell("mine = len(context.split())\nFINAL(mine)")
        return cell(
            "mine = 'kept'\nr = rlm_query_batched(['count the words'] * 3, ['a', 'a b', 'a b c'])\n"
            "FINAL([r, mine])"
        )

    result, server = solve(script, max_depth=2)
    assert result.answer == [[1, 2, 3], "kept"]
    assert len(server.requests) == 4


def test_a_child_that_ends_early_is_an_error_with_its_best_answer() -> None:
    def script(request: ChatRequest) -> Reply | str:
        if "inner" in request.messages[1]["content"]:
            return cell("answer['content'] = 'half'")
        if request.assistant_count == 0:
            return cell("rlm_query('inner', context='x')")
        return cell("x = 1\nFINAL('done ' + str(x))")

    result, _ = solve(script, max_depth=2, limits=Limits(turns=3))
    assert "the child run ended early (turns)" in result.turns[0].feedback
    assert "'half'" in result.turns[0].feedback
    assert result.answer == "done 1"


def test_an_answer_typed_before_looking_is_held_back_once() -> None:
    result, _ = solve([cell("FINAL('guess')"), cell("print(context[:4])"), cell("FINAL('the')")])
    assert result.turns[0].feedback.count("before looking") == 1
    assert result.answer == "the"


def test_an_answer_typed_in_the_turn_that_first_looks_is_shown_the_output_first() -> None:
    result, _ = solve([cell("print(context)\nFINAL('invented')"), cell("FINAL('the text')")])
    assert "the text" in result.turns[0].feedback
    assert "before you saw the output" in result.turns[0].feedback
    assert result.answer == "the text"


def test_a_computed_answer_is_accepted_in_the_first_turn() -> None:
    result, _ = solve([cell("n = context.count('t')\nFINAL(n)")])
    assert (result.answer, len(result.turns)) == (3, 1)


def test_an_answer_that_stays_what_it_was_is_accepted_in_the_end() -> None:
    result, _ = solve([cell("FINAL('4')")] * 4, "irrelevant", question="2 + 2?")
    assert (result.answer, result.status) == ("4", "complete")


def test_the_small_pack_sends_back_what_no_output_has_shown() -> None:
    script = [cell("search('text')"), cell("FINAL('1234567')"), cell("FINAL('the text')")]
    result, _ = solve(script, pack="small")
    assert "'1234567'" in result.turns[1].feedback
    assert result.answer == "the text"


def test_a_ready_answer_that_is_empty_is_sent_back() -> None:
    result, _ = solve([cell("answer['ready'] = True"), cell("FINAL(context)")])
    assert "it is empty" in result.turns[0].feedback
    assert result.answer == "the text"


LIMITS = {
    "turns": Limits(turns=2),
    "calls": Limits(calls=3),
    "tokens": Limits(tokens=4_000),
    "seconds": Limits(seconds=1.0),
}


@pytest.mark.parametrize(("status", "limits"), LIMITS.items())
def test_a_limit_ends_the_run_with_the_best_answer(status: str, limits: Limits) -> None:
    code = "answer['content'] = 'draft'\nimport time; time.sleep(0.3)"
    result, _ = solve([cell(code)] * 40, limits=limits)
    assert (result.status, result.answer) == (status, "draft")


def test_a_limit_in_dollars_ends_the_run() -> None:
    prices = {"root": (1_000.0, 1_000.0), "sub": (1.0, 1.0)}
    result, _ = solve(
        [cell("answer['content'] = 'draft'")] * 9, limits=Limits(usd=5.0), prices=prices
    )
    assert (result.status, result.answer) == ("usd", "draft")
    assert result.cost is not None
    assert 2.5 < result.cost <= 5.0


def test_calls_beyond_the_limit_are_never_sent() -> None:
    result, server = solve(
        [cell("r = llm_query_batched([f'p {i}' for i in range(50)])\nanswer['content'] = len(r)")],
        sub=Reply("x", latency_s=0.05),
        limits=Limits(calls=11),
    )
    assert (result.status, result.answer) == ("calls", 50)
    assert len(server.requests) == 11


def test_when_turns_run_out_without_an_answer_one_last_reply_gives_it() -> None:
    result, server = solve(
        [cell("print(context)"), cell("print(context)"), "It is the text."], limits=Limits(turns=2)
    )
    assert (result.status, result.answer) == ("turns", "It is the text.")
    assert "last turn" in server.requests[1].last


def test_a_last_reply_that_is_code_is_run() -> None:
    script = [cell("print(context)"), cell("FINAL('the text')")]
    result, _ = solve(script, limits=Limits(turns=1))
    assert (result.status, result.answer) == ("turns", "the text")


def test_a_model_that_answers_garbage_for_ever_ends_at_its_turns() -> None:
    result, _ = solve(["%$§ \x00 ``` ~~ <code>"] * 6, limits=Limits(turns=5))
    assert result.status == "turns"
    assert [turn.number for turn in result.turns] == [1, 2, 3, 4, 5, 6]


def test_the_last_reply_after_all_turns_is_shown_as_a_turn_of_its_own() -> None:
    result, _ = solve(["```repl\nseen = 1\n```", "FINAL(2)"], limits=Limits(turns=1))
    assert (result.status, result.answer) == ("turns", 2)
    assert [turn.reply for turn in result.turns] == ["```repl\nseen = 1\n```", "FINAL(2)"]
    assert [one.cell.code for one in result.turns[-1].observations] == ["FINAL(2)"]
    assert sum((turn.usage for turn in result.turns), Usage()) == result.usage


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply("bad key", status=401), ModelRefused),
        (Reply("no such model", status=404), ModelRefused),
        (
            Reply("context length exceeded", status=400, error_code="context_length_exceeded"),
            ContextTooLong,
        ),
    ],
)
def test_a_refusal_of_the_first_request_raises_with_the_run_id(
    reply: Reply, error: type[ModelError]
) -> None:
    with pytest.raises(error) as caught:
        solve([reply])
    assert caught.value.run_id
    assert KEY not in str(caught.value)


def test_a_refusal_later_ends_the_run_as_failed_with_its_best_answer() -> None:
    result, _ = solve([cell("answer['content'] = 'paid for'"), Reply("gone", status=403)])
    assert (result.status, result.answer) == ("failed", "paid for")
    assert "403" in result.error


def test_a_server_that_is_down_says_where_it_was_looked_for() -> None:
    with ScriptedServer([]) as server:
        address = server.base_url
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1"):
        RLM("root", base_url=address, api_key="k", retries=1).run("q", "c")


def test_overload_and_cut_connections_are_retried() -> None:
    script: list[Reply | str] = [
        Reply("busy", status=503, headers={"Retry-After": "0"}),
        Reply("slow down", status=429, headers={"retry-after-ms": "10"}),
        Reply("half", cut_after_chars=20),
        cell("FINAL(context)"),
    ]
    result, server = solve(script)
    assert result.answer == "the text"
    assert len(server.requests) == 4


def test_keys_are_never_logged_nor_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with ScriptedServer([cell("FINAL(context)")], api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        shown = list(rlm.stream("q", "c"))
    assert KEY not in caplog.text + repr(rlm) + repr(shown)


def test_events_tell_the_run_as_it_happens() -> None:
    with ScriptedServer(turns([cell("llm_query('x')"), cell("FINAL(context)")], sub="y")) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k", sub_model="sub")
        seen = list(rlm.stream("q", "c"))
    kinds = [type(event).__name__ for event in seen if not isinstance(event, events.ReplyGrew)]
    assert kinds == [
        "RunStarted",
        "WayTaken",
        "TurnStarted",
        "Replied",
        "CellStarted",
        "CallStarted",
        "CallEnded",
        "CellEnded",
        "TurnEnded",
        "TurnStarted",
        "Replied",
        "CellStarted",
        "CellEnded",
        "TurnEnded",
        "RunEnded",
    ]
    pieces = [e.text for e in seen if isinstance(e, events.ReplyGrew) and e.turn == 2]
    assert "".join(pieces) == cell("FINAL(context)")
    assert isinstance(seen[-1], events.RunEnded)
    assert seen[-1].result.answer == "c"


def test_a_stopped_run_gives_its_best_answer() -> None:
    script: list[Reply | str] = [cell("answer['content'] = 'so far'"), Reply("late", latency_s=30)]
    with ScriptedServer(script) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").stream("q", "c")
        for event in stream:
            if isinstance(event, events.TurnStarted) and event.turn == 2:
                stream.stop()
        result = stream.result()
        assert (result.status, result.answer) == ("cancelled", "so far")


def test_a_stopped_run_stops_even_inside_a_cell() -> None:
    with ScriptedServer([cell("import time\nwhile True: time.sleep(1)")]) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").stream("q", "c")
        for event in stream:
            if isinstance(event, events.CellStarted):
                stream.stop()
    assert stream.result().status == "cancelled"


async def test_arun_works_where_a_loop_runs_and_does_not_hold_it_up() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    script = [cell("import time; time.sleep(0.3)"), cell("FINAL(context)")]
    with ScriptedServer(script) as server:
        result = await RLM("root", base_url=server.base_url, api_key="k").arun("q", "c")
    ticking.cancel()
    assert result.answer == "c"
    assert ticks > 3


async def test_run_works_where_a_loop_runs_as_in_a_notebook() -> None:
    with ScriptedServer([cell("FINAL(context)")]) as server:
        assert RLM("root", base_url=server.base_url, api_key="k").run("q", "c").answer == "c"


async def test_astream_gives_the_same_events() -> None:
    with ScriptedServer([cell("FINAL(context)")]) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").astream("q", "c")
        kinds = [type(event).__name__ async for event in stream]
    assert (kinds[0], kinds[-1]) == ("RunStarted", "RunEnded")


async def test_cancelling_arun_cancels_the_request() -> None:
    with ScriptedServer([Reply("late", latency_s=60)]) as server:
        run = asyncio.create_task(RLM("root", base_url=server.base_url, api_key="k").arun("q", "c"))
        while not server.requests:  # noqa: ASYNC110 - it is set by another thread
            await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        for _ in range(500):
            if server.cancelled:
                break
            await asyncio.sleep(0.01)
        assert server.cancelled == 1


def test_runs_at_the_same_time_do_not_mix() -> None:
    def script(request: ChatRequest) -> str:
        return cell("print(context)\nFINAL(context)")

    with ScriptedServer(script) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k")
        results: dict[int, Result] = {}

        def one(i: int) -> None:
            results[i] = rlm.run("q", f"context {i}")

        threads = [threading.Thread(target=one, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for i, result in results.items():
        assert result.answer == f"context {i}"
        assert result.turns[0].observations[0].stdout.text == f"context {i}\n"


def test_completion_takes_a_prompt_or_messages_of_any_length() -> None:
    with ScriptedServer([cell("FINAL(context[-9:])")] * 2) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k")
        long = rlm.completion("word " * 100_000 + "the end.")
        assert long.answer == " the end."
        assert "too long to be shown" in server.requests[0].last
    with ScriptedServer([cell("FINAL(context[0]['content'])")]) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k")
        asked = rlm.completion([{"role": "user", "content": "say hi"}])
        assert asked.answer == "say hi"
        assert "say hi" in server.requests[0].last


def test_a_completion_is_never_taken_for_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    with ScriptedServer([cell("FINAL(context)")]) as server:
        answer = RLM("root", base_url=server.base_url, api_key="k").completion(str(secret)).answer
    assert answer == str(secret)


def test_any_object_with_the_methods_is_a_model() -> None:
    class Fixed:
        name = "fixed"

        async def complete(
            self, request: Request, on_text: Callable[[str], None] | None = None
        ) -> Completion:
            assert request.messages[-1] == Message("user", request.messages[-1].content)
            return Completion(cell("FINAL(context)"), Usage(calls=1), "fixed")

        async def aclose(self) -> None: ...

    assert RLM(Fixed()).run("q", "c").answer == "c"


CONTEXTS: dict[str, tuple[Any, Any]] = {
    "bytes": (b"caf\xc3\xa9", "café"),
    "bytes in another encoding": (b"caf\xe9 " * 9, "café " * 9),
    "a list": (["a", "b"], ["a", "b"]),
    "a dict": ({"k": [1, 2]}, {"k": [1, 2]}),
    "messages": ([{"role": "user", "content": "x"}], [{"role": "user", "content": "x"}]),
    "a context": (Context("as it is"), "as it is"),
}


@pytest.mark.parametrize(("given", "bound"), CONTEXTS.values(), ids=CONTEXTS.keys())
def test_contexts_of_many_kinds(given: Any, bound: Any) -> None:
    result, _ = solve([cell("FINAL(context)")], given)
    assert result.answer == bound


def test_files_and_folders_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "a.md").write_bytes(b"first\r\n")
    (tmp_path / "c.bin").write_bytes(b"\0\1\2")
    (tmp_path / ".hidden").write_text("no")
    joined = "===== a.md =====\nfirst\r\n\n===== b.txt =====\nsecond\n"
    given: Any
    for given in (tmp_path, str(tmp_path), f"{tmp_path}/", Files(tmp_path, exclude="*.py")):
        result, server = solve([cell("FINAL([context, context.text, context.names])")], given)
        assert result.answer == [["first\r\n", "second"], joined, ["a.md", "b.txt"]]
    assert "a sequence of 2 documents" in server.requests[0].last
    assert "6 to 7 characters, the median 6: a.md, b.txt" in server.requests[0].last
    assert "Files left out: 1 not text." in server.requests[0].last
    result, _ = solve([cell("FINAL(context)")], tmp_path / "a.md")
    assert result.answer == "first\r\n"
    result, _ = solve([cell("FINAL(len(context))")], [tmp_path / "a.md", tmp_path / "b.txt"])
    assert result.answer == 2


def test_a_text_that_is_no_name_of_a_file_is_text(tmp_path: Path) -> None:
    for text in ("no/such/file.txt", "two\nlines", "x" * 5_000, "nul \0 inside"):
        result, _ = solve([cell("FINAL(context)")], text)
        assert result.answer == text


def test_empty_contexts_are_refused_before_any_model_is_called(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.touch()
    given: Any
    for given in ("", b"", [], {}, [""], empty, Context("")):
        with ScriptedServer([]) as server:
            rlm = RLM("root", base_url=server.base_url, api_key="k")
            with pytest.raises(ContextError, match="empty"):
                rlm.run("q", given)
            assert server.requests == []


def test_a_forked_process_makes_runs_of_its_own() -> None:
    with ScriptedServer(lambda request: cell("FINAL(context)"), counted=False) as server:

        def one(text: str) -> str:
            return str(RLM("root", base_url=server.base_url, api_key="k").run("q", text).answer)

        assert one("before") == "before"
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(write, one("in the child").encode())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read) as answer:
            assert answer.read() == "in the child"
        os.waitpid(child, 0)
        assert one("after") == "after"


def _processes_in(folder: str) -> list[str]:
    """Processes whose working directory it is, in whatever namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.readlink(process / "cwd").startswith(folder):
                found.append(process.name)
    return found


def test_nothing_is_left_behind_when_the_process_ends(tmp_path: Path) -> None:
    code = (
        "from unspool import RLM\nimport os, sys\n"
        "r = RLM('root', base_url=sys.argv[1], api_key='k').run('q', 'c')\nprint(r.answer)"
    )
    script = [
        cell("import os, subprocess\nprint(os.getpid())\nsubprocess.Popen(['sleep', '60'])"),
        cell("FINAL(os.getpid())"),
    ]
    with ScriptedServer(script, counted=False) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", code, server.base_url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=dict(os.environ) | {"TMPDIR": str(tmp_path)},
        )
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []
    for _ in range(200):
        if not _processes_in(done.stdout.strip()):
            return
        time.sleep(0.05)
    raise AssertionError("the REPL's process is still there")


class Breaking:
    """A model of somebody's that raises what it likes."""

    name = "breaking"

    def __init__(self, *replies: str) -> None:
        self._replies = list(replies)

    async def complete(
        self, request: Request, on_text: Callable[[str], None] | None = None
    ) -> Completion:
        if not self._replies:
            raise ZeroDivisionError("inside")
        return Completion(self._replies.pop(0), Usage(calls=1), self.name)

    async def aclose(self) -> None: ...


def test_what_a_model_object_raises_comes_out_as_ours() -> None:
    with pytest.raises(ModelError, match="'breaking' raised ZeroDivisionError: inside"):
        RLM(Breaking()).run("q", "c")
    result = RLM(Breaking(cell("answer['content'] = 'kept'"))).run("q", "c")
    assert (result.status, result.answer) == ("failed", "kept")


async def test_leaving_a_stream_early_ends_the_run() -> None:
    with ScriptedServer([Reply("late", latency_s=60)]) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").astream("q", "c")
        async for event in stream:
            if isinstance(event, events.TurnStarted):
                break
        stream.stop()
        assert (await stream.aresult()).status == "cancelled"


def test_a_draft_of_an_earlier_block_outlives_a_limit() -> None:
    draft, sleep = cell("answer['content'] = 'draft'"), cell("import time; time.sleep(60)")
    reply = f"{draft}\n{sleep}"
    result, _ = solve([reply], limits=Limits(seconds=1.5))
    assert (result.status, result.answer, len(result.turns)) == ("seconds", "draft", 1)


def test_a_key_is_for_its_own_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="GROQ_API_KEY"):
        RLM("openai/x", api_key=KEY, sub_model="groq/y")


@pytest.mark.parametrize("context", [5, 2.5, True, (1, 2), {1, 2}])
def test_small_data_is_a_context_too(context: Any) -> None:
    result, _ = solve([cell("FINAL(context)")], context)
    assert result.answer == context


def test_contexts_that_cannot_be_read_are_refused_as_ours(tmp_path: Path) -> None:
    loop: list[Any] = []
    loop.append(loop)
    for given in (loop, Path("x" * 300), tmp_path / "nowhere", object()):
        with ScriptedServer([]) as server, pytest.raises(ContextError):
            RLM("root", base_url=server.base_url, api_key="k").run("q", given)


def test_cancelled_runs_leave_no_memory_behind() -> None:
    with ScriptedServer([Reply("no", status=401)] * 3) as server:
        rlm = RLM("root", base_url=server.base_url, api_key="k")
        for _ in range(3):
            with pytest.raises(ModelRefused):
                rlm.run("q", "x" * 20_000_000)
    assert not contexts_held()


def test_a_fork_while_it_warms_up_does_not_hang() -> None:
    code = (
        "import os, sys\nfrom unspool import RLM\n"
        "rlm = RLM('root', base_url=sys.argv[1], api_key='k')\n"
        "child = os.fork()\nprint(rlm.run('q', 'c').answer, flush=True)\n"
        "if child: os.waitpid(child, 0)\nelse: os._exit(0)"
    )
    with ScriptedServer(lambda request: cell("FINAL(context)"), counted=False) as server:
        done = subprocess.run(
            [sys.executable, "-c", code, server.base_url],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert done.stdout == "c\nc\n"


def test_a_stream_may_be_looked_at_again() -> None:
    with ScriptedServer([cell("FINAL(context)")]) as server:
        stream = RLM("root", base_url=server.base_url, api_key="k").stream("q", "c")
        assert list(stream)
        assert list(stream) == []
