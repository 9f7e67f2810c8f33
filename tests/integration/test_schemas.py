"""Values that were asked for with a schema: from sub-calls, child runs, items and whole runs."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import pytest

from runs import KEY, cell, solve
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Limits, Result
from unspool.testing.script import ChatRequest, Reply


class Kind(enum.Enum):
    MEMO = "memo"
    LETTER = "letter"


@dataclass
class Person:
    name: str
    born: int | None = None


@dataclass
class Letter:
    kind: Kind
    sender: Person
    pages: list[int] = field(default_factory=list)


class Box(TypedDict):
    size: int


class Row(TypedDict):
    name: str
    year: int


def last_answer(code: str, sub: Any, **options: Any) -> tuple[Any, list[ChatRequest]]:
    """What one cell makes its answer, and the requests for sub-calls."""
    result, server = solve([cell(code)], sub=sub, **options)
    assert result.complete, result.turns[0].feedback
    return result.answer, [one for one in server.requests if one.model == "sub"]


def in_order(*replies: Reply | str) -> Callable[[ChatRequest], Reply | str]:
    """Sub-calls are answered by these, one after the other."""
    left = list(replies)
    return lambda request: left.pop(0)


FORMS: dict[str, tuple[str, str, Any]] = {
    "a type": ("int", '{"value": 42}', 42),
    "a bare value": ("int", "42", 42),
    "a float that is whole": ("float", '{"value": 4}', 4.0),
    "a fenced value with chatter": ("bool", 'Sure!\n```json\n{"value": true}\n```\nThere.', True),
    "a value after its reasoning": ("int", '<think>{"value": 1}</think>{"value": 2}', 2),
    "a text": ("str", "just text", "just text"),
    "a list": ("list[str]", '{"value": ["a", "b"]}', ["a", "b"]),
    "a set": ("set[int]", "[1, 2, 2]", {1, 2}),
    "a tuple": ("tuple[str, int]", '["a", 1]', ("a", 1)),
    "a dict with numbers as keys": ("dict[int, str]", '{"1": "a"}', {1: "a"}),
    "a name of a type": ("'list[int]'", "[1, 2]", [1, 2]),
    "a union by name": ("'int | None'", '{"value": null}', None),
    "field names with types": (
        "{'name': 'str', 'tags': ['str'], 'age': int}",
        "{'name': 'Ann', 'tags': [], 'age': 3}",
        {"name": "Ann", "tags": [], "age": 3},
    ),
    "a field that is called type": ("{'type': 'str'}", '{"type": "x"}', {"type": "x"}),
    "a JSON schema": (
        "{'type': 'object', 'properties': {'n': {'$ref': '#/$defs/n'}}, 'required': ['n'],"
        " '$defs': {'n': {'type': 'integer', 'minimum': 1}}}",
        '{"n": 1}',
        {"n": 1},
    ),
    "a choice": ('\'Literal["yes", "no"]\'', "yes", "yes"),
    "JSON among words": ("dict[str, int]", 'It is {"a": 1}, as you see.', {"a": 1}),
}


@pytest.mark.parametrize(("schema", "reply", "value"), FORMS.values(), ids=FORMS)
def test_a_sub_call_with_a_schema_gives_a_value(schema: str, reply: str, value: Any) -> None:
    [answer], [request] = last_answer(f"FINAL([llm_query('q', schema={schema})])", reply)
    assert answer == value
    assert type(answer) is type(value)
    assert request.last.startswith("q\n\nReply with JSON alone")
    held = request.body["response_format"]["json_schema"]["schema"]
    assert held["type"] == "object"


def test_a_class_of_the_cells_own_comes_back_as_that() -> None:
    code = (
        "from dataclasses import dataclass\nfrom enum import Enum\n"
        "class Mood(Enum):\n    GOOD = 'good'\n    BAD = 'bad'\n"
        "@dataclass\nclass Line:\n    text: str\n    mood: Mood\n    next: 'Line | None' = None\n"
        "x = llm_query('q', schema=list[Line])\n"
        "FINAL([type(x[0]) is Line, x[0].mood is Mood.BAD, x[0].next.text])"
    )
    reply = [{"text": "a", "mood": "bad", "next": {"text": "b", "mood": "good"}}]
    answer, _ = last_answer(code, json.dumps(reply))
    assert answer == [True, True, "b"]


def test_a_reply_that_does_not_fit_is_sent_back_with_the_reason() -> None:
    code = "FINAL(llm_query('q', schema={'year': 'int', 'name': 'str'}))"
    answer, asked = last_answer(
        code, in_order("I do not know.", '{"year": "x"}', '{"year": 1900, "name": "n"}')
    )
    assert answer == {"year": 1900, "name": "n"}
    assert "no JSON" in asked[1].last
    assert "the field 'name' is missing" in asked[2].last
    assert "year: 'x' is not a whole number" in asked[2].last
    assert [len(one.messages) for one in asked] == [1, 3, 3]


def test_a_value_that_never_fits_is_an_error_and_never_text() -> None:
    code = (
        "try:\n    llm_query('q', schema=int)\nexcept LLMError as e:\n    one = str(e)\n"
        "many = llm_query_batched(['a', 'b'], schema=int)\n"
        "FINAL([one, [type(m).__name__ for m in many]])"
    )

    def sub(request: ChatRequest) -> str:
        return "7" if request.messages[0]["content"].startswith("b") else "seven"

    answer, asked = last_answer(code, sub)
    assert "no reply of 3 fits the schema" in answer[0]
    assert "'seven'" in answer[0]
    assert answer[1] == ["LLMError", "int"]
    assert len(asked) == 7


YEARS: list[Any] = [{"name": f"n{n}", "year": 1900 + n} for n in range(60)]
LISTING = (
    'FINAL(llm_query("list them", schema={"type": "array", "uniqueItems": True, "items":'
    ' {"type": "object", "properties": {"name": {"type": "string"}, "year": {"type": "integer"}},'
    ' "required": ["name", "year"]}}))'
)


def _spoilt(items: list[Any], *positions: int) -> str:
    bad = [one | {"year": "long ago"} if i in positions else one for i, one in enumerate(items)]
    return json.dumps({"value": bad})


def _mended(*positions: int, year: Any = None) -> str:
    answers = [
        {"number": i + 1, "answer": YEARS[i] if year is None else YEARS[i] | {"year": year}}
        for i in positions
    ]
    return json.dumps({"answers": answers})


def test_of_a_long_list_only_the_items_that_do_not_fit_are_asked_for_again() -> None:
    replies = in_order(_spoilt(YEARS, 3, 41), _mended(3), _mended(41, 5))
    answer, requests = last_answer(LISTING, replies)
    assert answer == YEARS
    assert [one.body["messages"][1]["content"] for one in requests[1:]] == [
        _spoilt(YEARS, 3, 41)
    ] * 2
    assert "all fit but 2:\n- number 4: [3].year: 'long ago' is not a whole number" in (
        requests[1].last
    )
    assert "- number 42:" in requests[1].last
    assert "all fit but 1:\n- number 42:" in requests[2].last
    assert len(requests[1].last) < 700
    asked = requests[1].body["response_format"]["json_schema"]["schema"]["properties"]
    assert list(asked) == ["answers"]


def test_the_whole_list_is_taken_too_and_what_is_wrong_with_it_as_a_whole_is_told() -> None:
    whole = json.dumps({"value": YEARS})
    assert last_answer(LISTING, in_order(_spoilt(YEARS, 7), whole))[0] == YEARS
    twice = json.dumps({"value": [*YEARS, YEARS[0]]})
    answer, requests = last_answer(LISTING, in_order(twice, whole))
    assert answer == YEARS
    assert "twice" in requests[1].last
    answer, requests = last_answer(LISTING, in_order(_spoilt(YEARS, *range(40)), whole))
    assert answer == YEARS
    assert "40 of 60 items do not fit, the others do: [0].year" in requests[1].last


def test_an_answer_of_thousands_is_checked_and_told_of_by_its_first_faulty_items() -> None:
    code = (
        "rows = [{'name': 'n', 'year': n} for n in range(60_000)]\n"
        "for n in (5, 700): rows[n]['year'] = None\nFINAL(rows)"
    )
    mend = "for n in (5, 700): rows[n]['year'] = n\nFINAL(rows)"
    result, _ = solve([cell(code), cell(mend)], schema=list[Row])
    assert (result.status, len(result.answer)) == ("complete", 60_000)
    told = result.turns[0].feedback
    assert "2 of 60,000 items do not fit, the others do: [5].year: None is not a whole" in told
    assert "[700].year" in told
    assert len(told) < 600


def test_every_reply_that_was_tried_is_counted_and_told() -> None:
    result, _ = solve(
        [cell("FINAL(llm_query('q', schema=int))")], sub=in_order("none", "3"), schema=int
    )
    assert result.answer == 3
    assert [call.error for call in result.turns[0].sub_calls] == ["", ""]


BAD_SCHEMAS = {
    "'nonsense['": "names no type",
    "'__import__(\"os\")'": "names no type",
    "print": "no schema can be made of print",
    "['a', 'b']": "a list as a schema has one item",
    "{'type': 'object', 'properties': 3}": "names no type|no schema can be made",
    "{'enum': 3, 'type': 'string'}": "no schema can be made|names no type",
    "{'$ref': '#/nowhere'}": "points to nothing",
    "{'type': 'string', 'pattern': '(a+)+$'}": "`pattern` is not taken here",
    "{'allOf': [{'$ref': '#'}, {'$ref': '#'}]}": "without end|too long",
}


@pytest.mark.parametrize(("schema", "said"), BAD_SCHEMAS.items())
def test_what_is_no_schema_is_said_in_the_cell(schema: str, said: str) -> None:
    code = f"llm_query('q', schema={schema})"
    result, _ = solve([cell(code), cell("x = 1\nFINAL(x)")], sub="{}")
    assert re.search(said, result.turns[0].feedback), result.turns[0].feedback


def test_a_server_that_takes_no_schema_is_asked_without_it_and_not_twice() -> None:
    refused = 0

    def sub(request: ChatRequest) -> Reply | str:
        nonlocal refused
        if "response_format" in request.body:
            refused += 1
            return Reply("response_format: json_schema is not supported", status=400)
        return "5"

    code = (
        "first = llm_query('q', schema=int)\n"  # what follows needs it, so it is not asked ahead
        "FINAL([first, llm_query_batched([f'r {first} {i}' for i in range(5)], schema=int)])"
    )
    answer, asked = last_answer(code, sub)
    assert answer == [5, [5] * 5]
    assert refused == 1
    assert len(asked) == 7


def test_another_refusal_is_not_taken_for_one_of_the_schema() -> None:
    result, server = solve(
        [cell("llm_query('q', schema=int)"), cell("x = 1\nFINAL(x)")],
        sub=Reply("the key is not good", status=401),
    )
    assert "401" in result.turns[0].feedback
    assert len(server.requests) == 3


# Items


def items_of(request: ChatRequest) -> list[str]:
    return re.findall(r"^\[(\d+)\] ", request.last, re.M)


def test_ask_each_asks_each_item_by_itself_in_order() -> None:
    def sub(request: ChatRequest) -> Reply:
        item = re.search(r"item (\d+)", request.last)
        assert item
        return Reply(item[1], latency_s=0.1 if int(item[1]) % 2 else 0.0)

    code = (
        "FINAL(ask_each([f'item {i}' for i in range(20)] + [{'text': 'item 20'}], 'which?', int))"
    )
    answer, asked = last_answer(code, sub)
    assert answer == list(range(21))
    assert len(asked) == 21
    assert sum(one.last.startswith("which?\n\nitem 7\n\n") for one in asked) == 1
    assert any('{"text": "item 20"}' in one.last for one in asked)


def test_ask_each_marks_what_failed_and_keeps_the_rest() -> None:
    def sub(request: ChatRequest) -> Reply | str:
        text = request.messages[0]["content"]
        if "down" in text:
            return Reply("no", status=400)
        return "maybe" if "odd" in text else '{"value": "yes"}'

    code = (
        "r = ask_each(['fine', 'odd', 'down', 'fine'], 'ok?', \"Literal['yes', 'no']\")\n"
        "FINAL([x if isinstance(x, str) else type(x).__name__ for x in r])"
    )
    answer, _ = last_answer(code, sub)
    assert answer == ["yes", "LLMError", "LLMError", "yes"]


def test_ask_each_without_a_schema_gives_texts() -> None:
    answer, asked = last_answer("FINAL(ask_each(['a'], 'q'))", "free text")
    assert answer == ["free text"]
    assert "JSON" not in asked[0].last


def packed(numbers: dict[int, Any]) -> str:
    answers = [{"number": n, "answer": value} for n, value in numbers.items()]
    return json.dumps({"answers": answers})


def test_several_items_go_into_one_request_where_that_is_asked_for() -> None:
    def sub(request: ChatRequest) -> str:
        return packed({int(n): f"label {n}" for n in reversed(items_of(request))})

    code = "FINAL(ask_each([f'text {i}' for i in range(25)], 'label?', str, per_call=10))"
    answer, asked = last_answer(code, sub)
    assert [len(items_of(one)) for one in asked] == [10, 10, 5]
    assert answer[:11] == [f"label {i}" for i in range(1, 11)] + ["label 1"]


PACKED_REPLIES: dict[str, tuple[str, list[int]]] = {
    "one is missing": (packed({1: 10, 3: 30}), [2]),
    "one does not fit": (packed({1: 10, 2: "twenty", 3: 30}), [2]),
    "one is there twice": (
        '{"answers": [{"number": 1, "answer": 10}, {"number": 2, "answer": 20},'
        ' {"number": 2, "answer": 21}, {"number": 3, "answer": 30}]}',
        [2],
    ),
    "one is there twice, the same": (
        '[{"number": 1, "answer": 10}, {"number": 1, "answer": 10},'
        ' {"number": 2, "answer": 20}, {"number": 3, "answer": 30}]',
        [],
    ),
    "a number that is none": (packed({1: 10, 2: 20, 3: 30, 4: 40, 0: 0}), []),
    "without numbers": ('{"answers": [10, 20, 30]}', [1, 2, 3]),
    "broken JSON": ('{"answers": [{"number": 1, "answer": 10}, {"numb', [1, 2, 3]),
    "no JSON": ("ten, twenty, thirty", [1, 2, 3]),
}


@pytest.mark.parametrize(("reply", "again"), PACKED_REPLIES.values(), ids=PACKED_REPLIES)
def test_an_item_without_a_sure_answer_is_asked_again_by_itself(
    reply: str, again: list[int]
) -> None:
    singly: list[int] = []

    def sub(request: ChatRequest) -> str:
        if items_of(request):
            return reply
        number = int(request.last.split("n=")[1][0])
        singly.append(number)
        return str(number * 10)

    code = "FINAL(ask_each(['n=1', 'n=2', 'n=3'], 'ten times?', int, per_call=3))"
    answer, _ = last_answer(code, sub)
    assert answer == [10, 20, 30]
    assert sorted(singly) == again


def test_items_that_are_too_long_together_are_asked_singly() -> None:
    def sub(request: ChatRequest) -> Reply | str:
        if items_of(request):
            return Reply("context length exceeded", status=400)
        return "1"

    code = "FINAL(ask_each(['a', 'b'], 'q', int, per_call=2))"
    assert last_answer(code, sub)[0] == [1, 1]


def test_a_request_for_several_that_fails_fails_all_of_them_and_is_not_multiplied() -> None:
    code = (
        "r = ask_each(['a', 'b', 'c'], 'q', int, per_call=2)\nFINAL([type(x).__name__ for x in r])"
    )
    answer, asked = last_answer(code, Reply("no such model", status=404))
    assert answer == ["LLMError"] * 3
    assert len(asked) == 2


@pytest.mark.parametrize("call", ["'text', 'q'", "[1], ''", "[1], 'q', per_call=0", "{}, 'q'"])
def test_ask_each_says_what_is_wrong_with_its_arguments(call: str) -> None:
    result, _ = solve([cell(f"ask_each({call})"), cell("x = 1\nFINAL(x)")], sub="1")
    assert "Error: " in result.turns[0].feedback


def test_ask_each_of_nothing_is_nothing() -> None:
    assert last_answer("FINAL(ask_each([], 'q', int))", "never")[0] == []


# Whole runs


RUNS: dict[str, tuple[Any, str, Any]] = {
    "a type": (int, "FINAL(len(context))", 8),
    "a number as text": (int, "FINAL(str(len(context)))", 8),
    "JSON as text": (list[int], "FINAL('```json\\n[1, 2]\\n```')", [1, 2]),
    "a tuple where a list is asked for": (list[int], "FINAL((1, 2))", [1, 2]),
    "a set": (set[str], "FINAL({'a'})", {"a"}),
    "a dataclass": (
        Letter,
        "FINAL({'kind': 'memo', 'sender': {'name': 'A'}, 'pages': [1]})",
        Letter(Kind.MEMO, Person("A"), [1]),
    ),
    "an Enum": (Kind, "FINAL('letter')", Kind.LETTER),
    "a choice": (Literal["a", "b"], "FINAL('b')", "b"),
    "a typed dict": (Box, "FINAL({'size': 1})", {"size": 1}),
    "a dict of types": (dict[str, Person], "FINAL({'x': {'name': 'B', 'born': 1}})",
                        {"x": Person("B", 1)}),
    "none of it": (int | None, "x = None\nFINAL(x)", None),
    "a short form": ({"n": "int"}, "FINAL({'n': 1})", {"n": 1}),
    "a JSON schema": ({"type": "string", "pattern": "^t"}, "FINAL(context)", "the text"),
}  # fmt: skip


@pytest.mark.parametrize(("schema", "code", "answer"), RUNS.values(), ids=RUNS)
def test_a_run_with_a_schema_answers_with_a_value_of_it(
    schema: Any, code: str, answer: Any
) -> None:
    result, server = solve([cell(code)] * 2, schema=schema)
    assert (result.answer, result.status) == (answer, "complete")
    assert type(result.answer) is type(answer)
    assert "The answer has to be a Python value of this form: " in server.requests[0].last


def test_nothing_is_an_answer_where_the_schema_allows_it() -> None:
    code = cell("x = None\nFINAL(x or None)")
    assert len(solve([code], schema=int | None)[0].turns) == 1
    assert len(solve([code, code])[0].turns) == 2


def test_an_answer_that_does_not_fit_is_sent_back_with_the_reason_until_it_does() -> None:
    wrong = cell("n = len(context)\nFINAL({'name': 3})")
    right = cell("n = len(context)\nFINAL({'name': str(n)})")
    result, _ = solve([wrong, wrong, right], schema=Person)
    assert result.answer == Person("8")
    assert "name: 3 is not text" in result.turns[1].feedback


def test_at_the_end_of_its_turns_a_run_gives_what_it_has_and_does_not_claim_more() -> None:
    result, _ = solve([cell("x = 'no'\nFINAL(x)")] * 2, schema=int, limits=Limits(turns=2))
    assert (result.answer, result.status) == ("no", "turns")
    result, _ = solve([cell("answer['content'] = '7'")] * 2, schema=int, limits=Limits(turns=2))
    assert (result.answer, result.status) == (7, "turns")


def test_a_pydantic_model_is_checked_by_its_own_rules() -> None:
    pydantic = pytest.importorskip("pydantic")

    class Even(pydantic.BaseModel):  # type: ignore[misc, name-defined]
        n: int
        inner: list[Even] = pydantic.Field(default_factory=list)

        @pydantic.field_validator("n")  # type: ignore[untyped-decorator]
        @classmethod
        def is_even(cls, value: int) -> int:
            if value % 2:
                raise ValueError("the number has to be even")
            return value

    Even.model_rebuild(_types_namespace={"Even": Even})
    script = [cell("n = 3\nFINAL({'n': n})"), cell("n = 4\nFINAL({'n': n, 'inner': [{'n': 2}]})")]
    result, _ = solve(script, schema=Even)
    assert result.answer == Even(n=4, inner=[Even(n=2)])
    assert "n: Value error, the number has to be even" in result.turns[0].feedback
    listed, _ = solve([cell("x = [{'n': 2}]\nFINAL(x)")], schema=list[Even])
    assert listed.answer == [Even(n=2)]


@pytest.mark.parametrize("schema", [print, "nonsense", {"type": "strin"}, [1, 2], {1: {2}}, 3])
def test_what_is_no_schema_is_refused_before_a_model_is_asked(schema: Any) -> None:
    with ScriptedServer([], api_key=KEY) as server:
        with pytest.raises(ConfigurationError, match="schema="):
            RLM("root", base_url=server.base_url, api_key=KEY).run("q", "text", schema)
        assert server.requests == []


# Child runs


def child_and_parent(child: Callable[[ChatRequest], str], parent: str, **options: Any) -> Result:
    """A run whose cell asks for a child run of the question `inner`."""

    def script(request: ChatRequest) -> str:
        opening = request.messages[1]["content"] if len(request.messages) > 1 else ""
        return child(request) if "Question: inner" in opening else cell(parent)

    return solve(script, max_depth=2, **options)[0]


def test_a_child_run_with_a_schema_corrects_itself() -> None:
    def child(request: ChatRequest) -> str:
        if request.assistant_count == 0:
            return cell("n = len(context)\nFINAL('about ' + str(n))")
        assert "not a whole number" in request.last
        return cell("FINAL(n)")

    result = child_and_parent(child, "FINAL(rlm_query('inner', context='abc', schema=int))")
    assert result.answer == 3
    result = child_and_parent(
        child, "FINAL(rlm_query_batched(['inner'] * 2, ['a', 'bb'], schema=int))"
    )
    assert result.answer == [1, 2]


def test_values_of_child_runs_keep_their_types() -> None:
    def child(request: ChatRequest) -> str:
        return cell("import datetime\nFINAL({'d': datetime.date(2026, 1, 2), 't': (1, {2})})")

    code = "x = rlm_query('inner', context='abc')\nFINAL([x['d'].year, x['t'], type(x).__name__])"
    assert child_and_parent(child, code).answer == [2026, (1, {2}), "dict"]


def test_at_the_depth_limit_a_schema_holds_too() -> None:
    answer, [request] = last_answer("FINAL(rlm_query('sum', [1, 2], schema=int))", "3")
    assert answer == 3
    assert "[1, 2]" in request.last


def test_a_child_run_has_half_of_what_is_left() -> None:
    def child(request: ChatRequest) -> str:
        return cell("answer['content'] = 'busy'\nllm_query('x')")

    code = "try:\n    rlm_query('inner', context='abc')\nexcept LLMError as e:\n    FINAL(str(e))"
    for limits, ended in (
        (Limits(calls=13), "calls"),
        (Limits(turns=6), "turns"),
    ):
        result = child_and_parent(child, code, sub="y", limits=limits)
        assert "ended early (" + ended in result.answer
        assert result.complete
        assert result.usage.calls <= 7


def test_child_runs_have_models_of_their_own_by_depth() -> None:
    models: list[str] = []

    def script(request: ChatRequest) -> str:
        models.append(request.model)
        return cell(
            "FINAL(rlm_query('go on', context='x'))"
            if len(models) < 4
            else "FINAL('end' + context)"
        )

    result, _ = solve(script, max_depth=9, child_model=["one", "two"])
    assert models == ["root", "one", "two", "two"]
    assert result.answer == "endx"
    models.clear()
    _, server = solve(script, max_depth=9, child_model="one-1b")
    assert models == ["root", "one-1b", "one-1b", "one-1b"]
    systems = [one.messages[0]["content"] for one in server.requests]
    assert systems[0] != systems[1]  # prompts go by the model that is to read them
    assert systems[1] == systems[2]
