"""A context of documents, as cells have it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from runs import cell, solve
from support import OpenRepl
from unspool import Context, search
from unspool.context.source import Document
from unspool.loaders.parts import Gathering, Part

PARTS = (
    Part("a.txt", "first é\nsecond line", {"format": "txt"}),
    Part("b/c.csv", "x,y\n1,2\n", {"format": "csv", "columns": ["x", "y"]}),
    Part("d.md", "# Head\nfirst again", {"format": "md"}),
)
WHOLE = "".join(f"===== {part.name} =====\n{part.text}\n" for part in PARTS)


def joined(*given: Part) -> Context:
    gathering = Gathering()
    for part in given or PARTS:
        gathering.add(part)
    return gathering.context(["these"])


def test_documents_are_joined_under_their_names_and_know_where_they_are() -> None:
    context = joined()
    assert context.value == WHOLE
    assert context.documents[1] == Document("b/c.csv", WHOLE.index("x,y"), 8)
    pieces = [WHOLE[d.start : d.start + d.chars] for d in context.documents]
    assert pieces == [part.text for part in PARTS]


SAME: dict[str, tuple[str, Any]] = {
    "a number of documents": ("len(context)", 3),
    "one": ("context[0].text", PARTS[0].text),
    "the last": ("context[-1].name", "d.md"),
    "one by its name": ("context['b/c.csv'] == 'x,y\\n1,2\\n'", True),
    "which is a str": ("isinstance(context[0], str), context[0].upper()[:5]", ("FIRST")),
    "metadata": ("context[1].metadata['columns']", ["x", "y"]),
    "places in the whole": ("[context.text[d.start:d.end] == d for d in context]", [True] * 3),
    "places in a slice": (
        "[context[1:].text[at:at + 3] for at in context[1:].starts]",
        ["x,y", "# H"],
    ),
    "places in the text of a slice": (
        "[some.text[d.start:d.end] == d for some in (context[1:], context[::2], context[::-1])"
        " for d in some]",
        [True] * 7,
    ),
    "places in a slice of a slice": (
        "some = context[1:][1:]\nsome.text[some[-1].start:some[-1].end] == context[2]",
        True,
    ),
    "names": ("context.names", [part.name for part in PARTS]),
    "a slice": ("[d.name for d in context[1:]]", ["b/c.csv", "d.md"]),
    "the text of a slice": ("context[1:].text", WHOLE[WHOLE.index("===== b") :]),
    "every other one": ("len(context[::2].text)", len(WHOLE) - len("===== b/c.csv =====\n") - 9),
    "a slice of nothing": ("(len(context[5:]), context[5:].text)", (0, "")),
    "joined": ("''.join(context)", "".join(part.text for part in PARTS)),
    "as text": ("str(context) == context.text, f'{context[2]}'", ("# Head\nfirst again")),
    "searched": ("context.find('first again'), context.count('first')", 2),
    "words in it": ("'second line' in context, 'd.md' in context, 'zzz' in context", False),
    "lines": ("len(context.splitlines())", len(WHOLE.splitlines())),
    "by re": ("import re\nre.findall('fir..', context)", ["first", "first"]),
    "by a compiled pattern": (
        "import re\np = re.compile('(fir)..')\n(p.findall(context), p.search(context).span(),"
        " [m[1] for m in p.finditer(context[2:])], p.sub('x', string=context).count('x'))",
        (["fir", "fir"], (18, 23), ["fir"], 4),
    ),
    "a compiled pattern": ("import re\nre.compile('a').pattern, re.compile('a', re.I).flags", 34),
    "by re, named": ("import re\nre.sub('first', 'x', string=context).count('x')", 4),
    "sorted": ("[d.name for d in sorted(context, key=len)]", ["b/c.csv", "d.md", "a.txt"]),
    "copied": ("import pickle\npickle.loads(pickle.dumps(context[1:]))[1].name", "d.md"),
}


@pytest.mark.parametrize(("code", "value"), SAME.values(), ids=SAME.keys())
async def test_they_are_a_sequence_and_a_text(open_repl: OpenRepl, code: str, value: Any) -> None:
    run = await open_repl(joined())
    *lines, last = code.split("\n")
    seen = await run("\n".join([*lines, f"seen = {last}", "FINAL(seen)"]))
    assert seen.error == ""
    assert seen.answer is not None
    found = seen.answer.value
    assert (found[-1] if type(found) is tuple and type(value) is not tuple else found) == value


async def test_what_documents_are_not_is_told_with_what_to_do(open_repl: OpenRepl) -> None:
    run = await open_repl(joined())
    for code in (
        "import json\njson.loads(context)",
        "context.keys()",
        "context + 'x'",
        "for name, text in context: print(name)",
        "[doc['text'] for doc in context]",
        "context[0].content",
        "import hashlib\nhashlib.sha256(context)",
    ):
        seen = await run(code)
        assert "`context` is a sequence of 3 documents" in seen.notes[-1], code
        assert "context.text" in seen.notes[-1]
    assert (await run("1 / 0")).notes == ()
    assert (await run("context['e.txt']")).error.endswith('see context.names"')


async def test_documents_do_not_change(open_repl: OpenRepl) -> None:
    run = await open_repl(joined())
    assert "AttributeError" in (await run("context[0].name = 'x'")).error
    seen = await run("context[0].metadata['format'] = 'x'\ncontext[0].metadata['format']")
    assert seen.value.text == "'txt'"


async def test_they_are_shown_in_a_line_and_survive_a_killed_cell(open_repl: OpenRepl) -> None:
    run = await open_repl(joined(*[Part(f"{n}.txt", "x" * n) for n in range(1, 200)]))
    seen = await run("some = context[3:5]\ncontext")
    assert seen.value.text.startswith("<199 documents: 1.txt (1 characters), 2.txt")
    assert seen.value.text.endswith("... and 189 more>")
    await run("import os\nos._exit(1)")
    assert (await run("some.names, context[7].name")).value.text == "(['4.txt', '5.txt'], '8.txt')"


async def test_what_cells_read_of_them_survives_a_killed_cell(open_repl: OpenRepl) -> None:
    run = await open_repl(joined())
    await run("n, first = len(context), context.names[0]; print(context[1].text)")
    await run("kind = context[1].metadata.get('format'); places = [d.start for d in context]")
    await run("doc = context[2]; doc.metadata['seen'] = True")
    await run("size = len(doc) + doc.end")
    for _ in range(2):
        lost = await run("n = first = 0; import os; os._exit(1)")
        assert "every variable is as it was" in lost.notes[-1]
        seen = await run("n, first, kind, len(places), doc.metadata['seen'], size - doc.end")
        assert seen.value.text == "(3, 'a.txt', 'csv', 3, True, 18)"


@pytest.mark.parametrize(
    "loop",
    [
        "for doc in context:\n    out.append(llm_query(f'{doc.name} {doc.text}'))",
        "for i, doc in enumerate(context[:3]):\n    out.append(llm_query(str(i) + doc))",
        "for i in range(len(context)):\n    out.append(llm_query(context[i]))",
        "import re\np = re.compile('x{999}')\nfor d in context:\n    if not p.search(d):\n"
        "        out.append(llm_query(re.compile('zzz').sub('', d)))",
        "out += [llm_query(d) for d in context if d.metadata['format'] != 'pdf' and 'x' not in d]",
    ],
)
async def test_calls_of_a_loop_over_documents_are_made_at_the_same_time(
    open_repl: OpenRepl, loop: str
) -> None:
    under_way, most = 0, 0

    async def door(name: str, args: Sequence[Any]) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.2)
        under_way -= 1
        return f"re: {args[0]}"

    run = await open_repl(joined(), door=door)
    seen = await run(f"out = []\n{loop}\nlen(out), type(out[0])")
    assert seen.error == ""
    assert most >= 2


async def test_a_hit_is_told_with_its_document_and_the_line_in_it(open_repl: OpenRepl) -> None:
    run = await open_repl(joined())
    assert (await run("search('again')")).value.text == "[d.md line 2] first again"
    assert (await run("search('second')")).value.text == "[a.txt line 2] second line"


NAMED = {f"contract-{n:02}.txt": f"supplier {n}\nwords of filler\n" for n in range(30)}
NAMED["other.txt"] = "preface\nthis contract ends in 2031\n"
END = "[other.txt line 2] this contract ends in 2031"


@pytest.mark.parametrize("repeat", [1, 600], ids=["short", "long"])
def test_the_lines_of_names_are_no_hits(repeat: int) -> None:
    texts = {name: text + "filler\n" * repeat for name, text in NAMED.items()}
    context = joined(*[Part(name, text) for name, text in texts.items()])
    assert search("contract", context) == [END]
    assert search("contract|zebra", context, spans=True)[0][2:] == ("other.txt", "contract")
    assert len(search("contract", context, spans=True)) == 1
    assert search(["contract"], context) == [END]
    assert search(["contract"], context, spans=True)[0][2] == "other.txt"
    assert search(["contract", "zebra"], context) == [END]
    assert search(["contract", "zebra"], context, limit=40) == [END]
    found = search("contract-07", context)
    assert "Names of documents that match (1): contract-07.txt" in str(found)
    assert not any("=====" in line for line in found)
    assert search(["07", "supplier"], context, 1) == ["[contract-07.txt line 1] supplier 7"]
    assert context.value.count("contract") == 31


def test_what_begins_in_the_line_of_a_name_hides_nothing_behind_it() -> None:
    parts = [Part(f"{n}.txt", f"alpha {n}\nbeta {n}\n") for n in range(4)]
    context = joined(*parts)
    for pattern, text in ((r"=*\s*alpha", "alpha"), (r"(?s).*beta", "alpha {}\nbeta")):
        found = search(pattern, context, spans=True)
        wanted = [(f"{n}.txt", text.format(n)) for n in range(4)]
        assert [(name, text) for _, _, name, text in found] == wanted, pattern
    spans = search(r"(?s)alpha 1.*?alpha 2", context, spans=True)
    assert [(name, text.count("=====")) for *_, name, text in spans] == [("1.txt", 2)]
    assert search(r"\n=|^=+", context, spans=True) == []


async def test_cells_do_not_find_the_lines_of_names(open_repl: OpenRepl) -> None:
    run = await open_repl(joined(*[Part(name, text) for name, text in NAMED.items()]))
    seen = await run("print(search('contract'))\nlen(search('contract', spans=True))")
    assert (seen.stdout.text, seen.value.text) == (f"{END}\n", "1")
    seen = await run("print(search(['contract']))\nsearch('contract', text=context[:3])")
    assert (seen.stdout.text, "=====" in seen.value.text) == (f"{END}\n", False)
    assert (await run("context.text.count('contract')")).value.text == "31"


async def test_documents_that_are_searched_by_themselves_keep_their_names(
    open_repl: OpenRepl,
) -> None:
    run = await open_repl(joined())
    two = "['[d.md line 2] first again', '[a.txt line 1] first é']"
    for text, hits in (
        ("[context[2], context[0]]", two),
        ("context[::-2]", two),
        ("context[2]", "['[d.md line 2] first again']"),
        ("{'x': context[2]}", "['[x line 2] first again']"),
    ):
        assert (await run(f"list(search('first', text={text}))")).value.text == hits
    seen = await run(
        "[one for given in (context[2], [context[2]]) for one in"
        " (search('first', text=given, spans=True)[0], chunks(9, text=given, spans=True)[0])]"
    )
    assert seen.value.text == str([(7, 12, "d.md", "first"), (0, 7, "d.md", "# Head\n")] * 2)


def test_sub_calls_and_child_runs_take_documents() -> None:
    script = [
        cell("a = llm_query(context[0])\nb = ask_each(context, 'what?')\nFINAL([a, b, context[0]])")
    ]
    result, _ = solve(script, joined(), sub=lambda request: f"got {len(request.last)}")
    assert result.answer[2] == PARTS[0].text
    assert len(result.answer[1]) == 3


def test_where_documents_cannot_be_had_the_model_is_told_of_a_text() -> None:
    pytest.importorskip("pydantic_monty")
    result, server = solve([cell("FINAL(len(context))")], joined(), sandbox="monty")
    assert result.answer == len(WHOLE)
    assert f"`context` is a str, {len(WHOLE)} characters" in server.requests[0].last
    assert "under a line `===== name =====`" in server.requests[0].last
