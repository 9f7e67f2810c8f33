"""How many lines mean something: asked of each by itself, where no words of theirs tell."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from runs import Known, solve, ways
from support import ScriptedServer
from unspool.engine.strategies.judged import criterion, sorts
from unspool.testing.script import ChatRequest
from unspool.types import Result

BAD = [
    "The bed was too short and the window would not shut.",
    "They lost my coat, and nobody seemed to mind at all.",
]
GUESTS = [
    "We slept like stones and shall come again next year.",
    "A lovely place, and the bread at breakfast was warm.",
    "Nothing but kindness from Sunniva at the desk, who is a star.",
    *BAD,
    "They lost my coat, and nobody seemed to mind at all.",
    "We were cold, and Sunniva did nothing but frown at us all.",
]
TEXT = "\n".join(GUESTS)
ORDERS = "\n".join(f"{n} | {'late' if n % 3 else 'paid'} | Vik | with a word" for n in range(9))
PROGRAM = """import os
import sys
def total(numbers):
    found = sum(numbers)
    return found if found else None
for name in os.listdir(sys.argv[-1]):
    print(name.upper(), total(map(len, name.split())))
"""
ADVERTS = "Is the text below spam, one of those that are adverts?"
EACH = "\nIs the one below among those that it asks for?"
LISTED = "Sort the remarks, one a line, into good, bad. How many are bad (that complain)?"


def counted(
    question: str, *where: str, context: Any = TEXT, **step: Any
) -> tuple[Result, ScriptedServer]:
    """A guided run whose model takes that step, or counts by these words, and judges a line
    rightly."""
    taken = json.dumps(step or {"do": "count", "where": where})

    def sub(request: ChatRequest) -> str:
        complains = any(line in request.last for line in [*BAD, GUESTS[-1]])
        return json.dumps({"value": "yes" if complains else "no"})

    return solve([taken] * 4, context, question=question, mode="guided", sub=sub)


def judged(server: ScriptedServer) -> int:
    return sum(bool(re.search("the (one|text) below", request.last)) for request in server.requests)


@pytest.mark.parametrize(
    "question",
    [
        "How many of the remarks are there that complain?",
        "Each line is what a guest wrote. Count those that are complaints.",
        "How many lines hold remarks of the sort Complaint, that is, those that complain?",
        "Sort the remarks into 'good' and 'bad'. How many are bad?",
        "If every remark were labelled as one of good, bad, how many would be bad?",
        "Every line is of one of these sorts: good, bad. How many lines are bad?",
        LISTED,
    ],
)
@pytest.mark.parametrize("where", [("complain",), ("bad",), ("sort = Complaint",)])
def test_what_lines_mean_is_asked_of_each_whatever_words_a_model_would_count(
    known: Known, question: str, where: tuple[str, ...]
) -> None:
    known()
    for context in (TEXT, GUESTS):
        result, server = counted(question, *where, context=context)
        assert ways(result, "guided") == 4
        assert judged(server) == len(set(GUESTS))


@pytest.mark.parametrize(
    ("question", "ask"),
    [
        ("How many of the reviews are negative?", f"negative?{EACH}"),
        ("Count the complaints.", f"Count the complaints.{EACH}"),
        ("Class each as glad or 'very sad'. Count the very sad ones.", "the text below very sad?"),
        ("Sort them into ham and spam. How many are spam (that are adverts)?", ADVERTS),
        ("How many are of the sort spam, that is, notes that are adverts?", ADVERTS),
        ("How many messages are there in total?", ""),
        ("How many lines are in this text?", ""),
    ],
)
def test_what_is_asked_of_each_is_what_the_question_says_of_them(question: str, ask: str) -> None:
    found = criterion(question, *sorts(question))
    assert found.endswith(ask)
    assert bool(found) == bool(ask)


def test_what_a_model_would_ask_in_words_of_its_own_is_asked_in_those_of_the_question(
    known: Known,
) -> None:
    known()
    asks = {"ask": "I will look at all texts", "options": ["yes", "no"], "count": "yes"}
    result, server = counted("How many remarks complain?", do="label", **asks)
    assert (ways(result, "guided"), judged(server)) == (4, 6)
    result, server = counted(LISTED, do="label", **{**asks, "options": ["bad", "fine"]})
    assert (ways(result, "guided"), judged(server)) == (4, 6)


def test_names_choose_the_lines_of_which_it_is_asked(known: Known) -> None:
    known()
    question = "How many of the remarks are there about Sunniva that complain?"
    result, server = counted(question, "Sunniva", "complain")
    assert (ways(result, "guided"), judged(server)) == (1, 2)


@pytest.mark.parametrize(
    ("question", "where", "context", "number"),
    [
        ("How many lines contain the word 'coat'?", "coat", TEXT, 2),
        ("How many remarks mention bread?", "bread", TEXT, 1),
        ("How many remarks are there about Sunniva?", "Sunniva", TEXT, 2),
        ("How many remarks begin with They?", "They", TEXT, 2),
        ("How many remarks are coats? And how many remarks complain?", "coat", TEXT, 2),
        ("How many lines import a module?", "import", PROGRAM, 2),
        ("How many of the notes are about coats?", "coat", [TEXT * 12, "A coat."], 2),
        ("How many of these lines are late?", "late", ORDERS, 6),
        ("How many orders have been paid?", "paid", ORDERS, 3),
    ],
)
def test_words_and_fields_are_counted_as_they_stand(
    known: Known, question: str, where: str, context: Any, number: int
) -> None:
    known()
    result, server = counted(question, where, context=context)
    assert (ways(result, "guided"), judged(server)) == (number, 0)
