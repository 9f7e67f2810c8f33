"""Recorded runs are part of the tests: each of `tests/data` ends as it did when it was recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from unspool import RLM

RUNS = sorted((Path(__file__).parents[1] / "data").glob("*.json"))


@pytest.mark.parametrize("run", RUNS, ids=lambda path: path.stem)
def test_a_recorded_run_is_replayed_without_models_keys_or_tools(
    run: Path, newcomer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UNSPOOL_JOURNAL", raising=False)
    result = RLM.replay(run)
    assert (result.status, result.error) == ("complete", "")
    assert result.answer == "gharial-gharial"
    assert [len(turn.observations) for turn in result.turns] == [1, 1, 1, 1]
    assert (result.usage, result.usage.calls) == (result.recorded, 10)
    assert not (newcomer / "home").exists()
