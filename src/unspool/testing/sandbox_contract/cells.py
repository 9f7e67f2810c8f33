"""What a cell sees, what is seen of it, and the answers that it gives."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

from unspool.context.source import Context, Document
from unspool.testing.sandbox_contract.promises import Rooms, holds, promise, ready, same
from unspool.types import Answer, Cell


class CellPromises:
    """Contexts, names, output, errors and answers."""

    # What a cell sees

    @promise()
    async def test_check_says_in_one_line_what_holds(self, rooms: Rooms) -> None:
        said = await rooms.sandbox.check()
        same((bool(said), said.count("\n")), (True, 0))
        same(await rooms.sandbox.check(), said)

    @promise()
    async def test_contexts_are_bound_as_they_are(self, rooms: Rooms) -> None:
        texts = ["", "plain", "line\r\nends\rkept\n", "é漢字🙂", "a\0b", "~tilde"]
        data: list[Any] = [
            [1, 2.5, None, True, "x", []],
            {"a": [1, {"b": "c"}], "~odd": 1},
            {1: "int key", (2, 3): "tuple key"},
            [{"role": "user", "content": "hi"}],
            [math.inf, 2**70, b"bytes", {1, 2}, (1, (2,))],
        ]
        for context in (*texts, *data):
            run = await rooms.open(context)
            same(ready(await run("FINAL(context)")), context)

    @promise("surrogates")
    async def test_text_that_is_no_unicode_passes_unharmed(self, rooms: Rooms) -> None:
        run = await rooms.open("lone \ud800 surrogate")
        same(ready(await run("FINAL(context)")), "lone \ud800 surrogate")

    @promise("documents")
    async def test_documents_are_a_sequence_over_one_text(self, rooms: Rooms) -> None:
        text = "===== a =====\none\n===== b/c =====\né two\n"
        documents = (Document("a", 14, 3), Document("b/c", 34, 5, {"format": "md"}))
        run = await rooms.open(Context(text, documents))
        code = "d = context[1]\nFINAL([len(context), context.text, str(d), d.name, d.metadata])"
        same(ready(await run(code)), [2, text, "é two", "b/c", {"format": "md"}])

    @promise()
    async def test_a_context_of_megabytes_arrives_whole(self, rooms: Rooms) -> None:
        run = await rooms.open("é" + "x" * 10_000_000 + "\nlast")
        seen = await run("FINAL([len(context), context[0], context[-4:]])")
        same(ready(seen), [10_000_006, "é", "last"])

    @promise()
    async def test_the_question_is_bound(self, rooms: Rooms) -> None:
        run = await rooms.open(question="how 'many'?")
        same(ready(await run("FINAL(question)")), "how 'many'?")

    @promise()
    async def test_the_history_is_bound_to_a_name_that_no_cell_has_taken(
        self, rooms: Rooms
    ) -> None:
        run = await rooms.open()
        told = (("user", "what?"), ("assistant", "it's\n```"))
        code = "FINAL([list(one) for one in history])"
        for number in (1, 2):
            seen = await run.repl.run(Cell(code, number, history=told[:number]))
            same(ready(seen), [list(one) for one in told[:number]])
        await run.repl.run(Cell("history = 'mine'", 3, history=told))
        same(ready(await run.repl.run(Cell("FINAL(history)", 4, history=told))), "mine")

    @promise()
    async def test_search_finds_lines_and_the_nearest_where_none_matches(
        self, rooms: Rooms
    ) -> None:
        run = await rooms.open("the dog sleeps\nthe vault code is 8812\nthe cat eats")
        same(ready(await run("FINAL([str(h) for h in search('CAT')])")), ["[line 3] the cat eats"])
        seen = await run("hits = search('code of the vaults')\nFINAL([str(h) for h in hits])")
        same(ready(seen), ["[line 2] the vault code is 8812"])
        holds("ValueError", (await run("search('')")).error)

    @promise()
    async def test_places_of_matches_and_pieces_of_the_context_are_plain_values(
        self, rooms: Rooms
    ) -> None:
        run = await rooms.open("the dog sleeps\nthe cat eats")
        seen = await run("FINAL([list(s) for s in search('the [a-z]+', spans=True)])")
        same(ready(seen), [[0, 7, "", "the dog"], [15, 22, "", "the cat"]])
        seen = await run("FINAL([piece + '!' for piece in chunks(16)])")
        same(ready(seen), ["the dog sleeps\n!", "the cat eats!"])
        holds("ValueError", (await run("chunks(5, by='verse')")).error)

    @promise()
    async def test_a_search_of_its_own_that_finds_nothing_is_shown_the_nearest_lines(
        self, rooms: Rooms
    ) -> None:
        run = await rooms.open("the dog sleeps\nthe vault code is 8812", nearest=True)
        seen = await run("context.find('Vault-Code')")
        holds("the vault code is 8812", "\n".join(seen.notes))

    # Cells, one after the other

    @promise()
    async def test_names_outlive_cells_and_functions_see_later_ones(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("count = 0\ndef inc():\n    global count\n    count += step()")
        await run("def step(): return 2\n_private = 1")
        await run("inc(); inc()")
        same((await run("count, _private")).value.text, "(4, 1)")

    @promise()
    async def test_the_last_value_is_shown(self, rooms: Rooms) -> None:
        run = await rooms.open()
        shown = [(await run(code)).value.text for code in ("1 + 1", "'a'", "0", "[]", "None")]
        same(shown, ["2", "'a'", "0", "[]", ""])
        same((await run("x = 5")).value.text, "")

    @promise()
    async def test_prints_come_in_their_order(self, rooms: Rooms) -> None:
        run = await rooms.open()
        seen = await run("for i in range(3): print(i, end=' ')\nprint()\nprint('é', [1])")
        same(seen.stdout.text, "0 1 2 \né [1]\n")
        same((await run("x = 1")).stdout.text, "")
        seen = await run("import sys\nprint('told', file=sys.stderr)")
        same((seen.stdout.text, seen.stderr.text), ("", "told\n"))

    @promise()
    async def test_long_output_keeps_its_head_and_its_tail(self, rooms: Rooms) -> None:
        run = await rooms.open()
        seen = await run("print('first')\nprint('x' * 3_000_000)\nprint('last')")
        whole = len("first\nlast\n") + 3_000_001
        same(seen.stdout.text.startswith("first\nxxx"), True)
        same(seen.stdout.text.endswith("xxx\nlast\n"), True)
        same(0 < whole - seen.stdout.cut_chars < 1_000_000, True)
        run = await rooms.open(output_chars=2_000)
        seen = await run("print('x' * 30_000)")
        same(29_001 <= seen.stdout.cut_chars + 1_001 <= 30_001, True)
        seen = await run("'y' * 3_000_000")
        same(len(seen.value.text) < 1_000_000 and seen.value.cut_chars > 2_000_000, True)

    @promise()
    async def test_an_error_is_text_and_what_came_before_it_stays(self, rooms: Rooms) -> None:
        run = await rooms.open()
        seen = await run("kept = 1\nprint('before')\n\nkept / 0\nkept = 2")
        same(seen.stdout.text, "before\n")
        holds("line 4", seen.error)
        holds("ZeroDivisionError: division by zero", seen.error.splitlines()[-1])
        same((await run("kept")).value.text, "1")

    @promise()
    async def test_errors_show_the_lines_of_the_cells_they_come_from(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("def inner(x):\n    return x['missing']")
        seen = await run("y = 1\ninner({})")
        for part in ('"<cell 2>", line 2', '"<cell 1>", line 2', "KeyError", "missing"):
            holds(part, seen.error)

    @promise()
    async def test_a_syntax_error_runs_nothing(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("done = False")
        seen = await run("done = True\nif done\n    pass")
        holds("SyntaxError", seen.error)
        holds("line 2", seen.error)
        same((await run("done")).value.text, "False")

    @promise()
    async def test_whatever_is_raised_the_run_goes_on(self, rooms: Rooms) -> None:
        run = await rooms.open()
        for code in (
            'b"\\xff".decode()', "undefined", "raise KeyboardInterrupt", "def f(): f()\nf()",
            "import no_such_module", "import os; os._exit(3)",
            "exit()", "quit()", "import sys; sys.exit(3)",
            "input('name?')", "raise SystemExit", "\0", "(" * 500,
        ):  # fmt: skip
            await run(code)
            same((await run("1 + 1")).value.text, "2")

    @promise()
    async def test_variables_are_named_with_their_types(self, rooms: Rooms) -> None:
        run = await rooms.open()
        seen = await run("import math\nxs = [1, 2]\nname = 'abc'\ndef f(): return 1\n_p = 1")
        same([name.split("[")[0] for name in seen.names], ["xs: list", "name: str", "f: function"])
        same((await run("xs = 'now text'")).names[0].split("[")[0], "xs: str")
        holds("name: str", (await run("print(SHOW_VARS())")).stdout.text)

    @promise()
    async def test_names_of_ours_are_put_back_and_it_says_so(self, rooms: Rooms) -> None:
        run = await rooms.open("the text")
        seen = await run("context = 'mine'\nllm_query = None\nFINAL = 1")
        holds("`context`", "\n".join(seen.notes))
        seen = await run("FINAL([context, llm_query('hi')])")
        same(ready(seen), ["the text", "re: hi"])

    # Answers

    @promise()
    async def test_answers_are_given_in_four_ways(self, rooms: Rooms) -> None:
        ways: list[tuple[str, object]] = [
            ("FINAL('x')", "x"),
            ("FINAL('')", ""),
            ("FINAL(1, 2)", (1, 2)),
            ("v = {'k': 1}\nFINAL_VAR('v')", {"k": 1}),
            ("answer['content'] = 'x'\nanswer['ready'] = True", "x"),
            ("answer = {'content': 7, 'ready': True}", 7),
        ]
        for code, value in ways:
            run = await rooms.open()
            same((await run("a = 1")).answer, None)
            same(ready(await run(code)), value)

    @promise()
    async def test_a_draft_is_known_and_a_refused_answer_becomes_one(self, rooms: Rooms) -> None:
        run = await rooms.open()
        same((await run("answer['content'] = 'draft'")).answer, Answer("draft", ready=False))
        same((await run("FINAL('x')")).answer, Answer("x", ready=True))
        same((await run("a = 1")).answer, Answer("x", ready=False))
        seen = await run("FINAL_VAR('nowhere')")
        holds("NameError", seen.error)
        same(seen.answer, Answer("x", ready=False))

    @promise()
    async def test_answers_keep_their_types(self, rooms: Rooms) -> None:
        utc = datetime.timezone.utc  # noqa: UP017 - as the cell has it
        values: list[tuple[str, object]] = [
            ("2**70", 2**70), ("-1.5", -1.5), ("float('-inf')", -math.inf), ("None", None),
            ("True", True), ("b'\\xff'", b"\xff"), ("(1, (2, []))", (1, (2, []))),
            ("{1, 2}", {1, 2}), ("frozenset([1])", frozenset([1])), ("1j", 1j),
            ("{'~k': {(1, 2): 3}}", {"~k": {(1, 2): 3}}), ("'é🙂\\0'", "é🙂\0"),
            ("datetime.datetime(2020, 1, 2, 3, 4, 5, 6)",
             datetime.datetime(2020, 1, 2, 3, 4, 5, 6)),
            ("datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone.utc)",
             datetime.datetime(2020, 1, 2, tzinfo=utc)),
            ("datetime.date(2020, 1, 2)", datetime.date(2020, 1, 2)),
            ("datetime.timedelta(1, 2)", datetime.timedelta(1, 2)),
            ("decimal.Decimal('1.50')", decimal.Decimal("1.50")),
        ]  # fmt: skip
        run = await rooms.open()
        await run("import datetime\nimport decimal")
        for code, value in values:
            same(ready(await run(f"FINAL({code})")), value)
        nan = ready(await run("FINAL(float('nan'))"))
        same(isinstance(nan, float) and math.isnan(nan), True)

    @promise()
    async def test_an_object_of_its_own_class_is_answered_as_its_fields(self, rooms: Rooms) -> None:
        run = await rooms.open()
        code = "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    y: str\n"
        same(ready(await run(f"{code}FINAL([P(1, 'a')])")), [{"x": 1, "y": "a"}])

    @promise()
    async def test_an_answer_of_megabytes_arrives_whole(self, rooms: Rooms) -> None:
        run = await rooms.open()
        same(ready(await run("FINAL('é' * 5_000_000)")), "é" * 5_000_000)
