"""Answers in files: written as they grow, exact at the end, and there when the run is not."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import KEY, cell
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Limits, events
from unspool.answers import AnswerFile
from unspool.cli.main import main
from unspool.testing.script import ChatRequest, Reply, turns
from unspool.types import Answer, Cell, Growing, Observation, Result

PIECE = "a line with an é and a 🙂 in it\n" * 40_000
GROWS = "answer['content'] += 'a line with an é and a 🙂 in it\\n' * 40_000"


def grown(script: Sequence[str], out: Path, **options: Any) -> tuple[Result, list[int]]:
    """A run, and how long the file was after each cell."""
    sizes = []
    with ScriptedServer(turns(list(script)), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, **options)
        stream = rlm.stream("what?", "the text", out=out)
        for event in stream:
            if isinstance(event, events.CellEnded):
                sizes.append(out.stat().st_size)
        return stream.result(), sizes


def test_a_long_text_is_in_the_file_as_far_as_it_has_come(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    out.write_text("what was there before, which was longer than nothing")
    script = [cell("answer['content'] = ''"), *[cell(GROWS)] * 3, cell("answer['ready'] = True")]
    result, sizes = grown(script, out)
    once = len(PIECE.encode())
    assert (result.status, result.answer) == ("complete", PIECE * 3)
    assert sizes[1:] == [once, 2 * once, 3 * once, 3 * once]
    assert out.read_bytes() == (PIECE * 3).encode()
    drafts = [turn.observations[0].answer for turn in result.turns[1:4]]
    assert [isinstance(one and one.value, Growing) for one in drafts] == [True] * 3


class Mood(enum.Enum):
    GLAD = "glad"
    GRIM = "grim"


@pytest.mark.parametrize(("schema", "written"), [(Mood, "glad"), (list[Mood], '[\n"glad"\n]\n')])
def test_of_an_enumeration_the_value_is_written(tmp_path: Path, schema: Any, written: str) -> None:
    value = "glad" if schema is Mood else ["glad"]
    with ScriptedServer(turns([cell(f"FINAL({value!r})")] * 2), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        result = rlm.run("what?", "the text", schema, out=tmp_path / "out")
    assert result.answer in (Mood.GLAD, [Mood.GLAD])
    assert (tmp_path / "out").read_text() == written


def test_a_text_that_is_changed_or_begun_anew_is_written_anew(tmp_path: Path) -> None:
    script = [
        cell(GROWS),
        cell("answer['content'] = answer['content'].upper()"),
        cell("answer['content'] = 'short'"),
        cell(GROWS),
        cell("FINAL(answer['content'][:5] + '!')"),
    ]
    result, sizes = grown(script, tmp_path / "out.txt")
    once = len(PIECE.encode())
    assert sizes == [once, len(PIECE.upper().encode()), 5, 5 + once, 6]
    assert (result.answer, (tmp_path / "out.txt").read_text()) == ("short!", "short!")


def test_a_cell_that_has_to_be_killed_costs_what_it_wrote_alone(tmp_path: Path) -> None:
    killed = f"{GROWS}\nimport os, signal\nos.kill(os.getpid(), signal.SIGKILL)"
    script = [cell(GROWS), cell(killed), cell(GROWS), cell("answer['ready'] = True")]
    result, _ = grown(script, tmp_path / "out.txt")
    assert result.answer == PIECE * 2
    assert (tmp_path / "out.txt").read_text() == PIECE * 2


def test_a_limit_leaves_the_draft_in_the_file_and_in_the_result(tmp_path: Path) -> None:
    script = [cell(GROWS), cell(GROWS), "No idea."]
    result, _ = grown(script, tmp_path / "out.txt", limits=Limits(turns=2))
    assert (result.status, result.answer) == ("turns", PIECE * 2)
    assert (tmp_path / "out.txt").read_text() == PIECE * 2


def test_a_run_that_is_killed_leaves_the_part_so_far_and_a_resumed_one_the_whole(
    tmp_path: Path,
) -> None:
    out, journal = tmp_path / "out.txt", tmp_path / "j.db"
    code = (
        "import sys; from unspool import RLM\n"
        "rlm = RLM('root', base_url=sys.argv[1], api_key=sys.argv[2], journal=sys.argv[3])\n"
        "rlm.run('what?', 'the text', out=sys.argv[4])"
    )
    victim: list[subprocess.Popen[bytes]] = []

    def script(request: ChatRequest) -> Reply | str:
        if request.assistant_count == 2 and victim:
            os.kill(victim.pop().pid, signal.SIGKILL)
        last = request.assistant_count == 3
        return cell("answer['ready'] = True") if last else cell(GROWS)

    with ScriptedServer(script, api_key=KEY, counted=False) as server:
        arguments = [sys.executable, "-c", code, server.base_url, KEY, str(journal), str(out)]
        process = subprocess.Popen(arguments)
        victim.append(process)
        assert process.wait() == -signal.SIGKILL
        assert out.read_text() == PIECE * 2
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, journal=journal)
        [row] = rlm._kept.runs()
        result = rlm.resume(row.id, out=out)
    assert result.answer == PIECE * 3
    assert out.read_text() == PIECE * 3


def test_other_values_are_json_with_an_item_on_each_line(tmp_path: Path) -> None:
    script = [
        cell("answer['content'] = [{'n': 1}]\nprint(context)"),
        cell("answer['content'].append({'n': (2, 'é')})"),
        cell("answer['ready'] = True"),
    ]
    out = tmp_path / "out.json"
    _, sizes = grown(script, out)
    assert out.read_text() == '[\n{"n": 1},\n{"n": [2, "é"]}\n]\n'
    assert sizes[0] < sizes[1] == sizes[2]

    @dataclasses.dataclass
    class Row:
        name: str
        year: int

    made = cell("FINAL([{'name': 'x', 'year': len(context)}])")
    with ScriptedServer(turns([made]), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        assert rlm.run("what?", "the text", schema=list[Row], out=out).answer == [Row("x", 8)]
    assert json.loads(out.read_text()) == [{"name": "x", "year": 8}]


def test_equal_values_that_are_written_otherwise_are_written_anew(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    script = [
        cell("answer['content'] = [1, 2, {'a': 1}]"),
        cell("answer['content'] = [True, 2.0, {'a': True}, 4]\nanswer['ready'] = True"),
    ]
    result, _ = grown(script, out)
    assert repr(json.loads(out.read_text())) == repr(result.answer) == "[True, 2.0, {'a': True}, 4]"


def test_of_several_runs_of_a_question_the_file_has_the_answer_that_counts(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with ScriptedServer(lambda request: cell("FINAL(context.upper())"), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        result = rlm.run("what?", "the text", samples=2, out=out)
    assert (result.answer, out.read_text()) == ("THE TEXT", "THE TEXT")


def test_where_it_cannot_be_written_no_model_is_asked(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the text")
    with ScriptedServer([]) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        with pytest.raises(ConfigurationError, match="is the context itself"):
            rlm.run("what?", text, out=text)
        with pytest.raises(ConfigurationError, match="cannot be written"):
            rlm.run("what?", "the text", out=tmp_path / "none" / "out.txt")
        assert server.requests == []
    assert text.read_text() == "the text"


def test_the_command_line_writes_there_in_place_of_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    (tmp_path / "text.txt").write_text("the text")
    out = tmp_path / "out.txt"
    with ScriptedServer([cell("FINAL(context.upper())")], api_key=KEY) as server:
        arguments = ["--model", "root", "--base-url", server.base_url, "--out", str(out)]
        assert main(["ask", "what?", str(tmp_path / "text.txt"), *arguments]) == 0
    printed = capsys.readouterr()
    assert (out.read_text(), printed.out) == ("THE TEXT", "")
    assert f"the answer is in {out} (8 bytes)" in printed.err


VALUES = st.one_of(
    st.text(max_size=30),
    st.lists(st.integers() | st.text(max_size=5), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
    st.lists(st.text(max_size=9), min_size=1, max_size=4).map(lambda parts: Growing((*parts,))),
)


@given(st.lists(st.tuples(VALUES, st.booleans()), min_size=1, max_size=8))
def test_the_file_is_the_last_answer_whatever_came_before(
    tmp_path_factory: pytest.TempPathFactory, drafts: list[tuple[Any, bool]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.out"
    out, value = AnswerFile(path, "r"), None
    for draft, goes_on in drafts:
        before = value
        value = draft
        if goes_on and isinstance(before, list) and isinstance(draft, list):
            value = before + draft
        if goes_on and isinstance(before, Growing):
            value = before.grown(str(draft))
        seen = Observation(Cell("x", 1), answer=Answer(value, ready=False))
        out.listen(events.CellEnded(run_id="r", at_s=0.0, turn=1, observation=seen))
        text = path.read_bytes().decode("utf-8", "surrogatepass")
        if isinstance(value, (str, Growing)):
            assert text == str(value)
        else:
            assert json.dumps(json.loads(text)) == json.dumps(value), "1 is not True, nor 1.0"
    out.close()
