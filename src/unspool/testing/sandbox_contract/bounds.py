"""Where cells end: their time, their REPL, and what they cannot reach."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from typing import Any
from unittest import mock

from unspool.errors import SandboxError
from unspool.testing.sandbox_contract.promises import Rooms, all_text, holds, promise, ready, same

TRIES = "got = []\ntry:\n    {}\nexcept Exception as e:\n    print(type(e).__name__)\ngot"
STUCK = "n = 0\nwhile True:\n    n += 1"
DEAF = """while True:
    try:
        while True: pass
    except BaseException: pass"""


class BoundPromises:
    """Stopped cells, closed REPLs, other REPLs and the machine."""

    # Time and endings

    @promise()
    async def test_a_cell_that_does_not_end_is_stopped_and_it_says_so(self, rooms: Rooms) -> None:
        run = await rooms.open("still here", cell_seconds=0.5)
        for code in (STUCK, DEAF):
            seen = await run(code)
            holds("0.5 s", "\n".join((seen.error, *seen.notes)))
            same((await run("context")).value.text, "'still here'")
        same(ready(await run("FINAL(llm_query('on'))")), "re: on")

    @promise("keeps")
    async def test_variables_outlive_a_cell_that_was_stopped(self, rooms: Rooms) -> None:
        run = await rooms.open(cell_seconds=0.5)
        await run("kept = [1, 2]\ndef f(): return kept")
        await run(STUCK)
        same((await run("f(), question")).value.text, "([1, 2], '?')")

    @promise()
    async def test_waiting_for_a_model_is_not_the_cells_time(self, rooms: Rooms) -> None:
        async def slow(name: str, args: Sequence[Any]) -> str:
            await asyncio.sleep(1.0)
            return "slow"

        run = await rooms.open(door=slow, cell_seconds=0.7)
        seen = await run("a = llm_query('x')\nb = llm_query('y')\na + b")
        same((seen.value.text, seen.error), ("'slowslow'", ""))

    @promise()
    async def test_a_closed_repl_says_so_and_may_be_closed_again(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run.repl.aclose()
        await run.repl.aclose()
        with contextlib.suppress(SandboxError):
            await run("1")
            raise AssertionError("a closed REPL has run a cell")

    @promise()
    async def test_closing_ends_the_calls_that_are_under_way(self, rooms: Rooms) -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def endless(name: str, args: Sequence[Any]) -> Any:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        run = await rooms.open(door=endless)
        running = asyncio.ensure_future(run("llm_query('x')"))
        await begun.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await run.repl.aclose()
        await ended.wait()

    @promise()
    async def test_repls_that_run_together_share_nothing(self, rooms: Rooms) -> None:
        async def own(number: int) -> tuple[str, str]:
            run = await rooms.open(f"context {number}")
            seen = await run(f"me = {number}\nfor _ in range(50): print(me, llm_query(str(me)))")
            return seen.stdout.text, (await run("context, me")).value.text

        found = await asyncio.gather(*map(own, range(4)))
        same(found, [(f"{n} re: {n}\n" * 50, f"('context {n}', {n})") for n in range(4)])

    # What a cell cannot reach

    @promise()
    async def test_no_key_of_the_host_is_within_reach(self, rooms: Rooms) -> None:
        with mock.patch.dict("os.environ", UNSPOOL_CONTRACT_KEY="sk-very-secret"):
            for code in ("import os; got.append(str(dict(os.environ)))",
                         "got.append(open('/proc/self/environ').read())"):  # fmt: skip
                run = await rooms.open()
                same("very-secret" in all_text(await run(TRIES.format(code))), False)

    @promise("confined")
    async def test_no_file_of_the_machine_is_within_reach(self, rooms: Rooms) -> None:
        with tempfile.NamedTemporaryFile("w+", buffering=1) as secret:
            secret.write("the-secret-0451\n")
            run = await rooms.open()
            seen = await run(TRIES.format(f"got.append(open({secret.name!r}).read())"))
            same(seen.value.text, "[]")
            await run(TRIES.format(f"open({secret.name!r}, 'w').write('gone')"))
            secret.seek(0)
            same(secret.read(), "the-secret-0451\n")

    @promise("confined")
    async def test_no_network_is_within_reach(self, rooms: Rooms) -> None:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        async with server:
            at = server.sockets[0].getsockname()
            run = await rooms.open()
            code = f"import socket; got.append(str(socket.create_connection({at!r}, 2)))"
            same((await run(TRIES.format(code))).value.text, "[]")

    # What Python is, and what some sandboxes have not of it

    @promise("classes")
    async def test_classes_have_parents_and_properties(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("class E(ValueError):\n    @property\n    def why(self): return 'so'")
        seen = await run("try:\n    raise E('x')\nexcept ValueError as e:\n    why = e.why\nwhy")
        same(seen.value.text, "'so'")

    @promise("generators")
    async def test_functions_can_yield(self, rooms: Rooms) -> None:
        run = await rooms.open()
        same((await run("def g():\n    yield 1\n    yield 2\nlist(g())")).value.text, "[1, 2]")

    @promise("del")
    async def test_names_can_be_deleted(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("gone = 1")
        same((await run("del gone")).names, ())
        holds("NameError", (await run("gone")).error)

    @promise("library")
    async def test_the_standard_library_is_there(self, rooms: Rooms) -> None:
        run = await rooms.open()
        modules = "csv heapq io operator statistics string textwrap urllib.parse uuid"
        same([(await run(f"import {name}")).error for name in modules.split()], [""] * 9)

    @promise("files")
    async def test_there_is_a_folder_for_files(self, rooms: Rooms) -> None:
        run = await rooms.open()
        await run("with open('own.txt', 'w') as f: n = f.write('text')")
        same((await run("open('own.txt').read()")).value.text, "'text'")

    @promise("streams")
    async def test_output_past_pythons_streams_is_shown(self, rooms: Rooms) -> None:
        run = await rooms.open()
        holds("raw\n", (await run("import os\nn = os.write(1, b'raw\\n')")).stdout.text)
