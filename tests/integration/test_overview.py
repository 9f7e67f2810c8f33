"""Summaries of whole texts, by models that do not code."""

from __future__ import annotations

import json
import re

import pytest

from runs import Known, solve, ways
from unspool import Limits
from unspool.testing.script import ChatRequest, Reply

KEEPERS = ("Sunniva Moe", "Halvard Lie", "Ingrid Foss", "Peder Aune")
BOOK = "The Keepers\n\nby Nobody\n\n" + "".join(
    f"Chapter {number}\n\n\n"
    + "\n\n".join(
        f"In spring number {spring} the keeper {keeper} counted {spring * 7} ships and went home."
        + " The sea was grey and the lamp was lit." * 6
        for spring in range(1, 13)
    )
    + "\n\n\n"
    for number, keeper in enumerate(KEEPERS, 1)
)
PART, NOTES, ALL = "Part of a text", "Notes on", "Notes on all parts"
SUMMARISE = "Summarize this book."


def keeper_in(text: str) -> str:
    return next((keeper for keeper in KEEPERS if keeper in text), "Nobody")


def sub(request: ChatRequest) -> Reply | str:
    """A model that says what is in a part, and makes up somebody besides."""
    if ALL in request.last:
        return "They all count ships. Captain Zebulon saw it."
    if NOTES in request.last:
        return f"{keeper_in(request.last)} counts 7 ships. Then 99 storms came."
    spring = re.findall(r"spring number (\d+)", request.last)[0]
    return (
        f"In this part, {keeper_in(request.last)} counts {int(spring) * 7} ships. Aunt Zora waves."
    )


def test_each_chapter_is_told_in_its_order_and_nobody_is_made_up(known: Known) -> None:
    known("root", strategy="guided")
    known("sub", chunk_tokens=250)
    result, server = solve([], BOOK, question=SUMMARISE, sub=sub)
    answer = ways(result, "mapreduce")
    whole, *chapters = answer.split("\n\n")
    assert whole == "They all count ships."
    assert len(chapters) == len(KEEPERS)
    for number, (keeper, told) in enumerate(zip(KEEPERS, chapters, strict=True), 1):
        assert told == f"Chapter {number}: {keeper} counts 7 ships."
    assert result.coverage > 0.9
    assert {one.model for one in server.requests} == {"sub"}


def test_a_model_that_stumbles_over_code_reads_all_for_a_summary(known: Known) -> None:
    known("root")
    result, _ = solve(["I cannot."] * 3, BOOK, question=SUMMARISE, sub=sub)
    assert "Peder Aune" in ways(result, "rlm", "mapreduce")


def test_a_short_summary_is_one_paragraph(known: Known) -> None:
    known("sub", chunk_tokens=250)
    question = "Give me a summary of this book in two sentences."
    result, server = solve([], BOOK, question=question, sub=sub, mode="mapreduce")
    assert ways(result, "mapreduce") == "They all count ships."
    last = server.requests[-1].last
    assert question in last
    assert all(keeper in last for keeper in KEEPERS)


def test_what_names_nobody_of_the_text_is_asked_again_and_then_told_in_its_own_words(
    known: Known,
) -> None:
    known("sub", chunk_tokens=250)
    tried: list[str] = []

    def stubborn(request: ChatRequest) -> str:
        tried.append(request.last)
        if "Write without: Zora" in request.last and "spring number 1 " in request.last:
            return "A keeper counts."
        return "Then came Zora with a lamp."

    result, _ = solve([], BOOK, question=SUMMARISE, sub=stubborn, mode="mapreduce")
    answer = ways(result, "mapreduce")
    assert "Zora" not in answer
    assert "A keeper counts. " in answer
    assert "In spring number 3 the keeper Sunniva Moe counted 21 ships" in answer
    assert any("Write without: Zora" in one for one in tried)


def test_documents_are_parts_and_a_part_that_cannot_be_read_is_told(known: Known) -> None:
    known("sub")
    documents = {f"{keeper}.txt": f"{keeper} writes of the sea. " * 20 for keeper in KEEPERS}

    def some(request: ChatRequest) -> Reply | str:
        if PART in request.last and "Halvard Lie writes" in request.last:
            return Reply("no", status=400)
        return f"{keeper_in(request.last)} writes of the sea."

    question = "Summarize each document."
    result, _ = solve([], documents, question=question, sub=some, mode="mapreduce")
    assert result.status == "failed"
    assert "1 pieces could not be read" in result.error
    told = {name: f"{name}.txt: {name} writes of the sea." for name in KEEPERS}
    assert all(one in result.answer for one in told.values()), "what could be read is not lost"


def test_a_limit_leaves_something_of_every_chapter(known: Known) -> None:
    known("sub", chunk_tokens=250)
    result, _ = solve(
        [], BOOK, question=SUMMARISE, sub=sub, mode="mapreduce", limits=Limits(calls=18)
    )
    assert result.status == "calls"
    found = re.findall(r"^Chapter (\d): (.*)$", result.answer, re.M)
    assert [int(number) for number, _ in found] == [1, 2, 3, 4]
    assert all(keeper in told for keeper, (_, told) in zip(KEEPERS, found, strict=True))


def test_a_summary_of_a_type_is_made_of_the_one_in_words(known: Known) -> None:
    known("sub", chunk_tokens=250)

    def typed(request: ChatRequest) -> Reply | str:
        if request.body.get("response_format"):
            assert "Chapter 4: Peder Aune counts 7 ships." in request.last
            return json.dumps({"about": "ships", "keepers": list(KEEPERS)})
        return sub(request)

    form = {"about": "str", "keepers": "list[str]"}
    result, _ = solve([], BOOK, question=SUMMARISE, schema=form, sub=typed, mode="mapreduce")
    assert ways(result, "mapreduce") == {"about": "ships", "keepers": list(KEEPERS)}


@pytest.mark.parametrize("text", [" \n ", "One line alone."])
def test_of_next_to_nothing_there_is_a_summary_too(known: Known, text: str) -> None:
    known("sub")
    result, _ = solve([], text, question=SUMMARISE, sub="One line alone.", mode="mapreduce")
    assert (result.answer or "") == text.strip()


def test_many_small_documents_are_told_together(known: Known) -> None:
    known("sub")
    messages = [
        f"Message {number} of Halvard Lie says that the lamp is lit." for number in range(500)
    ]

    def says(request: ChatRequest) -> str:
        return "Halvard Lie says that the lamp is lit."

    result, server = solve(
        [], messages, question="Summarize the conversation.", sub=says, mode="mapreduce"
    )
    assert "Halvard Lie says" in ways(result, "mapreduce")
    assert len(server.requests) < 10


def test_a_text_of_one_piece_is_told_as_the_question_asks(known: Known) -> None:
    known("sub")
    question = "Summarize this article in one sentence."
    result, server = solve([], BOOK[:900], question=question, sub="He counts.", mode="mapreduce")
    assert ways(result, "mapreduce") == "He counts."
    [request] = server.requests
    assert question in request.last


def test_where_all_nouns_have_capitals_they_are_no_names(known: Known) -> None:
    known("sub", chunk_tokens=250)
    text = "Am Abend zählte der Wärter die Lampen am Turm und ging dann in das alte Haus. " * 60
    said = "Im Turm zählt er Schiffe und Möwen. Dann kommen 99 Gäste."
    result, _ = solve([], text, question="Summarize this text.", sub=said, mode="mapreduce")
    assert ways(result, "mapreduce") == "Im Turm zählt er Schiffe und Möwen."


def test_a_part_is_called_by_its_heading(known: Known) -> None:
    known("sub", chunk_tokens=250)
    book = BOOK.replace("Chapter 3\n\n\n", "Chapter 3\n\n\n“Yes.”\n\n“No,” he said.\n\n")
    result, _ = solve([], book, question=SUMMARISE, sub=sub, mode="mapreduce")
    assert "\n\nChapter 3: Ingrid Foss counts 7 ships." in ways(result, "mapreduce")


def test_a_text_without_headings_has_parts_by_their_numbers(known: Known) -> None:
    known("sub", chunk_tokens=250)
    text = "\n\n".join(
        f"The keeper Peder Aune counted {n} ships and went home." for n in range(400)
    )
    question = "What is this text about?"
    result, _ = solve([], text, question=question, sub="Peder Aune counts.", mode="mapreduce")
    told = ways(result, "mapreduce").split("\n\n")
    assert told[0] == "Peder Aune counts."
    assert told[1:] == [f"Part {n}: Peder Aune counts." for n in range(1, len(told))]
    assert len(told) > 3
