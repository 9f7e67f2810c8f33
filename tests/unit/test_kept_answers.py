"""What follows from kept answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from unspool.budget import Limits
from unspool.calibrate.chart import lines, png
from unspool.calibrate.curve import Point, curves, effective
from unspool.calibrate.kept import Kept, Row
from unspool.calibrate.measured import file_name, per_call
from unspool.calibrate.purse import Purse
from unspool.calibrate.runs import best_pack, better_guided, habits
from unspool.errors import ConfigurationError
from unspool.types import Usage


def _curve(*right: float, of: int = 8) -> list[Point]:
    return [Point(500 << n, 512 << n, score, of) for n, score in enumerate(right)]


@pytest.mark.parametrize(
    ("points", "tokens"),
    [
        (_curve(8, 8, 8, 2), 2_000),
        (_curve(8, 7, 7, 3), 2_000),  # one answer of eight is chance
        (_curve(8, 6, 8, 8, 3), 4_000),  # so is what gets better with length
        (_curve(8, 6, 6, 3), 510),
        (_curve(6, 6, 6), 2_000),
        (_curve(3, 8), 1_000),
        (_curve(3, 2), 0),
        ([], 0),
    ],
)
def test_a_text_is_understood_up_to_where_answers_get_worse(
    points: list[Point], tokens: int
) -> None:
    assert effective(points) == tokens


def test_a_length_with_too_few_answers_says_nothing() -> None:
    rows: list[Row] = [
        {"kind": "needle", "tokens": tokens, "input_tokens": tokens + 40, "score": 1.0}
        for tokens in (500, 500, 500, 1_000, 1_000)
    ]
    assert curves(rows) == {"needle": [Point(500, 540, 3.0, 3)]}


def _labelled(right: dict[int, int], seed: int = 1) -> list[Row]:
    return [
        {"seed": seed, "per_call": n, "right": r, "of": 20, "tokens": 900 - n if n < 20 else 950}
        for n, r in right.items()
    ]


def test_as_many_items_go_into_a_call_as_are_cheap_and_no_worse_than_chance_makes_it() -> None:
    assert per_call(_labelled({1: 18, 5: 18, 10: 17, 20: 9})) == 10
    assert per_call(_labelled({1: 18, 5: 13, 10: 13, 20: 9})) == 1
    assert per_call(_labelled({1: 10, 5: 14, 10: 18, 20: 18})) == 10
    assert per_call(_labelled({1: 10, 5: 11, 10: 11, 20: 18})) == 20
    assert per_call([*_labelled({1: 20, 5: 20}), *_labelled({1: 20}, seed=2)]) == 5
    assert per_call([]) is None


def test_the_number_of_items_that_was_known_stays_where_nothing_speaks_against_it() -> None:
    assert per_call(_labelled({1: 17, 5: 17, 10: 17, 20: 17}), 1) == 1
    assert per_call(_labelled({1: 12, 5: 17, 10: 17, 20: 17}), 1) == 10
    assert per_call([], 5) == 5


def _run(pack: str, score: float, tokens: int, kind: str = "needle", seed: int = 1) -> Row:
    return {"pack": pack, "score": score, "tokens": tokens, "kind": kind, "seed": seed}


def _tried(pack: str, *scores: float, tokens: int = 900) -> list[Row]:
    return [_run(pack, score, tokens, seed=seed) for seed, score in enumerate(scores)]


def test_the_pack_that_is_right_most_often_is_taken_and_of_equals_the_usual_one() -> None:
    small = _tried("small", 1.0, 1.0, 1.0)
    assert best_pack([*small, *_tried("tiny", 0.0, 1.0, 1.0, tokens=90)], "tiny") == "small"
    assert best_pack([*small, *_tried("tiny", 1.0, 1.0, 1.0, tokens=800)], "small") == "small"
    assert best_pack([*small, *_tried("tiny", 1.0, 1.0, 1.0, tokens=800)], "coder") == "tiny"
    assert best_pack([*small, *_tried("tiny", 1.0, 1.0, 1.0, tokens=90)], "small") == "tiny"
    assert best_pack([*small, *_tried("tiny", 1.0, 1.0, tokens=90)], "coder") == "coder"


def test_steps_are_taken_where_they_are_right_more_often() -> None:
    small = _tried("small", 1.0, 0.0)
    assert better_guided([*small, *_tried("guided", 1.0)], "small") is None
    assert better_guided([*small, *_tried("guided", 1.0, 1.0)], "small") is True
    assert better_guided([*small, *_tried("guided", 0.0, 0.0)], "small") is False


def test_habits_are_counted_over_replies_and_runs() -> None:
    said = habits(
        [
            {
                "kind": "label",
                "replies": ["```repl\nask_each(x)\n```", "hm"],
                "ran": [True, None],
                "after": None,
            },
            {"kind": "label", "replies": ["for x in y: llm_query(x)"], "ran": [False], "after": 3},
            {"kind": "needle", "replies": ["```repl\nFINAL(1)\n```"], "ran": [True], "after": 0},
        ]
    )
    assert (said.codes, said.fences, said.batches, said.stops) == (0.5, 0.67, 0.5, 0.5)


def test_answers_outlive_a_line_that_was_cut_short_and_are_never_mixed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "model.jsonl"
    with Kept(path, "one", 1) as kept:
        kept.add({"key": "b", "probe": "length"})
        kept.add({"key": "a", "probe": "length"})
    path.write_text(path.read_text() + '{"key": "c", "pro')
    with Kept(path, "one", 1) as kept:
        assert [row["key"] for row in kept.rows("length")] == ["a", "b"]
        assert "c" not in kept
        kept.add({"key": "c", "probe": "run"})
    with Kept(path, "one", 1) as kept:
        found = [row["key"] for probe in ("length", "run") for row in kept.rows(probe)]
        assert found == ["a", "b", "c"]
    for model, tasks in (("two", 1), ("one", 2)):
        with pytest.raises(ConfigurationError, match="remove it, or give another --out"):
            Kept(path, model, tasks)
    assert len(path.read_text().splitlines()) == 4
    (tmp_path / "story").write_text("Once upon a time\n")
    with pytest.raises(ConfigurationError, match="not what a calibration keeps"):
        Kept(tmp_path / "story", "one", 1)


def test_a_stage_ends_with_its_share_of_the_time_and_all_with_the_money() -> None:
    now = [100.0]
    purse = Purse(60.0, 1.0, clock=lambda: now[0])
    purse.up_to(0.5)
    now[0] += 20
    assert (purse.left_s, purse.left_usd, purse.empty) == (10.0, 0.5, False)
    assert purse.limits(4, 900) == Limits(turns=4, tokens=900, seconds=10.0, usd=0.5)
    now[0] += 20
    assert (purse.left_s, purse.empty) == (0.0, True)
    purse.up_to(1.0)
    assert purse.left_s == 20.0
    purse.pay(Usage(microusd=600_000))
    assert (purse.limits(4, 900).usd, purse.empty) == (0.4, False)
    purse.up_to(0.5)
    assert (purse.left_usd, purse.empty) == (0.0, True)


def test_curves_are_shown_whatever_they_are() -> None:
    assert png({}, "nothing") == png({}, "nothing") != png({}, "something")
    one = {"needle": [Point(500, 512, 3, 4)]}
    assert png(one, "t") != png({}, "t")
    assert lines(one) == [
        "needle: right answers by tokens of text",
        "        512  ###############        75%  (3 of 4)",
    ]


def test_models_of_any_name_have_a_file() -> None:
    assert file_name("local/qwen2.5-coder-1.5b") == "local-qwen2.5-coder-1.5b"
    assert file_name("../../etc") == "etc"
    assert file_name("///") == "model"
