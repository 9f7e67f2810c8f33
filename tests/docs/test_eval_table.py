"""The README's table of answers is what the kept answers come to."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_it_is_counted_from_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    table, answers = importlib.import_module("eval_table"), importlib.import_module("eval_answers")
    counted = table.block(answers.Answers(ROOT / "benchmarks" / "answers"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = readme.partition(table.START)[2].partition(table.END)[0]
    assert told.strip() == counted.strip(), "python benchmarks/eval.py --table --readme writes it"
