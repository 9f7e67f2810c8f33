"""What the steps of a guided run count and list, where a model forgot a condition, wrote it the
wrong way round, or meant it as it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from unspool.engine.strategies.operations import Steps
from unspool.sandboxes.worker.search import Searcher


def _lines(line: Callable[[int], str], number: int = 120) -> list[str]:
    return [line(n) for n in range(number)]


def _done(do: str, question: str, lines: Sequence[str], where: Sequence[str]) -> Any:
    """The answer of a step that was said twice, as a small model does: without any model."""
    text = "\n".join(lines)
    answers: list[Any] = []
    search = Searcher(text, (), question).search
    given: Any = (lambda chars: [text], None, None, answers.append, lambda told: None)
    steps = Steps(text, question, search, *given)
    for _ in range(2):
        getattr(steps, do)(*where)
        if answers:
            return answers[0]
    return len(steps.found) if do == "count" else steps.found


LEVELS = _lines(lambda n: f"10:00 {('DEBUG', 'INFO', 'WARN')[n % 3]} web{n % 2} timeout job{n}")
STATUS = _lines(lambda n: f"GET /p{n} status {(200, 304, 500)[n % 3]} u{n}")
TOOK = _lines(lambda n: f"id=r{n} took={n * 10} ms")
PEOPLE = _lines(lambda n: f"{n},N{n},{('active', 'left')[n % 3 > 0]},{('email', 'post')[n % 2]}")


@pytest.mark.parametrize(
    ("question", "lines", "where", "right"),
    [
        ("How many requests had status 503?", STATUS, ["status 503"], 0),
        ("How many requests had status 500?", STATUS, ["status 500"], 40),
        ("Of these 200 requests, how many are for u7?", STATUS, ["u7"], 1),
        ("How many web1 timeouts are there if we ignore DEBUG lines?", LEVELS, ["web1"], 60),
        ("How many web1 timeouts are there? Exclude DEBUG lines.", LEVELS, ["web1"], 60),
        ("How many web1 timeouts are there that aren't DEBUG?", LEVELS, ["web1"], 60),
        ("How many web1 timeouts are not of the level DEBUG?", LEVELS, ["web1"], 60),
        ("How many web1 timeouts are there, leaving DEBUG aside?", LEVELS, ["web1"], 60),
        ("How many web1 timeouts are there? A line looks like: 10:00 INFO web1.", LEVELS,
         ["web1"], 60),
        ("How many web1 timeouts are of the level DEBUG?", LEVELS, ["web1"], 20),
        ("How many requests did not take more than 500 ms?", TOOK, ["took <= 500"], 51),
        ("How many requests did not take more than 500 ms?", TOOK, ["not took > 500"], 51),
        ("How many requests did not take more than 500 ms?", TOOK, ["500"], 51),
        ("How many requests took less than 2 seconds?", TOOK, ["took < 2000"], 120),
        ("How many calls of /p7 failed?", STATUS, ["status=503"], 0),
    ],
)  # fmt: skip
def test_what_is_counted(question: str, lines: list[str], where: list[str], right: int) -> None:
    assert _done("count", question, lines, where) == right


def test_a_condition_on_a_year_a_negative_number_or_two_fields_is_as_the_model_wrote_it() -> None:
    cars = _lines(lambda n: f"car {n} year={1980 + n % 40}")
    assert _done("count", "How many cars are older than 1990?", cars, ["year < 1990"]) == 30
    cold = _lines(lambda n: f"t{n} temperature={n % 20 - 10}")
    question = "How many readings had a temperature above -5?"
    assert _done("count", question, cold, ["temperature > -5"]) == 84
    queries = _lines(lambda n: f"q{n} queue=3 ms exec_time={n * 10} ms")
    question = "How many queries had an execution time over 500 ms?"
    assert _done("count", question, queries, ["exec_time > 500 ms"]) == 69
    groups = _lines(lambda n: f"{n},{('over 65', 'under 18')[n % 2]},{('yes', 'no')[n % 3 > 0]}")
    question = "How many of the age group over 65 answered yes?"
    assert _done("count", question, groups, ["over 65", "yes"]) == 20


def test_what_is_counted_keeps_its_conditions_where_no_line_has_them() -> None:
    sold = _lines(
        lambda n: f"sale {n} product={('shoe', 'hat')[n % 2]} color={'red' * (n % 3 > 0)}"
    )
    assert _done("count", "How many customers bought red shoes?", sold, ["red", "shoes"]) == 40
    jobs = _lines(lambda n: f"job {n} node={n % 4} state={('error', 'done')[n % 2]}")
    question = "How many of the failed jobs ran on node 1?"
    assert _done("count", question, jobs, ["failed", "node=1"]) == 0


def test_a_word_is_no_value_where_the_question_means_something_else_by_it() -> None:
    question = "List the email addresses of all customers who are active."
    assert len(_done("collect", question, PEOPLE, ["active"])) == 40
    failed = _lines(
        lambda n: f"Failed password for {('invalid user', 'root')[n % 2]} from ip{n % 3}"
    )
    question = "How many failed password attempts for any user came from ip1?"
    assert _done("count", question, failed, ["ip1"]) == 40
    staff = _lines(
        lambda n: f"{n},Emp{n},{('manager', 'clerk')[n % 2]},{('Smith', 'Jones')[n % 3 > 0]}"
    )
    question = "How many employees report to the manager Smith?"
    assert _done("count", question, staff, ["Smith"]) == 40


def test_what_stands_behind_a_label_is_listed_whole_and_not_of_another_thing() -> None:
    people = _lines(lambda n: f"Name: Ann Lee{n}; Dept: {('Sales', 'Law')[n % 2]}")
    said = _done("collect", "List the names of all in Sales.", people, ["Sales"])
    assert said == [f"Ann Lee{n}" for n in range(0, 120, 2)]
    orders = _lines(lambda n: json.dumps({"customer": {"id": f"C{n}"}, "id": f"O{n}", "paid": 1}))
    assert "C1" not in _done("collect", "Give the ids of all paid orders.", orders, ["paid"])
    asked = _lines(lambda n: f"ticket {n + 4000} opened by ann{n}: {('billing', 'login')[n % 2]}")
    question = "List all users who opened the tickets about billing."
    assert "4000" not in _done("collect", question, asked, ["billing"])


def test_long_lines_without_blanks_are_no_load() -> None:
    lines = [f"{'ab' * 300_000}{n}" for n in range(12)] + LEVELS
    assert _done("count", "How many web1 timeouts are there?", lines, ["web1"]) == 60
