"""The evaluation keeps each answer, asks nothing twice, and counts from what it has kept."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support import ScriptedServer
from unspool.tasks import Task
from unspool.testing.script import ChatRequest, Reply

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
RIGHT, WRONG = 50_000, 50_001
"""The seeds: the model knows the answers of the first, and when it reads all of a text both."""
APART = 20
CHARS = "3000"


@dataclass
class Student:
    """Answers the questions that it knows beforehand."""

    tasks: list[Task]
    in_service: Iterator[bool] = field(default_factory=lambda: iter(lambda: True, False))

    def __call__(self, request: ChatRequest) -> Reply | str:
        if not next(self.in_service, False):
            return Reply("out of service", status=403)
        said = [str(message["content"]) for message in request.messages]
        labelling = [task for task in self.tasks if task.each and said[-1].startswith(task.each)]
        for task in labelling:
            for item, label in zip(task.items, task.labels, strict=True):
                if f"\n{item}\n" in said[-1]:
                    return told(task, item, label)
        task = next(task for task in self.tasks if any(task.question in text for text in said))
        if not any("llm_query" in text for text in said):
            return str(task.expected)
        if task.items:
            options = {"type": "string", "enum": sorted(set(task.labels))}
            return cell(
                f"said = ask_each(context.splitlines(), {task.each!r}, schema={options!r})\n"
                f"FINAL(said.count({counted_label(task)!r}))"
            )
        return cell(f"FINAL({task.expected if task.seed == RIGHT else 'nobody knows'!r})")


def told(task: Task, item: str, label: str) -> str:
    """What the model says of a message: not the truth where its length is a multiple of 4."""
    others = sorted(set(task.labels) - {label})
    return others[0] if len(item) % 4 == 0 else label


def counted_label(task: Task) -> str:
    own = [label for label in set(task.labels) if task.labels.count(label) == task.expected]
    [label] = own
    return label


def cell(code: str) -> str:
    return f"```repl\n{code}\n```"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of texts as the evaluation reads them."""
    folder = tmp_path / "data"
    messages = {"polarity2": ("positive", "negative"), "sms_spam2": ("ham", "spam")}
    for name, (one, other) in messages.items():
        rows = [
            {"text": f"{name} number {n}{'.' * (n % 5)}", "label": other if n % 3 else one}
            for n in range(40)
        ]
        _write(folder / "labelled" / f"{name}.jsonl", rows)
    names = [f"p{n}" for n in range(30)]
    corpus = [{"id": n, "title": f"Title {n}", "text": f"About {n}. " * 6} for n in names]
    _write(folder / "multihop" / "musique_corpus.jsonl", corpus)
    asked = {"aliases": [], "hops": 2, "support": names[:2], "candidates": names[:20]}
    questions = [{"question": f"Who is {n}?", "answer": f"Somebody {n}"} for n in names[:3]]
    _write(folder / "multihop" / "musique_questions.jsonl", [{**one, **asked} for one in questions])
    return folder


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass(frozen=True)
class Evaluation:
    """The program, its model, and what it has kept."""

    run: Callable[..., int]
    student: Student
    server: ScriptedServer
    out: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "student.jsonl").read_text().splitlines()]

    @property
    def table(self) -> dict[str, dict[str, Any]]:
        return {row["row"]: row for row in json.loads((self.out / "table.json").read_text())}

    def kept(self, lines: list[dict[str, Any]]) -> None:
        _write(self.out / "student.jsonl", lines)


@pytest.fixture
def evaluation(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluation]:
    monkeypatch.syspath_prepend(BENCHMARKS)
    program, rows = importlib.import_module("eval"), importlib.import_module("eval_rows")
    chosen = rows.chosen(None, CHARS, None, data)
    student = Student(
        [row.task(n, seed, data) for row in chosen for n, seed in enumerate((RIGHT, WRONG))]
    )
    with ScriptedServer(student, counted=False) as server:
        shared = ["--model", "student", "--base-url", server.base_url, "--sizes", CHARS]
        shared += ["--questions", "2", "--data", str(data), "--out", str(tmp_path / "out")]

        def run(*more: str) -> int:
            return int(program.main([*shared, *more]))

        yield Evaluation(run, student, server, tmp_path / "out")


def test_all_rows_are_asked_once_and_counted(evaluation: Evaluation) -> None:
    assert evaluation.run() == 0
    asked, table, lines = len(evaluation.server.exchanges), evaluation.table, evaluation.lines
    assert len(lines) == 2 * len(table)
    for row in ("needle", "needles", "count", "two_hop", "list", "multihop", "short"):
        assert (table[row]["right"], table[row]["questions"]) == (1, 2), row
        assert table[row]["interval"] == [0.0945, 0.9055]
        assert table[row]["ways"] == {"rlm": 2}
    for row in ("multihop_plain", "short_plain"):
        assert (table[row]["right"], table[row]["ways"]) == (2, {"direct": 2})
    assert table["short"]["paired"]["worse"] == [WRONG]
    assert table["multihop"]["paired"]["plain_score"] == 1.0

    assert evaluation.run() == 0
    assert len(evaluation.server.exchanges) == asked
    assert (evaluation.lines, evaluation.table) == (lines, table)


def test_a_count_of_labels_is_judged_by_the_labels_that_it_rests_on(
    evaluation: Evaluation,
) -> None:
    assert evaluation.run("--rows", "label,label_each") == 0
    table = evaluation.table["label"]["labels"]
    for task in evaluation.student.tasks:
        if task.kind == "label":
            right = [
                told(task, item, label) == label
                for item, label in zip(task.items, task.labels, strict=True)
            ]
            found = table[task.domain]
            assert found["labelled_in_runs"] == len(task.items) > APART
            assert found["right_in_runs"] == round(sum(right) / len(right), 4) < 1
            assert found["right_apart"] == round(sum(right[:APART]) / APART, 4) < 1
            assert (found["within"], found["judged"]) == (1, 1)
    wrong = [
        {**line, "answer": line["expected"] * 3} if line["row"] == "label" else line
        for line in evaluation.lines
    ]
    evaluation.kept(wrong)
    assert evaluation.run("--table") == 0
    assert [one["within"] for one in evaluation.table["label"]["labels"].values()] == [0, 0]


def test_yes_and_no_stand_for_the_label_that_is_asked_for(evaluation: Evaluation) -> None:
    labelled = importlib.import_module("eval_labels").Labelled
    for task in evaluation.student.tasks:
        if task.kind == "label":
            seen, asked = labelled(task), counted_label(task)
            for item, label in zip(task.items, task.labels, strict=True):
                seen.said(f"Is it?\n\n{item}\n\n", json.dumps({"value": _yes(label == asked)}))
            told_of = [seen.label(item) for item in task.items]
            two = len(seen.kept()["labels"]) == 2
            right = [label if two or label == asked else "?" for label in task.labels]
            assert told_of == right


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


def test_what_is_cut_short_goes_on_where_it_was(evaluation: Evaluation) -> None:
    evaluation.student.in_service = iter([True] * 3)
    assert evaluation.run("--rows", "needle,count,two_hop") == 1
    first = evaluation.lines
    assert 0 < len(first) < 6
    path = evaluation.out / "student.jsonl"
    path.write_text(path.read_text() + '{"row": "count", "se')
    evaluation.student.in_service = iter(lambda: True, False)
    assert evaluation.run("--rows", "needle,count,two_hop") == 0
    whole = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    assert whole[: len(first)] == first
    assert len({(line["row"], line["seed"]) for line in whole}) == len(whole) == 6
    assert evaluation.table["needle"]["right"] == 1


def test_a_question_that_cannot_be_asked_costs_itself_alone(evaluation: Evaluation) -> None:
    evaluation.student.in_service = iter([False, *[True] * 1_000])
    assert evaluation.run("--rows", "needle,count") == 1
    assert len(evaluation.lines) == 3
    assert evaluation.run("--rows", "needle,count") == 0
    assert [(line["row"], line["seed"]) for line in evaluation.lines][3:] == [("needle", RIGHT)]


def test_kept_answers_are_scored_anew_and_counted_into_a_readme(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    table, answers = importlib.import_module("eval_table"), importlib.import_module("eval_answers")
    evaluation.run("--rows", "needle,list,label,multihop_plain")
    assert evaluation.run("--table", "--check") == 0
    lines = evaluation.lines
    evaluation.kept([{**lines[0], "score": 0.5}, *lines[1:]])
    assert evaluation.run("--table", "--check") == 1
    assert evaluation.table["needle"]["score"] == 0.25

    readme = tmp_path / "README.md"
    readme.write_text("Before.\n<!-- eval -->\nthe former one\n<!-- /eval -->\nAfter.\n")
    table.put_into(readme, answers.Answers(evaluation.out))
    text = readme.read_text()
    assert text.startswith("Before.\n<!-- eval -->\n`student`")
    assert text.endswith("\n<!-- /eval -->\nAfter.\n")
    assert "| one needle | 3,000 | 2 | 0.250 | 0% " in text
    assert "the former one" not in text


def test_long_answers_are_kept_by_their_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    answers = importlib.import_module("eval_answers")
    one, other = (answers.clipped(["name"] * 1000 + [end]) for end in "ab")
    assert answers.was_clipped(one)
    assert one != other
    assert len(json.dumps(one)) < 1000
    assert answers.clipped({"a": (1, 2)}) == {"a": [1, 2]}
