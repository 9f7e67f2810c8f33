"""Child runs over some of the documents of a context."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from runs import cell, solve
from support import OpenRepl
from unspool import Context
from unspool.context.parts import chosen
from unspool.loaders.parts import Gathering, Part
from unspool.sandboxes.memory import SharedContexts

TEXTS = {f"{n}/{n}.txt": f"first of {n}\nsecond é\nmark {n}\n" + "more 😀\n" * n for n in range(12)}
LOOK = (
    "[[(d.name, str(d), d.metadata['n']) for d in context],"
    " [context.text[d.start:d.end] == d for d in context], context.text,"
    " list(search('mark')), [one.count('mark') for one in chunks(by='documents')]]"
)


def documents(texts: dict[str, str] = TEXTS) -> Context:
    gathering = Gathering()
    for n, (name, text) in enumerate(texts.items()):
        gathering.add(Part(name, text, {"format": "txt", "n": n}))
    return gathering.context(["these"])


def family(asked: str, look: str, context: Context, **options: Any) -> tuple[Any, list[str]]:
    """What a child finds by `look` in what it is `asked` over; and the openings of runs."""

    def answer(request: Any) -> str:
        opening = request.messages[1]["content"]
        return cell(f"FINAL({look if 'of the child' in opening else asked})")

    result, server = solve(answer, context, **{"max_depth": 2, **options})
    assert result.complete, result.error
    return result.answer, [str(one.messages[1]["content"]) for one in server.requests]


def asked(selection: str) -> str:
    return f"rlm_query('of the child?', context={selection})"


@pytest.mark.parametrize(
    ("selection", "numbers"),
    {
        "context[3:10]": range(3, 10),
        "context": range(12),
        "context[::3]": range(0, 12, 3),
        "context[::-1]": range(11, -1, -1),
        "[d for d in context if 'mark 1' in d]": (1, 10, 11),
        "tuple(context[n] for n in (5, 5, 2))": (5, 5, 2),
        "context[7:8]": (7,),
        "[context[6:][1], context[::-1][0]]": (7, 11),
    }.items(),
)
def test_a_child_has_the_documents_with_all_that_is_known_of_them(
    selection: str, numbers: Sequence[int]
) -> None:
    names = [f"{n}/{n}.txt" for n in numbers]
    (found, places, text, hits, counts), openings = family(asked(selection), LOOK, documents())
    assert [tuple(one) for one in found] == [
        (name, TEXTS[name], n) for name, n in zip(names, numbers, strict=True)
    ]
    assert all(places)
    assert text == "".join(f"===== {name} =====\n{TEXTS[name]}\n" for name in names)
    assert hits == [f"[{name} line 3] mark {TEXTS[name].split()[2]}" for name in names][:10]
    assert counts == [1] * len(names)
    assert f"a sequence of {len(names)} documents" in openings[1]


Z = "".join(f"{n} é\n" for n in range(20_000))
LONG = {**TEXTS, "z.txt": Z, "zz.txt": "a last word\n" * 3000}


@pytest.mark.parametrize(
    ("selection", "text", "word", "hit", "told"),
    [
        ("context[4]", TEXTS["4/4.txt"], "mark", "[4/4.txt line 3] mark 4", "document 4/4.txt"),
        ("context[2:][2]", TEXTS["4/4.txt"], "mark", "[4/4.txt line 3] mark 4", "document 4/4.txt"),
        ("context['z.txt'][30:]", Z[30:], "777", "[z.txt line 778] 777 é", "document z.txt"),
        ("context.text[-66_000:]", "", "last", "[zz.txt line 1] a last word", "2 documents"),
        ("context[4][2:]", TEXTS["4/4.txt"][2:], "mark", "[line 3] mark 4", "is a str"),
    ],
)
def test_a_child_over_a_text_knows_which_documents_it_is_from(
    selection: str, text: str, word: str, hit: str, told: str
) -> None:
    look = f"[type(context) is str, context, list(search({word!r}, limit=1))]"
    (is_str, found, hits), openings = family(asked(selection), look, documents(LONG))
    assert (is_str, hits) == (True, [hit])
    assert found == (text or documents(LONG).value[-66_000:])
    assert told in openings[1]


async def test_documents_travel_as_their_numbers_and_are_not_copied(open_repl: OpenRepl) -> None:
    context, taken = documents(), []

    async def door(name: str, args: Sequence[Any]) -> str:
        taken.append(args[1])
        return "read"

    run = await open_repl(context, door=door, children=True)
    await run(
        "for some in (context[2:5], context, [context[1], context[3]], context[6]):\n"
        "    rlm_query('?', some)\nrlm_query('?', [*context[:2], 'and a text'])"
    )
    assert [one.part_of for one in taken[:3]] == [((2, 5),), ((0, 12),), ((1, 2), (3, 4))]
    assert all(one.value.whole is context.value for one in taken[:4])
    assert taken[4] == [TEXTS["0/0.txt"], TEXTS["1/1.txt"], "and a text"]
    shared = SharedContexts()
    ends = [await shared.of(one) for one in (context, *taken[:4])]
    assert len({os.fstat(one.fd).st_ino for one in ends}) == 1
    for one in ends:
        await one.close()


@pytest.mark.parametrize("where", ["here", "of a sandbox that shares nothing"])
async def test_children_have_documents_where_their_parent_is_gone(
    open_repl: OpenRepl, where: str
) -> None:
    some = chosen(documents(), [(2, 4), (7, 8)])
    if where == "here":
        some = chosen(some, [(2, 3), (0, 1)])
    run = await open_repl(some)
    names = "['7/7.txt', '2/2.txt']" if where == "here" else "['2/2.txt', '3/3.txt', '7/7.txt']"
    assert (await run("context.names")).value.text == names
    seen = await run("all(context.text[d.start:d.end] == d for d in context), len(context.text)")
    assert seen.value.text == f"(True, {some.chars})"


def test_a_child_of_a_child_chooses_among_the_documents_of_its_parent() -> None:
    code = {
        "first?": "rlm_query('second?', context=context[1::2])",
        "second?": "rlm_query('third?', context=[context[2], context[4], context[5]])",
        "third?": "[context.names, rlm_query('fourth?', context=context[1:]),"
        " rlm_query('fourth?', context=context[0])]",
        "fourth?": "[str(context), list(search('mark'))]",
    }

    def answer(request: Any) -> str:
        opening = request.messages[1]["content"]
        return cell(f"FINAL({next(c for q, c in code.items() if q in opening)})")

    result, _ = solve(answer, documents(), question="first?", max_depth=5)
    names = ["5/5.txt", "9/9.txt", "11/11.txt"]
    last = "".join(f"===== {name} =====\n{TEXTS[name]}\n" for name in names[1:])
    assert result.answer == [
        names,
        [last, ["[9/9.txt line 3] mark 9", "[11/11.txt line 3] mark 11"]],
        [TEXTS["5/5.txt"], ["[5/5.txt line 3] mark 5"]],
    ]


def test_what_a_child_has_read_is_named_by_its_document() -> None:
    texts = {**TEXTS, "v.txt": "It is about this:\nthe vault code is 7731-Q.\n"}

    def answer(request: Any) -> str:
        if request.model == "sub":
            return "7731-Q"
        if "of the child" in request.messages[1]["content"]:
            return cell("FINAL(llm_query(f'Which vault code?\\n{context[1]}'))")
        return cell(f"FINAL({asked('[context[8], context[12]]')})")

    question = "Which vault code is it?"
    result, _ = solve(answer, documents(texts), question=question, max_depth=2)
    assert result.answer == "7731-Q"
    assert [(one.document, one.line, one.text) for one in result.evidence] == [
        ("v.txt", 2, "the vault code is 7731-Q.")
    ]
    assert result.coverage >= len(texts["v.txt"].strip()) / sum(map(len, texts.values()))


@pytest.mark.parametrize(
    ("data", "seen"),
    {
        "{None: 1, 'y': 2}": {None: 1, "y": 2},
        "{1: 'a', 'x': [{'b': 2, 3: 4}]}": {1: "a", "x": [{"b": 2, 3: 4}]},
        "{(1, 2): 'a', True: 'b'}": {(1, 2): "a", True: "b"},
        "{'when': __import__('datetime').datetime(2024, 5, 6), 'x': 1}": {
            "when": datetime(2024, 5, 6),
            "x": 1,
        },
        "__import__('datetime').datetime(2024, 5, 6)": datetime(2024, 5, 6),
        "__import__('decimal').Decimal('1.10')": Decimal("1.10"),
        "[__import__('decimal').Decimal('1.10'), {__import__('decimal').Decimal(2): 'x'}]": [
            Decimal("1.10"),
            {Decimal(2): "x"},
        ],
    }.items(),
)
def test_a_child_has_data_of_any_keys_and_types(data: str, seen: Any) -> None:
    answer, _ = family(asked(data), "context", Context("text"))
    assert answer == seen


def test_without_child_runs_documents_go_into_the_prompt_under_their_names() -> None:
    prompts = []

    def sub(request: Any) -> str:
        prompts.append(request.last)
        return "seen"

    code = (
        "FINAL([rlm_query('?', context=one) for one in (context[1:3], [context[1]], context[1])])"
    )
    solve([cell(code)], documents(), sub=sub, max_depth=1)
    one, two = (f"===== {n}/{n}.txt =====\n{TEXTS[f'{n}/{n}.txt']}\n" for n in (1, 2))
    assert prompts == [f"?\n\n{text}" for text in (one + two, one, TEXTS["1/1.txt"])]


async def test_documents_that_there_are_not_are_refused(open_repl: OpenRepl) -> None:
    async def door(name: str, args: Sequence[Any]) -> str:
        return "read"

    run = await open_repl(documents(), door=door, children=True)
    for runs in ("[(3, 13)]", "[(-1, 2)]", "[(4, 4)]", "[]", "[(0, 12)] * 2", "[(0, 12, 3)]", "7"):
        forged = (
            "import sys\nChosen = sys.modules['worker.records'].Chosen\n"
            f"try:\n    print(rlm_query('?', Chosen({runs})))\n"
            "except Exception as error:\n    print(type(error).__name__, error)"
        )
        seen = await run(forged)
        assert "LLMError" in seen.stdout.text, (runs, seen)
