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
SHELL = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]


@pytest.mark.parametrize("code", PYTHON)
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


def test_its_commands_exist() -> None:
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in SHELL:
        words = line.split()
        if words[0] == "make":
            assert f"\n{words[1]}:" in targets
    for command in ("ask", "models", "doctor"):
        assert any(line.startswith(f"unspool {command}") for line in SHELL)
        with pytest.raises(SystemExit, match="0"):
            _parser().parse_args([command, "--help"])


def test_the_first_command_sets_up_and_the_second_one_tests() -> None:
    assert SHELL[:2] == ["make demo", "make test"]
