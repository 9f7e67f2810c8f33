"""A model whose abilities are known is measured, and comes out with these."""

from __future__ import annotations

import collections
import datetime
import functools
import itertools
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from unspool import RLM
from unspool.calibrate import Plan, calibrate
from unspool.calibrate.calibration import PER_CALL
from unspool.calibrate.plain import ANSWER_ONLY, CHARS_PER_TOKEN, ITEMS
from unspool.calibrate.runs import KINDS, task_of
from unspool.cli.main import main
from unspool.config import from_environment
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.packs.reading import load
from unspool.profiles.profile import Profile
from unspool.profiles.reading import profile_of, read
from unspool.tasks import Kind, Task, make
from unspool.tasks.messages import GENERATED
from unspool.testing.script import ChatRequest, Reply
from unspool.testing.server import ScriptedServer
from unspool.wiring import Wiring

MODEL = "student-1.5b"
SEEDS = (3, 4, 5)
READS: dict[Kind, int] = {"needle": 4_000, "two_hop": 1_000, "count": 0}
"""The tokens up to which the model understands a text, by kind of question."""
WAYS = ("small", "guided", "tiny", "coder")
GOOD_ITEMS = 10
"""The messages in one request of which it gets all right."""
TINY = load("tiny").told((), piece_chars=1).system.splitlines()[0]


class Student:
    """Answers as a model of these abilities would, by knowing all questions beforehand."""

    def __init__(self, answers: int | None = None) -> None:
        """After so many answers it is out of service."""
        self._left = itertools.repeat(True) if answers is None else iter([True] * answers)
        self._runs = _run_tasks()
        lists = [_messages(seed) for seed in SEEDS]
        self._labels = {
            item: label
            for task in lists
            for item, label in zip(task.items, task.labels, strict=True)
        }

    def __call__(self, request: ChatRequest) -> Reply | str:
        if not next(self._left, False):
            return Reply("out of service", status=403)
        text = str(request.messages[-1]["content"])
        if text.endswith(ANSWER_ONLY):
            return _known()[text]
        if text.startswith("note: "):
            return "noted"
        said = [str(message["content"]) for message in request.messages]
        for task in self._runs:
            first = next((n for n, one in enumerate(said) if task.question in one), None)
            if first is not None:
                roles = [message["role"] for message in request.messages[first:]]
                return _cell(task, first=TINY in said[0], turn=roles.count("assistant"))
        return self._sorted(text)

    def _sorted(self, text: str) -> str:
        numbered = re.findall(r"^\[(\d+)\] (.*)$", text, re.M)
        if not numbered:
            return self._labels[text.rpartition("\n\n")[2]]
        all_right = len(numbered) <= GOOD_ITEMS
        answers = [
            {"number": int(n), "answer": self._labels[item] if all_right or int(n) % 2 else "?"}
            for n, item in numbered
        ]
        return json.dumps({"answers": answers})


@functools.cache
def _run_tasks() -> list[Task]:
    return [task_of(kind, seed) for kind in KINDS for seed in SEEDS]


@functools.cache
def _messages(seed: int) -> Task:
    return make("label", seed, ITEMS * 200, domain=GENERATED[seed % len(GENERATED)].name)


@functools.cache
def _known() -> dict[str, str]:
    """What it says to each question over one text."""
    found = {}
    for kind, seed, doublings in itertools.product(READS, SEEDS, range(5)):
        tokens = 500 << doublings
        task = make(kind, seed, tokens * CHARS_PER_TOKEN)
        knows = tokens <= READS[kind] or (tokens == 2 * READS[kind] and seed == SEEDS[0])
        said = f"The answer is {task.expected}." if knows else "I do not know."
        found[f"{task.context}\n\n{task.question}\n{ANSWER_ONLY}"] = said
    return found


def _cell(task: Task, *, first: bool, turn: int) -> str:
    if first:
        return "FINAL('I cannot say')"
    if turn == 0 and task.kind == "label":
        asks = '[f"note: {line}" for line in context.splitlines()[:2]]'
        return f"```repl\nprint(llm_query_batched({asks}))\nprint({task.expected!r})\n```"
    if task.kind == "list":
        return f"```repl\n{'print(context[:90])' if turn == 0 else 'FINAL([])'}\n```"
    return f"```repl\n{'print' if turn == 0 else 'FINAL'}({task.expected!r})\n```"


@pytest.fixture
def calibrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, ScriptedServer]]:
    """Runs the command with a model; gives its exit code, and the server when all is done."""
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")

    def calibrate(student: Student, out: str, *options: str) -> tuple[int, ScriptedServer]:
        with ScriptedServer(student) as server:
            where = ("--base-url", server.base_url, "--out", str(tmp_path / f"{out}.toml"))
            code = main(["calibrate", MODEL, *where, "--seeds", "3-5", "--quiet", *options])
        return code, server

    return calibrate


def test_what_is_known_of_a_model_comes_out(
    calibrated: Callable[..., tuple[int, ScriptedServer]], tmp_path: Path
) -> None:
    code, server = calibrated(Student(), "one")
    assert code == 0
    profile, rows = read(tmp_path / "one.toml"), _rows(tmp_path / "one.jsonl")
    assert profile.models == (MODEL,)
    # The server counts a token for four characters; texts have three for each that was aimed at.
    assert profile.effective_tokens == {"needle": 2_900, "two_hop": 750, "count": 0}
    assert (profile.items_per_call, profile.chunk_tokens) == (GOOD_ITEMS, 2_900)
    assert (profile.pack, profile.strategy) == ("small", "rlm")
    assert (profile.codes, profile.fences) == (1.0, 1.0)
    assert (profile.batches, profile.stops) == (1.0, 1.0)
    of = collections.Counter(row["probe"] for row in rows[1:])
    assert (of["run"], of["items"]) == (len(WAYS) * len(KINDS) * 3, 3 * len(PER_CALL))
    assert f"{of['length']} questions (seeds 3-5), {of['run']} runs" in profile.measured
    assert {row["pack"] for row in rows if row.get("pack")} == set(WAYS)
    assert _longest(server) < 9_000 * CHARS_PER_TOKEN, "it was asked beyond where it gave up"
    for row in rows[1:]:
        if row["probe"] == "length":
            task = make(row["kind"], row["seed"], row["tokens"] * CHARS_PER_TOKEN)
            assert task.score(row["answer"]) == row["score"]
        elif row["probe"] == "run":
            assert task_of(row["kind"], row["seed"]).score(row["answer"]) == row["score"]
    _is_png((tmp_path / "one.png").read_bytes())


def test_measured_twice_it_comes_out_the_same_and_a_third_time_nothing_is_asked(
    calibrated: Callable[..., tuple[int, ScriptedServer]], tmp_path: Path
) -> None:
    calibrated(Student(), "one", "--packs", "small")
    calibrated(Student(), "two", "--packs", "small")
    assert (tmp_path / "one.toml").read_text() == (tmp_path / "two.toml").read_text()
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert _timeless(tmp_path / "one.jsonl") == _timeless(tmp_path / "two.jsonl")
    before = (tmp_path / "one.toml").read_text()
    code, server = calibrated(Student(answers=0), "one", "--packs", "small")
    assert (code, server.requests) == (0, [])
    assert (tmp_path / "one.toml").read_text() == before


def test_what_was_answered_before_it_broke_off_is_not_asked_again(
    calibrated: Callable[..., tuple[int, ScriptedServer]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = calibrated(Student(), "whole", "--packs", "")[1]
    code, first = calibrated(Student(answers=10), "parts", "--packs", "", "--parallel", "1")
    assert code == 1
    assert "out of service" in capsys.readouterr().err
    assert len(_rows(tmp_path / "parts.jsonl")) == 11
    code, second = calibrated(Student(), "parts", "--packs", "")
    assert code == 0
    assert first.usage.calls + second.usage.calls == whole.usage.calls
    assert (tmp_path / "parts.toml").read_text() == (tmp_path / "whole.toml").read_text()


def test_without_time_nothing_is_asked_and_what_was_known_stays(
    calibrated: Callable[..., tuple[int, ScriptedServer]], tmp_path: Path
) -> None:
    code, server = calibrated(Student(), "none", "--minutes", "0")
    assert (code, server.requests) == (3, [])
    known = profile_of(MODEL, None)
    made = read(tmp_path / "none.toml")
    assert (made.pack, made.effective_tokens, made.measured) == (known.pack, {}, "")


def test_a_profile_in_the_users_folder_is_the_one_that_runs_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNSPOOL_HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    own = tmp_path / "profiles" / f"{MODEL}.toml"
    own.parent.mkdir()
    own.write_text(f"# By hand.\nmodels = ['{MODEL}']\npack = 'tiny'\n")
    with ScriptedServer(Student()) as server:
        main(["calibrate", MODEL, "--base-url", server.base_url, "--seeds", "3-5", "--packs", ""])
    assert own.with_suffix(".toml.before").read_text().startswith("# By hand.")
    shown = capsys.readouterr().out
    assert "needle: right answers by tokens of text" in shown
    assert "####################  100%  (3 of 3)" in shown
    found: Profile = profile_of(MODEL, tmp_path / "profiles")
    assert found.effective_tokens["needle"] == 2_900
    assert shown.rstrip().endswith(str(tmp_path / "profiles" / f"{MODEL}.toml"))


USD = 0.03


async def test_no_more_is_spent_than_was_allowed(tmp_path: Path) -> None:
    prices, http = {MODEL: (1.0, 1.0)}, HttpPool()
    with ScriptedServer(Student()) as server:
        wiring = Wiring(from_environment({}), http, Gates(), server.base_url, "sk", prices)
        outcome = await calibrate(
            wiring.model(MODEL),
            Plan(SEEDS, packs=("small",), usd=USD, parallel=4),
            tmp_path / "kept.jsonl",
            known=profile_of(MODEL, None),
            rlm=lambda pack, purse: RLM(
                MODEL,
                base_url=server.base_url,
                api_key="sk",
                pack=pack,
                prices=prices,
                limits=purse.limits(8, 60_000),
                journal=False,
            ),
            day=datetime.date(2026, 11, 22),
            say=lambda text: None,
        )
        await http.aclose()
        spent = server.usage
    assert not outcome.whole
    probes = {row.get("probe") for row in _rows(tmp_path / "kept.jsonl")}
    assert probes == {None, "length", "run", "items"}, "each stage has its share"
    assert spent.tokens / 1e6 <= USD
    assert outcome.profile.effective_tokens["needle"] > 0


@pytest.mark.parametrize(
    ("option", "told"), [(("--seeds", "x"), "FIRST-LAST"), (("--kinds", "riddle"), "needle")]
)
def test_what_makes_no_sense_is_told(
    option: tuple[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["calibrate", MODEL, *option])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _timeless(path: Path) -> list[dict[str, Any]]:
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in _rows(path)[1:]]
    return sorted(rows, key=lambda row: str(row["key"]))


def _longest(server: ScriptedServer) -> int:
    return max(request.prompt_chars for request in server.requests)


def _is_png(data: bytes) -> None:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    at, kinds, pixels = 8, [], b""
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        assert int.from_bytes(data[at + 8 + size : at + 12 + size], "big") == zlib.crc32(
            kind + body
        )
        kinds.append(kind)
        pixels += body if kind == b"IDAT" else b""
        at += 12 + size
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    width, height = (int.from_bytes(data[n : n + 4], "big") for n in (16, 20))
    assert len(zlib.decompress(pixels)) == height * (1 + 3 * width)
