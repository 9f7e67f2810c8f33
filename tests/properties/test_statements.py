"""Statements that are cut out of a growing reply are those of the whole one."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from unspool.statements import Statements

STATEMENTS = [
    "x = 1",
    "print('a', x)",
    "for i in range(3):\n    x = i\n\n    print(i)",
    "if x:\n    y = 1\n# a remark\nelse:\n    y = 2",
    "try:\n    z = 1\nexcept ValueError:\n    z = 2\nfinally:\n    w = 3",
    'text = """\nx = 2\n```\nelse:\n"""',
    "values = [\n1,\n2,\n]",
    "@decorated\ndef f(a,\nb):\n    return a",
    "class C:\n    def m(self): pass\n\n    n = 1",
    "# only a remark",
    "",
    "async def g():\n    return 1",
    "r = await g()",
    "a = 1; b = 2",
    "total = (1 +\n2)",
]


@given(
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=8),
    st.data(),
    st.sampled_from(["Let me look.\n", "", "<think>```repl\nno()\n```</think>\n"]),
)
def test_pieces_are_whole_statements_in_their_order(
    chosen: list[str], data: st.DataObject, before: str
) -> None:
    code = "\n".join(chosen) + "\n"
    reply = f"{before}```repl\n{code}```\nThat is all."
    reader, given_out, at = Statements(), [], 0
    while at < len(reply):
        size = data.draw(st.integers(1, 40))
        given_out += reader.grew(reply[at : at + size])
        at += size
    assert code.startswith(reader.taken)
    whole, parts = _statements(code), [s for piece in given_out for s in _statements(piece)]
    assert parts == whole[: len(parts)]
    assert _statements(reader.taken) == parts


def _statements(code: str) -> list[str]:
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree: ast.Module = compile(code, "<code>", "exec", flags)
    return [ast.unparse(node) for node in tree.body]


def test_what_is_doubtful_is_left() -> None:
    for reply in (
        "```\nx = 1\ny = 2\n```",
        "```js\nx = 1\ny = 2\n```",
        "<think>```repl\nx = 1\ny = 2\n",
        "```repl\nx = = 1\ny = 2\n",
        "```repl\nx = 1\n",
    ):
        assert Statements().grew(reply) == []


def test_a_statement_is_given_out_when_the_next_has_begun() -> None:
    reader = Statements()
    assert reader.grew("Thoughts.\n```repl\nx = 1\n") == []
    assert reader.grew("if x:\n") == ["x = 1\n"]
    assert reader.grew("    y = 2\nels") == []
    assert reader.grew("e:\n    y = 3\n") == []
    assert reader.grew("print(y)\n```") == ["if x:\n    y = 2\nelse:\n    y = 3\n"]
