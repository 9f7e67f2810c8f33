"""The README stays true: its Python runs, its commands exist, its words are the code's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from support import ScriptedServer
from unspool import RLM, Limits
from unspool.cli.main import _parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
REPLAYS = [code for code in PYTHON if "RLM.replay" in code]
SHELL = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("code", [code for code in PYTHON if code not in REPLAYS])
def test_its_python_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "a.txt").write_text("clause one; clause two")
    with ScriptedServer(["```repl\nFINAL(context.split(';'))\n```"] * 2) as server:

        def served(model: str, **options: object) -> RLM:
            return RLM(model, base_url=server.base_url, api_key="k", **options)  # type: ignore[arg-type]

        source = code.replace("from unspool import RLM, Limits\n", "")
        rlm = served("openai/gpt-5")
        before = rlm.run("How many clauses are there?", "contracts/")
        known: dict[str, Any] = {
            "RLM": served,
            "Limits": Limits,
            "rlm": rlm,
            "run_id": before.run_id,
        }
        exec(source, known)
    assert known["result"].complete


@pytest.mark.parametrize("code", REPLAYS)
def test_its_test_of_a_recorded_run_passes(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {"RLM": RLM}
    exec(code, names)
    for file in sorted(Path("tests/data").glob("*.json")):
        names["test_it_ends_as_it_did"](file)


def test_its_commands_exist() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in SHELL:
        words = line.split()
        if words[0] == "make":
            assert f"\n{words[1]}:" in targets
    history = "runs show resume fork replay export import gc redact".split()
    for command in ("ask", "models", "doctor", *history):
        assert any(line.startswith(f"unspool {command}") for line in SHELL)
        with pytest.raises(SystemExit, match="0"):
            _parser().parse_args([command, "--help"])


def test_the_first_command_sets_up_and_the_second_one_tests() -> None:
    assert SHELL[:2] == ["make demo", "make test"]
