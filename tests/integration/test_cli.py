"""The command line, as a user calls it."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import pty
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

import formats
from unspool.testing.script import ChatRequest, Reply, turns
from unspool.testing.server import ScriptedServer

LOOK = "```repl\nprint(context[:20])\n```"
FINISH = "```repl\nFINAL(context[:5])\n```"


def unspool(
    *arguments: str, home: Path, stdin: bytes | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "unspool.cli.main", *arguments],
        input=stdin,
        stdin=None if stdin is not None else subprocess.DEVNULL,
        capture_output=True,
        timeout=100,
        env=_environment(home) | env,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def _environment(home: Path) -> dict[str, str]:
    kept = ("PATH", "PYTHONPATH", "VIRTUAL_ENV", "LANG", "HOME")
    return {k: os.environ[k] for k in kept if k in os.environ} | {"UNSPOOL_HOME": str(home)}


def asking(server: ScriptedServer, text: Path) -> list[str]:
    """The words of a question about `text` to the server's root model."""
    return ["ask", "which?", str(text), "--model", "root", "--base-url", server.base_url]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("hello world, this is the text")
    return path


def test_the_answer_alone_is_on_stdout_and_the_progress_on_stderr(
    tmp_path: Path, text: Path
) -> None:
    with ScriptedServer([LOOK, FINISH], api_key="sk-1") as server:
        done = unspool(
            *asking(server, text),
            home=tmp_path,
            OPENAI_API_KEY="sk-1",
        )
    assert (done.returncode, done.stdout) == (0, "hello\n")
    assert "print(context[:20])" in done.stderr
    assert "hello world, this is" in done.stderr
    assert "complete: 2 turns" in done.stderr
    assert "sk-1" not in done.stderr


def test_json_gives_the_whole_result_and_quiet_says_nothing(tmp_path: Path, text: Path) -> None:
    with ScriptedServer([LOOK, "```repl\nFINAL({'a': {1}, 2: b'x'})\n```"]) as server:
        done = unspool(
            *asking(server, text),
            "--json",
            "--quiet",
            home=tmp_path,
            OPENAI_API_KEY="k",
        )
    result = json.loads(done.stdout)
    assert result["answer"] == {"a": [1], "2": "b'x'"}
    assert (result["status"], len(result["turns"]), done.stderr) == ("complete", 2, "")
    assert result["usage"]["calls"] == 2


def test_the_lines_that_an_answer_rests_on_are_cited(tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("nothing\nto see here\n")
    (folder / "b.txt").write_text("first\nThe code of the vault is 4711.\n")
    script = ["```repl\nsearch('code')\n```", "```repl\nFINAL('4711')\n```"]
    cited = "b.txt:2: The code of the vault is 4711."
    with ScriptedServer(script * 3) as server:
        arguments = [*asking(server, folder), "--cite", "--quiet"]
        arguments[1] = "Which code?"
        shown = unspool(*arguments, home=tmp_path, OPENAI_API_KEY="k")
        result = json.loads(unspool(*arguments, "--json", home=tmp_path, OPENAI_API_KEY="k").stdout)
        (folder / "a.txt").unlink()
        arguments[2] = str(folder / "*.txt")
        alone = unspool(*arguments, home=tmp_path, OPENAI_API_KEY="k")
    assert alone.stdout == f"4711\n\n{folder}/{cited}\n"
    assert shown.stdout == f"4711\n\n{cited}\n"
    assert result["evidence"][0]["document"] == "b.txt"
    assert 0.5 < result["coverage"] <= 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want UTF-8")
def test_a_name_that_is_no_utf8_is_cited_in_one_form(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_text("The code of the vault is 4711.\n")
    with ScriptedServer(["```repl\nsearch('code')\n```", "```repl\nFINAL('4711')\n```"]) as server:
        asked = [*asking(server, path), "--cite"]
        asked[1] = "Which code?"
        done = unspool(*asked, home=tmp_path, OPENAI_API_KEY="k")
    assert done.stdout == f"4711\n\n{tmp_path}/caf\\xe9.txt:1: The code of the vault is 4711.\n"


def test_an_answer_over_a_file_that_was_changed_meanwhile_comes_all_the_same(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.txt"

    def answer(request: ChatRequest) -> str:
        path.write_text("y" * (2 << 20))
        return "```repl\nFINAL(str(len(context)))\n```"

    with ScriptedServer(answer) as server:
        shown = []
        for more in ((), ("--json",)):
            path.write_text("x" * (2 << 20))
            arguments = [*asking(server, path), "--cite", "--quiet", *more]
            shown.append(unspool(*arguments, home=tmp_path, OPENAI_API_KEY="k"))
    plain, fields = shown[0].stdout.splitlines(), json.loads(shown[1].stdout)
    assert (plain[0], fields["answer"]) == (str(2 << 20), str(2 << 20))
    assert "long.txt was changed or replaced" in plain[-1]
    assert fields["evidence"] is None
    assert "long.txt was changed or replaced" in fields["evidence_error"]


def test_an_answer_is_given_whatever_happens_when_its_lines_are_looked_for(
    tmp_path: Path, text: Path
) -> None:
    broken = (
        "import sys\nfrom unspool import reading\nfrom unspool.cli.main import main\n"
        "def fails(*_): raise LookupError('it is nowhere')\n"
        "reading.Whole = fails\nsys.exit(main())"
    )
    with ScriptedServer([FINISH] * 2) as server:
        shown = [
            subprocess.run(
                [sys.executable, "-c", broken, *asking(server, text), "--cite", *more],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=100,
                env=_environment(tmp_path) | {"OPENAI_API_KEY": "k"},
                check=True,
            ).stdout.decode()
            for more in ((), ("--json",))
        ]
    why = "nobody can say what was read: LookupError: it is nowhere"
    assert shown[0] == f"hello\n\n({why})\n"
    fields = json.loads(shown[1])
    assert (fields["answer"], fields["evidence"], fields["evidence_error"]) == ("hello", None, why)


def test_an_answer_without_evidence_says_so(tmp_path: Path, text: Path) -> None:
    with ScriptedServer([LOOK, "```repl\nFINAL(7 * 1291)\n```"]) as server:
        done = unspool(*asking(server, text), "--cite", home=tmp_path, OPENAI_API_KEY="k")
    assert done.stdout == "9037\n\n(no line of the text was found that this answer rests on)\n"


def test_standard_input_is_read(tmp_path: Path) -> None:
    with ScriptedServer([FINISH]) as server:
        done = unspool(
            "ask",
            "which?",
            "-",
            "--model",
            "root",
            "--base-url",
            server.base_url,
            home=tmp_path,
            stdin=gzip.compress("çédille".encode()),
            OPENAI_API_KEY="k",
        )
    assert done.stdout == "çédil\n"


@pytest.mark.parametrize("size", [30, 5 << 20])
def test_a_file_that_was_asked_about_is_read_again_where_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    path, journal = tmp_path / "long.txt", str(tmp_path / "j.db")
    path.write_bytes(b"caf\xe9s " * (size // 6))  # a note tells of the encoding
    monkeypatch.chdir(tmp_path)
    said = ["```repl\nx = 1\n```", "```repl\nFINAL(context[:5])\n```"]
    with ScriptedServer(turns(said, turn_by="assistant_count")) as server:
        asked = [*asking(server, Path("long.txt")), "--max-turns", "1", "--journal", journal]
        first = unspool(*asked, home=tmp_path, OPENAI_API_KEY="k")
        assert first.returncode == 3, first.stderr
        command = re.search("unspool (resume [^ ]+) ", first.stderr)
        assert command is not None
        resume = [*command[1].split(), "--journal", journal, "--max-turns", "9"]
        kept = sqlite3.connect(journal).execute("SELECT chars FROM contexts").fetchall()
        assert [chars > 0 for (chars,) in kept] == [True] * (size < 4 << 20)
        elsewhere = path.rename(tmp_path / "elsewhere.txt")
        gone = unspool(*resume, home=tmp_path, OPENAI_API_KEY="k")
        assert gone.returncode == (0 if kept else 1), gone.stderr
        if kept:
            return
        assert "there is no file or folder" in gone.stderr
        elsewhere.rename(path)
        path.write_bytes(b"N" + path.read_bytes())
        changed = unspool(*resume, home=tmp_path, OPENAI_API_KEY="k")
        assert (changed.returncode, "has changed since" in changed.stderr) == (1, True)
        path.write_bytes(path.read_bytes()[1:])
        again = unspool(*resume, "--cite", home=tmp_path, OPENAI_API_KEY="k")
    assert again.stdout.startswith("cafés\n\n"), again.stderr


def test_patterns_choose_in_an_archive_from_standard_input(tmp_path: Path) -> None:
    packed = formats.zipped({"a.md": "a", "b.py": "b", "c.md": "c"})
    with ScriptedServer(["```repl\nFINAL(context.names)\n```"]) as server:
        asked = [*asking(server, Path("-")), "--include", "*.md", "--exclude", "c.*"]
        done = unspool(*asked, home=tmp_path, stdin=packed, OPENAI_API_KEY="k")
    assert json.loads(done.stdout) == ["the context/a.md"], done.stderr


def test_patterns_choose_files_and_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("a.py", "b.py", "c.md", "d.zip.py"):
        (folder / name).write_text(name)
    (folder / "d.zip.py").write_bytes(b"PK\x03\x04 cut off")
    patterns = ("--include", "*.py", "--exclude", "/b.*")
    with ScriptedServer(["```repl\nFINAL(context.names)\n```"]) as server:
        done = unspool(*asking(server, folder), *patterns, home=tmp_path, OPENAI_API_KEY="k")
    assert json.loads(done.stdout) == ["a.py"]
    assert "Not read, or not whole: d.zip.py (it is damaged or cut off" in done.stderr


def test_a_limit_has_an_exit_code_and_prints_the_best_answer(tmp_path: Path, text: Path) -> None:
    draft = "```repl\nanswer['content'] = 'draft'\n```"
    with ScriptedServer([draft] * 3) as server:
        done = unspool(
            *asking(server, text),
            "--max-turns",
            "2",
            home=tmp_path,
            OPENAI_API_KEY="k",
        )
    assert (done.returncode, done.stdout) == (3, "draft\n")
    assert "ended early (turns)" in done.stderr


def test_ctrl_c_ends_with_the_best_answer_so_far(tmp_path: Path, text: Path) -> None:
    draft = "```repl\nanswer['content'] = 'so far'\n```"
    with ScriptedServer([draft, Reply("late", latency_s=90)]) as server:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "unspool.cli.main",
                *asking(server, text),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_environment(tmp_path) | {"OPENAI_API_KEY": "k"},
        )
        deadline = time.monotonic() + 60
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "so far\n")
    assert "ended early (cancelled)" in err


BAD_INPUT = {
    "no such file": (["which?", "nowhere.txt"], "'nowhere.txt'"),
    "an empty file": (["which?", "empty.txt"], "empty"),
    "a binary file": (["which?", "binary.bin"], "binary.bin is a binary file"),
    "a folder without text": (["which?", "folder"], "no text in folder"),
    "an empty question": (["  ", "text.txt"], "the question is empty"),
    "an unknown provider": (["which?", "text.txt", "--model", "nobody/x"], "'nobody'"),
    "a bare model name": (["which?", "text.txt", "--model", "gpt-x"], "openai/gpt-x"),
    "an unknown local model": (["which?", "text.txt", "--model", "local/x"], "'local/x'"),
    "no key": (["which?", "text.txt", "--model", "openai/gpt-x"], "set OPENAI_API_KEY"),
    "no model for a server": (
        ["which?", "text.txt", "--base-url", "http://127.0.0.1:9/v1"],
        "base_url needs a model",
    ),
    "an address that is none": (
        ["which?", "text.txt", "--base-url", "nonsense", "--model", "m"],
        "nonsense",
    ),
    "turns below one": (
        ["which?", "text.txt", "--model", "ollama/x", "--max-turns", "0"],
        "turns=0",
    ),
    "stdin among files": (["which?", "-", "text.txt", "--model", "ollama/x"], "standard input"),
}


@pytest.mark.parametrize(("arguments", "said"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("some text")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "binary.bin").write_bytes(b"\x7fELF\0\0")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.bin").write_bytes(b"\0")
    if "--model" not in arguments and "--base-url" not in arguments:
        arguments = [*arguments, "--model", "ollama/x"]
    done = unspool("ask", *arguments, home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_key_says_where_keys_come_from_and_shows_none(tmp_path: Path, text: Path) -> None:
    with ScriptedServer([FINISH], api_key="right") as server:
        done = unspool(
            *asking(server, text),
            home=tmp_path,
            OPENAI_API_KEY="sk-wrong-0123456789",
        )
    assert done.returncode == 1
    assert "401" in done.stderr
    assert "key" in done.stderr
    assert "sk-wrong" not in done.stderr


def test_on_a_terminal_a_line_says_what_goes_on(tmp_path: Path, text: Path) -> None:
    call = "```repl\nx = llm_query('a'); print(context[:20])\n```"
    ours, theirs = pty.openpty()
    with ScriptedServer(
        [Reply(call, latency_s=0.5), "sub", Reply(FINISH, latency_s=0.5)]
    ) as server:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "unspool.cli.main",
                *asking(server, text),
            ],
            stdout=subprocess.PIPE,
            stderr=theirs,
            env=_environment(tmp_path) | {"OPENAI_API_KEY": "k", "TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that the other end has gone
            while piece := os.read(ours, 4096):
                shown += piece
        out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert out == b"hello\n"
    for part in ("waiting for the model", "sub-calls: 0 in flight, 1 done", "tokens", " s"):
        assert part in shown.decode()


def test_without_confinement_only_when_asked_for(tmp_path: Path, text: Path) -> None:
    for isolation, held in (("confined", "confined by"), ("none", "NOT confined")):
        with ScriptedServer([FINISH]) as server:
            done = unspool(
                *asking(server, text),
                *("--isolation", isolation),
                home=tmp_path,
                OPENAI_API_KEY="k",
            )
        assert held in done.stderr


def test_usage_is_shown_for_a_command_that_is_not_understood(tmp_path: Path) -> None:
    assert unspool("frobnicate", home=tmp_path).returncode == 2
    assert unspool(home=tmp_path).returncode == 2
    assert "exit codes" in unspool("--help", home=tmp_path).stdout


def test_models_are_listed_located_and_removed(tmp_path: Path) -> None:
    assert "not fetched" in unspool("models", "list", home=tmp_path).stdout
    path = unspool("models", "path", home=tmp_path)
    assert path.returncode == 1
    assert "unspool models pull qwen2.5-coder-1.5b" in path.stdout
    assert "was not here" in unspool("models", "rm", home=tmp_path).stdout
    assert "'x'" in unspool("models", "pull", "x", home=tmp_path).stderr


def test_doctor_says_what_the_machine_has_and_shows_no_key(tmp_path: Path) -> None:
    done = unspool(
        "doctor",
        home=tmp_path,
        OPENAI_API_KEY="sk-secret-0123",
        ANTHROPIC_BASE_URL="https://user:sk-secret@gateway",
        OLLAMA_HOST="0.0.0.0",
        VLLM_BASE_URL="sk-secret: 1",
    )
    assert done.returncode == 0
    for line in (
        "anthropic/...: https://gateway/v1 (ANTHROPIC_BASE_URL)",
        "ollama/...: http://127.0.0.1:11434/v1 (OLLAMA_HOST)",
        "vllm/...: no address (VLLM_BASE_URL)",
    ):
        assert f"address:   {line}\n" in done.stdout
    layers = ("landlock", "seccomp: holds", "pid namespace", "lost cell: costs itself alone")
    for word in ("isolation:", "model:", "keys:", "disk:", "OPENAI_API_KEY", "works", *layers):
        assert word in done.stdout
    assert "sk-secret" not in done.stdout
