"""What a question asks for."""

from __future__ import annotations

import pytest

from unspool.engine.strategies.questions import called_by, followed, names, overview, things


@pytest.mark.parametrize(
    "question",
    [
        "Summarize this book.",
        "Please summarise the whole novel in five sentences!",
        "Can you summarize it all?",
        "Summarize.",
        "Read it, then outline these documents",
        "Summarize each chapter.",
        "Summarise all chapters, one paragraph each.",
        "Write a short summary of this report.",
        "Give me an overview of the documents.",
        "I need a two-page summary.",
        "Write a detailed, faithful summary in ten paragraphs.",
        "What is this book about?",
        "What are these documents all about?",
        "What happens in the novel?",
        "Read this; recap the transcript",
        "Summarize this.",
        "Give me a summary of this.",
        "Summarize this contract in French.",
    ],
)
def test_a_summary_of_all(question: str) -> None:
    assert overview(question)


@pytest.mark.parametrize(
    "question",
    [
        "What does the executive summary say of the budget?",
        "Where is the outline?",
        "Who wrote the summary of the novel?",
        "Summarize what Anne says to Wentworth.",
        "Summarize the reports about Ramsund.",
        "Give a summary of the case C-17/04.",
        "Summarize chapter 12.",
        "Write a summary of the storm at Vik.",
        "What is the letter to Moe about?",
        "How many documents are there?",
        "What happens in the last scene?",
        "Which of these reports is about ships?",
        "How many alarms came late? Do not summarize.",
        "Quote the clause, don't summarize.",
        "What risks did the CEO outline in the call?",
        "Where is the project outline?",
        "Who should prepare the summary?",
        "Did Anne give the committee an overview?",
        "Summarize in one sentence what Anne says to Wentworth.",
        "Summarize: why was the contract cancelled?",
        "Summarize each report about Ramsund.",
        "Summarize the letters to Wentworth.",
        "Summarize all articles mentioning Tesla.",
        "What happens in the novel when Anne meets Wentworth?",
        "Summarize the policy on files.",
        "What is the second letter about?",
        "Summarize the Johnson report.",
    ],
)
def test_no_summary_of_all(question: str) -> None:
    assert not overview(question)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many alarms are there that came late?", ["alarms"]),
        ("Look for payments in thaler. How many of them are also payments that failed?",
         ["payments"]),
        ("Tell me how many door events the text has that were denied.", ["events"]),
        ("How many of the people were born in Vik?", ["people"]),
        ("Which test cases are there whose result is passed?", ["cases"]),
        ("Who keeps the lighthouse at Korsnes?", []),
        ("How many fatal errors are there in module net?", ["errors"]),
        ("How many ships from Hull are there which carry guns?", ["ships"]),
        ("How many alarms (# and a number) are there?", ["alarms"]),
    ],
)  # fmt: skip
def test_what_is_counted_or_listed(question: str, said: list[str]) -> None:
    assert things(question) == said


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Name the teacher of the person who designed the bridge.", "Name the teacher of Ada Moe."),
        ("Where was the man that built it born?", ""),
        ("Who is the man who keeps the inn at Korsnes?", ""),
        ("Who keeps the inn at Korsnes?", ""),
    ],
)
def test_a_question_about_somebody_who_is_known_by_now(question: str, asked: str) -> None:
    assert followed(question, "Ada Moe") == asked


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("Name the sheep with a red mark by their ear tags, and leave out none.", "ear tag"),
        ("What are the codes of the articles that lie in the annex?", "code"),
        ("Find all claims in the county Vik and return their numbers.", "number"),
        (
            "Which accounts are on the business plan? Give their e-mail addresses.",
            "e-mail addresse",
        ),
        ("Who keeps the inn?", ""),
    ],
)
def test_what_a_question_calls_that_which_it_asks_for(question: str, label: str) -> None:
    assert called_by(question) == label


def test_an_id_is_named_whole() -> None:
    text = "The contract with Moe & Sons is filed as 7918-UV-719, B4471 and 48210 of 2024."
    assert {*names(text)} == {"Moe & Sons", "7918-UV-719", "B4471", "48210", "2024"}
