"""Cells that are run again: the same seed and the recorded clock bring the same state."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import OpenRepl
from unspool import Context
from unspool.sandboxes.packages import located
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec
from unspool.testing.sandbox_contract.promises import Cells
from unspool.types import Cell, Observation

needs_copies = pytest.mark.skipif(sys.platform != "linux", reason="checkpoints are Linux's")

IMPORTS = (
    "import calendar, copy, datetime, email.utils, logging, os, random, secrets, tempfile"
    ", time, uuid\n"
    "from datetime import date, datetime as moment, timezone\n"
    "from random import choice, shuffle\nfrom time import perf_counter, time as now\n"
    "class Later(moment): pass\n"
    "own = random.Random()\n"
)
RANDOM = (
    "random.random()", "random.Random().random()", "own.gauss(0, 1)", "choice('abcdef')",
    "random.sample(range(99), 3)", "random.SystemRandom().random()", "random.getrandbits(70)",
    "os.urandom(5)", "os.getrandom(3)", "secrets.token_hex(4)", "secrets.choice('abcdef')",
    "uuid.uuid4()", "os.path.basename(tempfile.mktemp())", "shuffle([1, 2, 3])",
    "(random.seed(), random.random())", "(random.seed(3), random.random())",
    "random.Random(4).random()",
)  # fmt: skip
CLOCK = (
    "time.time()", "time.time_ns()", "time.monotonic()", "time.monotonic_ns()", "now()",
    "time.perf_counter()", "time.perf_counter_ns()", "perf_counter()", "time.process_time()",
    "moment.now()", "moment.now(timezone.utc)", "datetime.datetime.utcnow()", "Later.now()",
    "moment.now(tz=timezone.utc).isoformat()", "moment.today()", "Later.today()", "date.today()",
    "time.localtime()", "time.gmtime()", "time.ctime()", "time.asctime()", "time.strftime('%c')",
    "time.localtime(7)", "time.strftime('%Y', time.gmtime(0))",
    "email.utils.formatdate()", "logging.makeLogRecord({}).created", "uuid.uuid1()",
)  # fmt: skip
SETS = ("{'ab', 'cd', 'ef', 'gh', 'ij'}", "list({str(n) for n in range(40)})", "hash('text')")

programs = st.lists(
    st.lists(st.sampled_from((*RANDOM, *CLOCK, *SETS)), min_size=1, max_size=8), max_size=6
)
STATE = "{name: value for name, value in globals().items() if name.startswith('kept')}"


def cells_of(program: Sequence[Sequence[str]]) -> list[str]:
    """A cell for each list of expressions: their values are printed, and kept."""
    cells = [IMPORTS]
    for number, expressions in enumerate(program):
        names = (f"kept_{number}_{at}" for at in range(len(expressions)))
        cells.append(
            "\n".join(f"{n} = {e}; print({n})" for n, e in zip(names, expressions, strict=True))
        )
    return [*cells, STATE]


async def told(
    run: Cells, cells: Sequence[str], record: Sequence[Observation] = ()
) -> list[Observation]:
    """What came of the cells, run with the readings of `record` where there is one."""
    seen = []
    for number, code in enumerate(cells, 1):
        clock = record[number - 1].clock if record else None
        seen.append(await run.repl.run(Cell(code, number, clock)))
    assert not [(one.error, one.stdout.text) for one in seen if one.error]
    return seen


def untimed(seen: Sequence[Observation]) -> list[Observation]:
    """Without how long each took in fact."""
    return [replace(one, seconds=0) for one in seen]


def test_a_program_run_again_comes_to_the_same() -> None:
    async def once(sandbox: ProcessSandbox, program: Any, seed: int, record: Any = ()) -> Any:
        repl = await sandbox.open(Context("text"), unasked, ReplSpec(seed=seed))
        try:
            return await told(Cells(repl), cells_of(program), record)
        finally:
            await repl.aclose()

    with asyncio.Runner() as runner:
        first, second = ProcessSandbox(), ProcessSandbox()  # two interpreters: nothing is shared

        @settings(max_examples=30)
        @given(programs, st.integers(0, 2**64))
        def holds(program: list[list[str]], seed: int) -> None:
            record = runner.run(once(first, program, seed))
            again = runner.run(once(second, program, seed, record))
            assert untimed(again) == untimed(record)

        try:
            holds()
        finally:
            runner.run(first.aclose())
            runner.run(second.aclose())


async def unasked(name: str, args: Any) -> Any:
    raise AssertionError(f"{name} was called")


async def test_all_that_can_be_read_comes_to_the_same(open_repl: OpenRepl) -> None:
    cells = cells_of([RANDOM, CLOCK, SETS, RANDOM])
    record = await told(await open_repl(seed=7), cells)
    again = await told(await open_repl(seed=7), cells, record)
    assert untimed(again) == untimed(record)
    other = await told(await open_repl(seed=8), cells, record)
    assert other[2] != record[2] or other[1].stdout != record[1].stdout


async def test_without_a_seed_each_repl_draws_its_own(open_repl: OpenRepl) -> None:
    draws = [one for one in RANDOM if "random()" in one and "(3)" not in one and "(4)" not in one]
    cells = [IMPORTS, *draws]
    seen = [await told(await open_repl(), cells) for _ in range(2)]
    for one, other in zip(*seen, strict=True):
        assert one.value.text != other.value.text or one.cell.code == IMPORTS


async def test_numpy_draws_what_the_seed_decides() -> None:
    sandbox = ProcessSandbox(packages=located(["numpy"]))
    code = "import numpy as np; np.random.default_rng().random(3).tolist(), np.random.rand()"
    try:
        seen = []
        for seed in (3, 3, 4):
            repl = await sandbox.open(Context("text"), unasked, ReplSpec(seed=seed))
            seen += await told(Cells(repl), [code])
            await repl.aclose()
        assert seen[0].value == seen[1].value != seen[2].value
    finally:
        await sandbox.aclose()


DRAWN = "random.random(), own.random(), os.urandom(2), tempfile.mktemp()[-8:], uuid.uuid4()"
LOSS = f"{DRAWN}; {{'a', 'b'}}; random.seed(1); os._exit(0)"


@needs_copies
@pytest.mark.parametrize("seed", [None, 11])
async def test_a_copy_goes_on_where_chance_was(open_repl: OpenRepl, seed: int | None) -> None:
    drawn = DRAWN if seed else "random.random(), own.random()"
    cells = [f"{IMPORTS}random.seed(7); own.seed(8)", "tempfile.mktemp()", drawn, drawn]
    expected = await told(await open_repl(seed=seed), cells)
    run = await open_repl(seed=seed)
    seen = await told(run, cells[:2])
    for code in cells[2:]:
        lost = await run(LOSS)
        assert lost.lost
        seen.append(await run(code))
    assert [one.value for one in seen[2:]] == [one.value for one in expected[2:]]


async def test_a_cell_of_which_something_is_left_is_not_lost(open_repl: OpenRepl) -> None:
    run = await open_repl(cell_seconds=0.2)
    assert not (await run("x = 1")).lost
    stopped = await run("x = 2\nwhile True: pass")
    assert (stopped.lost, (await run("x")).value.text) == (False, "2")


async def test_readings_are_bounded_and_time_moves_on_from_the_last(open_repl: OpenRepl) -> None:
    run = await open_repl()
    code = (
        "import time\nall = [time.time_ns() for _ in range(1_500)]\n"
        "print(all[0], all[999]); time.monotonic(); all[999] <= all[1000], all[-1] - all[999]"
    )
    record = await run(code)
    assert len(record.clock) == 1_000
    day = 86_400 * 10**9 << 2
    yesterday = tuple(reading - day for reading in record.clock)
    again = await run.repl.run(Cell(code, 2, yesterday))
    assert again.clock == yesterday
    assert again.value.text.startswith("(True, ")
    assert int(again.value.text[7:-1]) < day >> 2
    now = await run("abs(time.time() - all[0] / 1e9) > 80_000")
    assert now.value.text == "True", "a cell that is given no readings has the real time"


async def test_what_waits_for_a_time_ends_with_recorded_readings(open_repl: OpenRepl) -> None:
    code = (
        "import asyncio, time\nfrom datetime import datetime, timedelta\n"
        "end = datetime.now() + timedelta(seconds=0.05); last = time.monotonic() + 0.05\n"
        "while datetime.now() < end: time.sleep(0.01)\n"
        "while time.monotonic() < last: await asyncio.sleep(0.01)\n"
        "'done'"
    )
    record = await (await open_repl()).repl.run(Cell(code, 1))
    past = tuple(reading - (10_000 * 10**9 << 2) for reading in record.clock)
    for clock in (past, past[:1], past[:3], ()):
        seen = await (await open_repl(cell_seconds=20)).repl.run(Cell(code, 1, clock))
        assert (seen.value.text, seen.clock[: len(clock)]) == ("'done'", clock)


async def test_clocks_that_never_go_back_go_on_in_later_cells(open_repl: OpenRepl) -> None:
    run = await open_repl()
    ahead = tuple(((10**17 + n) << 2) | 1 for n in range(2))
    await run.repl.run(Cell("import time; first = time.monotonic(), time.monotonic()", 1, ahead))
    assert (await run("0 <= time.monotonic() - first[1] < 1_000")).value.text == "True"


async def test_threads_never_get_the_reading_of_another_clock(open_repl: OpenRepl) -> None:
    code = (
        "import time\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "def reads(clock): return [clock() for _ in range(100)]\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    read = list(pool.map(reads, [time.time, time.monotonic] * 8))\n"
        "all(t > 1e9 for one in read[::2] for t in one), all(t < 1e9 for one in read[1::2] for t"
        " in one)"
    )
    record = await (await open_repl()).repl.run(Cell(code, 1))
    seen = await (await open_repl()).repl.run(Cell(code, 1, record.clock))
    assert record.value.text == seen.value.text == "(True, True)"


async def test_what_the_worker_and_asyncio_read_is_not_taken_down(open_repl: OpenRepl) -> None:
    seen = await (await open_repl())(
        "import asyncio, threading, queue\n"
        "from concurrent.futures import ThreadPoolExecutor, wait\n"
        "await asyncio.wait_for(asyncio.sleep(0.01), 5)\nllm_query('x')\n"
        "wait([ThreadPoolExecutor().submit(int)], timeout=5)\n"
        "threading.Event().wait(0.01)\ntry: queue.Queue().get(timeout=0.01)\n"
        "except queue.Empty: pass"
    )
    assert (seen.error, seen.clock) == ("", ())


SAME_AS_EVER = """
import copy, datetime, pickle, random, time
class Mine(datetime.datetime):
    def __init__(self, *args): self.made = True
class Timer:
    clock, draw = time.perf_counter, random.random
mine, plain = Mine.now(), datetime.datetime.now()
assert type(mine) is Mine and mine.made and isinstance(mine, datetime.datetime)
assert type(plain) is datetime.datetime and mine <= plain <= datetime.datetime.now()
assert pickle.loads(pickle.dumps((mine, plain))) == (mine, plain)
assert eval(repr(plain)) == plain and repr(datetime.datetime) == "<class 'datetime.datetime'>"
assert datetime.datetime.now(tz=datetime.timezone.utc).tzinfo is datetime.timezone.utc
assert abs(datetime.datetime.now() - datetime.datetime.today()).total_seconds() < 60
assert datetime.datetime.now.__name__ == "now" and datetime.datetime.utcnow().tzinfo is None
assert type(Timer().clock()) is float and type(Timer().draw()) is float
same = copy.deepcopy([time.time, random.random, random.Random(3)])
assert same[0] == time.time and same[2].random() == random.Random(3).random()
assert pickle.loads(pickle.dumps(time.monotonic)) == time.monotonic
for bad in (lambda: time.time(1), lambda: datetime.datetime.now("UTC"), lambda: time.strftime(1)):
    try: bad()
    except TypeError: pass
    else: raise AssertionError
class Fixed(random.Random):
    def seed(self, a=None, version=2): super().seed(5)
assert Fixed().random() == random.Random(5).random()
"""


async def test_types_and_functions_are_as_they_were(open_repl: OpenRepl) -> None:
    assert (await (await open_repl())(SAME_AS_EVER)).error == ""


LOOPS = (
    "import datetime, random, time, uuid\nkeys = [f'k{n}' for n in range(4)]",
    "for k in keys:\n    llm_query(k); random.random(); time.time(); datetime.datetime.now()",
    "for k in keys:\n    t = time.time(); r = random.random(); llm_query(k); uuid.uuid4()",
    "out = [llm_query(f'{k} {random.randint(1, 9)}') for k in keys]",
    "for k in sorted(keys, key=lambda k: random.random()):\n    llm_query(k)",
    "def ask(k):\n    stamp = datetime.datetime.now(); time.strftime('%c')\n"
    "    return llm_query(k), random.choice(keys), stamp\nall = [ask(k) for k in keys]",
    "while random.random() < 0.9 and time.time() > 0: llm_query('again')",
    "print(random.random(), uuid.uuid4(), out)",
)


async def test_looking_ahead_neither_draws_nor_reads(open_repl: OpenRepl) -> None:
    record = await told(await open_repl(seed=2, ahead=False), LOOPS)
    foreseen = await told(await open_repl(seed=2), LOOPS, record)
    assert sum(len(one.clock) for one in record) > 20
    assert any("at the same time" in note for one in foreseen for note in one.notes)
    for one, other in zip(record, foreseen, strict=True):
        assert untimed([replace(one, notes=())]) == untimed([replace(other, notes=())])
