"""Runs that were cut short, at any point and by whatever, and what goes on with them."""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runs import cell
from support import ScriptedServer
from unspool import RLM, Limits, UnspoolError, events
from unspool.errors import JournalError, ReplayDiffers
from unspool.journal.journal import Journal
from unspool.journals import VALUES
from unspool.testing.script import ChatRequest, Reply, turns
from unspool.types import Request
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
    chance = random.Random(6)
    for number in range(KILLS):
        journal, before = tmp_path / f"{number}.db", len(server.exchanges)
        run_id = kill(server, journal, "run", after_s=chance.uniform(0, 0.5))
        if chance.random() < 0.3:  # the one that resumes is killed as well
            kill(server, journal, "resume", run_id, after_s=chance.uniform(0.1, 0.7))
        recorded = known(journal, run_id)
        result = rlm_of(server.base_url, journal).resume(run_id)
        assert (result.status, result.answer) == ("complete", undisturbed.answer), result.error
        asked = collections.Counter(map(names, server.requests[before:]))
        twice = {name for name, count in asked.items() if count > 1}
        assert not twice & recorded, "what was in the journal was asked for again"
        assert len(asked) == paid
        assert result.usage.calls == paid


@pytest.mark.parametrize("number", range(KILLS))
def test_a_disk_that_fills_up_costs_nothing_that_was_written(
    server: ScriptedServer, tmp_path: Path, number: int
) -> None:
    """No file of the victim may grow beyond so many bytes: its writes fail as on a full disk."""
    most = random.Random(number).randrange(50_000, 400_000)
    said = victim(server, tmp_path / "j.db", "run", f"--file-bytes={most}").communicate()[0]
    run_id, *ending = said.split("\n", 1)
    if ending[0].strip():
        status, _, _, error = json.loads(ending[0])
        assert status == "complete" or "cannot be written" in error
    recorded, before = known(tmp_path / "j.db", run_id), len(server.exchanges)
    result = rlm_of(server.base_url, tmp_path / "j.db").resume(run_id)
    assert result.complete, result.error
    assert not recorded & set(map(names, server.requests[before:]))
    whole = rlm_of(server.base_url, False).run(QUESTION, CONTEXT)
    assert (result.answer, result.usage.calls) == (whole.answer, whole.usage.calls)


def test_an_interrupt_leaves_a_run_that_can_be_resumed(
    server: ScriptedServer, journal: Path
) -> None:
    one = victim(server, journal, "run")
    assert one.stdout is not None
    run_id = one.stdout.readline().strip()
    time.sleep(0.1)
    one.send_signal(signal.SIGINT)
    one.communicate()
    assert rlm_of(server.base_url, journal).resume(run_id).complete


@pytest.mark.parametrize("limits", [Limits(turns=2), Limits(calls=9), Limits(seconds=0.05)])
def test_a_run_that_met_a_limit_goes_on_with_a_higher_one(
    server: ScriptedServer, journal: Path, limits: Limits
) -> None:
    cut = rlm_of(server.base_url, journal, limits=limits).run(QUESTION, CONTEXT)
    assert not cut.complete
    before = len(server.exchanges)
    again = rlm_of(server.base_url, journal, limits=limits).resume(cut.run_id)
    assert again.status == cut.status, "a limit holds for what was spent before, too"
    assert len(server.exchanges) == before
    result = rlm_of(server.base_url, journal).resume(cut.run_id)
    assert result.complete
    assert result.recorded.calls == cut.usage.calls
    assert result.usage.calls - result.recorded.calls == len(server.exchanges) - before


def test_a_provider_that_fails_at_the_last_turn_is_paid_once(journal: Path) -> None:
    broken = [True]

    def failing(request: ChatRequest) -> Reply:
        if request.model == "root" and request.assistant_count == 5 and broken[0]:
            return Reply("the account is closed", status=401)
        return script(request)

    with ScriptedServer(failing, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        failed = rlm.run(QUESTION, CONTEXT)
        assert (failed.status, len(failed.turns)) == ("failed", 5)
        broken[0], before = False, len(server.exchanges)
        result = rlm.resume(failed.run_id)
        assert result.complete
        assert len(server.exchanges) == before + 1
        assert result.recorded.calls == failed.usage.calls
        again = rlm.resume(failed.run_id)
        assert (again.answer, again.usage) == (result.answer, result.usage)
        assert [turn.reply for turn in again.turns] == [turn.reply for turn in result.turns]
        assert len(server.exchanges) == before + 1


def test_a_run_under_way_is_not_taken_from_its_process(
    server: ScriptedServer, journal: Path
) -> None:
    rlm = rlm_of(server.base_url, journal)
    stream = rlm.stream(QUESTION, CONTEXT)
    run_id = next(one.run_id for one in stream if isinstance(one, events.CellStarted))
    with pytest.raises(JournalError, match=f"under way in process {os.getpid()}"):
        rlm.resume(run_id)
    assert stream.result().complete


def three_turns(code: str) -> list[str]:
    return [cell(code), cell("print('looked')"), cell("FINAL(x)")]


def cut_before_the_end(journal: Path, run_id: str) -> None:
    """As if the process had been killed in the last turn."""
    with sqlite3.connect(journal) as connection:
        [(last,)] = connection.execute("SELECT max(seq) FROM events WHERE kind = 'TurnStarted'")
        connection.execute("DELETE FROM events WHERE seq > ?", (last,))


@pytest.mark.parametrize("choice", ["stop", "record", "anew"])
def test_cells_that_come_to_something_else_are_noticed(journal: Path, choice: Any) -> None:
    """The number of the process that runs the cells is not on record."""
    code = "import os\nx = os.getpid()\nprint('process', x)"
    script = turns(three_turns(code), turn_by="assistant_count")
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        first = rlm.run("who?", CONTEXT)
        cut_before_the_end(journal, first.run_id)
        if choice == "stop":
            with pytest.raises(ReplayDiffers, match=r"turn 1: .* stdout was 'process"):
                rlm.resume(first.run_id)
            return
        result = rlm.resume(first.run_id, on_difference=choice)
        assert result.complete
        assert result.answer != first.answer, "the state is the one of now"
        shown = f"process {first.answer}" in result.turns[0].feedback
        assert shown == (choice == "record")
        assert rlm.resume(first.run_id).answer == result.answer


def test_a_file_that_has_changed_is_noticed(journal: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("as it was")
    script = turns(three_turns("x = context\nprint(len(x))"), turn_by="assistant_count")
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        first = rlm.run("what?", file)
        cut_before_the_end(journal, first.run_id)
        file.write_text("another text")
        with pytest.raises(UnspoolError, match="has changed since"):
            rlm.resume(first.run_id)
        assert rlm.resume(first.run_id, on_difference="record").answer == "as it was"
        cut_before_the_end(journal, first.run_id)
        assert rlm.resume(first.run_id, on_difference="anew").answer == "another text"


def test_files_that_were_written_again_as_they_were_are_the_same(
    journal: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(f"this is {name}")
    script = turns(three_turns("x = context[1].text\nprint(x)"), turn_by="assistant_count")
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        first = rlm.run("what?", folder)
        cut_before_the_end(journal, first.run_id)
        os.utime(folder / "b.txt", (1, 1))
        assert rlm.resume(first.run_id).answer == "this is b.txt"


def test_tools_are_not_called_again(journal: Path) -> None:
    called = []

    def charge(amount: int) -> int:
        called.append(amount)
        return len(called)

    script = turns(three_turns("x = [charge(5), charge(5), charge(6)]\nprint(x)"))
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal, tools={"charge": charge})
        first = rlm.run("how much?", CONTEXT)
        cut_before_the_end(journal, first.run_id)
    again = turns(["", "", cell("FINAL(x)")], turn_by="assistant_count")
    with ScriptedServer(again, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal, tools={"charge": charge})
        assert rlm.resume(first.run_id).answer == [1, 2, 3]
    assert called == [5, 5, 6]


def test_a_fork_goes_another_way_from_a_turn_on(journal: Path) -> None:
    script = turns(
        [cell("x = llm_query('a')\nprint(x)"), cell("print(2)"), cell("FINAL(x + '!')")],
        sub=lambda request: "one",
        turn_by="assistant_count",
    )
    with ScriptedServer(script, api_key="key") as server:
        first = rlm_of(server.base_url, journal).run("q", CONTEXT)
    other = turns([cell("FINAL(0)"), cell("FINAL(x + '?')")], turn_by="assistant_count")
    with ScriptedServer(other, api_key="key", models=("big",)) as server:
        rlm = RLM("big", base_url=server.base_url, api_key="key", journal=journal, max_depth=2)
        forked = rlm.fork(first.run_id, 2)
        assert (forked.answer, forked.model, len(server.exchanges)) == ("one?", "big", 1)
        assert forked.run_id != first.run_id
        assert rlm.resume(forked.run_id).answer == "one?"
        with pytest.raises(JournalError, match="has turns 1 to 3, no 9"):
            rlm.fork(first.run_id, 9)
        with pytest.raises(UnspoolError, match="made with 'root', not with 'big'"):
            rlm.resume(first.run_id)


def test_a_journal_that_cannot_be_had_is_told(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("no folder")
    with pytest.raises(JournalError, match=r"journal .*file/j.db cannot be opened.*--no-journal"):
        rlm_of(server.base_url, file / "j.db").run(QUESTION, CONTEXT)
    monkeypatch.setenv("UNSPOOL_JOURNAL", str(file / "j.db"))
    usual = RLM("root", base_url=server.base_url, api_key="key", sub_model="sub", max_depth=2)
    with pytest.warns(UserWarning, match="this run is not recorded"):
        assert usual.run(QUESTION, CONTEXT).complete


def test_a_forked_process_takes_nothing_from_its_parents_journal(
    server: ScriptedServer, journal: Path
) -> None:
    rlm = rlm_of(server.base_url, journal)
    first = rlm.run(QUESTION, CONTEXT)
    child = os.fork()
    if not child:
        os._exit(0 if rlm.run(QUESTION, CONTEXT).complete else 1)
    assert os.waitpid(child, 0)[1] == 0
    last = rlm.run(QUESTION, CONTEXT)
    with sqlite3.connect(journal) as connection:
        rows = connection.execute("SELECT id, status FROM runs ORDER BY number").fetchall()
    assert [status for _, status in rows] == ["complete"] * 3
    assert (rows[0][0], rows[2][0]) == (first.run_id, last.run_id)


def test_the_clock_of_the_machine_is_not_the_order_of_runs(
    server: ScriptedServer, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rlm = rlm_of(server.base_url, journal)
    first = rlm.run(QUESTION, CONTEXT)
    monkeypatch.setattr(time, "time", lambda: 86_400.0)
    second = rlm.run(QUESTION, CONTEXT)
    cut_before_the_end(journal, second.run_id)
    assert rlm.resume(second.run_id).answer == first.answer
    assert [row.id for row in rlm._kept.runs()] == [second.run_id, first.run_id]


def test_a_conversation_goes_on_in_another_process(journal: Path) -> None:
    def talk(request: ChatRequest) -> str:
        if request.model == "sub":
            return f"<{request.last}>"
        asked = str(request.messages[1]["content"]).split("\n")[0]
        steps = {
            "first": ["xs = [llm_query(str(n)) for n in range(3)]\nprint(xs)", "FINAL(len(xs))"],
            "second": ["xs.append(question)\nprint(xs)", "FINAL(xs)"],
            "third": ["print(answer)", "FINAL((len(xs), question, answer['content']))"],
        }[asked.split()[-1]]
        return cell(steps[request.assistant_count])

    with ScriptedServer(talk, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        with rlm.session(CONTEXT) as session:
            assert session.ask("first").answer == 3
            second = session.ask("second")
            assert second.answer == ["<0>", "<1>", "<2>", "second"]
        before = len(server.exchanges)
        with rlm_of(server.base_url, journal).session(resume=second.run_id) as session:
            assert len(server.exchanges) == before
            third = session.ask("third")
            assert third.answer == (4, "third", "")
            opening = str(server.requests[-1].messages[1]["content"])
            assert "'first' was answered '3'" in opening
            assert "Variables from then: xs: list[4]" in opening
        with pytest.raises(UnspoolError, match="the session is closed"):
            session.ask("fourth")
        cut_before_the_end(journal, third.run_id)
        before = len(server.exchanges)
        assert rlm.resume(third.run_id).answer == third.answer
        assert len(server.exchanges) == before + 1


def test_a_child_that_met_its_limit_is_told_again_as_it_ended(journal: Path) -> None:
    child = ["a = llm_query('c1')\nprint(a)", "b = llm_query('c2')\nprint(b)"] * 3
    root = [
        "try:\n    y = rlm_query('child?', context='abc')\nexcept Exception as e:\n    y = str(e)"
        "\nprint(y)",
        "print(2)",
        "print(3)",
        "FINAL(y)",
    ]

    def two_levels(request: ChatRequest) -> str:
        if request.model == "sub":
            return f"<{request.last}>"
        code = child if "child?" in str(request.messages[1]["content"]) else root
        return cell(code[request.assistant_count])

    with ScriptedServer(two_levels, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal, limits=Limits(calls=12))
        first = rlm.run("q", CONTEXT)
        assert "the child run ended early (calls)" in first.answer
        assert RLM.replay(first.run_id, journal).answer == first.answer
        cut_before_the_end(journal, first.run_id)
        before = len(server.exchanges)
        higher = rlm_of(server.base_url, journal, limits=Limits(calls=100))
        assert higher.resume(first.run_id).answer == first.answer
        assert len(server.exchanges) == before + 1


def test_children_over_documents_are_told_again(journal: Path, tmp_path: Path) -> None:
    for n in range(9):
        (tmp_path / f"{n}.txt").write_text(f"text {n}\n")
    some = "context[2:5]", "[context[1], context[7]]", "context[3]", "context"
    root = three_turns(f"x = rlm_query_batched(['child?'] * 4, [{', '.join(some)}])\nprint(x)")
    child = ["y = [llm_query(f'{len(context)}: {context[0]}')]\nprint(y)", "FINAL(y)"]

    def two_levels(request: ChatRequest) -> str:
        if request.model == "sub":
            return f"<{request.last}>"
        if "child?" in str(request.messages[1]["content"]):
            return cell(child[request.assistant_count])
        return root[request.assistant_count]

    with ScriptedServer(two_levels, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        first = rlm.run("q", list(tmp_path.glob("*.txt")))
        assert first.complete
        assert RLM.replay(first.run_id, journal).answer == first.answer
        cut_before_the_end(journal, first.run_id)
        before = len(server.exchanges)
        assert rlm.resume(first.run_id).answer == first.answer
        assert len(server.exchanges) == before + 1


def test_samples_of_one_prompt_are_told_again_in_their_order(journal: Path) -> None:
    chance, asked = random.Random(3), itertools.count(1)

    def sample(request: ChatRequest) -> Reply:
        return Reply(f"sample {next(asked)}", latency_s=chance.uniform(0, 0.04))

    script = turns(
        three_turns("x = llm_query_batched(['same'] * 8)\nprint(x)"),
        sub=sample,
        turn_by="assistant_count",
    )
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal, cache="off")
        first = rlm.run("q", CONTEXT)
        cut_before_the_end(journal, first.run_id)
        assert rlm.resume(first.run_id).answer == first.answer


def test_what_cannot_be_told_again_is_noticed_in_the_last_turn_too(journal: Path) -> None:
    script = turns(three_turns("import os\nx = os.getpid()"), turn_by="assistant_count")
    with ScriptedServer(script, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        first = rlm.run("who?", CONTEXT)
        with pytest.raises(ReplayDiffers, match=r"turn 3: .* the answer was"):
            RLM.replay(first.run_id, journal)
        again = rlm.resume(first.run_id)
        assert again.recorded == again.usage == first.usage


def test_a_question_of_any_text_and_folders_of_any_name_are_told_again(journal: Path) -> None:
    code = "import os, tempfile\nx = tempfile.mkdtemp()\nprint(x, os.getcwd(), question)"
    with ScriptedServer(turns(three_turns(code), turn_by="assistant_count"), api_key="key") as it:
        rlm = rlm_of(it.base_url, journal)
        first = rlm.run("a lone \ud800 surrogate?", CONTEXT)
        assert first.complete
        cut_before_the_end(journal, first.run_id)
        assert rlm.resume(first.run_id).question == first.question


def test_a_conversation_branches_and_forgives(journal: Path) -> None:
    failing = [False]

    def talk(request: ChatRequest) -> Reply | str:
        asked = str(request.messages[1]["content"]).split("\n")[0].split()[-1]
        if failing[0] and asked == "bad":
            return Reply("no credit", status=401)
        steps = ["xs = [*globals().get('xs', []), question]\nprint(xs)", "FINAL(xs)"]
        return cell(steps[request.assistant_count])

    with ScriptedServer(talk, api_key="key") as server:
        rlm = rlm_of(server.base_url, journal)
        with rlm.session(CONTEXT) as session:
            one = session.ask("one")
            session.ask("left")
        with rlm.session(resume=one.run_id) as session:
            failing[0] = True
            with pytest.raises(UnspoolError, match="401"):
                session.ask("bad")
            right = session.ask("right")
            assert right.answer == ["one", "right"]
        before = len(server.exchanges)
        with rlm.session(resume=right.run_id) as session:
            assert len(server.exchanges) == before
            assert session.ask("more").answer == ["one", "right", "more"]
        with pytest.raises(JournalError, match="a later question of a conversation"):
            rlm.fork(right.run_id, 2)


async def test_a_question_that_is_given_up_while_it_waits_blocks_nobody(journal: Path) -> None:
    slow = turns([Reply(cell("FINAL(question)"), latency_s=0.2)] * 2)
    with ScriptedServer(slow, api_key="key") as server:
        session = rlm_of(server.base_url, journal).session(CONTEXT)
        first = asyncio.create_task(session.aask("one"))
        second = asyncio.create_task(session.aask("two"))
        await asyncio.sleep(0.05)
        second.cancel()
        assert (await first).answer == "one"
        assert (await session.aask("three")).answer == "three"
        session.close()


def names(request: ChatRequest) -> str:
    """What tells one request from all others of this script."""
    return named(request.model, request.messages)


def named(model: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Requests to a root by their turn: what a cell that nobody has been told of says of the
    time may be another one when it is run again."""
    said = sum(one["role"] == "assistant" for one in messages)
    return json.dumps([model, said, messages[1 if model == "root" else 0]["content"]])


def known(journal: Path, run_id: str) -> set[str]:
    """The requests whose replies the journal has."""
    store = Journal(journal, VALUES)
    prompts: dict[tuple[str, int], str] = {}
    sent: dict[str, list[dict[str, str]]] = collections.defaultdict(list)
    found = set()
    for event in store.past(store.row(run_id)).events:
        match event:
            case events.CallStarted():
                prompts[event.run_id, event.call] = event.prompt
            case events.CallEnded(error=""):
                prompt = prompts[event.run_id, event.call]
                found.add(named("sub", [{"role": "user", "content": prompt}]))
            case events.Replied(request=Request() as request):
                messages = sent[event.run_id]
                messages[event.kept :] = [
                    {"role": one.role, "content": one.content} for one in request.messages
                ]
                found.add(named("root", messages))
            case _:
                pass
    return found


def victim(server: ScriptedServer, journal: Path, *what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(VICTIM), server.base_url, str(journal), *what],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def kill(server: ScriptedServer, journal: Path, *what: str, after_s: float) -> str:
    """Starts a victim, and kills it so long after its run began; gives the run's name."""
    one = victim(server, journal, *what)
    assert one.stdout is not None
    try:
        run_id = what[1] if len(what) > 1 else one.stdout.readline().strip()
        time.sleep(after_s)
    finally:
        one.send_signal(signal.SIGKILL)
        one.wait()
        one.stdout.close()
    return run_id
