"""What is in the journal's file, and what is not."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from history import LONG, SECRETS, journal, recorded
from runs import KEY, cell
from support import ScriptedServer
from unspool import RLM, ModelError
from unspool.errors import JournalError
from unspool.journal.store import unpacked
from unspool.testing.script import ChatRequest, Reply


def found(path: Path, words: list[str]) -> set[str]:
    """Which of `words` are in the journal's files as they are, or in a text it has compressed."""
    data = b"".join(p.read_bytes() for p in path.parent.rglob(f"{path.name}*") if p.is_file())
    connection = sqlite3.connect(path)
    texts = "".join(unpacked(blob) for [blob] in connection.execute("SELECT data FROM texts"))
    connection.close()
    return {word for word in words if word.encode() in data or word in texts}


def test_nothing_of_a_redacted_run_is_left_but_its_structure(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    words = [*SECRETS.values(), "jackal"]
    result = recorded(path)
    assert found(path, words) == set(words)
    one = journal(path)
    before = one.row(result.run_id)
    events = [type(event) for event in one.past(before).events]
    one.redact(result.run_id)
    assert found(path, words) == set()
    row = one.row(result.run_id)
    assert (row.status, row.turns, row.calls, row.tokens) == (
        before.status,
        before.turns,
        before.calls,
        before.tokens,
    )
    past = one.past(row)
    assert past.faults == ()
    assert [type(event) for event in past.events] == events
    with pytest.raises(JournalError, match="have been removed"):
        RLM.replay(result.run_id, path)


def test_what_another_run_has_too_stays_with_it(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first, second = recorded(path), recorded(path)
    one = journal(path)
    one.redact(first.run_id)
    assert RLM.replay(second.run_id, path).answer == second.answer
    assert found(path, [LONG]) == {LONG}
    kept = one.context(one.row(second.run_id))
    assert kept is not None
    assert kept.value == SECRETS["context"]
    one.remove(one.runs())
    assert found(path, [*SECRETS.values(), "jackal"]) == set()


def test_a_redacted_reply_is_nobodys_cached_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    first = recorded(path, cache="all")
    journal(path).redact(first.run_id)
    second = recorded(path, cache="all")
    assert (second.answer, second.usage.cache_hits) == (first.answer, first.usage.cache_hits)


def test_keys_and_headers_never_enter_the_file(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"

    def refusing(request: ChatRequest) -> Reply | str:
        if request.model == "sub":
            return Reply(f"wrong key: {KEY}", status=401)
        return cell("try:\n    llm_query('q')\nexcept LLMError as e:\n    print(e)\nFINAL(1 + 1)")

    recorded(path)
    with ScriptedServer(refusing, api_key=KEY) as server:
        options = {"base_url": server.base_url, "api_key": KEY, "journal": path}
        RLM("root", sub_model="sub", **options).run("q?", "text")  # type: ignore[arg-type]
        with pytest.raises(ModelError):
            RLM("sub", **options).run("q?", "text")  # type: ignore[arg-type]
    assert len(journal(path).runs()) == 3
    assert found(path, [KEY, "Bearer", "uthorization"]) == set()


def test_the_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.db"
    recorded(path)
    modes = {one.name: one.stat().st_mode & 0o777 for one in (path.parent, *path.parent.iterdir())}
    assert modes.pop("deep") == modes.pop("journal.db-locks") == 0o700
    assert set(modes.values()) == {0o600}
    assert {"journal.db", "journal.db-wal"} <= set(modes)


def test_without_a_journal_nothing_is_left_on_the_disk(
    newcomer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNSPOOL_JOURNAL", raising=False)
    recorded(newcomer / "unused", journal=False)
    assert list(newcomer.rglob("*")) == []


def test_contexts_can_be_known_by_their_hash_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    run = recorded(path, keep_contexts=False).run_id
    assert journal(path).context(journal(path).row(run)) is None
    assert re.fullmatch("[0-9a-f]{32}", journal(path).row(run).context)
    assert RLM.replay(run, path, SECRETS["context"]).complete


def test_one_process_that_reads_and_another_that_ends_leave_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    recorded(path)  # whose connection stays open
    assert len(journal(path).runs()) == 1
    code = "import sys, pathlib; from history import recorded; recorded(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, env=_environment())
    recorded(path)
    one = journal(path)
    assert [one.past(row).faults for row in one.runs()] == [()] * 3


def _environment() -> dict[str, str]:
    tests = Path(__file__).parents[1]
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(tests.parent / "src"), str(tests)))}
