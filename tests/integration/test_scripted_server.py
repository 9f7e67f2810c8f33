"""The scripted server, asked over bare sockets and over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from unspool.testing.script import Reply, turns
from unspool.testing.server import ScriptedServer
from unspool.types import Usage


def post(base_url: str, body: Mapping[str, Any], key: str = "k") -> tuple[int, str]:
    request = Request(
        f"{base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}"},
    )
    try:
        with urlopen(request, timeout=10) as reply:
            return reply.status, reply.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def ask(text: str, model: str = "root", **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def said(answer: tuple[int, str]) -> str:
    value = json.loads(answer[1])
    return str(value["choices"][0]["message"]["content"])


def test_replies_come_in_order_and_the_log_counts_them() -> None:
    with ScriptedServer(["one", Reply("two", cached_tokens=2, reasoning_tokens=1)]) as server:
        assert said(post(server.base_url, ask("x" * 40))) == "one"
        assert said(post(server.base_url, ask("y" * 80))) == "two"
        assert server.usage == Usage(2, 30, 2, 2, 1)
        assert [request.last for request in server.requests] == ["x" * 40, "y" * 80]
        assert server.requests[0].headers["authorization"] == "Bearer k"


def test_a_script_that_is_at_its_end_or_raises_answers_400() -> None:
    with ScriptedServer(["one"]) as server:
        post(server.base_url, ask("a"))
        status, text = post(server.base_url, ask("b"))
        assert (status, json.loads(text)["error"]["message"]) == (
            400,
            "the script has only 1 replies",
        )

    def broken(request: object) -> str:
        raise KeyError("oops")

    with ScriptedServer(broken) as server:
        assert post(server.base_url, ask("a"))[0] == 400


def test_sub_calls_are_told_by_the_model_or_by_a_marker() -> None:
    script = turns(["root"], sub="sub", sub_marker="PIECE", beyond="repeat")
    with ScriptedServer(script) as server:
        asked = [ask("a"), ask("b", "sub"), ask("the PIECE of text"), ask("c")]
        answers = [said(post(server.base_url, body)) for body in asked]
    assert answers == ["root", "sub", "sub", "root"]


def test_turns_can_be_counted_by_the_replies_in_the_request() -> None:
    history = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    script = turns(["first", "second"], turn_by="assistant_count", beyond="repeat")
    with ScriptedServer(script) as server:
        bodies = [{"messages": history[:count] + history[:1]} for count in (2, 0, 2)]
        answers = [said(post(server.base_url, body)) for body in bodies]
    assert answers == ["second", "first", "second"]


def test_a_wrong_key_gets_a_401_in_the_shape_of_openai() -> None:
    with ScriptedServer(["one"], api_key="right") as server:
        status, text = post(server.base_url, ask("a"), key="wrong")
        assert status == 401
        assert json.loads(text)["error"]["code"] == "invalid_api_key"
        assert said(post(server.base_url, ask("a"), key="right")) == "one"


def test_models_are_listed_and_unknown_paths_are_404() -> None:
    with ScriptedServer([], models=["m"]) as server:
        with urlopen(f"{server.base_url}/models", timeout=10) as reply:
            assert json.loads(reply.read())["data"][0]["id"] == "m"
        with pytest.raises(HTTPError, match="404"):
            urlopen(f"{server.base_url}/nothing", timeout=10)
        assert server.exchanges == []


def test_a_streamed_reply_has_pieces_usage_and_an_end() -> None:
    body = ask("a", stream=True, stream_options={"include_usage": True})
    with ScriptedServer([Reply("abcdef", piece_chars=4)]) as server:
        events = post(server.base_url, body)[1].split("\n\n")
    values = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    pieces = [c["delta"].get("content", "") for v in values for c in v["choices"]]
    assert pieces == ["", "abcd", "ef", ""]
    assert values[-1]["usage"]["completion_tokens"] == 1
    assert events[-2:] == ["data: [DONE]", ""]


def _raw(text: str, **more: Any) -> bytes:
    body = json.dumps(ask(text, **more)).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_pipelined_requests_are_answered_in_order_however_they_are_cut() -> None:
    replies = [Reply("one", latency_s=0.05), Reply("two"), Reply("three")]
    with ScriptedServer(replies) as server:
        sent = _raw("a") + _raw("b") + _raw("c")
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            for start in range(0, len(sent), 50):
                connection.sendall(sent[start : start + 50])
            got = b""
            while got.count(b'"usage"') < 3:
                got += connection.recv(65536)
        assert server.connections == 1
    assert [got.index(word) for word in (b"one", b"two", b"three")] == sorted(
        got.index(word) for word in (b"one", b"two", b"three")
    )


def test_a_client_that_goes_away_is_seen_and_not_billed() -> None:
    with ScriptedServer([Reply("late", latency_s=30)]) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(_raw("a"))
            while not server.exchanges:
                time.sleep(0.002)
        while not server.cancelled:
            time.sleep(0.002)
        assert server.usage == Usage()


@pytest.mark.parametrize("cut", [0, 10])
def test_a_cut_reply_is_short_and_not_billed(cut: int) -> None:
    with ScriptedServer([Reply("a long answer", cut_after_chars=cut)]) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(_raw("a"))
            got = b""
            while piece := connection.recv(65536):
                got += piece
        assert len(got.partition(b"\r\n\r\n")[2]) == cut
        assert server.usage == Usage()


async def test_it_runs_on_the_running_loop_with_a_thousand_connections_at_once() -> None:
    async def one(port: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_raw("a"))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return head.split(b"\r\n")[0]

    async with ScriptedServer(lambda request: Reply("ok", latency_s=0.2)) as server:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(server.port)) for _ in range(1000)]
        assert {task.result() for task in tasks} == {b"HTTP/1.1 200 OK"}
        assert server.usage.calls == 1000


def test_it_runs_as_a_process_that_ends_with_its_stdin(tmp_path: Any) -> None:
    plan = tmp_path / "script.json"
    plan.write_text(json.dumps({"turns": ["one", "two"], "sub": "part", "latency_s": 0}))
    process = subprocess.Popen(
        [sys.executable, "-m", "unspool.testing.serve", str(plan)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        base_url = json.loads(process.stdout.readline())["base_url"]
        bodies = [ask("a"), ask("b", "sub"), ask("c"), ask("d")]
        answers = [said(post(base_url, body)) for body in bodies]
        process.stdin.close()
        totals = json.loads(process.stdout.readline())
    assert answers == ["one", "part", "two", "one"]
    assert (totals["calls"], process.returncode) == (4, 0)
