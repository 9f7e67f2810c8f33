"""What a result says of what was read, and of what the answer rests on."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from runs import cell, solve
from unspool import Context, ContextError, reading
from unspool.context.source import Document
from unspool.loaders.files import text_file
from unspool.loaders.parts import Gathering, Part
from unspool.testing.script import ChatRequest
from unspool.types import Span

LINES = [
    f"Entry {i}: the courier of district {i * 7} left at {i % 24}:00 hours." for i in range(2_000)
]
LINES[777] = "Entry 777: the vault of Ravenna opens with 88123."
TEXT = "\n".join(LINES)


def sub(request: ChatRequest) -> str:
    return "read"


def test_a_line_that_search_showed_is_the_evidence() -> None:
    script = [cell("search('vault of Ravenna')"), cell("FINAL('88123')")]
    result, _ = solve(script, TEXT, question="What opens the vault?")
    start = TEXT.index(LINES[777])
    end = start + len(LINES[777])
    assert result.evidence == (Span("", start, end, LINES[777], 778),)
    assert TEXT[start:end] == result.evidence[0].text


def test_what_sub_calls_read_is_covered_to_the_character() -> None:
    code = "for c in chunks(2_000)[3:20]: llm_query('Summarise: ' + c)\nFINAL(len(context))"
    result, server = solve([cell("1 + 1"), cell(code)], TEXT, sub=sub, pack="small")
    prompts = [request.last for request in server.requests if "Summarise" in request.last]
    read = "".join(prompt[len("Summarise: ") :] for prompt in prompts)
    assert len(prompts) == 17
    assert result.coverage == len(read.strip()) / len(TEXT)


@pytest.mark.parametrize(
    "text", [TEXT, "all the same\n" * 5_000, " ".join(map(str, range(20_000)))]
)
def test_reading_everything_is_full_coverage(text: str) -> None:
    code = "llm_query_batched(['Q: ' + c for c in chunks(3_000)])\nFINAL('done')"
    result, _ = solve([cell("1"), cell(code)], text, sub=sub)
    assert result.coverage == 1.0


def test_a_short_question_takes_nothing_from_what_was_read() -> None:
    code = "llm_query_batched(['Q: ' + c for c in chunks(3_000)])\nFINAL('done')"
    result, _ = solve([cell("1"), cell(code)], TEXT, question="courier", sub=sub)
    assert result.coverage == 1.0


def test_a_slice_of_a_line_is_found() -> None:
    text = " ".join(f"word{i}" for i in range(50_000))
    result, _ = solve([cell("context[200_000:200_300]"), cell("FINAL('x')")], text, pack="small")
    assert round(result.coverage * len(text)) == pytest.approx(300, abs=2)


def test_documents_have_their_own_offsets_and_lines() -> None:
    one, two = "===== a.txt =====\nalpha beta\n", "===== b.txt =====\nfirst\nThe code is 4711.\n"
    head = len("===== a.txt =====\n")
    documents = (
        Document("a.txt", head, len(one) - head),
        Document("b.txt", len(one) + head, len(two) - head),
    )
    script = [cell("search('code')"), cell("FINAL('4711')")]
    result, _ = solve(script, Context(one + two, documents), question="Which code?")
    assert result.evidence[0] == Span("b.txt", 6, 23, "The code is 4711.", 2)


def test_a_first_line_that_looks_like_the_line_of_a_name_is_the_documents_own() -> None:
    gathering = Gathering()
    text = "===== Title =====\nfirst\nThe code is 4711.\n"
    for name in ("a.txt", "b.txt"):
        gathering.add(Part(name, text if name == "b.txt" else "alpha\n"))
    script = [cell("search('code')"), cell("FINAL('4711')")]
    result, _ = solve(script, gathering.context(["these"]), question="Which code?")
    start = text.index("The code")
    assert result.evidence == (Span("b.txt", start, len(text) - 1, "The code is 4711.", 3),)
    assert "[b.txt line 3] The code is 4711." in str(result.turns[0])


NUMBERS = ["0", "-1", "999999999", "9" * 30, "9" * 5_000]


@pytest.mark.parametrize("number", NUMBERS, ids=range(len(NUMBERS)))
def test_no_number_of_a_line_breaks_what_is_cited(number: str) -> None:
    forged = f"print('[line {number}] x', '[a.txt line {number}] code', sep='\\n')"
    answer = f"FINAL('The code is 4711, see line {number} and a.txt:{number}')"
    gathering = Gathering()
    for name, text in (("a.txt", "alpha\n"), ("b.txt", "first\nThe code is 4711.\n")):
        gathering.add(Part(name, text))
    for context in (gathering.context(["these"]), "alpha\nThe code is 4711.\n"):
        script = [cell(forged), cell("search('code')"), cell(answer)]
        result, _ = solve(script, context, question="Which code?")
        assert [(one.line, one.text) for one in result.evidence] == [(2, "The code is 4711.")]
        assert 0 < result.coverage < 1


def test_items_of_a_list_are_documents() -> None:
    items = [{"text": f"note {i}: nothing happened to anybody that day"} for i in range(300)]
    items[42]["text"] = "note 42: Ada Quill signed the treaty"
    script = [
        cell("[x['text'] for x in context if 'treaty' in x['text']]"),
        cell("FINAL('Ada Quill')"),
    ]
    result, _ = solve(script, items, question="Who signed the treaty?")
    assert result.evidence[0] == Span("[42]['text']", 0, 36, items[42]["text"], 1)


def test_what_a_child_run_reads_counts_at_its_place() -> None:
    script = [
        cell("print(rlm_query('What opens the vault?', context[40_000:60_000]))"),
        cell("search('vault')"),
        cell("FINAL('88123')"),
        cell("FINAL('88123')"),
    ]
    result, _ = solve(script, TEXT, question="What opens it?", max_depth=2)
    assert result.evidence[0].text == LINES[777]
    assert result.evidence[0].start == TEXT.index(LINES[777])


def test_an_answer_that_code_took_from_the_text_is_found_there() -> None:
    code = "import re\nFINAL(re.search(r'opens with (\\d+)', context).group(1))"
    result, _ = solve([cell(code)], TEXT, question="What opens the vault?")
    assert [span.line for span in result.evidence] == [778]


LOG = [f"{i}: host {i % 7} took {i % 50} ms, all was well" for i in range(2_000)]
for at in range(30, 1_030, 27):
    LOG[at] = f"{at}: host {at % 7} took {at % 50} ms, and an ERROR came of it"
ERRORS = [line for line in LOG if "ERROR" in line]  # 38 of them
COUNTS = {
    "all matches": ["import re\nFINAL(len(re.findall(r'ERROR\\b', context)))"],
    "shown first": ["print('errors:', context.count('ERROR'))", "FINAL('38')"],
    "in words": ["n = context.lower().count('error')", "FINAL(f'There are {n} of them.')"],
    "one by one": [
        "n = 0\nfor line in context.split('\\n'):\n    if 'ERROR' in line: n += 1\nn",
        "FINAL(str(n))",
    ],
}


@pytest.mark.parametrize("codes", COUNTS.values(), ids=COUNTS.keys())
def test_behind_a_count_are_the_lines_that_were_counted(codes: list[str]) -> None:
    script = [cell("context[:4_000]"), *map(cell, codes)]
    result, _ = solve(script, "\n".join(LOG), question="How many hosts took an error?")
    assert "38" in str(result.answer)
    assert [span.text for span in result.evidence] == ERRORS[: len(result.evidence)]
    assert len(result.evidence) == 20


def test_documents_that_were_counted_are_each_behind_the_count() -> None:
    items = ["\n".join(LOG[at : at + 100]) for at in range(0, 2_000, 100)]
    code = "FINAL(sum('ERROR' in one for one in context))"
    result, _ = solve([cell("context[0]"), cell(code)], items, question="How many have errors?")
    assert result.answer == 11
    assert [span.document for span in result.evidence] == [f"[{n}]" for n in range(11)]


def test_behind_a_sum_of_what_sub_calls_said_is_no_line() -> None:
    code = "FINAL(sum(int(llm_query('Count: ' + c)) for c in chunks(20_000)))"
    script = [cell("1"), cell(code)]
    result, _ = solve(script, "\n".join(LOG), question="How many hosts?", sub=lambda _: "8")
    assert (result.answer, result.coverage) == (32, 1.0)
    assert result.evidence == ()


@pytest.mark.parametrize("answer", ["'yes'", "None", "17_003", "'Zanzibar'"])
def test_an_answer_that_stands_nowhere_has_no_evidence(answer: str) -> None:
    script = [cell("search('vault of Ravenna')"), cell(f"x = {answer}\nFINAL(x)")]
    result, _ = solve([*script, script[-1], script[-1]], TEXT, question="Is it?")
    assert result.evidence == ()


def test_lines_that_the_answer_names_come_first() -> None:
    script = [
        cell("context[:100]"),
        cell("FINAL('See line 12; it is the courier of 77.')"),
    ]
    result, _ = solve([*script, script[-1]], TEXT, question="Which courier?")
    assert result.evidence[0].line == 12


def rewritten(path: Path) -> None:
    path.write_text("x" * path.stat().st_size)


def replaced(path: Path) -> None:
    (path.parent / "new").write_text(path.read_text() + "more")
    (path.parent / "new").replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced, Path.unlink])
@pytest.mark.parametrize("whole_bytes", [1 << 30, 1_000], ids=["in memory", "in its file"])
def test_a_file_that_is_another_by_then_is_named(
    tmp_path: Path, change: Callable[[Path], object], whole_bytes: int
) -> None:
    path = tmp_path / "long.txt"
    path.write_text(TEXT * 10)
    script = [cell("search('vault of Ravenna')"), cell("FINAL('88123')")]
    result, _ = solve(script, text_file(path, whole_bytes=whole_bytes), question="vault?")
    change(path)
    for asked in ("evidence", "coverage"):
        with pytest.raises(ContextError, match="nobody can say") as raised:
            getattr(result, asked)
        assert "long.txt" in str(raised.value)


def test_a_file_that_has_only_grown_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text(TEXT * 10)
    script = [cell("search('vault of Ravenna')"), cell("FINAL('88123')")]
    result, _ = solve(script, path, question="What opens the vault?")
    with path.open("a") as file:
        file.write("more")
    assert result.evidence[0].text == LINES[777]


def test_a_result_can_be_copied_and_sent_on(tmp_path: Path) -> None:
    result, _ = solve([cell("search('Ravenna')"), cell("FINAL('88123')")], TEXT, question="vault?")
    assert copy.deepcopy(result).evidence == result.evidence
    again = pickle.loads(pickle.dumps(result))
    assert (again.evidence, again.coverage) == (result.evidence, result.coverage)


def test_more_prompts_than_fit_in_memory_go_to_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "IN_MEMORY_BYTES", 10_000)
    code = "llm_query_batched(['Q: ' + c for c in chunks(3_000)])\nFINAL('done')"
    result, _ = solve([cell("1"), cell(code)], TEXT, sub=sub)
    assert result.coverage == 1.0
