"""Contexts that stay in their file: what cells see of them, and what may become of the file."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runs import cell, solve
from support import OpenRepl
from unspool import Context, ContextError
from unspool.context.parts import part as part_of
from unspool.context.text import FileText
from unspool.loaders.files import text_file
from unspool.parsing import load
from unspool.sandboxes.memory import SharedContext
from unspool.sandboxes.texts import opened
from unspool.sandboxes.worker.textmap import mapped

LINES = "".join(f"{n}: the köttbullar of host {n % 7} said ✓ {n * n}\n" for n in range(60_000))
SEEN = "(len(context), context[70:90], context[-20:], context.find('host 6 said'), type(context))"


def long_text(path: Path, data: bytes) -> Context:
    """A file as if there were no memory for it."""
    path.write_bytes(data)
    return text_file(path, whole_bytes=1000)


def test_a_question_over_a_file_that_fits_in_no_memory(tmp_path: Path) -> None:
    context = long_text(tmp_path / "log.txt", (LINES + "the code is 7731\n").encode())
    script = [
        cell("import re\nm = re.search(r'code is (\\d+)', context)\nprint(m.span(), len(context))"),
        cell("FINAL(re.compile(r'code is (\\d+)').findall(context)[0])"),
    ]
    result, server = solve(script, context)
    text = LINES + "the code is 7731\n"
    at = text.find("code is")
    assert result.answer == "7731"
    assert f"({at}, {at + 12}) {len(text)}" in server.requests[1].last
    asked = server.requests[0].last
    assert "`context` is a str, about" in asked
    assert "in parts: slices" in asked
    assert "0: the köttbullar" in asked


ENCODED = {
    "UTF-8": ("utf-8", b"", ""),
    "UTF-8 with a mark": ("utf-8", b"\xef\xbb\xbf", ""),
    "UTF-16": ("utf-16-le", b"\xff\xfe", ""),
    "UTF-16, the other way round": ("utf-16-be", b"\xfe\xff", ""),
    "Windows-1252": ("cp1252", b"", "Windows-1252"),
}


@pytest.mark.parametrize("whole", [True, False], ids=["in memory", "in its file"])
@pytest.mark.parametrize(("encoding", "mark", "note"), ENCODED.values(), ids=ENCODED.keys())
async def test_a_file_in_any_encoding(
    open_repl: OpenRepl, tmp_path: Path, encoding: str, mark: bytes, note: str, whole: bool
) -> None:
    text = LINES if encoding != "cp1252" else LINES.replace("✓", "é")
    (tmp_path / "text").write_bytes(mark + text.encode(encoding))
    context = text_file(tmp_path / "text", whole_bytes=1 << (30 if whole else 20))
    assert note in " ".join(context.notes)
    assert isinstance(context.value, FileText)
    assert context.value.exact == whole
    assert not whole or context.chars == len(text)
    head, tail = context.ends(50)
    assert (head, tail) == (text[:50], text[-50:])
    run = await open_repl(context)
    seen = await run(f"print({SEEN}[:4])")
    expected = (len(text), text[70:90], text[-20:], text.find("host 6 said"))
    assert seen.stdout.text == f"{expected}\n"


def test_code_of_this_process_has_the_same_texts(tmp_path: Path) -> None:
    text = opened(long_text(tmp_path / "text", LINES.encode()))
    assert type(text) is not str
    assert (text == LINES, text[70:90]) == (True, LINES[70:90])
    found = text.scan(r"host (3) said", 1_000)
    assert next(found) == (LINES.find("host 3 said", 1_000), LINES.find("host 3 said", 1_000) + 11)
    assert opened(Context(LINES)) == LINES


async def test_broken_bytes_stop_nothing(open_repl: OpenRepl, tmp_path: Path) -> None:
    data = LINES.encode().replace(b"host 3", b"host\xff3", 300) + b"\xed\xa0\x80 \xe2\x82"
    text = data.decode("utf-8", "replace")
    context = long_text(tmp_path / "text", data)
    assert "are replaced where they are read" in " ".join(context.notes)
    seen = await (await open_repl(context))(
        "print((len(context), context.count('host\\ufffd3'), context[-9:], context.rfind('host')))"
    )
    expected = (len(text), text.count("host\ufffd3"), text[-9:], text.rfind("host"))
    assert seen.stdout.text == f"{expected}\n"


ODD = {
    "one line without an end": "x" * 3_000_000 + "needle" + "y" * 100,
    "NUL bytes": "text\n" * 300_000 + "a\0b needle\0\n",
    "mixed line ends": "a\r\nb\rc\nd\x85e\u2028f needle\n" * 100_000,
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD.keys())
async def test_odd_texts(open_repl: OpenRepl, tmp_path: Path, text: str) -> None:
    run = await open_repl(long_text(tmp_path / "text", text.encode()))
    seen = await run(
        "import re\nm = re.search('needle', context)\nlines = context.splitlines()\n"
        "print((m.span(), len(lines), len(lines[-1]), len(context), context[-5:]))"
    )
    at, lines = text.find("needle"), text.splitlines()
    expected = ((at, at + 6), len(lines), len(lines[-1]), len(text), text[-5:])
    assert seen.stdout.text == f"{expected}\n"


@pytest.mark.parametrize(
    ("code", "idiom"),
    {
        "print(context)": "context[:2000]",
        "'Read this: ' + context": "prompt + context[a:b]",
        "f'Read this: {context}'": "f'{context[a:b]}'",
        "context.lower()": "re.finditer('(?i)word', context)",
        "llm_query(context)": "take a slice",
        "import re\nre.sub('a', 'b', context)": "re.sub(pattern, new, context[a:b])",
    }.items(),
)
async def test_what_would_fill_the_memory_says_what_to_do_instead(
    open_repl: OpenRepl, tmp_path: Path, code: str, idiom: str
) -> None:
    seen = await (await open_repl(long_text(tmp_path / "text", LINES.encode())))(code)
    assert "TooLarge" in seen.error
    assert idiom in seen.error


async def test_a_gigabyte_on_one_line(open_repl: OpenRepl, tmp_path: Path) -> None:
    with (tmp_path / "text").open("wb") as file:
        file.write(b"it begins; " * 1_000)
        file.seek(1 << 30)  # what is between takes no room
        file.write("the code is 7731 ✓".encode())
    run = await open_repl(load(tmp_path / "text"))
    size = (1 << 30) + 18
    seen = await run("print((len(context), context[:11], context[-6:], context[1 << 29]))")
    assert seen.stdout.text == f"{(size, 'it begins; ', '7731 ✓', chr(0))}\n"
    seen = await run("import re\nm = re.search(r'code is (\\d+)', context)\nprint(m.span(), m[1])")
    assert seen.stdout.text == f"({(1 << 30) + 4}, {(1 << 30) + 16}) 7731\n"
    seen = await run("some = chunks(5_000)\nprint([len(some[n]) for n in range(4)], some[0][:9])")
    assert seen.stdout.text == "[4997, 4994, 1009, 5000] it begins\n"
    seen = await run("print(next(iter(context.split('\\n'))))")
    assert "take a slice" in seen.error


UNLIKE_STR = {
    "import json\njson.loads(context)": "row = json.loads(line)",
    "import csv, io\ncsv.DictReader(io.StringIO(context))": "csv.reader(context.splitlines(True))",
    "import hashlib\nhashlib.sha256(context)": "digest.update(context[at:at + 10**6].encode())",
    "import ast\nast.literal_eval(context)": "json.loads(line)",
    "open('copy', 'w').write(context)": "file.write(line)",
    "'\\n'.join(['a', context])": "for line in context.splitlines():",
    "bytes(context, 'utf-8')": "context[a:b]",
    "context['entries']": "`context` is one text",
}


async def test_functions_that_want_a_str_fail_with_what_to_do_instead(
    open_repl: OpenRepl, tmp_path: Path
) -> None:
    run = await open_repl(long_text(tmp_path / "text", LINES.encode()))
    for code, idiom in UNLIKE_STR.items():
        seen = await run(code)
        assert seen.error, code
        assert idiom in seen.notes[-1], code
    for code in ("int('x')", "open(5.5)", "len(5)", "context.rows", "context[:5][:'a']"):
        seen = await run(code)
        assert (bool(seen.error), seen.notes) == (True, ()), code


async def test_what_the_advice_says_works(open_repl: OpenRepl, tmp_path: Path) -> None:
    text = "".join(f'{{"n": {n}, "said": "é"}}\n' for n in range(70_000))
    run = await open_repl(long_text(tmp_path / "text", text.encode()))
    seen = await run(
        "import csv, hashlib, json\ndigest = hashlib.sha256()\n"
        "for at in range(0, len(context), 10**6): digest.update(context[at:at + 10**6].encode())\n"
        "rows = sum(1 for row in csv.reader(context.splitlines(True)))\n"
        "total = sum(json.loads(line)['n'] for line in context.splitlines())\n"
        "print((digest.hexdigest(), rows, total))"
    )
    expected = (hashlib.sha256(text.encode()).hexdigest(), 70_000, sum(range(70_000)))
    assert seen.stdout.text == f"{expected}\n"


async def test_a_pattern_that_runs_over_any_text_is_refused_where_that_is_too_much(
    open_repl: OpenRepl, tmp_path: Path
) -> None:
    context = long_text(tmp_path / "text", LINES.encode())
    os.truncate(tmp_path / "text", 70 << 20)  # with NULs, which take no room
    run = await open_repl(text_file(tmp_path / "text", whole_bytes=1000))
    assert not context.value.is_whole
    seen = await run("import re\nprint(re.search('(?s)0: the.*?✓ 16', context).end())")
    assert seen.stdout.text == f"{LINES.find('✓ 16') + 4}\n"
    seen = await run("re.search('(?s)host.*nothing', context)")
    assert "TooLarge" in seen.error
    assert "in place of .*" in seen.error


async def test_a_file_that_shrinks_changes_or_goes_ends_no_repl(
    open_repl: OpenRepl, tmp_path: Path
) -> None:
    path = tmp_path / "text"
    run = await open_repl(long_text(path, LINES.encode()))
    assert (await run("kept = len(context)")).notes == ()
    with path.open("ab") as file:
        file.write(b"what is added is not part of it")
    seen = await run("print(len(context) == kept, context[-4:])")
    assert (seen.stdout.text, seen.notes) == (f"True {LINES[-4:]}\n", ())
    path.write_bytes(LINES.encode().replace(b"said", b"SAID"))
    seen = await run("print(context.count('SAID') > 0)")
    assert seen.stdout.text == "True\n"
    assert "was changed meanwhile" in seen.notes[0]
    os.truncate(path, 5_000)
    seen = await run("print(context[:10])\ncontext[-10:]")
    assert "TextChanged" in seen.error
    assert "has become shorter" in seen.error
    assert seen.stdout.text == f"{LINES[:10]}\n"
    path.unlink()
    assert (await run("print(context[:10], kept > 0)")).stdout.text == f"{LINES[:10]} True\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the confinement is Linux's")
async def test_a_cell_can_do_nothing_to_the_file_that_it_reads(
    open_repl: OpenRepl, tmp_path: Path
) -> None:
    context = long_text(tmp_path / "text", LINES.encode())
    before = os.stat(tmp_path / "text")
    tried = (
        "import contextlib, os\nfd, done = context.extent.source._fd, []\n"
        "def attempt(call):\n"
        "    with contextlib.suppress(OSError):\n        call(); done.append(1)\n"
        "attempt(lambda: os.write(fd, b'x'))\nattempt(lambda: os.ftruncate(fd, 0))\n"
        "attempt(lambda: os.utime(fd, (1, 1)))\nattempt(lambda: os.fchmod(fd, 0))\n"
        "attempt(lambda: os.open(f'/proc/self/fd/{fd}', os.O_RDWR))\n"
        "attempt(lambda: os.open(f'/dev/fd/{fd}', os.O_RDONLY))\n"
        "open('own', 'w').close(); os.utime('own', (1, 1))\nprint(done, os.stat('own').st_mtime)"
    )
    seen = await (await open_repl(context))(tried)
    assert (seen.stdout.text, seen.error) == ("[] 1.0\n", "")
    after = os.stat(tmp_path / "text")
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


async def test_a_file_that_is_gone_before_the_run_is_named(
    open_repl: OpenRepl, tmp_path: Path
) -> None:
    for spoil in (Path.unlink, lambda path: os.truncate(path, 10)):
        context = long_text(tmp_path / "text", LINES.encode())
        spoil(tmp_path / "text")
        with pytest.raises(ContextError, match="text"):
            await open_repl(context)


@pytest.mark.parametrize("whole", [1 << 30, 1000], ids=["in memory", "in its file"])
def test_a_child_run_has_its_part_of_the_text(tmp_path: Path, whole: int) -> None:
    (tmp_path / "text").write_text(LINES)
    context = text_file(tmp_path / "text", whole_bytes=whole)
    look = "(context[:20], context[-20:], len(context), context.count('host 3'))"

    def answer(request: Any) -> str:
        if "which part" in request.messages[1]["content"]:
            return cell(f"FINAL({look})")
        return cell(
            "a = rlm_query('which part?', context=context[100_000:2_000_000])\n"
            "b = rlm_query_batched(['which part?', 'which part?'],"
            " [context[7:900_007], context[900_000:]])\n"
            "FINAL([a, *b])"
        )

    result, server = solve(answer, context, max_depth=2)
    parts = [LINES[100_000:2_000_000], LINES[7:900_007], LINES[900_000:]]
    told = "\n".join(request.last for request in server.requests)
    assert all(repr(one[:60])[:-1] in told and repr(one[-60:])[1:] in told for one in parts)
    expected = [(one[:20], one[-20:], len(one), one.count("host 3")) for one in parts]
    assert [tuple(one) for one in result.answer] == expected


@pytest.mark.parametrize("whole", [1 << 30, 1 << 20], ids=["in memory", "in its file"])
@pytest.mark.parametrize(("encoding", "mark", "note"), ENCODED.values(), ids=ENCODED.keys())
def test_a_part_has_its_own_head_and_tail(
    tmp_path: Path, encoding: str, mark: bytes, note: str, whole: int
) -> None:
    text = LINES if encoding != "cp1252" else LINES.replace("✓", "é")
    (tmp_path / "text").write_bytes(mark + text.encode(encoding))
    context = text_file(tmp_path / "text", whole_bytes=whole)
    for start, end in ((0, 2_000_000), (70_003, 70_100), (70_003, 70_013), (9, len(text))):
        part = text[start:end]
        if whole == 1 << 20:
            start, end = len(text[:start].encode()), len(text[:end].encode())
        made = part_of(context, start, end)
        assert made.in_memory() == part
        ends = (part, "") if len(part) <= 40 else (part[:20], part[-20:])
        none = whole == 1 << 20 and encoding != "utf-8"
        assert made.ends(20) == (("", "") if none else ends)


@pytest.mark.parametrize("whole", [1 << 30, 1000], ids=["in memory", "in its file"])
async def test_a_slice_travels_as_its_place(
    open_repl: OpenRepl, tmp_path: Path, whole: int
) -> None:
    (tmp_path / "text").write_text(LINES)
    context = text_file(tmp_path / "text", whole_bytes=whole)
    taken: list[Any] = []

    async def door(name: str, args: Sequence[Any]) -> str:
        taken.append(args[1])
        return "read"

    run = await open_repl(context, door=door, children=True)
    await run(
        "for a, b in ((0, 1_000_000), (1_000_000, 1_500_000), (500_000, 1_200_000)):\n"
        "    rlm_query('?', context[a:b])\n"
        "rlm_query('?', 'x' + context[:100_000])\nrlm_query('?', context[5:50])"
    )
    starts = [0, 1_000_000, 500_000]
    if whole == 1000:
        starts = [len(LINES[:at].encode()) for at in starts]
    assert [one.part_of[0] for one in taken[:3]] == starts
    assert taken[3:] == ["x" + LINES[:100_000], LINES[5:50]]


@pytest.mark.parametrize("text", ["plain ", "café ", "中文 ", "a😀", "\ud800 "])
async def test_a_long_text_is_written_in_several_parts_at_once(text: str) -> None:
    text = text * (5_000_000 // len(text)) + "the end"
    shared = await SharedContext.of(Context(text))
    bound = mapped(shared.fd, shared.layout, shared.bytes)
    await shared.close()
    assert bound == text


@pytest.mark.parametrize("text", ["plain ", "café ", "中文 ", "a😀"])
async def test_parts_share_one_memory_and_outlive_the_whole(text: str) -> None:
    text *= 20_000
    shared = await SharedContext.of(Context(text))
    part = shared.part(5, 30_003)
    await shared.close()
    assert os.fstat(part.fd).st_size > part.bytes
    bound = mapped(part.fd, part.layout, part.bytes, part.start, part=True)
    await part.close()
    expected = text[5:30_003]
    assert (bound, hash(bound), bound.encode()) == (expected, hash(expected), expected.encode())
    assert (bound.find(text[10:90]), bound.split()) == (
        expected.find(text[10:90]),
        expected.split(),
    )


def test_a_sandbox_that_copies_contexts_has_files_too_up_to_a_length(tmp_path: Path) -> None:
    pytest.importorskip("pydantic_monty")
    (tmp_path / "text").write_text(LINES)
    context = text_file(tmp_path / "text", whole_bytes=1 << 30)
    result, _ = solve([cell("FINAL(context[70:90])")], context, sandbox="monty")
    assert result.answer == LINES[70:90]
    with pytest.raises(ContextError, match="sandbox='process'"):
        solve([], text_file(tmp_path / "text", whole_bytes=1000), sandbox="monty")


async def test_a_part_that_there_is_not_is_refused(open_repl: OpenRepl) -> None:
    async def door(name: str, args: Sequence[Any]) -> str:
        return "read"

    run = await open_repl("text " * 20_000, door=door, children=True)
    forged = (
        "import sys\nPart = sys.modules['worker.records'].Part\n"
        "try:\n    rlm_query('?', Part(5, 10**12))\nexcept Exception as error:\n    print(error)"
    )
    assert "the context has no part from 5 to" in (await run(forged)).stdout.text
