"""Generated tasks: whatever the seed, what they call right is right."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import ConfigurationError
from unspool.tasks import KINDS, Kind, Task, make
from unspool.tasks.dice import MOST_SEEDS, NAMES_A_SEED, Dice
from unspool.tasks.facts import DOMAINS
from unspool.tasks.hops import CHAINS
from unspool.tasks.logs import LOGS
from unspool.tasks.records import RECORDS

SEEDS = st.integers(0, MOST_SEEDS - 1)
GENERATED = tuple(kind for kind in KINDS if kind != "multihop")

LINES = {
    "service": r"\S+ \S+ (?P<level>[A-Z]+) \[(?P<service>\w+)\] request \d+ took (?P<ms>\d+)",
    "web": r'\S+ - - \[[^]]*\] "(?P<method>[A-Z]+) (?P<path>/\w+) [^"]*" '
    r"(?P<status>\d+) (?P<bytes>\d+)$",
    "event": r'.*"region": "(?P<region>[^"]+)", "severity": "(?P<severity>\w+)", '
    r'"component": "(?P<component>\w+)", "retries": (?P<retries>\d+)',
    "badge": r"(?:[^;]*;){3}(?P<team>[^;]+);(?P<door>[^;]+);(?P<verdict>\w+)$",
    "freight": r"waybill=\w+ origin=(?P<origin>\w+) carrier=(?P<carrier>\w+) "
    r"weather=(?P<weather>\w+) late_minutes=(?P<late>\d+)",
    "plant": r"<[^>]*> (?P<unit>\w+) #\d+ reported (?P<alarm>\w+) on the (?P<shift>\w+) shift "
    r"\(reading (?P<reading>\d+)\)",
    "payment": r"\[[^]]*\] payment \d+ of (?P<sum>\d+) (?P<coin>\w+) from (?P<town>\w+): "
    r"(?P<outcome>\w+)",
    "game": r"[^|]*\|[^|]*\| (?P<hall>[^|]+) \| (?P<winner>\w+) won by (?P<ending>[^|]+) "
    r"\| (?P<moves>\d+)",
    "order": r'.*"id": "(?P<key>[^"]+)", "state": "(?P<state>\w+)", "town": "(?P<town>\w+)"',
    "account": r"(?P<key>[^,]+),(?P<plan>\w+),(?P<country>\w+),",
    "member": r"(?P<key>M\d+) [^,]+, (?P<trade>\w+), of (?P<town>\w+)",
    "book": r"(?P<key>\S+) \| (?P<genre>\w+) \| (?P<tongue>\w+)",
    "sheep": r"ear tag (?P<key>[^:]+): (?P<breed>\w+), (?P<colour>\w+) mark",
    "part": r"(?P<key>[^;]+);(?P<part>\w+);(?P<store>[^;]+);",
    "check": r"(?P<suite>\w+)::(?P<key>\w+) (?P<result>\w+) in",
    "claim": r"claim (?P<key>\S+) for (?P<ore>\w+) by .* in (?P<county>\w+) county",
}
"""How a reader who knows nothing of how the lines were made would read their fields."""


def met(task: Task) -> list[dict[str, str]]:
    """The lines of a task's text that meet the conditions of its question."""
    rows = [re.match(LINES[task.domain], line) for line in task.context.splitlines()]
    fields = [row.groupdict() for row in rows if row is not None]
    assert len(fields) == len(rows)
    shape = next(shape for shape in (*LOGS, *RECORDS) if shape.name == task.domain)
    asked: dict[str, tuple[Callable[[str, str], bool], str]] = {}
    for name, words in shape.words.items():
        if found := re.search(re.escape(words).replace(r"\{v\}", r"(\d+)"), task.question):
            above = "more than" in words or "above" in words
            asked[name] = ((_above if above else operator.eq), found[1])
        for value in {row[name] for row in fields}:
            if re.search(re.escape(words.replace("{v}", value)) + r"(?![\w-])", task.question):
                asked.setdefault(name, (operator.eq, value))
    assert len(asked) == (2 if task.kind == "count" else 1), task.question
    return [row for row in fields if all(test(row[name], v) for name, (test, v) in asked.items())]


def _above(there: str, bound: str) -> bool:
    return int(there) > int(bound)


@given(st.sampled_from(GENERATED), SEEDS, st.integers(1_000, 20_000))
def test_what_is_expected_is_right_and_making_it_again_gives_the_same(
    kind: Kind, seed: int, chars: int
) -> None:
    task = make(kind, seed, chars)
    assert task.score(task.expected) == 1.0
    assert task.score(json.dumps(task.expected)) == 1.0
    assert task.score("I could not find it.") == 0.0
    assert task.question == make(kind, seed, chars * 2).question
    assert task == make(kind, seed, chars)
    assert chars * 0.8 < len(task.context) <= max(chars, 2_500)


@given(st.sampled_from(("needle", "two_hop", "needles")), SEEDS)
def test_facts_stand_in_the_text_once_and_a_wrong_one_is_no_answer(kind: Kind, seed: int) -> None:
    task = make(kind, seed, 12_000)
    facts = task.expected if isinstance(task.expected, dict) else {"": str(task.expected)}
    for subject, value in facts.items():
        assert len(re.findall(rf"(?<!\w){re.escape(value)}(?!\w)", task.context)) == 1
        assert subject in task.question
    assert task.wrong
    for value in task.wrong:
        assert value in task.context
        assert value not in facts.values()
        assert task.score(value) == 0.0
    assert task.score(task.context) == 0.0
    for line in task.context.splitlines():
        if not any(value in line for value in facts.values()):
            assert task.score(line) == 0.0, "a name found on the way is no answer"


@given(st.sampled_from(("count", "list")), SEEDS)
def test_lines_are_counted_and_listed_as_a_stranger_would(kind: Kind, seed: int) -> None:
    task = make(kind, seed, 15_000)
    rows = met(task)
    if kind == "count":
        assert task.expected == len(rows) > 0
    else:
        assert task.expected == tuple(row["key"] for row in rows)
        assert all(re.fullmatch(task.form, row["key"]) for row in rows)


@given(SEEDS, SEEDS)
def test_no_two_seeds_share_a_name(one: int, other: int) -> None:
    mine, theirs = ({Dice("", seed).own_name() for _ in (0,)} for seed in (one, other))
    assert (mine == theirs) == (one == other)


def test_names_of_many_seeds_are_all_different() -> None:
    names: list[str] = []
    for seed in (*range(60), MOST_SEEDS - 1):
        dice = Dice("", seed)
        names += [dice.own_name() for _ in range(NAMES_A_SEED)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("kind", "things"), [("needle", DOMAINS), ("two_hop", CHAINS),
                                              ("count", LOGS), ("list", RECORDS)])  # fmt: skip
def test_each_domain_can_be_had_by_its_name(kind: Kind, things: tuple[object, ...]) -> None:
    names = [str(getattr(thing, "name", "")) for thing in things]
    assert len(set(names)) == len(names) >= 8
    for name in names:
        assert make(kind, 3, 3_000, domain=name).domain == name
    with pytest.raises(ConfigurationError, match=names[0]):
        make(kind, 3, 3_000, domain="nothing")


@pytest.mark.parametrize("kind", GENERATED)
def test_labels_and_lengths(kind: Kind) -> None:
    task = make(kind, 11, 30_000)
    assert 29_500 < len(task.context) <= 30_000
    if kind == "label":
        assert task.context.splitlines() == list(task.items)
        assert len(task.items) == len(task.labels) > 200
        assert all(label in task.each for label in task.labels)
        assert task.expected in [task.labels.count(label) for label in set(task.labels)]


def test_every_python_makes_the_same_bytes() -> None:
    made = hashlib.sha256()
    for kind in GENERATED:
        for seed in range(8):
            task = make(kind, seed, 5_000)
            made.update(f"{task.question}\n{task.context}\n{task.expected}\n".encode())
    assert made.hexdigest()[:16] == "a0eb525f1b8fffbc"


def test_real_messages_and_paragraphs_come_from_the_folder_given(tmp_path: Path) -> None:
    (tmp_path / "labelled").mkdir()
    (tmp_path / "multihop").mkdir()
    rows = [{"text": f"message  {n}", "label": ("ham", "spam")[n % 3 == 0]} for n in range(30)]
    _write(tmp_path / "labelled" / "sms_spam2.jsonl", rows)
    _write(
        tmp_path / "multihop" / "musique_corpus.jsonl",
        [{"id": f"d{n}", "title": f"T{n}", "text": f"text {n}"} for n in range(9)],
    )
    _write(
        tmp_path / "multihop" / "musique_questions.jsonl",
        [
            {"question": f"Where? {n}", "answer": f"Place {n}", "aliases": ["Pl."], "hops": 2,
             "support": [f"d{n}"], "candidates": [f"d{n}", f"d{n + 1}"]}
            for n in range(4)
        ],
    )  # fmt: skip
    labels = make("label", 1, 10_000, data=tmp_path, domain="sms_spam2")
    assert len(labels.items) == 30
    assert sorted(labels.context.splitlines()) == sorted(f"message {n}" for n in range(30))
    assert labels.expected in (10, 20)
    steps = [make("multihop", seed, 25, data=tmp_path) for seed in range(4)]
    assert len({task.question for task in steps}) == 4
    assert all(task.score("the answer is: Pl.") == 1.0 for task in steps)
    assert sorted(steps[1].context.split("\n\n")[0].split()[:2])[0] == "#"
    assert "text 1" in steps[1].context
    with pytest.raises(ConfigurationError, match="snips7"):
        make("label", 1, 10_000, data=tmp_path, domain="snips7")
    with pytest.raises(ConfigurationError, match="data="):
        make("multihop", 1, 10_000)


def _write(path: Path, rows: Sequence[object]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@given(SEEDS, st.integers(20_000, 120_000))
def test_a_summary_has_to_tell_of_every_chapter_and_of_nobody_else(seed: int, chars: int) -> None:
    task = make("summary", seed, chars)
    assert isinstance(task.expected, tuple)
    names = [name for name, _ in task.expected]
    assert len(task.expected) == max(2, chars // 16_000)
    assert all(name in task.context and town in task.context for name, town in task.expected)
    told = [f"In it {name} comes to a town." for name in names]
    assert task.score(" ".join(told)) == 1.0
    assert task.score(" ".join(told[:1])) == 1 / len(names)
    assert task.score(" ".join(told) + " Then old Zebulon comes.") == 0.0
    assert task == make("summary", seed, chars)
