"""What the host reads from a cell's text."""

from __future__ import annotations

import pytest

from unspool.sandboxes.reading import Reading, read

CALLS = ("llm_query", "rlm_query")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("a = b = 1\nc: int = 2\nd += 1", "a b c d"),
        ("for i, (j, *k) in x: l = i", "i j k l"),
        ("with f() as g, h() as (m, n): o = 1", "g m n o"),
        ("if x:\n    p = 1\nelif y:\n    q = 2\nelse:\n    r = 3", "p q r"),
        ("try:\n    s = 1\nexcept E as e:\n    t = 2\nfinally:\n    u = 3", "s t u"),
        ("match x:\n    case {'k': v}: w = v", "w"),
        ("def f(z):\n    global y\n    local = y = z\nclass C:\n    inner = 1", "f y C"),
        ("[i for i in x]; print(n := 3); (lambda q: q)(1)", "n"),
        ("import os.path as p, re\nfrom a import b as c", "p re c"),
        ("answer['content'] = 1; x.y = 2", ""),
        ("this is no python", ""),
    ],
)
def test_the_names_that_a_cell_binds(code: str, names: str) -> None:
    assert " ".join(read(code, CALLS).assigned) == names


def test_what_is_imported_is_known_apart() -> None:
    assert read("import os\nfrom re import sub\nx = 1", CALLS).imported == {"os", "sub"}


@pytest.mark.parametrize(
    ("code", "calls"),
    [
        ("await llm_query('a')", ["llm_query('a')"]),
        ("x = llm_query('a')", []),
        ("é = '漢'; y = await llm_query('🙂')", ["llm_query('🙂')"]),
        ("await asyncio.gather(*[llm_query(p) for p in ps])", ["llm_query(p)"]),
        ("gather = [llm_query(p) for p in ps]", []),
        ("t = [llm_query('a')]\nt.append(rlm_query(\n  'b'))\nawait asyncio.gather(*t)",
         ["llm_query('a')", "rlm_query(\n  'b')"]),
        ("async def one(p): return await other(llm_query(p))", []),
    ],
)  # fmt: skip
def test_the_calls_whose_result_is_awaited(code: str, calls: list[str]) -> None:
    found = sorted(read(code, CALLS).awaited)
    assert [code.encode()[start:end].decode() for start, end in found] == calls


def test_text_that_no_parser_can_take_is_read_as_nothing() -> None:
    for code in ("(" * 5_000, "\0", "-" * 100_000 + "1"):
        assert read(code, CALLS) == Reading()
