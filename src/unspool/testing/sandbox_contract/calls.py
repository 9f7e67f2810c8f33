"""Calls of models from cells."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from unspool.spec import Tool
from unspool.testing.sandbox_contract.promises import Rooms, holds, promise, ready, same


class CallPromises:
    """What a call gets to the host, and what comes back."""

    @promise()
    async def test_calls_reach_the_host_with_what_they_were_given(self, rooms: Rooms) -> None:
        asked: list[tuple[str, list[Any]]] = []

        async def door(name: str, args: Sequence[Any]) -> Any:
            asked.append((name, list(args)))
            return [["r"] for _ in args[0]] if name.endswith("_batched") else "r"

        run = await rooms.open(door=door)
        seen = await run(
            "FINAL([llm_query('a'), llm_query('b', model='m'), llm_query_batched(['c', 'd']),\n"
            "rlm_query('e', {'k': (1, 2)}), rlm_query_batched(['f'], ['g'])])"
        )
        same(ready(seen), ["r", "r", ["r", "r"], "r", ["r"]])
        wanted: list[tuple[str, list[Any]]] = [
            ("llm_query", ["a", None]),
            ("llm_query", ["b", "m"]),
            ("llm_query_batched", [["c", "d"], None]),
            ("rlm_query", ["e", {"k": (1, 2)}, None]),
            ("rlm_query_batched", [["f"], ["g"], None]),
        ]
        same(asked, wanted)

    @promise()
    async def test_what_is_asked_is_known_by_both_names(self, rooms: Rooms) -> None:
        run = await rooms.open()
        seen = await run(
            "FINAL([llm_query(prompt='a'), llm_query(question='b'), rlm_query(prompt='c'),\n"
            "rlm_query(question='d', context=None, schema=None, model=None)])"
        )
        same(ready(seen), ["re: a", "re: b", "re: c", "re: d"])
        seen = await run("llm_query('a', question='b')")
        holds("got multiple values for argument 'prompt'", seen.error)

    @promise()
    async def test_calls_can_be_made_from_any_code(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("def ask(n): return llm_query(str(n))")
        for code in (
            "[llm_query(str(i)) for i in range(5)]",
            "found = []\nfor i in range(5):\n    found.append(ask(i))\nfound",
            "llm_query_batched([str(i) for i in range(5)])",
        ):
            same((await run(code)).value.text, repr([f"re: {i}" for i in range(5)]))

    @promise("callbacks")
    async def test_calls_can_be_made_from_within_map(self, rooms: Rooms) -> None:
        run = await rooms.open()
        same((await run("list(map(llm_query, ['a', 'b']))")).value.text, "['re: a', 're: b']")

    @promise()
    async def test_awaited_calls_are_under_way_together(self, rooms: Rooms) -> None:
        door = _Counting(5)
        run = await rooms.open(door=door)
        seen = await run(
            "import asyncio\nasync def one(i): return await llm_query(str(i))\n"
            "FINAL(await asyncio.gather(*[one(i) for i in range(5)]))"
        )
        same(ready(seen), ["0", "1", "2", "3", "4"])
        same(door.most, 5)
        same((await run("await llm_query('alone')")).value.text, "'alone'")
        door.wanted = 3
        seen = await run("await asyncio.gather(*[llm_query(str(i)) for i in range(3)])")
        same(seen.value.text, "['0', '1', '2']")

    @promise("threads", "library")
    async def test_threads_call_together(self, rooms: Rooms) -> None:
        door = _Counting(5)
        run = await rooms.open(door=door)
        seen = await run(
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(5) as pool: r = list(pool.map(llm_query, '01234'))\nr"
        )
        same(seen.value.text, "['0', '1', '2', '3', '4']")
        same(door.most, 5)

    @promise()
    async def test_a_failed_call_is_an_exception_that_says_why(self, rooms: Rooms) -> None:
        run = await rooms.open()
        holds("refused: fail this", (await run("llm_query('fail this')")).error)
        seen = await run(
            "try:\n    llm_query('fail')\nexcept LLMError as e:\n    got = str(e)\ngot"
        )
        same(seen.value.text, "'refused: fail'")
        await run("r = llm_query_batched(['a', 'fail b', 'c'])")
        seen = await run("FINAL([x if isinstance(x, str) else 'failed: ' + str(x) for x in r])")
        same(ready(seen), ["re: a", "failed: refused: fail b", "re: c"])
        same((await run("isinstance(r[1], LLMError)")).value.text, "True")

    @promise()
    async def test_a_schema_reaches_the_host_and_its_value_the_cell(self, rooms: Rooms) -> None:
        asked: list[Any] = []

        async def door(name: str, args: Sequence[Any]) -> Any:
            asked.append((name, args[-1]))
            return [[7], [None, "no"]] if name == "ask_each" else {"n": 3}

        run = await rooms.open(door=door)
        seen = await run(
            "a = llm_query('how many?', schema={'n': 'int'})\n"
            "b = ask_each(['x', 'y'], 'how many?', schema='int')\n"
            "FINAL([a, b[0], str(b[1])])"
        )
        same(ready(seen), [{"n": 3}, 7, "no"])
        same([name for name, _ in asked], ["llm_query", "ask_each"])
        same([schema["type"] for _, schema in asked], ["object", "integer"])

    @promise()
    async def test_tools_are_called_with_what_they_were_given(self, rooms: Rooms) -> None:
        async def door(name: str, args: Sequence[Any]) -> Any:
            given, named = args
            if name == "broken":
                return [None, "KeyError", "'k'", ["k"]]
            return [[name, given, named]]

        tools = (Tool("add", "(a, b=1)", "Adds."), Tool("broken", "()"))
        run = await rooms.open(door=door, tools=tools)
        same(ready(await run("FINAL(add(1, b={'x': (2,)}))")), ["add", [1, {"x": (2,)}], {}])
        holds("add(a, b=1)", (await run("add()")).error)
        seen = await run("try:\n    broken()\nexcept KeyError as e:\n    print('caught', e)")
        same(seen.stdout.text, "caught 'k'\n")

    @promise()
    async def test_a_host_that_breaks_is_an_exception_too(self, rooms: Rooms) -> None:
        async def broken(name: str, args: Sequence[Any]) -> Any:
            raise LookupError("within")

        run = await rooms.open(door=broken)
        seen = await run("try:\n    llm_query('x')\nexcept LLMError as e:\n    print('caught', e)")
        holds("caught", seen.stdout.text)

    @promise()
    async def test_misused_calls_say_how_to_use_them(self, rooms: Rooms) -> None:
        run = await rooms.open()
        for code, error in (
            ("llm_query('')", "ValueError: the prompt is empty"),
            ("llm_query(['a'])", "TypeError: a prompt is a str"),
            ("llm_query_batched('abc')", "TypeError: give a list of prompts"),
            ("rlm_query_batched(['a'], ['b', 'c'])", "ValueError: 1 prompts but 2 contexts"),
            ("FINAL()", "TypeError"),
        ):
            holds(error, (await run(code)).error)


class _Counting:
    """A host that answers once `wanted` calls are under way together."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.most = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def __call__(self, name: str, args: Sequence[Any]) -> Any:
        if args[0] == "alone":
            return "alone"
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        self.most = max(self.most, len(self._waiting))
        if len(self._waiting) >= self.wanted:
            for one in self._waiting:
                one.set_result(None)
            self._waiting.clear()
        await mine
        return args[0]
