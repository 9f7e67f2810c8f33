"""The real embedded model. The file is `UNSPOOL_TEST_MODEL`, or one in the user's folder."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from unspool.config import from_environment
from unspool.errors import ModelFileError
from unspool.models.local.catalog import find
from unspool.models.local.files import ModelFiles
from unspool.models.local.server import (
    LEAST_WINDOW_TOKENS,
    LocalServer,
    shared,
    window_tokens,
)

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(600)]

LONG = " ".join(f"Line {number} says {number * 37 % 101}." for number in range(60))


@pytest.fixture(scope="module")
def model_file() -> Path:
    pytest.importorskip("xllamacpp")
    named = os.environ.get("UNSPOOL_TEST_MODEL")
    files = ModelFiles(from_environment().home / "models")
    found = [files.path(model) for model in reversed(files.installed())]
    file = Path(named) if named else next(iter(found), None)
    if file is None:
        pytest.skip("no model file: `unspool models pull`, or set UNSPOOL_TEST_MODEL")
    return file


@pytest.fixture(scope="module")
def server(model_file: Path) -> Iterator[LocalServer]:
    server = LocalServer.start(model_file, name="tested")
    yield server
    server.stop()


def chat(server: LocalServer, text: str, *, key: str | None = None, **fields: Any) -> Any:
    body = {"messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 8}
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        json.dumps(body | fields).encode(),
        {"Authorization": f"Bearer {key or server.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=300) as reply:
        return json.load(reply)


def text_of(reply: Any) -> str:
    return str(reply["choices"][0]["message"]["content"])


def cached_tokens(reply: Any) -> int:
    return int(reply["usage"]["prompt_tokens_details"]["cached_tokens"])


def busy_slots(server: LocalServer) -> int:
    request = urllib.request.Request(
        f"{server.base_url.removesuffix('/v1')}/slots",
        headers={"Authorization": f"Bearer {server.api_key}"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return sum(slot["is_processing"] for slot in json.load(reply))


def test_it_answers_a_chat_under_its_own_name(server: LocalServer) -> None:
    reply = chat(server, "What is the capital of France? One word.")
    assert ("Paris" in text_of(reply), reply["model"]) == (True, "tested")


def test_it_refuses_a_request_without_its_key(server: LocalServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        chat(server, "hello", key="guessed")
    assert refused.value.code == 401


def test_its_key_is_not_in_its_repr(server: LocalServer) -> None:
    assert server.api_key not in repr(server)


def test_two_conversations_that_alternate_keep_their_prefixes(server: LocalServer) -> None:
    first, second = LONG, LONG[::-1][:600]
    chat(server, f"{first} A?")
    chat(server, f"{second} A?")
    replies = [chat(server, f"{first} B!"), chat(server, f"{second} B!")]
    assert [cached_tokens(r) > 0.9 * r["usage"]["prompt_tokens"] - 20 for r in replies] == [
        True
    ] * 2


def test_it_answers_more_requests_at_once_than_it_has_slots(server: LocalServer) -> None:
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda n: chat(server, f"Say {n}.", max_tokens=4), range(6)))
    assert [bool(text_of(reply)) for reply in replies] == [True] * 6


def test_a_schema_binds_the_reply(server: LocalServer) -> None:
    schema = {
        "type": "object",
        "properties": {"age": {"type": "integer"}},
        "required": ["age"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}
    reply = chat(server, "Tell me a story.", response_format=form, max_tokens=40)
    assert isinstance(json.loads(text_of(reply))["age"], int)


def test_a_streamed_request_whose_client_leaves_frees_its_slot(server: LocalServer) -> None:
    """A request that is not streamed goes on to its end: the server does not look."""
    fields = {"max_tokens": 4_000, "stream": True, "ignore_eos": True, "temperature": 0}
    body = json.dumps({"messages": [{"role": "user", "content": "A long story."}], **fields})
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        body.encode(),
        {"Authorization": f"Bearer {server.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        reply.readline()
        before = busy_slots(server)
    deadline = time.monotonic() + 20
    while busy_slots(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (before, busy_slots(server)) == (1, 0)


def test_a_damaged_file_is_an_error_and_not_an_abort(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    file = tmp_path / "damaged.gguf"
    file.write_bytes(b"GGUF" + b"\0" * 1_000)
    with pytest.raises(ModelFileError, match=r"cannot load .*damaged\.gguf"):
        LocalServer.start(file)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(ModelFileError, match=r"absent\.gguf: `unspool models pull` it"):
        LocalServer.start(tmp_path / "absent.gguf")


def test_the_process_shares_one_server_a_file(model_file: Path) -> None:
    model = find("qwen2.5-coder-0.5b")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: shared(model, model_file), range(2))
    first.stop()
    assert (first is second, first.running) == (True, False)
    again = shared(model, model_file)
    assert (again is first, again.running) == (False, True)


def test_the_window_is_what_memory_allows() -> None:
    model = find("qwen2.5-coder-0.5b")
    assert window_tokens(model, None) == model.context_tokens
    assert window_tokens(model, 1) == LEAST_WINDOW_TOKENS
    middle = window_tokens(model, 2 * model.size_bytes + 2 * 16_384 * model.token_bytes)
    assert middle == 16_384


def test_stop_frees_the_port(model_file: Path) -> None:
    server = LocalServer.start(model_file)
    address = urlsplit(server.base_url)
    server.stop()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


EXIT_AT_WORK = """
import json, sys, threading, time, urllib.request
from pathlib import Path
from unspool.models.local.server import LocalServer
server = LocalServer.start(Path(sys.argv[1]))
body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4000, "ignore_eos": True}
request = urllib.request.Request(
    server.base_url + "/chat/completions", json.dumps(body).encode(),
    {"Authorization": "Bearer " + server.api_key, "Content-Type": "application/json"})
threading.Thread(target=urllib.request.urlopen, args=(request,), daemon=True).start()
time.sleep(1)
print(time.time())
"""


def test_the_process_ends_at_once_and_in_silence_while_a_request_is_under_way(
    model_file: Path,
) -> None:
    command = [sys.executable, "-c", EXIT_AT_WORK, str(model_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    seconds = time.time() - float(done.stdout)
    assert (done.returncode, done.stderr, seconds < 3) == (0, "", True)
