"""Replies in the shapes that models write them, and the cells that they mean."""

import ast
import json
import time
import warnings

import pytest

from unspool.engine.cells import FinalText, Reply, parse

MARKDOWN = 's = """\n# Title\n```\ncode\n```\n"""\nprint(s)'
NESTED = 's = """\n```python\nprint(1)\n```\nand\n```json\n{}\n```\n"""\nFINAL(s)'
TOOL = {"name": "python", "arguments": {"code": "x = 1\nprint(x)"}}
STRING_TOOL = {"name": "python", "arguments": json.dumps({"code": "x = 1\nprint(x)"})}
OPENAI_TOOL = {"tool_calls": [{"function": STRING_TOOL}]}

FENCES = {
    "prose around": ("Adding.\n```repl\nx = 1 + 2\nprint(x)\n```\nDone.", ["x = 1 + 2\nprint(x)"]),
    "two in order": ("One:\n```repl\nx = 1\n```\nTwo:\n```repl\ny = 2\n```", ["x = 1", "y = 2"]),
    "blank lines within": (
        "```repl\ndef f(x):\n    y = x\n\n    return y\n```",
        ["def f(x):\n    y = x\n\n    return y"],
    ),
    "upper case tag": ("```REPL\nx=1\n```", ["x=1"]),
    "two tags": ("```repl python\nx=1\n```", ["x=1"]),
    "attributes": ('```python title="x"\nx=1\n```', ["x=1"]),
    "braces around the tag": ("```{.python}\nx=1\n```", ["x=1"]),
    "space before the tag": ("``` repl\nx=1\n```", ["x=1"]),
    "spaces after the tag": ("```repl   \nx=1\n```   \n", ["x=1"]),
    "tildes": ("~~~repl\nx=~1\n~~~", ["x=~1"]),
    "tildes around backticks": ("~~~\nx='''\n```\n'''\n~~~", ["x='''\n```\n'''"]),
    "code that begins with a tilde": ("~~~py\n~~~x\n~~~", ["~~~x"]),
    "four backticks": ("````repl\nx=1\n````", ["x=1"]),
    "longer closing fence": ("```repl\nx=1\n`````", ["x=1"]),
    "longer outer fence": ("````\n```repl\nx=1\n```\n````", ["x=1"]),
    "wrapped twice": ("```\n```python\nx=1\n```\n```", ["x=1"]),
    "CRLF": ("```repl\r\nx=1\r\ny=2\r\n```\r\n", ["x=1\ny=2"]),
    "in a list item": (
        "1. First\n   ```repl\n   if x:\n       y()\n   ```",
        ["if x:\n    y()"],
    ),
    "on the line of a bullet": ("- ```repl\n  x=1\n  y=2\n  ```", ["x=1\ny=2"]),
    "indented fence, code at the margin": ("   ```repl\nx=1\n   ```", ["x=1"]),
    "indented body": ("```repl\n    x=1\n    y=2\n```", ["x=1\ny=2"]),
    "indented body, string at the margin": (
        '```repl\n    x = """\nfree\n"""\n    y=2\n```',
        ['x = """\nfree\n"""\ny=2'],
    ),
    "no newline before the closing fence": ("```repl\nx=1```", ["x=1"]),
    "no newline, prose after": ("```repl\nx=1```\nDone", ["x=1"]),
    "text after the closing fence": ("```repl\nx=1\n``` and so on\nmore", ["x=1"]),
    "glued": ("```repl\nx=1\n``````repl\ny=2\n```", ["x=1", "y=2"]),
    "glued without newlines": ("```repl\nx=1``````repl\ny=2```", ["x=1", "y=2"]),
    "not closed before the next": ("```repl\nx=1\n\n```repl\ny=2\n```", ["x=1", "y=2"]),
    "not closed": ("Go:\n```repl\nx=1\nprint(x)", ["x=1\nprint(x)"]),
    "cut in a line": ("```repl\nx=1\nprint(x, 'ab", ["x=1\nprint(x, 'ab"]),
    "not closed, end mark": ("```repl\nx=1\n<|im_end|>\n", ["x=1"]),
    "several end marks": ("```repl\nx=1\n```</s><|endoftext|> </s>", ["x=1"]),
    "on one line": ("```python print(context[:9])```", ["print(context[:9])"]),
    "after text on its line": ("Here: ```python\nx=1\n```", ["x=1"]),
    "after text, with an error": ("Here: ```python\nprint(x))\n```", ["print(x))"]),
    "named in prose": ("Use ```repl to run code.\n\n```repl\nx=1\n```", ["x=1"]),
    "named at a line's end": ("Use ```repl\nto run code.\n\n```repl\nx=1\n```", ["x=1"]),
    "blank": ("```repl\n\n  \n```\n```repl\nx=1\n```", ["x=1"]),
    "the same twice": ("```repl\nx=1\n```\n```repl\nx=1\n```", ["x=1"]),
    "the same again later": (
        "```py\nx=1\n```\n```py\nx=2\n```\n```py\nx=1\n```",
        ["x=1", "x=2", "x=1"],
    ),
    "prompts": (
        "```python\n>>> x = 1\n>>> for i in x:\n...     y\n...\n2\n```",
        ["x = 1\nfor i in x:\n    y"],
    ),
    "syntax error": ("```repl\nx = = 1\nprint('a\n```", ["x = = 1\nprint('a"]),
    "apostrophe in a comment": ("```repl\nx = 1  # don't\n```\nIt's done.", ["x = 1  # don't"]),
    "top-level await": ("```repl\nx = await f()\n```", ["x = await f()"]),
    **{
        f"tag {tag or 'none'}": (f"```{tag}\nx=1\n```", ["x=1"])
        for tag in ("", "repl", "python", "py", "python3", "Python", "ipython", "tool_code", "code")
    },
}

STRINGS = {
    "fence in a string": (f"```repl\n{MARKDOWN}\n```", [MARKDOWN]),
    "two fences in a string": (f"```repl\n{NESTED}\n```", [NESTED]),
    "fence in a string, then a block": (
        f"```repl\n{MARKDOWN}\n```\nAnd\n```repl\ny=2\n```",
        [MARKDOWN, "y=2"],
    ),
    "fence in a string, error before": (
        f"```repl\nx = = 1\n{MARKDOWN}\n```",
        [f"x = = 1\n{MARKDOWN}"],
    ),
    "fence in a string, block not closed": (f"```repl\n{MARKDOWN}", [MARKDOWN]),
    "fence in a string, no block": (NESTED, [NESTED]),
    "fence within a line": ('```repl\nx = "```"\ny = "a```b"\n```', ['x = "```"\ny = "a```b"']),
    "fence in a docstring": (
        '```repl\ndef f():\n    """\n    ```\n    f()\n    ```\n    """\n```',
        ['def f():\n    """\n    ```\n    f()\n    ```\n    """'],
    ),
    "string left open": (
        '```repl\ns = """abc\n```\nThen:\n```repl\nt = """d"""\n```',
        ['s = """abc', 't = """d"""'],
    ),
    "reasoning tag in a string": ("```repl\nx = '<think>'\n```", ["x = '<think>'"]),
    "end of reasoning in a string": (
        "```repl\nx = s.split('</think>')\n```\nIt cuts at `</think>`.",
        ["x = s.split('</think>')"],
    ),
    "end of markup in a string": ("<code>\nx = '</code>'\n</code>", ["x = '</code>'"]),
    "bare code with tags in strings": (
        "x = s.split('</think>')[1]",
        ["x = s.split('</think>')[1]"],
    ),
    "bare code with a fence in a string": ('p = "```json"\nf(p)', ['p = "```json"\nf(p)']),
}

BESIDE = {
    "shown output": ("```repl\nprint(x)\n```\nOutput:\n```\nx is 5\n```", ["print(x)"]),
    "shown number": ("```repl\nprint(x)\n```\n```\n42\n```", ["print(x)"]),
    "a bare block that acts": ("```\nx = 1\n```\n```repl\nprint(x)\n```", ["x = 1", "print(x)"]),
    "a bare block with an error, alone": ("```\nx = (1\n```", ["x = (1"]),
    "a bare block of a name, alone": ("```\ncontext\n```", ["context"]),
    "other languages": (
        "```bash\nls\n```\n```repl\nx=1\n```\n```output\n1\n```\n```json\n{}\n```",
        ["x=1"],
    ),
    "another language left open": ("```json\n{}\n\n```repl\nx=1\n```", ["x=1"]),
    "code quoted in markdown": (
        "```markdown\n# T\n```python\nx=2\n```\n```\n```repl\nx=1\n```",
        ["x=1"],
    ),
}

REASONING = {
    name: (reply, ["x=1"])
    for name, reply in {
        "think": "<think>Maybe\n```repl\nx=0\n```\n</think>\n```repl\nx=1\n```",
        "thinking": "<thinking>f(x)</thinking>```repl\nx=1\n```",
        "reasoning, bare code after": "<reasoning>Hm.\n</reasoning>\nx=1",
        "between blocks": "<think>a</think>\n```repl\nx=1\n```\n<think>\n```repl\ny\n```\n</think>",
        "end without a beginning": "Let me.\n```repl\nx=0\n```\nNo.\n</think>\n```repl\nx=1\n```",
        "end without a beginning, bare code": "I think.\n</think>\n\nx=1",
        "tag quoted within": "<think>say </think> or</think>\n```repl\nx=1\n```",
        "not closed, after the code": "```repl\nx=1\n```\n<think>Now",
        "tag named in prose": "I cut the <think> tag.\n```repl\nx=1\n```",
        "brackets": "[THINK]x=0[/THINK]\n```repl\nx=1\n```",
    }.items()
}

MARKUP = {
    name: (reply, ["x = 1\nprint(x)"])
    for name, reply in {
        "code": "Go.\n<code>\nx = 1\nprint(x)\n</code>",
        "code, not closed": "<code>\nx = 1\nprint(x)",
        "code around a fence": "<code>\n```py\nx = 1\nprint(x)\n```\n</code>",
        "python": '<python lang="3">\nx = 1\nprint(x)\n</python>\nDone',
        "execute": "<execute>\nx = 1\nprint(x)\n</execute>",
        "execute_ipython": "<execute_ipython>\nx = 1\nprint(x)\n</execute_ipython>",
        "tool call": f"<tool_call>\n{json.dumps(TOOL)}\n</tool_call>",
        "tool call, arguments as text": f"Ok <tool_call>{json.dumps(STRING_TOOL)}</tool_call>",
        "tool call, raw newlines": (
            '<tool_call>{"name": "python", "arguments": {"code": "x = 1\nprint(x)"}}</tool_call>'
        ),
        "tool call around a fence": "<tool_call>\n```python\nx = 1\nprint(x)\n```\n</tool_call>",
        "invoke": (
            '<invoke name="run"><parameter name="code">x = 1\nprint(x)</parameter></invoke>'
        ),
        "function": (
            "<function=python>\n<parameter=code>\nx = 1\nprint(x)\n</parameter>\n</function>"
        ),
        "function with JSON": f"<function=python>{json.dumps(TOOL['arguments'])}</function>",
        "python tag": "<|python_tag|>x = 1\nprint(x)<|eom_id|>",
        "python tag with JSON": f"<|python_tag|>{json.dumps(TOOL)}",
        "JSON as the reply": json.dumps(TOOL),
        "JSON of one key": json.dumps(TOOL["arguments"]),
        "JSON of an API": json.dumps(OPENAI_TOOL, indent=1),
        "JSON around a fence": json.dumps({"code": "```python\nx = 1\nprint(x)\n```"}),
        "JSON in a fence": f"```json\n{json.dumps(TOOL)}\n```",
        "JSON in a bare fence": f"```\n{json.dumps(TOOL)}\n```",
    }.items()
}

BARE = {
    "a call": ("print(context[:100])", ["print(context[:100])"]),
    "a slice": ("context[:100]", ["context[:100]"]),
    "several statements": (
        "import re\nfor x in y:\n    f(x)",
        ["import re\nfor x in y:\n    f(x)"],
    ),
    "ends with FINAL": ("x = 5\nFINAL(x)", ["x = 5\nFINAL(x)"]),
    "prose before": ("Let me look.\n\nprint(context[:9])", ["print(context[:9])"]),
    "prose around": ("Sure!\n\nHere:\nx = 1\n\nIt's one.\nSo be it.", ["x = 1"]),
    "a comment at the end": ("x = 1\n# Done.", ["x = 1\n# Done."]),
    "indented": ("    x = 1\n    f(x)", ["x = 1\nf(x)"]),
}

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "fence": FENCES,
        "string": STRINGS,
        "beside": BESIDE,
        "reasoning": REASONING,
        "markup": MARKUP,
        "bare": BARE,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize(("reply", "cells"), CASES.values(), ids=CASES.keys())
def test_a_reply_gives_its_cells_in_order_and_no_hint(reply: str, cells: list[str]) -> None:
    assert parse(reply) == Reply(tuple(cells), None, "")


NOTHING = {
    "none": (None, "nothing in it"),
    "empty": ("", "nothing in it"),
    "white space": (" \n\t ", "nothing in it"),
    "end mark alone": ("<|im_end|>", "nothing in it"),
    "empty block": ("```repl\n```", "nothing in it"),
    "prose": ("The answer is probably 42.", "text without code"),
    "a word": ("Hello", "text without code"),
    "yes": ("yes", "text without code"),
    "a number": ("42", "text without code"),
    "a quoted text": ('"the answer"', "text without code"),
    "prose that parses": ("not sure", "text without code"),
    "prose that parses as an annotation": ("Answer: yes", "text without code"),
    "a word in markup": ("Use\n<b>code</b> and `f(x)`", "text without code"),
    "code with an error among prose": ("So:\nfor x in y\nprint(1)", "text without code"),
    "inline fence": ("Use ```repl to run", "text without code"),
    "FINAL within a sentence": ("The result is FINAL(42)", "text without code"),
    "FINAL explained": ("FINAL(x) ends the run (see above)", "text without code"),
    "FINAL as a placeholder": ("FINAL(...)", "text without code"),
    "FINAL without content": ("FINAL()", "text without code"),
    "FINAL cut off": ("FINAL(The answer is", "text without code"),
    "shown output alone": ("```\nx is 5 now\n```", "text without code"),
    "bash alone": ("Run:\n```bash\nls\n```", "marked bash"),
    "data alone": ('```json\n{"code": "US"}\n```', "marked json"),
    "reasoning alone": ("<think>I will do x=1</think>", "ended in its reasoning"),
    "reasoning not closed": ("<think>\n```repl\nx=1\n```\nOr", "ended in its reasoning"),
    "end of reasoning alone": ("Well, x.\n</think>\n", "ended in its reasoning"),
}


@pytest.mark.parametrize(("reply", "why"), NOTHING.values(), ids=NOTHING.keys())
def test_a_reply_without_code_gives_a_hint_that_says_why(reply: str | None, why: str) -> None:
    read = parse(reply)

    assert read == Reply((), None, read.hint)
    assert why in read.hint
    assert "```repl" in read.hint


LITERALS = {
    "integer": ("The answer:\nFINAL(42)", 42),
    "float": ("FINAL(123.45)", 123.45),
    "single quotes": ("FINAL('hello world')", "hello world"),
    "double quotes": ('FINAL("test")', "test"),
    "list": ("FINAL([1, 2, 3])", [1, 2, 3]),
    "dict on several lines": (
        'FINAL({\n  "a": [1, (2,)],\n  "b": None\n})',
        {"a": [1, (2,)], "b": None},
    ),
    "parentheses in a string": ('FINAL("a :) b (c")', "a :) b (c"),
    "triple quotes": ('FINAL("""one\n\ntwo)""")', "one\n\ntwo)"),
    "code in triple quotes": (
        'FINAL("""# T\n```python\nx=1\n```\n""")',
        "# T\n```python\nx=1\n```\n",
    ),
    "FINAL in its own string": ('FINAL("""a\nFINAL(1)\n""")', "a\nFINAL(1)\n"),
    "indented": ("   FINAL(7)", 7),
    "bold": ("**FINAL(7)**", 7),
    "inline code": ("`FINAL(7)`.", 7),
    "bullet": ("- FINAL(7)", 7),
    "labelled": ("Answer: FINAL(7)", 7),
    "labelled in bold": ("**Final answer:** FINAL(7)", 7),
    "several": ("FINAL(1)\nNo:\nFINAL(2)", 2),
    "after reasoning": ("<think>\nFINAL(1)\n</think>\nFINAL(2)", 2),
    "a comment within": ("FINAL([1,  # one)\n 2])", [1, 2]),
}


@pytest.mark.parametrize(("reply", "value"), LITERALS.values(), ids=LITERALS.keys())
def test_a_final_literal_keeps_its_value_and_type(reply: str, value: object) -> None:
    read = parse(reply)

    assert read.final is not None
    assert (read.cells, read.hint, read.final.literal) == ((), "", True)
    assert ast.literal_eval(read.final.expression or "") == value
    compile(read.final.code, "", "exec")


FINALS = {
    "name": ("FINAL(result)", FinalText("result", "result")),
    "call": ("FINAL(f(a, g(b)))", FinalText("f(a, g(b))", "f(a, g(b))")),
    "sum of calls": (
        "FINAL(calculate(10, 20) + process(data))",
        FinalText("calculate(10, 20) + process(data)", "calculate(10, 20) + process(data)"),
    ),
    "f-string": ('FINAL(f"{x} (a)")', FinalText('f"{x} (a)"', 'f"{x} (a)"')),
    "words": ("   FINAL(answer with spaces)", FinalText("answer with spaces", None)),
    "lines": ("FINAL(This is a\nmultiline answer)", FinalText("This is a\nmultiline answer", None)),
    "apostrophe": ("FINAL(It's (a) test)\nDone.", FinalText("It's (a) test", None)),
    "smiley": ("FINAL(fine :) really)", FinalText("fine :) really", None)),
    "unbalanced": ("FINAL(see (a\nand b)\nend", FinalText("see (a\nand b", None)),
    "several arguments": ("FINAL([1, 2], (4, 5))", FinalText("[1, 2], (4, 5)", None)),
    "thousands": ("FINAL(5,000)", FinalText("5,000", None)),
    "date": ("FINAL(2024-11-15)", FinalText("2024-11-15", None)),
    "percent": ("FINAL(42%)", FinalText("42%", None)),
    "never merged": ("FINAL(one two)\nFINAL(three four)", FinalText("three four", None)),
    "before a block of prose": ("FINAL(a b)\n\nI am (done)", FinalText("a b", None)),
    "in a block, but not Python": (
        "```repl\nFINAL(The answer is 42.)\n```",
        FinalText("The answer is 42.", None),
    ),
    "variable": ("FINAL_VAR(result)", FinalText(None, "result")),
    "variable in quotes": ("FINAL_VAR('my_var')", FinalText(None, "my_var")),
    "variable in double quotes": ('FINAL_VAR("another_var")', FinalText(None, "another_var")),
    "expression": ('FINAL_VAR(answer["content"])', FinalText(None, 'answer["content"]')),
    "variable that is none": ("FINAL_VAR(the answer is 42)", FinalText("the answer is 42", None)),
}


@pytest.mark.parametrize(("reply", "final"), FINALS.values(), ids=FINALS.keys())
def test_a_final_that_is_no_literal_is_kept_whole(reply: str, final: FinalText) -> None:
    assert parse(reply) == Reply((), final, "")


@pytest.mark.parametrize(
    ("final", "code"),
    [
        (FinalText("It's", None), 'FINAL("It\'s")'),
        (FinalText(None, "x"), 'FINAL_VAR("x")'),
        (FinalText(None, "x.y"), "FINAL(x.y)"),
        (FinalText("x", "x"), "FINAL(x)"),
        (FinalText("x # y", "x # y"), "FINAL(x # y\n)"),
    ],
)
def test_a_final_has_a_cell_that_does_what_was_written(final: FinalText, code: str) -> None:
    assert final.code == code


def test_the_text_of_a_final_string_has_no_quotes() -> None:
    assert parse("FINAL('a b')").final == FinalText("a b", "'a b'", literal=True)


def test_a_final_beside_code_tells_on_which_side_it_stands() -> None:
    after = parse("```repl\nx = 1\n```\nFINAL_VAR(x)")
    before = parse("FINAL(3)\n```repl\nx = 1\n```")

    assert after == Reply(("x = 1",), FinalText(None, "x", after_code=True))
    assert before == Reply(("x = 1",), FinalText("3", "3", literal=True))


def test_a_final_inside_a_block_is_a_part_of_its_cell() -> None:
    assert parse("```repl\nx = 1\nFINAL(x)\n```") == Reply(("x = 1\nFINAL(x)",))


def test_text_that_no_process_could_pass_on_is_mended() -> None:
    assert parse("```repl\nx = '\ud83d\ude00\ud800'\0\n```").cells == ("x = '\U0001f600\ufffd'",)
    assert parse(json.dumps({"code": "x = '\ud800'"})).cells == ("x = '\ufffd'",)


def test_code_with_a_doubtful_escape_is_read_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse("re.findall('\\d', context)").cells == ("re.findall('\\d', context)",)


HUGE = {
    "backticks": "`" * 200_000,
    "fences": "```\n" * 50_000,
    "tagged fences": "```repl\n" * 50_000,
    "open strings": '```py\n\\"""\n```\n' * 20_000,
    "open reasoning": "<think>" * 100_000,
    "closed reasoning": "</think>\n" * 100_000,
    "open finals": "FINAL(\n" * 100_000,
    "parentheses": "FINAL(" + "(" * 500_000,
    "spaces": " " * 1_000_000 + "x",
    "backslashes": "'" + "\\" * 1_000_000,
    "quotes": '\'"""' * 200_000,
    "brackets": "[" * 500_000,
    "end marks": "</s>" * 200_000 + "x",
    "bare lines": "x\n" * 400_000,
    "sentences": "It is so. " * 100_000,
}


@pytest.mark.parametrize("reply", HUGE.values(), ids=HUGE.keys())
def test_a_huge_reply_is_read_in_linear_time(reply: str) -> None:
    start = time.perf_counter()
    parse(reply)

    assert time.perf_counter() - start < 10


def test_huge_code_is_kept_whole() -> None:
    code = "x = [\n" + "    1,\n" * 150_000 + "]"

    assert parse(f"```repl\n{code}\n```").cells == (code,)
