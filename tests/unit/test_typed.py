"""Which answers and prompts a model typed out, and which its code computed."""

from __future__ import annotations

import pytest

from unspool.engine.long.short import clip
from unspool.typed import facts, typed, typed_prompts

TYPED = [
    "FINAL('Paris')",
    "FINAL(['a', 1, -2.5])",
    "answer['content'] = 'x'\nanswer['ready'] = True",
    "answer = {'content': 'x', 'ready': True}",
    "r = 'Paris'\nFINAL(r)",
    "r = 'Paris'\nFINAL_VAR('r')",
    "r = 'x'\nFINAL(f'it is {r}')",
    "FINAL('a' + 'b')",
    "print(context[:10])\nFINAL('guess')",
]
COMPUTED = [
    "FINAL(len(context))",
    "FINAL(result)",
    "FINAL_VAR('result')",
    "r = search('x')\nFINAL(r[0])",
    "r = 'x'\nr = r + context\nFINAL(r)",
    "for line in context: r = line\nFINAL(r)",
    "FINAL(f'{n} times')",
    "x = 1",
    "FINAL(",
]


@pytest.mark.parametrize("code", TYPED)
def test_typed_answers_are_known(code: str) -> None:
    assert typed(code)


@pytest.mark.parametrize("code", COMPUTED)
def test_computed_answers_are_not_taken_for_typed(code: str) -> None:
    assert not typed(code)


def test_a_prompt_without_anything_of_the_context_is_known() -> None:
    assert typed_prompts("llm_query('who built it?')")
    assert typed_prompts("q = 'who?'\nprint(llm_query(q))")
    assert not typed_prompts("llm_query('who? ' + context[:100])")
    assert not typed_prompts("llm_query_batched([f'{q} {p}' for p in pieces])")
    assert not typed_prompts("x = 1")


def test_facts_are_numbers_and_names() -> None:
    assert facts("The code is AB-12, found by Ada Lovelace in 1843.") == [
        "AB-12",
        "Ada",
        "Lovelace",
        "1843",
    ]
    assert facts("yes, it is the same") == []


def test_clipping_keeps_head_and_tail_and_counts_the_rest() -> None:
    text = clip("a" * 50 + "b" * 50, 20)
    assert text.startswith("a" * 12)
    assert text.endswith("b" * 8)
    assert "80 characters cut" in text
    assert clip("short", 20) == "short"
