"""The commands about recorded runs, as a user calls them."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from history import journal, recorded
from runs import KEY, cell, solve
from support import ScriptedServer
from unspool import RLM, Limits
from unspool.cli.main import main
from unspool.errors import JournalError, ReplayDiffers
from unspool.journal.sharing import _check
from unspool.testing.script import turns

ROOT = [
    cell("xs = [llm_query(f'q {i}') for i in range(12)]\nprint('\\x1b[31m' + xs[0])"),
    cell("print(2, llm_query('q 1'))"),
    cell("FINAL(','.join(xs[:2]))"),
]


def unspool(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    """The command line, in this process: it starts no interpreter."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.delenv("UNSPOOL_JOURNAL", raising=False)
        for name, value in _environment(home).items():
            patch.setenv(name, value)
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def _environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "HOME")
    env = {k: os.environ[k] for k in kept if k in os.environ}
    return env | {"UNSPOOL_HOME": str(home), "OPENAI_API_KEY": KEY}


def runs_in(home: Path, *options: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        unspool("runs", "--json", *options, home=home).stdout
    )
    return found


def ask(server: ScriptedServer, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    text = home / "text.txt"
    text.write_text("hello world")
    models = ("--model", "root", "--sub-model", "sub", "--base-url", server.base_url)
    return unspool("ask", "which port?", str(text), *models, *options, home=home)


def test_a_run_that_met_a_limit_is_listed_shown_resumed_forked_and_replayed(tmp_path: Path) -> None:
    script = turns([*ROOT[:2], "no code", ROOT[2], ROOT[2]], sub=lambda _: "hi")
    with ScriptedServer(script, api_key=KEY, counted=False) as server:
        asked = ask(server, tmp_path, "--max-turns", "2")
        [row] = runs_in(tmp_path)
        name = str(row["id"])
        assert asked.returncode == 3
        assert asked.stderr.startswith(f"run {name}\n")
        assert f"unspool resume {name}" in asked.stderr
        assert (row["state"], row["turns"], row["calls"]) == ("turns", 2, 15)

        paid = len(server.exchanges)
        resumed = unspool("resume", name[:6], "--max-turns", "9", home=tmp_path)
        assert (resumed.returncode, resumed.stdout) == (0, "hi,hi\n")
        assert len(server.exchanges) == paid + 1
        assert "paid before: 15 calls" in resumed.stderr
        assert "now: 1 call," in resumed.stderr

        forked = unspool("fork", name, "--turn", "2", "--quiet", home=tmp_path)
        assert (forked.returncode, forked.stdout) == (0, "hi,hi\n")
        assert len(server.exchanges) == paid + 2
    assert unspool("replay", name, "--quiet", home=tmp_path).stdout == "hi,hi\n"
    assert len(runs_in(tmp_path)) == 2
    listed = unspool("runs", home=tmp_path).stdout.splitlines()
    assert f"[fork of {name} at turn 2] which port?" in listed[1]
    assert listed[2].split()[:1] + listed[2].split()[3:6] == [name, "complete", "3", "16"]

    shown = unspool("show", name, home=tmp_path).stdout
    assert "\\x1b[31mhi" in shown
    assert "\x1b" not in shown
    assert "12 sub-calls\n" in shown
    assert "... 2 more" in shown
    assert "from the cache, free" in shown
    assert "resumed: 15 calls" in shown
    whole = json.loads(unspool("show", name, "--json", home=tmp_path).stdout)
    assert whole["result"]["answer"] == "hi,hi"
    assert [one["event"] for one in whole["events"]].count("CallEnded") == 13
    turn = unspool("show", name, "--turn", "2", home=tmp_path)
    assert "asked:\n" in turn.stdout
    assert "turn 1" not in turn.stdout
    assert unspool("show", name, "--turn", "7", home=tmp_path).returncode == 1


def test_the_list_is_filtered(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for question in ("Which port?", "Which city?"):
        with ScriptedServer([cell("FINAL(len(context))")], api_key=KEY) as server:
            RLM("root", base_url=server.base_url, api_key=KEY, journal=path).run(question, "text")
    filters = {
        ("--grep", "PORT"): 1,
        ("--status", "complete"): 2,
        ("--status", "running"): 0,
        ("--model", "oo"): 2,
        ("--model", "other"): 0,
        ("--since", "1h"): 2,
        ("--since", "2999-01-01"): 0,
        ("--limit", "1"): 1,
    }
    for options, count in filters.items():
        assert len(runs_in(tmp_path, *options)) == count, options
    wrong = unspool("runs", "--since", "yesterday", home=tmp_path)
    assert (wrong.returncode, "give a date" in wrong.stderr) == (1, True)


def test_what_is_no_run_or_was_made_by_a_program_is_refused_in_words(tmp_path: Path) -> None:
    assert runs_in(tmp_path) == []
    assert "no run has been recorded" in unspool("show", "abc", home=tmp_path).stderr
    name = recorded(tmp_path / "journal.db").run_id
    assert "`unspool runs` lists" in unspool("show", "zzz", home=tmp_path).stderr
    refused = unspool("resume", name, home=tmp_path)
    assert (refused.returncode, "functions of its own (sight)" in refused.stderr) == (1, True)


def test_a_context_that_has_changed_stops_a_resume_until_the_user_chooses(tmp_path: Path) -> None:
    script = turns([ROOT[1], cell("FINAL(context)"), cell("FINAL(context)")], sub=lambda _: "hi")
    with ScriptedServer(script, api_key=KEY, counted=False) as server:
        ask(server, tmp_path, "--max-turns", "1")
        [row] = runs_in(tmp_path)
        (tmp_path / "text.txt").write_text("another one")
        text = str(tmp_path / "text.txt")
        resume = ["resume", str(row["id"]), text, "--max-turns", "5", "--quiet"]
        stopped = unspool(*resume, home=tmp_path)
        assert (stopped.returncode, stopped.stdout) == (1, "")
        assert "has changed since" in stopped.stderr
        assert "--on-difference" in stopped.stderr
        typed = _on_a_terminal(resume, b"r\n", tmp_path)
    assert "Go on as it is now (y), as it was recorded (r), or not (n)?" in typed
    assert "hello world" in typed


def _on_a_terminal(arguments: list[str], typed: bytes, home: Path) -> str:
    host, user = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "unspool.cli.main", *arguments],
        stdin=user,
        stdout=user,
        stderr=user,
        env=_environment(home),
    )
    os.close(user)
    os.write(host, typed)
    shown = b""
    try:
        while piece := os.read(host, 4096):
            shown += piece
    except OSError:  # the other end has been closed
        pass
    process.wait(60)
    os.close(host)
    return shown.decode()


def test_an_exported_run_is_the_same_wherever_it_is_imported(tmp_path: Path) -> None:
    name = recorded(tmp_path / "journal.db").run_id
    out, other = tmp_path / "run.json", str(tmp_path / "other.db")
    assert unspool("export", name, "--out", str(out), home=tmp_path).returncode == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert "File exists" in unspool("export", name, "--out", str(out), home=tmp_path).stderr
    here = unspool("import", str(out), home=tmp_path)
    assert here.stdout == f"run {name} is here already\n"
    new = unspool("import", str(out), "--journal", other, home=tmp_path)
    assert new.stdout == f"run {name} was imported\n"
    again = unspool("export", name, "--journal", other, home=tmp_path).stdout
    assert again.rstrip("\n") == out.read_text()
    assert journal(Path(other)).past(journal(Path(other)).row(name)).events == (
        journal(tmp_path / "journal.db").past(journal(tmp_path / "journal.db").row(name)).events
    )
    hidden = unspool("runs", "--journal", other, home=tmp_path).stdout
    assert "[imported] Which alpaca" in hidden


def test_a_run_that_was_imported_decides_neither_where_keys_go_nor_what_is_read(
    tmp_path: Path,
) -> None:
    with ScriptedServer([ROOT[2]] * 4, api_key=KEY, counted=False) as server:
        ask(server, tmp_path, "--max-turns", "1")
        [row] = runs_in(tmp_path)
        name, other = str(row["id"]), tmp_path / "other.db"
        plain, _ = journal(tmp_path / "journal.db").export(name)
        one = journal(other).exported(json.loads(json.dumps(plain)), "it")
        assert journal(other).add(one)
        before = len(server.exchanges)
        refused = unspool("resume", name, "--journal", str(other), home=tmp_path)
        assert "came from a file, which says to send your key to" in refused.stderr
        assert len(server.exchanges) == before


def test_another_run_of_the_same_name_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    name = recorded(path).run_id
    plain, _ = journal(path).export(name)
    first = journal(tmp_path / "other.db").exported(plain, "it")
    assert journal(tmp_path / "other.db").add(first)
    journal(tmp_path / "other.db").redact(name)
    before, _ = journal(tmp_path / "other.db").export(name)
    with pytest.raises(JournalError, match=f"has another run {name}"):
        journal(tmp_path / "other.db").add(first)
    assert journal(tmp_path / "other.db").export(name)[0] == before


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../x"},
        {"id": "-"},
        {"setup": "[]"},
        {"turns": 1 << 80},
        {"started": float("nan")},
        {"question": 7},
    ],
    ids=str,
)
def test_an_export_that_was_made_up_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    plain = json.loads((Path(__file__).parents[1] / "data" / "run.json").read_text())
    del plain["check"]
    plain["run"] |= change
    plain["check"] = _check(plain)
    with pytest.raises(JournalError, match="Nothing was changed"):
        journal(tmp_path / "journal.db").exported(plain, "it")


def test_gc_removes_old_runs_and_what_only_they_had(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    context = "".join(f"{i} " for i in range(200_000))
    names = []
    for number in range(3):
        with ScriptedServer([cell("FINAL(len(context))")], api_key=KEY) as server:
            rlm = RLM("root", base_url=server.base_url, api_key=KEY, journal=path)
            names.append(rlm.run("how long?", context[number:]).run_id)
    dry = unspool("gc", "--keep", "1", "--dry-run", home=tmp_path)
    assert dry.stdout.splitlines() == [names[1], names[0], "2 runs would be removed"]
    before = _size(path)
    done = unspool("gc", "--keep", "1", home=tmp_path)
    assert done.stdout.startswith("2 runs removed; ")
    assert _size(path) < before / 2
    assert [row["id"] for row in runs_in(tmp_path)] == [names[2]]
    left = journal(path)
    kept = left.context(left.row(names[2]))
    assert kept is not None
    assert kept.value == context[2:]
    assert unspool("gc", home=tmp_path).stdout.startswith("0 runs removed")


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.parent.glob(f"{path.name}*") if one.is_file())


def test_gc_and_redact_do_not_disturb_those_who_are_writing(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    recorded(path)
    one, ended = journal(path), threading.Event()

    def write() -> None:
        for _ in range(4):
            recorded(path)

    def clear() -> None:
        while not ended.is_set():
            under_way = one.under_way()
            idle = [row for row in one.runs() if row.status and row.id not in under_way]
            one.remove(idle[2:])
            for row in idle[1:2]:
                one.redact(row.id)

    with ThreadPoolExecutor() as pool:
        clearing = pool.submit(clear)
        try:
            for writing in [pool.submit(write) for _ in range(2)]:
                writing.result()
        finally:
            ended.set()
        clearing.result()
    assert [one.past(row).faults for row in one.runs()] == [()] * len(one.runs())
    last = next(row for row in one.runs() if not row.redacted)
    assert RLM.replay(last.id, path).answer == "gharial-gharial"


def test_a_replay_of_a_cell_that_differs_stops_unless_the_record_is_to_count(
    tmp_path: Path,
) -> None:
    text = (Path(__file__).parents[1] / "data" / "run.json").read_text()
    plain = json.loads(text.replace("fossa!fossa 25 hoopoe", "fossa!fossa 26 hoopoe"))
    del plain["check"]
    file = tmp_path / "run.json"
    file.write_text(json.dumps({**plain, "check": _check(plain)}))
    with pytest.raises(ReplayDiffers, match=r"turn 1.*stdout was"):
        RLM.replay(file)
    again = RLM.replay(file, on_difference="record")
    assert again.answer == "gharial-gharial"
    assert "fossa!fossa 26 hoopoe" in again.turns[0].feedback


@pytest.mark.parametrize("limits", [Limits(turns=2), Limits(calls=2), Limits(tokens=1200)], ids=str)
def test_a_run_that_a_limit_ended_ends_so_when_it_is_replayed(
    tmp_path: Path, limits: Limits
) -> None:
    draft = cell("answer['content'] = len(llm_query('q')) + len(context)")
    result, _ = solve([draft] * 9, journal=tmp_path / "j.db", sub=lambda _: "hi", limits=limits)
    again = RLM.replay(result.run_id, tmp_path / "j.db")
    assert again.status == result.status != "complete"
    assert (again.answer, again.usage) == (result.answer, result.usage)


def test_a_fork_has_what_went_before_it_and_is_resumed_without_its_origin(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    script = turns([*ROOT, ROOT[1], ROOT[2]], sub=lambda _: "hi")
    with ScriptedServer(script, api_key=KEY) as server:

        def rlm(**options: object) -> RLM:
            return RLM(
                "root",
                base_url=server.base_url,
                api_key=KEY,
                sub_model="sub",
                journal=path,
                **options,  # type: ignore[arg-type]
            )

        first = rlm().run("q?", "text")
        forked = rlm(limits=Limits(turns=2)).fork(first.run_id, 2)
        assert forked.status == "turns"
        one = journal(path)
        assert one.remove([one.row(first.run_id)])
        paid = len(server.exchanges)
        again = rlm(limits=Limits(turns=2)).resume(forked.run_id)
    assert (again.status, again.answer) == ("turns", forked.answer)
    assert len(server.exchanges) == paid
