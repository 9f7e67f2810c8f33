"""Replies of guided runs, as the cells that carry them out."""

from __future__ import annotations

import ast
import collections
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.engine.strategies.steps import operations, read, said, schema

LOOK = '{"do": "look", "for": "the ferry"}'


@pytest.mark.parametrize(
    ("reply", "cell"),
    [
        (LOOK, "_steps.look('the ferry')"),
        (f"I will look.\n```json\n{LOOK}\n```\nThen I answer.", "_steps.look('the ferry')"),
        (f"{{not JSON}} {LOOK}", "_steps.look('the ferry')"),
        (f'{{"why": "it is near"}}\n{LOOK}', "_steps.look('the ferry')"),
        (f'{LOOK}\n{{"do": "answer", "text": "no"}}', "_steps.look('the ferry')"),
        ('{"do": "answer", "text": "two\nlines"}', r"_steps.say('two\nlines')"),
        ('{"do": "answer", "text": 96}', "_steps.say(96)"),
        ('{"do": "answer", "text": [NaN, "Vik"]}', """_steps.say('[NaN, "Vik"]')"""),
        (f'<think>Why not {LOOK}?</think>{{"do": "answer", "text": "Vik"}}', "_steps.say('Vik')"),
        ('{"do": "count", "where": ["paid=no", 7]}', "_steps.count('paid=no', '7')"),
        (
            '{"do": "label", "ask": "Is it?", "options": ["yes", "no"], "count": "yes"}',
            "_steps.label('Is it?', ['yes', 'no'], 'yes')",
        ),
    ],
)
def test_a_step_is_found_in_whatever_stands_around_it(reply: str, cell: str) -> None:
    assert read(reply).cells == (cell,)


def test_code_in_the_place_of_a_step_is_run_and_an_answer_in_words_counts() -> None:
    assert read("```repl\nprint(search('ferry'))\n```").cells == ("print(search('ferry'))",)
    final = read("FINAL(the Aurora)").final
    assert final is not None
    assert final.text == "the Aurora"


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I would look for the ferry.",
        '{"do": "look", "for": "the fer',
        '{"do": "look", "for": ""}',
        '{"do": "look"}',
        '{"do": "count", "where": []}',
        '{"do": "label", "ask": "Is it?", "options": ["yes"]}',
        '{"do": "dance"}',
        '{"answer": "the Aurora"}',
        '[{"step": 1}]',
    ],
)
def test_what_is_no_step_is_told_what_to_write(reply: str) -> None:
    found = read(reply)
    assert (found.cells, found.final) == ((), None)
    assert "write one step as JSON" in found.hint


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (" Vik.\n", "Vik."),
        ('{"do": "answer", "text": "Vik"}', "Vik"),
        (LOOK, ""),
        (LOOK[:-9], ""),
        ('{"name": "Vik"}', '{"name": "Vik"}'),
        ("", ""),
    ],
)
def test_a_last_reply_may_be_a_step_all_the_same(reply: str, answer: str) -> None:
    assert said(reply) == answer


@given(st.text(max_size=60), st.text(min_size=1, max_size=60))
def test_words_reach_the_step_as_they_are(before: str, words: str) -> None:
    if not words.strip() or "{" in before:
        return
    [cell] = read(before + json.dumps({"do": "look", "for": words})).cells
    said: list[str] = []
    exec(cell, {"_steps": type("Told", (), {"look": staticmethod(said.append)})})
    assert said == [words]


def test_the_steps_that_there_are_follow_from_what_is_asked_for() -> None:
    def names(asks: str, *, labels: bool) -> list[str]:
        one_of = schema(asks, labels=labels)["anyOf"]
        return [one["properties"]["do"]["const"] for one in one_of]

    assert names("text", labels=True) == ["answer", "look"]
    assert names("list", labels=True)[-2:] == ["look", "list"]
    assert names("number", labels=True) == ["answer", "look", "count", "label"]
    assert names("number", labels=False) == ["answer", "look", "count"]


def test_no_two_parts_of_the_code_of_the_steps_have_a_name_in_common() -> None:
    [code] = re.findall(r"exec\(r'''\n(.*)\n'''", operations(), re.S)
    made: list[str] = []
    for one in ast.parse(code).body:
        targets = one.targets if isinstance(one, ast.Assign) else []
        made += [name.id for name in targets if isinstance(name, ast.Name)]
        made += [one.name] if isinstance(one, (ast.FunctionDef, ast.ClassDef)) else []
    assert len(made) > 100
    assert [name for name, times in collections.Counter(made).items() if times > 1] == []


def test_the_code_of_the_steps_needs_nothing_of_unspools() -> None:
    assert "unspool" not in operations()
    compile(operations(), "<steps>", "exec")
