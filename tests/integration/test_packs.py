"""Packs and profiles through the front door: what models are told, and what is recorded of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runs import KEY, cell, solve
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Limits, events
from unspool.cli.main import main
from unspool.packs.reading import SHIPPED, load
from unspool.profiles import Profile
from unspool.tasks import make
from unspool.testing.script import ChatRequest, Reply, turns

LOOK, END = cell("print(context)"), cell("FINAL(context[:3])")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path))
    monkeypatch.delenv("UNSPOOL_JOURNAL")
    return tmp_path


def written(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_run_is_told_what_its_pack_says_and_records_which_it_was() -> None:
    result, server = solve([LOOK, END], pack="coder:-batching")
    told = str(server.requests[0].messages[0]["content"])
    assert "llm_query(prompt)" in told
    assert "in one batch" not in told
    assert "rlm_query" not in told
    assert result.pack == str(load("coder:-batching"))


def test_child_runs_are_told_of_as_far_down_as_there_can_be_any() -> None:
    def answerer(request: ChatRequest) -> Reply | str:
        if "deeper?" in str(request.messages[1]["content"]):
            return (LOOK, END)[request.assistant_count]
        return (cell("print(rlm_query('deeper?', context='abc'))"), LOOK, END)[
            request.assistant_count
        ]

    result, server = solve(answerer, max_depth=2)
    assert result.complete
    told = {str(r.messages[1]["content"])[10:16]: r.messages[0]["content"] for r in server.requests}
    assert "rlm_query(question" in str(told["what?\n"])
    assert "rlm_query" not in str(told["deeper"])


def test_the_sub_models_profile_says_how_much_text_goes_into_one_call(home: Path) -> None:
    profile = 'models = ["sub"]\npack = "tiny"\nchunk_tokens = 2_000\nitems_per_call = 3\n'
    written(home / "profiles", "mine", profile)
    each = cell("print(ask_each(['a', 'b', 'c', 'd'], 'which?'))")
    result, server = solve([each, END], sub=lambda prompt: "x")
    assert result.complete
    assert "pieces of up to about 8,000 characters" in str(server.requests[0].messages[0])
    asked = [one.last for one in server.requests if one.model == "sub"]
    assert any("There are 3 items" in one for one in asked)


def test_the_users_own_pack_and_profile_are_used_by_name_and_by_file(home: Path) -> None:
    own = (SHIPPED / "tiny.toml").read_text().replace("Find the answer", "Seek the answer")
    path = written(home / "packs", "mine", own)
    written(home / "profiles", "roots", 'models = ["root"]\npack = "mine"\n')
    for options in ({}, {"pack": "mine"}, {"pack": str(path)}):
        result, server = solve([LOOK, END], **options)
        assert "Seek the answer" in str(server.requests[0].messages[0])
        assert result.pack == f"mine {load(str(path)).version}"
    path.write_text("family = 3")
    with pytest.raises(ConfigurationError, match=r"'roots': .*the field 'system' is missing"):
        solve([END])


def test_a_run_that_goes_on_keeps_the_opening_that_it_began_with(
    home: Path, recwarn: pytest.WarningsRecorder
) -> None:
    path = written(home / "packs", "mine", (SHIPPED / "tiny.toml").read_text())
    said = [LOOK, cell("print(1)"), END]
    with ScriptedServer(lambda asked: said[asked.assistant_count - 2], api_key=KEY) as server:

        def rlm(most: int) -> RLM:
            return RLM(
                "root",
                base_url=server.base_url,
                api_key=KEY,
                pack="mine",
                limits=Limits(turns=most),
            )

        began = rlm(1).run("what?", "the text")
        assert began.status == "turns"
        path.write_text(path.read_text().replace("Find the answer", "Seek the answer"))
        now = load("mine", home / "packs").version
        first = server.requests[0].messages
        result = rlm(9).resume(began.run_id)
        assert result.complete
        assert server.requests[-1].messages[: len(first)] == first
        fork = rlm(9).fork(began.run_id, 1)
        assert "Seek the answer" in str(server.requests[-1].messages[0])
        assert fork.pack == f"mine {now}"
    told = [str(one.message) for one in recwarn if "prompts" in str(one.message)]
    assert len(told) == 1
    assert f"began with the prompts {began.pack}, and goes on with mine {now}" in told[0]


def test_a_run_is_replayed_without_its_pack(home: Path) -> None:
    path = written(home / "packs", "mine", (SHIPPED / "small.toml").read_text())
    script = [cell("x = context.find('lost')"), cell("search('lost')"), cell("FINAL('ab' + 'c')")]
    result, _ = solve(script, "abc is found\nall else is last", pack="mine:-example")
    path.unlink()
    again = RLM.replay(result.run_id)
    assert (again.answer, again.status, again.pack) == ("abc", "complete", result.pack)
    first, then = again.turns[0].observations[0], result.turns[0].observations[0]
    assert first.notes == then.notes == ("No line of context matches 'lost', nor comes near.",)


def test_a_run_that_was_imported_does_not_decide_which_file_is_read(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "elsewhere", "mine", (SHIPPED / "tiny.toml").read_text())
    script = turns([LOOK, cell("FINAL(1 + 1)")])
    with ScriptedServer(script) as server:
        rlm = RLM("root", base_url=server.base_url, pack=str(path), limits=Limits(turns=1))
        run_id = rlm.run("what?", "the text").run_id
        assert main(["export", run_id, "--out", str(home / "run.json")]) == 0
        other = ["--journal", str(home / "other.db")]
        assert main(["import", str(home / "run.json"), *other]) == 0
        again = ["--base-url", server.base_url, "--max-turns", "9", *other]
        assert main(["resume", run_id, *again]) == 1
    assert f"says to read the prompts in {path}" in capsys.readouterr().err


def test_the_pack_of_a_recorded_run_is_shown(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result, _ = solve([LOOK, END], pack="small:-example")
    assert main(["show", result.run_id]) == 0
    assert f"pack {result.pack}" in capsys.readouterr().out
    assert main(["show", result.run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["result"]["pack"] == result.pack
    started = next(one for one in shown["events"] if one["event"] == events.RunStarted.__name__)
    assert f"{started['pack']} {started['pack_version']}" == result.pack


def test_packs_are_listed_and_read_on_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(home / "packs", "mine", (SHIPPED / "tiny.toml").read_text())
    written(home / "packs", "rash", "family = 3")
    assert main(["packs", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    names = "coder direct guided mine rash reasoning small split tiny".split()
    assert [row.split()[0] for row in rows] == ["PACK", *names]
    assert [row.endswith("(own)") for row in rows].index(True) == 4
    assert "rash.toml: the field 'system' is missing" in rows[5]
    assert main(["packs", "show", "coder:-look", "--model", "qwen3-coder", "--depth", "2"]) == 0
    shown = capsys.readouterr().out
    assert str(load("coder:-look")) in shown
    assert "pieces of up to about 200,000 characters" in shown
    assert "rlm_query" in shown
    assert "Look first" not in shown
    assert main(["packs", "show", "none"]) == 1
    assert f"there are: {', '.join(names)}" in capsys.readouterr().err


def test_packs_are_tried_with_a_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [make("needle", 5, 3_000), make("count", 6, 3_000)]

    def answerer(request: ChatRequest) -> Reply | str:
        if request.last.endswith("further."):
            return cell("FINAL(found)")
        asked = str(request.messages[-1]["content"])
        task = next(one for one in tasks if one.question in asked)
        small = "nobody knows it" in str(request.messages[0]["content"])
        return cell(f"found = {task.expected!r}" if small else "FINAL('' + 'no idea')")

    with ScriptedServer(answerer) as server:
        arguments = ["--model", "root", "--base-url", server.base_url, "--questions", "2"]
        arguments += ["--chars", "3000", "--seed", "5"]
        assert main(["packs", "test", "small", "tiny:-example", *arguments]) == 0
    told = capsys.readouterr()
    _, _, small, tiny = (row.split() for row in told.out.splitlines())
    assert small[:4] == ["small", load("small").version, "2.0/2", "2.0"]
    assert tiny[:4] == ["tiny:-example", load("tiny:-example").version, "0.0/2", "2.0"]
    assert told.err.count("answered was 'no idea'") == 2


def test_profiles_are_listed_and_read_on_the_command_line(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = Profile("mine", ("mine*",), "small", effective_tokens={"needle": 900}, measured="today")
    written(home / "profiles", "mine", own.as_toml())
    assert main(["profiles", "list"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [row for row in rows if row.endswith("(measured, own)")] == [
        next(row for row in rows if row.startswith("mine "))
    ]
    assert main(["profiles", "show", "mine-7"]) == 0
    shown = capsys.readouterr().out
    assert own.as_toml() in shown
    assert "3,600 characters" in shown
    assert main(["profiles", "show", "nobody"]) == 1
    assert "unspool calibrate nobody" in capsys.readouterr().err


def test_the_prompts_of_a_mode_are_no_pack_to_choose() -> None:
    with pytest.raises(ConfigurationError, match="mode="):
        RLM("m", base_url="http://127.0.0.1:9/v1", pack="guided")
