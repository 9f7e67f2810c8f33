"""Questions of several steps over paragraphs, split by guided runs, against a scripted server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from runs import KEY, Known, solve, ways
from support import ScriptedServer
from unspool import RLM, Limits, Result, events
from unspool.testing.script import ChatRequest, Reply

TOWNS = [begin + end for begin in ("Kors", "Ram", "Vik", "Hal", "Nor") for end in ("nes", "sund")]


def place(town: str, number: int) -> str:
    return (
        f"About {town}\n{town} is a town of {number}00 people on the sound. The ferry of {town} is"
        f" the Aurora {number}, which was built by Keeper{number} Lie and still takes ninety people"
        " to the other side on feast days."
    )


def person(town: str, number: int) -> str:
    return (
        f"About Maria{number}\nMaria{number} Lund was born in {town}, and left it when she was six."
        " She wrote forty books about the sea, which nobody has read since, and one about bees."
    )


PARAGRAPHS = [make(town, n) for make in (place, person) for n, town in enumerate(TOWNS, 11)]
TEXT = "\n\n".join(PARAGRAPHS)
QUESTION = "Who built the ferry of the town where Maria15 Lund was born?"
SPLIT = "1. In which town was Maria15 Lund born?\n2. Who built the ferry of #1?"
SAID = {"Maria15 Lund born": "Viknes", "ferry of Viknes": "Keeper15 Lie"}
READ = re.compile(r"Text:\n(.*)\n\n(.*)\nCopy only", re.S)


def asked(request: ChatRequest) -> str:
    """What a sub-call asks of the passages that it has."""
    found = READ.search(request.last)
    return found[2] if found else ""


def reads(said: Mapping[str, str]) -> Callable[[ChatRequest], str]:
    """The sub-model: what is said where a question has these words."""

    def reply(request: ChatRequest) -> str:
        return next((said[words] for words in said if words in asked(request)), "none")

    return reply


def hop(
    script: Sequence[Reply | str],
    said: Mapping[str, str],
    text: Any = TEXT,
    question: str = QUESTION,
    **options: Any,
) -> tuple[Result, ScriptedServer]:
    return solve(script, text, question=question, mode="guided", sub=reads(said), **options)


@pytest.mark.parametrize("text", [TEXT, PARAGRAPHS])
def test_each_part_is_read_in_few_passages_with_the_answers_before_it(
    known: Known, text: Any
) -> None:
    known()
    result, server = hop([SPLIT], SAID, text)
    assert ways(result, "guided") == "Keeper15 Lie"
    [whole, split, first, second] = server.requests
    assert asked(whole) == QUESTION, "it may be simple"
    assert split.last == QUESTION, "nothing of the text"
    assert asked(first) == "In which town was Maria15 Lund born?"
    assert asked(second) == "Who built the ferry of Viknes?"
    told = sorted((one for one in PARAGRAPHS if one in second.last), key=second.last.index)
    assert told == [person("Viknes", 15), place("Viknes", 15)], "the nearest last, and no others"
    assert any("Keeper15 Lie" in span.text for span in result.evidence)
    assert result.turns[-1].observations[-1].text.splitlines()[:2] == [
        "In which town was Maria15 Lund born? Viknes",
        "Who built the ferry of Viknes? Keeper15 Lie",
    ]


def test_a_name_on_the_way_is_not_yet_the_answer(known: Known) -> None:
    known()
    result, server = hop([SPLIT], {**SAID, QUESTION: "Viknes"})
    assert ways(result, "guided") == "Keeper15 Lie"
    assert result.turns[0].observations[-1].text.splitlines()[-1] == "Viknes?"
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Where was Maria15 Lund born?", "Viknes"),
        (QUESTION, "Keeper15 Lie"),
    ],
)
def test_a_simple_question_is_not_split(known: Known, question: str, said: str) -> None:
    known()
    result, server = hop([], {question: said}, question=question)
    assert ways(result, "guided") == said
    assert len(server.requests) == 1


def test_what_seemed_to_be_on_the_way_is_the_answer_where_there_are_no_parts(known: Known) -> None:
    known()
    result, server = hop([QUESTION], {QUESTION: "Viknes"})
    assert ways(result, "guided") == "Viknes"
    assert len(server.requests) == 2


@pytest.mark.parametrize("last", ["Korsnes", "none"])
def test_what_was_read_at_once_is_the_answer_where_parts_come_to_nothing_better(
    known: Known, last: str
) -> None:
    known()
    question = "What is the only proper postal home address of Maria15 Lund?"
    parts = "1. What is Maria15 Lund about?\n2. What is the home address of #1?"
    said = {question: "Viknes", "Lund about?": "bees", "address of bees": last}
    result, server = hop([parts], said, question=question)
    assert ways(result, "guided") == "Viknes"
    assert len(server.requests) == 4


def test_a_part_that_names_no_earlier_answer_is_read_as_the_question_with_all_of_them(
    known: Known,
) -> None:
    known()
    parts = "1. In which town was Maria15 Lund born?\n2. Who built the ferry?"
    fact = "In which town was Maria15 Lund born? Viknes."

    def sub(request: ChatRequest) -> str:
        if "In which town" in asked(request):
            return "Viknes"
        return "Keeper15 Lie" if fact in request.last else "none"

    result, server = solve([parts], TEXT, question=QUESTION, mode="guided", sub=sub)
    assert ways(result, "guided") == "Keeper15 Lie"
    assert asked(server.requests[-1]) == QUESTION


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ([SPLIT], {"Maria15 Lund born": "Viknes"}),
        (["I would look for the town."], {}),
        (["1. Where is Maria15 Lund?\n2. What else?"], {}),
    ],
)
def test_where_a_part_has_no_answer_steps_go_on(
    known: Known, script: Sequence[str], said: Mapping[str, str]
) -> None:
    known()
    answer = json.dumps({"do": "answer", "text": "Keeper15 Lie"})
    result, _ = hop([*script, answer], said)
    assert ways(result, "guided") == "Keeper15 Lie"
    assert len(result.turns) == 3


def test_a_question_that_names_nothing_is_split_at_once(known: Known) -> None:
    known()
    question = "who built the ferry aurora 17?"
    result, server = hop(["1. No."], {question: "Keeper17 Lie"}, question=question)
    assert ways(result, "guided") == "Keeper17 Lie"
    assert [request.model for request in server.requests] == ["root", "sub"]


@pytest.mark.parametrize(
    ("question", "text", "options"),
    [
        (QUESTION, TEXT.replace(". ", ".\n"), {}),
        (QUESTION, TEXT, {"max_depth": 0}),
        (QUESTION, TEXT, {"limits": Limits(turns=1)}),
        ("How many ferries did Keeper15 Lie build?", TEXT, {}),
        ("Who built each of the ferries?", TEXT, {}),
    ],
)
def test_questions_and_texts_of_other_kinds_are_not_split(
    known: Known, question: str, text: str, options: Mapping[str, Any]
) -> None:
    known()
    _, server = hop(["NOTHING"] * 9, {}, text, question, **options)
    systems = [str(request.messages[0]["content"]) for request in server.requests]
    assert not any(system.startswith("Split a question") for system in systems)


@pytest.mark.parametrize("asks", [1, 2, 3])
def test_a_run_that_was_cut_short_between_two_parts_pays_for_none_of_them_twice(
    known: Known, tmp_path: Path, asks: int
) -> None:
    known()
    journal = tmp_path / "journal.db"

    def script(request: ChatRequest) -> str:
        return reads(SAID)(request) if asked(request) else SPLIT

    with ScriptedServer(script, api_key=KEY) as server:
        options: dict[str, Any] = {"api_key": KEY, "journal": journal, "mode": "guided"}
        rlm = RLM("root", base_url=server.base_url, **options)
        stream, ended = rlm.stream(QUESTION, TEXT), 0
        for event in stream:
            ended += isinstance(event, events.CallEnded)
            if ended == asks:
                stream.stop()
        cut = stream.result()
        result = rlm.resume(cut.run_id) if cut.status == "cancelled" else cut
        assert ways(result, "guided") == "Keeper15 Lie"
        assert len(server.requests) == 4
    again = RLM.replay(result.run_id, journal=journal)
    assert ways(again, "guided") == "Keeper15 Lie"


def test_a_question_that_goes_on_from_another_is_not_split(known: Known) -> None:
    known()

    def script(request: ChatRequest) -> str:
        if asked(request):
            return reads({"Maria15 Lund born": "Viknes"})(request)
        assert "Viknes" in str(request.body), "what was said before"
        return json.dumps({"do": "answer", "text": "Aurora 15"})

    with ScriptedServer(script, api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, mode="guided")
        with rlm.session(TEXT) as session:
            session.ask("Where was Maria15 Lund born?")
            result = session.ask("What is its ferry called?")
    assert ways(result, "guided") == "Aurora 15"


def test_a_reply_that_asks_nothing_leaves_what_is_held(known: Known) -> None:
    known()
    result, _ = hop(["1. ?\n2. ?"], {QUESTION: "Viknes"})
    assert result.turns[1].observations[-1].error == ""


def test_what_was_said_stays_said_at_a_limit(known: Known) -> None:
    known()
    result, _ = hop([SPLIT], SAID, limits=Limits(calls=3))
    assert result.status == "calls"
    assert "Viknes" in str(result.answer)


def test_a_typed_answer_of_several_steps(known: Known) -> None:
    known()
    people = "1. In which town was Maria15 Lund born?\n2. What is the number of people in #1?"
    said = {"Maria15 Lund born": "Viknes", "people in Viknes": "1500"}
    result, _ = hop([people], said, question=f"{QUESTION[:-1]} in what year?", schema=str)
    assert ways(result, "guided") == "1500"
