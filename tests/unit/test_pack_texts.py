"""Packs: what runs are told, held to the letter; parts that are switched off; files with faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from rendered import KEPT, renderings
from unspool.errors import ConfigurationError
from unspool.packs.pack import CHILD_RUNS, SUB_CALLS
from unspool.packs.reading import absolute, known, load

LEAST = """
family = "mine"
system = "Be quick."
extract = "Answer."
[[opening]]
part = "context"
text = '''
$context
'''
[[opening]]
part = "question"
text = "$question"
"""
FAULTS = [
    ("family = 'x'\nsystem = [", "is not TOML"),
    (LEAST.replace("family", "famliy"), "no field is called 'famliy'; there are: family, system"),
    (LEAST.replace('family = "mine"', ""), "the field 'family' is missing"),
    (LEAST.replace("$context", "nothing"), r"'opening' has no \$context"),
    (LEAST + "needs = 'sub-calls'", r"'opening' has no \$question"),
    (LEAST.replace("$question", "$$question"), r"'opening' has no \$question"),
    ("temperature = nan\n" + LEAST, "'temperature' has to be 0 or more, not nan"),
    (LEAST.replace("Be quick.", " "), "'system' has no text"),
    (LEAST.replace('"Be quick."', "3"), "'system' has to be a text or a list, not 3"),
    (LEAST.replace("$question", "$question of $turn_s"), r"opening 2: nothing is .* for \$turn_s"),
    (LEAST.replace('part = "question"', ""), "opening 2: the field 'part' is missing"),
    (LEAST.replace('"question"', '"The question"'), "a part's name has small letters"),
    (LEAST + 'needs = "calls"', "'question' is said to need or exclude 'calls', which is neither"),
    (LEAST + "needs = [1]", "opening 2: 'needs': each has to be a text, not 1"),
    ("output_chars = '9'\n" + LEAST, "'output_chars' has to be a whole number, not '9'"),
    ("output_chars = -1\n" + LEAST, "'output_chars' has to be 0 or more, not -1"),
    ("history_share = 0\n" + LEAST, "'history_share' is from 0.1 to 1, not 0"),
    ("nearest = 1\n" + LEAST, "'nearest' has to be true or false, not 1"),
    ("reminder = ['again']\n" + LEAST, "reminder 1 has to be a table"),
    (LEAST + "[[examples]]\nrole='system'\ncontent='x'", "example 1: 'role' has to be user or"),
]


def test_each_pack_says_to_the_letter_what_was_kept_of_it() -> None:
    kept = {path.name: path.read_text("utf-8") for path in KEPT.glob("*.txt")}
    assert renderings() == kept, "meant? `python tests/rendered.py` writes them anew"


def test_what_does_not_apply_to_a_run_is_left_out() -> None:
    pack = load("coder")
    alone = pack.told((), piece_chars=1)
    calls = pack.told((SUB_CALLS,), piece_chars=200_000)
    deep = pack.told((SUB_CALLS, CHILD_RUNS), piece_chars=1)
    assert ["llm_query" in one.system for one in (alone, calls, deep)] == [False, True, True]
    assert ["rlm_query" in one.system for one in (alone, calls, deep)] == [False, False, True]
    assert "up to about 200,000 characters" in calls.system
    assert "schema" not in alone.system


def test_parts_are_switched_off_by_name() -> None:
    whole, less = load("coder"), load("coder:-batching, -schema")
    told = less.told((SUB_CALLS,), piece_chars=1).system
    assert "in one batch" not in told
    assert "schema=`" not in told
    assert told.endswith(
        "FINAL(variable). Only finish when you have seen what the answer rests on."
    )
    assert (less.label, less.off) == ("coder:-batching,-schema", ("batching", "schema"))
    assert less == whole.without("schema").without("batching")
    assert len({whole.version, less.version, whole.without("schema").version}) == 3
    assert load("small:-example").examples == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("coder:-batch", "has no part 'batch'; it has: role, names, search"),
        ("coder:-question", r"'coder:-question' lacks what it needs: 'opening' has no \$question"),
        ("coder:-schema,batching", "each part to switch off has a - before"),
        ("coders", "no pack is called 'coders'; there are: coder, direct, guided, reasoning"),
        ("./none.toml", "none.toml cannot be read: No such file"),
    ],
)
def test_what_is_no_pack_is_told(given: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        load(given)


def test_the_users_own_packs_are_found_by_name_and_by_path(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(LEAST)
    (tmp_path / "small.toml").write_text(LEAST)
    mine = load("mine", tmp_path)
    assert (mine.name, mine.system, mine.reminder, mine.opening) == (
        "mine", "Be quick.", "", "$context\n$question",
    )  # fmt: skip
    assert load(str(tmp_path / "mine.toml")) == mine
    assert load("small", tmp_path).version == mine.version != load("small").version
    assert {"coder", "mine", "small"} <= set(known(tmp_path))
    assert absolute("mine.toml:-x") == f"{Path.cwd()}/mine.toml:-x"
    assert absolute("coder:-x") == "coder:-x"


@pytest.mark.parametrize(("text", "message"), FAULTS, ids=lambda given: given[-30:])
def test_a_fault_in_a_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message) as told:
        load(str(path))
    assert str(path) in str(told.value)
