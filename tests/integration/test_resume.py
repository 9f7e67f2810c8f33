"""Runs that were cut short, at any point and by whatever, and what goes on with them."""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runs import cell
from support import ScriptedServer
from unspool.testing.script import ChatRequest, Reply
from victim import CONTEXT, QUESTION, rlm_of

KILLS = int(os.environ.get("UNSPOOL_SOAK_KILLS", "10"))
VICTIM = Path(__file__).parents[1] / "victim.py"

TURNS = [
    "lines = context.splitlines()\nfirst = [llm_query(f'loop {n}: {lines[n]}') for n in range(4)]\n"
    "print(first)",
    "batch = llm_query_batched([f'batch {n}: {lines[n]}' for n in range(12)])\n"
    "print(len(batch), batch[-1])",
    "from concurrent.futures import ThreadPoolExecutor\n"
    "with ThreadPoolExecutor(4) as pool:\n"
    "    threads = list(pool.map(lambda n: llm_query(f'thread {n}: {lines[n]}'), range(8)))\n"
    "print(threads)",
    "children = rlm_query_batched([f'child {n}?' for n in range(3)],"
    " contexts=[lines[n * 10:n * 10 + 10] for n in range(3)])\nprint(children)",
    "import random, time, uuid\n"
    "chance = [random.random(), time.time(), str(uuid.uuid4()), sorted(set('abcdef'))]\n"
    "print(chance, list(set('unspool')))",
    "FINAL('; '.join([*first, *batch, *threads, *map(str, children)]))",
]
CHILD = ["a = llm_query(f'of a child: {context[0]}')\nprint(a)", "FINAL([a, len(context)])"]


def script(request: ChatRequest) -> Reply:
    """The same reply to the same request, whoever sends it and whenever."""
    if request.model == "sub":
        return Reply(f"<{request.last}>", latency_s=0.004)
    code = CHILD if "child " in str(request.messages[1]["content"]) else TURNS
    return Reply(cell(code[request.assistant_count]), latency_s=0.004)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(script, api_key="key", counted=False) as one:
        yield one


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def test_a_run_killed_at_any_instant_goes_on_and_pays_for_nothing_twice(
    server: ScriptedServer, tmp_path: Path
) -> None:
    undisturbed = rlm_of(server.base_url, tmp_path / "whole.db").run(QUESTION, CONTEXT)
    assert undisturbed.complete, undisturbed.error
    paid = undisturbed.usage.calls
    chance = random.Random(3)
    for number in range(KILLS):
        journal, before = tmp_path / f"{number}.db", len(server.exchanges)
        run_id = kill(server, journal, ("run",), after_s=chance.uniform(0, 0.5))
        if chance.random() < 0.3:  # the one that resumes is killed as well
            kill(server, journal, ("resume", run_id), after_s=chance.uniform(0.1, 0.7))
        recorded = known(journal, run_id)
        result = rlm_of(server.base_url, journal).resume(run_id)
        assert (result.status, result.answer) == ("complete", undisturbed.answer), result.error
        asked = collections.Counter(map(names, server.requests[before:]))
        twice = {name for name, count in asked.items() if count > 1}
        assert not twice & recorded, "what was in the journal was asked for again"
        assert len(asked) == paid
        assert result.usage.calls == paid


def names(request: ChatRequest) -> str:
    """What tells one request from all others of this script."""
    return json.dumps([request.model, request.messages])


def known(journal: Path, run_id: str) -> set[str]:
    """The requests whose replies the journal has had for sure when it was looked at."""
    rlm = rlm_of("http://127.0.0.1:9/v1", journal)
    store = rlm._kept
    messages: dict[str, list[dict[str, str]]] = {}
    found = set()
    for event in store.past(store.row(run_id)).events:
        kind = type(event).__name__
        if kind == "CallStarted":
            found.add((event.run_id, event.call))  # type: ignore[attr-defined]
        if kind == "CallEnded" and not event.error:  # type: ignore[attr-defined]
            pass
        if kind == "Replied" and event.request is not None:  # type: ignore[attr-defined]
            sent = messages.setdefault(event.run_id, [])
            del sent[event.kept :]  # type: ignore[attr-defined]
            new = event.request.messages  # type: ignore[attr-defined]
            sent += [{"role": one.role, "content": one.content} for one in new]
    answered = {json.dumps(["root", sent]) for sent in messages.values()}
    return answered | sub_calls_known(store, run_id)


def sub_calls_known(store: Any, run_id: str) -> set[str]:
    events = store.past(store.row(run_id)).events
    prompts: dict[tuple[str, int], str] = {}
    found = set()
    for event in events:
        if type(event).__name__ == "CallStarted":
            prompts[event.run_id, event.call] = event.prompt
        elif type(event).__name__ == "CallEnded" and not event.error:
            prompt = prompts[event.run_id, event.call]
            found.add(json.dumps(["sub", [{"role": "user", "content": prompt}]]))
    return found


def kill(server: ScriptedServer, journal: Path, what: tuple[str, ...], *, after_s: float) -> str:
    """Starts a victim, and kills it so long after its run began; gives the run's name."""
    victim = subprocess.Popen(
        [sys.executable, str(VICTIM), server.base_url, str(journal), *what],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    try:
        run_id = what[1] if len(what) > 1 else victim.stdout.readline().strip()
        time.sleep(after_s)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        victim.stdout.close()
    return run_id
