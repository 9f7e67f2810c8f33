"""The user's own functions and packages, called and imported by the model's code."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import enum
import fractions
import importlib
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from runs import cell, solve
from support import OpenRepl
from unspool import RLM, ConfigurationError, Context, Limits, SandboxError
from unspool.sandboxes.packages import located
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec
from unspool.testing.sandbox_contract.promises import Cells
from unspool.tools import RESERVED, Tools


@dataclass
class Weather:
    city: str
    degrees: float


class Point(NamedTuple):
    x: int
    y: int


class Colour(enum.Enum):
    RED = "red"


class Odd(Exception):
    pass


VALUES: dict[str, Any] = {
    "nothing": None,
    "numbers": [1, -2.5, True, 2**80, float("inf"), 1j],
    "text": "é\n\ud800'\"\\",
    "containers": {"a": [1, (2, {3}), frozenset({4})], 5: {"~int": "x"}, (6, 7): b"\x00\xff"},
    "times": [
        datetime.datetime(2026, 2, 3, 4, 5, 6, 7, datetime.UTC),
        datetime.date(2026, 2, 3),
        datetime.time(4, 5),
        datetime.timedelta(days=-1, microseconds=3),
    ],
    "exact numbers": [decimal.Decimal("0.10"), fractions.Fraction(1, 3)],
    "deep": {"l": [[[[{"x": (1,)}]]]]},
}


async def opened(open_repl: OpenRepl, **functions: Callable[..., Any]) -> Cells:
    tools = Tools.of(functions)

    async def beyond(name: str, args: object) -> Any:
        raise AssertionError(name)

    return await open_repl(door=tools.door(beyond), tools=tools.offered)


async def value(run: Cells, code: str) -> Any:
    """What a cell makes its answer; fails with the cell's own error."""
    seen = await run(code)
    assert (seen.error, seen.notes) == ("", ())
    assert seen.answer is not None
    return seen.answer.value


async def shown(run: Cells, code: str) -> str:
    seen = await run(code)
    assert seen.error == ""
    return seen.value.text


@pytest.mark.parametrize("given", VALUES.values(), ids=VALUES)
async def test_values_pass_unharmed_both_ways(open_repl: OpenRepl, given: Any) -> None:
    seen: list[Any] = []

    def echo(value: Any, *, named: Any = None) -> Any:
        seen.extend((value, named))
        return value

    run = await opened(open_repl, give=lambda: given, echo=echo)
    assert await value(run, "x = give()\nFINAL(echo(x, named=x))") == given
    assert seen == [given, given]
    assert [type(one) for one in seen] == [type(given)] * 2


async def test_not_a_number_passes(open_repl: OpenRepl) -> None:
    run = await opened(open_repl, give=lambda: float("nan"))
    assert await shown(run, "x = give()\n[type(x).__name__, x != x]") == "['float', True]"


async def test_what_has_named_fields_keeps_them(open_repl: OpenRepl) -> None:
    run = await opened(
        open_repl,
        weather=lambda: Weather("Oslo", -3.5),
        points=lambda: [Point(1, 2), Point(3, 4)],
    )
    assert await shown(run, "w = weather()\n[w.city, w['degrees'], isinstance(w, dict)]") == (
        "['Oslo', -3.5, True]"
    )
    assert await shown(run, "p, q = points()\nx, y = p\n[p, p.x, p[1], x + y, q.y]") == (
        "[Point(x=1, y=2), 1, 2, 3, 4]"
    )
    assert "AttributeError: a Weather has city, degrees, no 'town'" in (await run("w.town")).error


async def test_what_has_no_equal_becomes_what_is_nearest(open_repl: OpenRepl) -> None:
    given = [Colour.RED, deque([1]), OrderedDict(a=1), range(3), Path("/x"), ValueError("no")]
    run = await opened(open_repl, give=lambda: given)
    assert await value(run, "FINAL(give())") == [
        "red", [1], {"a": 1}, [0, 1, 2], "/x", {"error": "ValueError: no"},
    ]  # fmt: skip
    run = await opened(open_repl, give=lambda: (x for x in "ab"))
    assert "ToolError: give: a generator is no data" in (await run("give()")).error


def failing(error: BaseException) -> Callable[[], Any]:
    def fail() -> Any:
        raise error

    return fail


FAILURES = {
    "a builtin one": (KeyError("k"), "KeyError", "'k'"),
    "one with several arguments": (
        FileNotFoundError(2, "No such file", "/x"),
        "FileNotFoundError",
        "[Errno 2] No such file: '/x'",
    ),
    "one with none": (ValueError(), "ValueError", ""),
    "one that is made of data": (
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        "ToolError",
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0: bad",
    ),
    "one of the user's own": (Odd("it is odd"), "ToolError", "Odd: it is odd"),
    "one that ends programs": (SystemExit(3), "ToolError", "SystemExit: 3"),
    "an end of iteration": (StopIteration(1), "RuntimeError", "StopIteration: 1"),
}


@pytest.mark.parametrize(("error", "kind", "text"), FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_an_exception_arrives_with_its_type_and_text(
    open_repl: OpenRepl, error: BaseException, kind: str, text: str, asynchronous: bool
) -> None:
    async def later() -> Any:
        raise error

    if asynchronous and isinstance(error, StopIteration):
        text = "coroutine raised StopIteration"
    run = await opened(open_repl, fail=later if asynchronous else failing(error))
    code = "try:\n    fail()\nexcept Exception as e:\n    r = [type(e).__name__, str(e)]\nFINAL(r)"
    assert await value(run, code) == [kind, text]
    assert await shown(run, "1 + 1") == "2"


async def test_a_traceback_shows_the_cells_lines_alone(open_repl: OpenRepl) -> None:
    run = await opened(open_repl, fail=failing(ValueError("no such city")))
    seen = await run("x = 1\nfail()")
    assert seen.error.splitlines()[-1] == "ValueError: no such city"
    assert "line 2" in seen.error
    assert "offers.py" not in seen.error


async def test_arguments_are_checked_before_they_are_sent(open_repl: OpenRepl) -> None:
    calls: list[Any] = []

    now = object()

    def weather(city: str, /, days: int = 3, *, unit: str = "C", at: Any = now) -> list[Any]:
        """The forecast for a city.

        More of it."""
        calls.append((city, days, unit, at))
        return [city, days, unit]

    run = await opened(open_repl, weather=weather)
    assert await value(run, "FINAL(weather('Oslo', unit='F'))") == ["Oslo", 3, "F"]
    assert calls[0][3] is now
    for code in ("weather()", "weather('a', 1, 2)", "weather(city='a')", "weather('a', x=1)"):
        error = (await run(code)).error.splitlines()[-1]
        assert error.startswith("TypeError: weather() ")
        assert "weather(city: str, /, days: int = 3, *, unit: str = 'C', at: Any = ...)" in error
    assert len(calls) == 1
    assert "The forecast for a city.\n\nMore" in (await run("print(weather.__doc__)")).stdout.text


async def test_tools_run_at_the_same_time_from_threads_and_awaited(open_repl: OpenRepl) -> None:
    together = threading.Barrier(8, timeout=30)
    all_here = asyncio.Event()
    here = 0

    def meet(n: int) -> int:
        together.wait()
        return n

    async def meet_async(n: int) -> int:
        nonlocal here
        here += 1
        if here == 8:
            all_here.set()
        await asyncio.wait_for(all_here.wait(), 30)
        return n

    run = await opened(open_repl, meet=meet, meet_async=meet_async)
    threads = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "FINAL(list(ThreadPoolExecutor().map({}, range(8))))"
    )
    gathered = "import asyncio\nFINAL(await asyncio.gather(*[{}(n) for n in range(8)]))"
    for code in (threads.format("meet"), gathered.format("meet"), gathered.format("meet_async")):
        assert await value(run, code) == list(range(8))
    assert await value(run, "FINAL(await meet_async(1))") == 1


async def test_a_coroutine_that_a_plain_function_gives_is_awaited(open_repl: OpenRepl) -> None:
    async def later(x: int) -> int:
        return x + 1

    class Service:
        async def __call__(self, x: int) -> int:
            return x + 2

    run = await opened(open_repl, plain=lambda x: later(x), service=Service())
    assert await value(run, "FINAL([plain(1), service(1)])") == [2, 3]


async def test_a_tool_that_was_overwritten_is_put_back(open_repl: OpenRepl) -> None:
    run = await opened(open_repl, weather=lambda: "fine")
    assert "`weather` has been put back" in (await run("weather = 3")).notes[0]
    assert await shown(run, "weather()") == "'fine'"


async def test_every_name_of_ours_in_the_repl_is_reserved(open_repl: OpenRepl) -> None:
    run = await open_repl()
    names = await value(run, "FINAL([n for n in globals() if not n.startswith('_')])")
    assert set(names) <= RESERVED


@pytest.mark.parametrize(
    "name", ["llm_query", "context", "answer", "print", "_x", "a b", "class", 1]
)
def test_a_name_that_a_tool_cannot_have_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="tools="):
        RLM("root", base_url="http://localhost/v1", tools={name: len})


def test_a_tool_that_is_no_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="give a function, not int"):
        RLM("root", base_url="http://localhost/v1", tools={"x": 3})  # type: ignore[dict-item]


def test_a_run_offers_its_tools_and_needs_no_sub_calls_for_them() -> None:
    def weather(city: str, days: int = 3) -> Weather:
        """The forecast for a city.

        It is made up."""
        return Weather(city, days)

    result, server = solve(
        [cell("w = weather(context, days=5)"), cell("FINAL([w.city, w.degrees])")],
        "Oslo",
        tools={"weather": weather},
        max_depth=0,
    )
    assert result.answer == ["Oslo", 5]
    opening = server.requests[0].last
    assert "- weather(city: str, days: int = 3) -> Weather: The forecast for a city.\n" in opening
    assert "made up" not in opening


def test_a_tool_that_never_returns_ends_with_the_run() -> None:
    stuck = threading.Event()
    try:
        result, _ = solve(
            [cell("answer['content'] = 'draft'\nwait()")],
            tools={"wait": stuck.wait},
            limits=Limits(seconds=1),
        )
    finally:
        stuck.set()
    assert (result.answer, result.status) == (None, "seconds")


def test_child_runs_have_the_tools_too() -> None:
    def script(request: Any) -> str:
        if "inner" in request.messages[1]["content"]:
            return cell("FINAL(double(len(context)))")
        return cell("FINAL(rlm_query('inner', context='abc'))")

    result, _ = solve(script, max_depth=2, tools={"double": lambda n: 2 * n})
    assert result.answer == 6


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package in a folder where other things lie too; it is gone after the test."""
    folder = tmp_path / "tiny_package_of_a_test"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("import needed_by_tiny\nBORN = needed_by_tiny.ONE\n")
    (folder / "inner" / "__init__.py").write_text("def twice(x): return 2 * x\n")
    (folder / "data.txt").write_text("its data")
    (tmp_path / "needed_by_tiny.py").write_text("ONE = 1\n")
    (tmp_path / "not_asked_for.py").write_text("")
    (tmp_path / ".env").write_text("SECRET=1")
    (tmp_path / "broken_package.py").write_text("raise OSError('it needs a display')")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return folder.name


async def test_a_package_of_the_hosts_can_be_imported_and_nothing_beside_it_read(
    package: str, tmp_path: Path
) -> None:
    sandbox = ProcessSandbox(packages=located([package]))
    repl = await sandbox.open(Context("x"), no_door, ReplSpec())
    try:
        run = Cells(repl)
        code = (
            f"import {package} as t, {package}.inner as i\n"
            "from importlib.resources import files\n"
            f"FINAL([t.BORN, i.twice(4), files({package!r}).joinpath('data.txt').read_text()])"
        )
        assert await value(run, code) == [1, 8, "its data"]
        assert "ModuleNotFoundError" in (await run("import not_asked_for")).error
        assert "PermissionError" in (await run(f"open({str(tmp_path / '.env')!r})")).error
        assert "PermissionError" in (await run(f"import os; os.listdir({str(tmp_path)!r})")).error
    finally:
        await repl.aclose()
        await sandbox.aclose()
    assert package not in sys.modules


async def test_a_package_that_cannot_be_imported_says_why(package: str) -> None:
    sandbox = ProcessSandbox(packages=located(["broken_package"]))
    with pytest.raises(
        SandboxError, match="'broken_package' cannot be imported: OSError: it needs"
    ):
        await sandbox.open(Context("x"), no_door, ReplSpec())
    await sandbox.aclose()


def test_a_run_has_the_packages_that_were_named(package: str) -> None:
    code = f"import {package}\nFINAL([{package}.BORN, 'not_asked_for' in dir()])"
    result, server = solve([cell(code)], packages=[package, "json"])
    assert result.answer == [1, False]
    assert f"These packages can be imported: json, {package}." in server.requests[0].last


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["no_such_package_here"], "no package 'no_such_package_here'. Install it"),
        (["numpy==2"], "a name that can be imported"),
        ("numpy", "give a list"),
    ],
)
def test_a_package_that_is_not_here_is_refused_with_the_remedy(names: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        RLM("root", base_url="http://localhost/v1", packages=names)


async def no_door(name: str, args: object) -> Any:
    raise AssertionError(name)


def test_a_numpy_value_from_a_tool_arrives_as_its_python_equal() -> None:
    numpy = pytest.importorskip("numpy")
    given = [numpy.arange(3), numpy.float32(0.5), numpy.int64(7), numpy.bool_(True)]
    code = "import numpy as np\nx = give()\nFINAL([x, float(np.linalg.norm(np.array([3.0, 4.0])))])"
    result, _ = solve([cell(code)], tools={"give": lambda: given}, packages=["numpy"])
    assert result.answer == [[[0, 1, 2], 0.5, 7, True], 5.0]
