"""Reasoning that a model writes into its reply is no part of what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs import Known, cell, solve, ways
from unspool import Limits
from unspool.replies import spoken
from unspool.testing.script import ChatRequest

THOUGHT = "<think>Is it Vik? No: Vik keeps the other one.</think>\n\n"
TEXT = "The ferry calls at Leith.\nThe lighthouse at Ramsund is kept by Sunniva Moe.\n"
QUESTION = "Who keeps the light?"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (f"{THOUGHT}Moe", "Moe"),
        (f"{THOUGHT}{THOUGHT}Moe", "Moe"),
        ("It may be Vik.</think>Moe", "Moe"),
        ("<thinking>So <think> is no mark.</thinking>Moe", "Moe"),
        ("Its tags are <think> and </think>.", "Its tags are <think> and </think>."),
        ("It ends at `</think>`, always.", "It ends at `</think>`, always."),
        ("<think>It has no end", "<think>It has no end"),
        ("<think>Moe</think>", "<think>Moe</think>"),
    ],
)
def test_what_is_said_is_told_from_what_is_thought(reply: str, said: str) -> None:
    assert spoken(reply) == said


@given(st.text(max_size=200))
def test_what_has_no_marks_is_left_as_it_is(text: str) -> None:
    assert spoken(text) == text or "think" in text.lower() or "reason" in text.lower()


@pytest.mark.parametrize("said", [f"{THOUGHT}Sunniva Moe", "```\nSunniva Moe\n```"])
def test_of_a_text_that_is_read_at_once(known: Known, said: str) -> None:
    result, _ = solve([said], TEXT, question=QUESTION, mode="direct")
    assert ways(result, "direct") == "Sunniva Moe"


def test_of_sub_calls_and_of_a_last_reply(known: Known) -> None:
    result, _ = solve([cell("FINAL(llm_query('Who?'))")], sub=f"{THOUGHT}Moe")
    assert result.answer == "Moe"
    result, _ = solve(["Well.", f"{THOUGHT}Moe"], limits=Limits(turns=1), mode="rlm")
    assert result.answer == "Moe"


def test_of_notes_of_pieces(known: Known) -> None:
    def reads(request: ChatRequest) -> str:
        if "Notes from" in request.last:
            return f"{THOUGHT}Sunniva Moe"
        return THOUGHT + ("NOTHING" if "Leith" in request.last else "Moe, it says")

    known("sub", chunk_tokens=250)
    context = ["The ferry calls at Leith. " * 20, "The lighthouse is kept by Moe. " * 40]
    result, server = solve([], context, question=QUESTION, mode="mapreduce", sub=reads)
    assert ways(result, "mapreduce") == "Sunniva Moe"
    assert "<think>" not in server.requests[-1].last
    assert "\n\nMoe, it says\nMoe, it says\n\nQ" in server.requests[-1].last
