"""Questions of several steps: their parts in order, and the passages that are read for each."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.engine.strategies.hops import (
    EARLIER,
    LONGEST_PASSAGE,
    answered,
    by_words,
    in_order,
    in_paragraphs,
    passage,
)
from unspool.engine.strategies.questions import one_answer, suits
from unspool.engine.strategies.steps import split

FERRY = "Who built the ferry of the town where Ada Lund was born?"
PARAGRAPH = (
    "The ferry of Korsnes was built by Halvard Lie in 1874. It took ninety people over the sound,"
    " and on feast days it took more than that, although nobody was ever asked to count them."
)


@pytest.mark.parametrize(
    ("question", "parts", "ordered"),
    [
        (
            FERRY,
            ["In which town was Ada Lund born?", "Who built the ferry of #1?"],
            ["In which town was Ada Lund born?", "Who built the ferry of #1?"],
        ),
        (
            FERRY,
            [" In which town was Ada Lund born? ", "", "Who built the ferry of this town?"],
            ["In which town was Ada Lund born?", "Who built the ferry of #1?"],
        ),
        (
            FERRY,
            ["In which town was #1 born?", "What is the ferry of #4?", "Who built #0?"],
            ["In which town was  born?", "What is the ferry of #1?", "Who built #2?"],
        ),
        (
            "Who wrote the song in the film that has the name of the lake of Korsnes?",
            [
                "Who wrote the song in the film that has the name of the lake of Korsnes?",
                "What is the film?",
                "What is the lake?",
                "What is the boat?",
            ],
            [
                "What is the lake of Korsnes?",
                "What is the film that has the name of #1?",
                "Who wrote the song in #2?",
            ],
        ),
        (
            "Who is king of the same country as Korsnes?",
            ["Who is king of the same country as Korsnes?", "What is the country?"],
            ["What is the country of Korsnes?", "Who is king of #1?"],
        ),
        (
            FERRY,
            ["What is the town where Ada Lund was born?", "What is the ferry that ran to #1?"],
            ["What is the town where Ada Lund was born?", "What is the ferry that ran to #1?"],
        ),
        (
            "When did the builder of the old ferry die?",
            ["Who was the builder of the old ferry that did die?", "When did #1 die?"],
            ["Who was the builder of the old ferry that did die?", "When did #1 die?"],
        ),
        ("Who?", ["Who?", "What?"], ["Who?", "What?"]),
        (FERRY, [], [FERRY]),
        (FERRY, [FERRY], [FERRY]),
    ],
)
def test_each_part_has_the_answers_before_it_and_none_is_the_whole(
    question: str, parts: Sequence[str], ordered: Sequence[str]
) -> None:
    assert in_order(question, parts) == ordered


QUESTIONS = st.lists(
    st.sampled_from("who what is the #1 #2 #9 this town ferry of Korsnes lake ?".split()),
    max_size=9,
).map(" ".join)


@given(QUESTIONS, st.lists(QUESTIONS, max_size=5))
def test_no_part_asks_for_an_answer_that_is_not_yet_known(question: str, parts: list[str]) -> None:
    question = EARLIER.sub("", question)
    ordered = in_order(question, parts)
    assert ordered
    for place, part in enumerate(ordered):
        assert all(0 < int(number) <= place for number in EARLIER.findall(part))


def test_answers_stand_in_the_place_of_their_numbers() -> None:
    assert answered("Is #2 in #1?", ["Vik", r"a\1 #1"]) == r"Is a\1 #1 in Vik?"


SPLIT = "1. Where was Ada Lund born?\n2. Who built the ferry of #1?"


@pytest.mark.parametrize(
    "reply",
    [
        SPLIT,
        "It takes two:\n  1) **Where was Ada Lund born?**\n  2) Who built the ferry of #1?  \nSo.",
        f"{SPLIT}\n\nWho is king of Vik?\n1. What is Vik?\n2. Who is king of #1?",
        f"<think>\n1. maybe\n2. so\n3. no\n</think>\n{SPLIT}\n1.5 miles\n3.\nWho?",
    ],
)
def test_the_first_numbered_lines_are_the_parts_of_a_question(reply: str) -> None:
    parts = "'Where was Ada Lund born?', 'Who built the ferry of #1?'"
    assert split(reply, FERRY).cells == (f"_steps.trace({parts})",)


@pytest.mark.parametrize("reply", ["", "Halvard Lie", "1. Who built the ferry?", "1.", "- Who?"])
def test_a_question_that_is_not_split_is_its_only_part(reply: str) -> None:
    assert split(reply, FERRY).cells == (f"_steps.trace({FERRY!r})",)


def found(text: str, line: str, words: str = "ferry") -> str:
    start = text.index(line)
    return passage(text, start, start + len(line), words.split())


def test_a_passage_is_a_paragraph_with_the_heading_above_it() -> None:
    text = f"The lake is deep. {PARAGRAPH}\n\nFerries\n{PARAGRAPH}\n\nThe mill of Vik\n"
    assert found(text, PARAGRAPH).endswith(PARAGRAPH)
    start = text.rindex(PARAGRAPH)
    assert passage(text, start, start + len(PARAGRAPH), ["ferry"]) == f"Ferries\n{PARAGRAPH}"
    assert found(text, "Ferries") == f"Ferries\n{PARAGRAPH}", "and a heading has what is below it"


def test_lines_that_are_short_belong_together() -> None:
    text = "Vik\n\nthe ferry was\nbuilt in Korsnes by\nHalvard Lie in 1874\n\nand then another\n"
    wanted = "the ferry was\nbuilt in Korsnes by\nHalvard Lie in 1874"
    for line in wanted.splitlines():
        assert found(text, line) == wanted


def test_of_a_long_paragraph_the_sentences_with_the_words_are_taken() -> None:
    long = " ".join(f"Nobody saw mill number {n}." for n in range(200))
    text = f"{long} The ferry of Korsnes was built by Halvard Lie. {long}"
    taken = found(text, text, "ferry Korsnes")
    assert "The ferry of Korsnes was built by Halvard Lie." in taken
    assert len(taken) <= LONGEST_PASSAGE


@given(st.lists(st.text("ab .!#\t", min_size=1, max_size=200), min_size=1, max_size=12), st.data())
def test_a_passage_is_of_the_text_and_has_its_line(lines: list[str], data: st.DataObject) -> None:
    text = "\n".join(lines)
    at = data.draw(st.integers(0, len(lines) - 1))
    start = sum(len(line) + 1 for line in lines[:at])
    taken = passage(text, start, start + len(lines[at]), ["ab"])
    assert len(taken) <= LONGEST_PASSAGE
    assert lines[at].strip() in taken or len(text) > LONGEST_PASSAGE
    assert all(part in text for part in taken.split("\n"))


@pytest.mark.parametrize("mark", [".[1] ", '." ', ".) ", " "])
def test_the_last_sentence_of_a_long_paragraph_is_found_whatever_ends_the_others(
    mark: str,
) -> None:
    long = mark.join(f"Nobody saw mill number {n}" for n in range(200))
    text = f"{long}. It was built by Halvard Lie"
    assert "Halvard" in found(text, text, "built by")


def test_words_that_few_passages_have_count_for_more() -> None:
    common = [f"The ferry of the river number {n}." for n in range(9)]
    rare = "It was called Aurora."
    assert by_words("The ferry Aurora", [*common, rare])[0] == rare


@given(st.text(max_size=40), st.lists(st.text(max_size=40), unique=True, max_size=6))
def test_no_passage_is_lost_by_putting_them_in_order(text: str, passages: list[str]) -> None:
    assert sorted(by_words(text, passages)) == sorted(passages)


@pytest.mark.parametrize(
    ("sample", "prose"),
    [
        ("\n\n".join([PARAGRAPH] * 4), True),
        (f"# Ferries\n\n{PARAGRAPH}\n\n## Mills\n\n{PARAGRAPH}", True),
        ("\n".join(f"2024-05-{n} INFO {PARAGRAPH}" for n in range(30)), False),
        ("\n".join(f"[10:{n}] Anna: {PARAGRAPH}" for n in range(30)), False),
        ("\n".join(f'{{"id": {n}, "text": "{PARAGRAPH}"}}' for n in range(30)), False),
        ("\n".join(f'{n},"{PARAGRAPH}"' for n in range(30)), False),
        ("\n".join([PARAGRAPH[:150]] * 30), False),
        (f"Паром был построен. Он плыл долго. {'Он вёз людей через море. ' * 9}", True),
        ("\n".join(["so that the ferry was", "late again. And then it", "sank."] * 30), False),
        ("x = [" + "1.5, " * 100 + "]", False),
        ("", False),
    ],
)
def test_prose_is_told_from_logs_code_and_wrapped_lines(sample: str, prose: bool) -> None:
    assert in_paragraphs(sample) == prose


@pytest.mark.parametrize(
    ("question", "one"),
    [
        (FERRY, True),
        ("What is the ferry called?", True),
        ("How many ferries are there?", False),
        ("Besides this one, which ferry is late?", True),
        ("The ferry of Vik is named after whom?", True),
        ("who built the ferry", True),
        ("There is a town with a ferry. Who built it?", True),
        ("Which ferries are late?", False),
        ("Is the ferry older than the one which sank?", False),
        ("How did the ferry sink, when she did?", False),
        ("What is this text about?", False),
        ("Write a short poem about the ferry.", False),
        ("Summarize this book.", False),
        ("Who mended pump #1?", False),
        ("List the ferries that are late.", False),
        ("Who keeps every ferry?", False),
        ("What is the colour of each of these: Aurora, Vega and Nor?", False),
    ],
)
def test_what_is_answered_in_a_few_words_is_told_from_lists_and_numbers(
    question: str, one: bool
) -> None:
    assert one_answer(question) == one


@pytest.mark.parametrize(
    ("said", "question", "right"),
    [
        ("3 May 1874", "Where was Ada Lund born?", False),
        ("1874", "In which county was she born?", False),
        ("August", "Who was the keeper?", False),
        ("May Lund", "Who was the keeper?", True),
        ("Vik", "Where was Ada Lund born?", True),
        ("3 May 1874", "When was Ada Lund born?", True),
        ("1874", "What is the number of the house?", True),
        ("1500", "What is the population of the town where she was born?", True),
        ("315", "What is the country code of Vik?", True),
        ("3 May 1874", "On what day was the church opened where she was born?", True),
    ],
)
def test_a_date_is_no_person_and_no_place(said: str, question: str, right: bool) -> None:
    assert suits(said, question) == right
