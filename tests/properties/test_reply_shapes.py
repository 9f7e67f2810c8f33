"""What holds for every reply: code comes back whole, values too, and nothing raises."""

import ast
import random

from hypothesis import given
from hypothesis import strategies as st

from unspool.engine.cells import parse

STATEMENTS = (
    "x = 1",
    "print(x)",
    "for i in range(3):\n    total = i\n\n    print(i)",
    "def f(a, b=(1, 2)):\n    '''Says \"hi\".'''\n    return [a, b]  # don't",
    's = """\n```\nls\n```\n"""',
    "s = '''\n~~~python\nx = 2\n~~~\n'''",
    's = f"""# Title\n```python\nprint({1 + 1})\n```\n```json\n{{}}\n```\n"""',
    "s = '<think>' + \"</think>\" + '</code>' + '```'",
    "s = 'it''s \\'quoted\\' \\\\'",
    "y = [await g(i) for i in (1, 2)]",
    "pattern = r'\\d+(\"|`)'",
    "answer['ready'] = True",
    "FINAL(x)",
)
PROSE = st.sampled_from(
    ["", "Let me look at it.\n", 'It\'s (a) "test" of `x`:\n\n', "1. One\n2. Two\n"]
)
CODE = st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=5).map("\n".join)
FENCE = st.sampled_from(
    [
        ("```repl\n", "\n```"),
        ("```python\n", "\n```\n"),
        ("```Py title='a'\n", "\n```"),
        ("``````repl\n", "\n``````"),
        ("````\n", "\n`````  "),
        ("~~~~~repl\n", "\n~~~~~"),
        ("<execute>\n", "\n</execute>"),
        ("<function=python>\n<parameter=code>\n", "\n</parameter>\n</function>"),
        ("```repl\r\n", "\r\n```\r\n"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("ab()'\"`#\n", max_size=4), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)
FRAGMENTS = st.lists(
    st.sampled_from(
        """``` ~~~ repl python x=1 ' \\ # ( ) FINAL( FINAL_VAR( <think> </think> <code>
        </code> <tool_call> {"code":" "} <|python_tag|> <|im_end|> [ { >>> <parameter=code> ...
        </parameter> Prose. ```json -""".split()
    )
    | st.sampled_from(["\n", " ", "    ", '"""', "'''", "\0", "\ud800", "\r", "\x0c", "\u2028"]),
    max_size=40,
).map("".join)


@given(PROSE, FENCE, CODE, PROSE)
def test_code_in_any_fence_comes_back_whole(
    before: str, fence: tuple[str, str], code: str, after: str
) -> None:
    reply = parse(f"{before}{fence[0]}{code}{fence[1]}\n{after}")

    assert (reply.cells, reply.final, reply.hint) == ((code,), None, "")


@given(CODE)
def test_code_without_any_fence_comes_back_whole(code: str) -> None:
    reply = parse(f"x = 0\n{code}\n")

    assert (reply.cells, reply.final) == ((f"x = 0\n{code}",), None)


@given(st.lists(st.tuples(PROSE, FENCE, CODE), min_size=1, max_size=4))
def test_blocks_keep_their_order(blocks: list[tuple[str, tuple[str, str], str]]) -> None:
    numbered = [f"{code}\nnumber = {i}" for i, (_, _, code) in enumerate(blocks)]
    reply = "\n".join(
        f"{prose}{start}{code}{end}"
        for (prose, (start, end), _), code in zip(blocks, numbered, strict=True)
    )

    assert parse(reply).cells == tuple(numbered)


@given(PROSE, VALUES, PROSE)
def test_a_value_written_as_text_in_final_comes_back(
    before: str, value: object, after: str
) -> None:
    final = parse(f"{before}FINAL({value!r})\n{after}").final

    assert final is not None
    assert final.literal
    assert ast.literal_eval(final.expression or "") == value


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="()\0\r<[`~"), min_size=1)
)
def test_words_written_in_final_come_back(words: str) -> None:
    final = parse(f"FINAL(the answer is {words})").final

    assert final is None or final.text == f"the answer is {words}".strip()


@given(FRAGMENTS | st.text() | st.binary().map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_no_text_makes_it_raise_and_every_cell_is_clean(text: str) -> None:
    reply = parse(text)

    assert bool(reply.hint) == (not reply.cells and reply.final is None)
    for cell in reply.cells:
        assert cell.strip()
        assert "\r" not in cell
        cell.encode()


@given(CODE, st.integers(0, 400), st.randoms(use_true_random=False))
def test_a_reply_cut_anywhere_gives_no_more_than_was_written(
    code: str, cut: int, rng: random.Random
) -> None:
    whole = f"```repl\n{code}\n```"
    cells = parse(whole[: min(cut, rng.randint(0, len(whole)))]).cells

    assert all(cell in code or cell in whole for cell in cells)
