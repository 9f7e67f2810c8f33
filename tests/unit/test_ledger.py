"""Limits, and a ledger that calls in flight together cannot overrun."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import in_no_time
from unspool.budget import LimitReached, Limits, NoMoreChildren
from unspool.errors import ConfigurationError, ModelUnavailable
from unspool.ledger import LONGEST_REPLY_TOKENS, Ledger
from unspool.types import Completion, Message, Request, Usage

MICROUSD_PER_TOKEN = 3


@pytest.mark.parametrize(
    "bad",
    [
        {"turns": 0},
        {"usd": -1},
        {"seconds": float("nan")},
        {"turns": None},
        {"turns": 1.5},
        {"children": 0},
        {"hedge_seconds": 0},
    ],
)
def test_limits_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        Limits(**bad)  # type: ignore[arg-type]


def price(usage: Usage) -> int | None:
    return math.ceil(usage.tokens * MICROUSD_PER_TOKEN)


def unknown(usage: Usage) -> int | None:
    return None


def asked(
    chars: int,
    max_tokens: int | None = None,
    *,
    root: bool = False,
    hedge_s: float | None = None,
) -> Request:
    message = Message("user", "x" * chars)
    return Request((message,), max_tokens=max_tokens, is_root=root, hedge_s=hedge_s)


async def answer(request: Request, written: int, latency_s: float = 1.0) -> Completion:
    """A server that counts a token for each four characters, and obeys `max_tokens`."""
    await asyncio.sleep(latency_s)
    read = sum(len(message.content) for message in request.messages) // 4
    if request.max_tokens is not None:
        written = min(written, request.max_tokens)
    usage = Usage(1, read, 0, written, 0, (read + written) * MICROUSD_PER_TOKEN)
    return Completion("x" * written, usage, "m")


async def spend(
    ledger: Ledger, request: Request, written: int = 10, latency_s: float = 1.0
) -> Completion:
    async with ledger.call(request, price) as call:
        return await call.pay(answer(call.request, written, latency_s))


CALLS = st.tuples(
    st.integers(0, 20_000),  # characters asked
    st.integers(0, 4_000),  # tokens that the model wants to write
    st.one_of(st.none(), st.integers(1, 3_000)),  # max_tokens
    st.floats(0, 3),  # when it begins
    st.floats(0, 3),  # how long it takes
    st.floats(0.1, 9),  # when it is cancelled, if it still goes on
    st.booleans(),  # asked by a root model
)


@given(
    st.one_of(st.none(), st.integers(1, 30)),
    st.one_of(st.none(), st.integers(100, 30_000)),
    st.one_of(st.none(), st.floats(0.0005, 0.1)),
    st.one_of(st.none(), st.floats(0.1, 2)),
    st.lists(CALLS, max_size=30),
)
def test_no_limit_is_ever_exceeded_whatever_is_in_flight_together(
    calls: int | None,
    tokens: int | None,
    usd: float | None,
    hedge_s: float | None,
    asks: list[tuple[int, int, int | None, float, float, float, bool]],
) -> None:
    ledger, paid = Ledger(Limits(calls=calls, tokens=tokens, usd=usd)), [Usage()]

    async def one(ask: tuple[int, int, int | None, float, float, float, bool]) -> None:
        chars, written, max_tokens, begins_s, latency_s, _, root = ask
        await asyncio.sleep(begins_s)
        request = asked(chars, max_tokens, root=root, hedge_s=hedge_s)
        async with ledger.call(request, price) as call:
            done = await call.pay(twice(call.request, written, latency_s))
            paid.append(done.usage)

    async def twice(request: Request, written: int, latency_s: float) -> Completion:
        done = await answer(request, written, latency_s)
        if request.hedge_s is None:
            return done
        return Completion(done.text, done.usage + done.usage, "m")

    async def work() -> None:
        tasks = [asyncio.create_task(one(ask)) for ask in asks]
        for task, ask in zip(tasks, asks, strict=True):
            asyncio.get_running_loop().call_later(ask[5], task.cancel)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(end, LimitReached | asyncio.CancelledError | None) for end in ends)

    in_no_time(work())
    total = sum(paid, Usage())
    spent = ledger.spent
    assert (spent.calls, spent.tokens, spent.microusd) == (
        total.calls,
        total.tokens,
        total.microusd,
    )
    assert calls is None or spent.calls <= calls
    assert tokens is None or spent.tokens <= tokens
    assert usd is None or spent.microusd <= round(usd * 1_000_000)


def test_whoever_gives_up_waiting_wakes_the_next() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(calls=2))
        first = asyncio.create_task(spend(ledger, asked(4), latency_s=9.0))
        second = asyncio.create_task(spend(ledger, asked(4), latency_s=2.0))
        waiting = [asyncio.create_task(spend(ledger, asked(4))) for _ in range(3)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        first.cancel()
        await asyncio.sleep(0)
        waiting[1].cancel()  # just woken
        await asyncio.gather(second, waiting[2])
        assert ledger.spent == Usage(2, 2, 0, 20, 0, 66, lost_calls=1)

    in_no_time(work())


def test_what_is_in_flight_is_waited_for_and_not_refused() -> None:
    """Ten calls that may cost 1,100 tokens but do cost 110 fit into 2,000."""

    async def work() -> None:
        ledger = Ledger(Limits(tokens=2_000))
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(spend(ledger, asked(400, 1_000)))
        assert ledger.spent.tokens == 1_100

    in_no_time(work())


def test_calls_that_fit_go_at_the_same_time() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(tokens=1_000_000, usd=100.0, calls=200))
        async with asyncio.TaskGroup() as group:
            for _ in range(150):
                group.create_task(spend(ledger, asked(2_000)))
        assert asyncio.get_running_loop().time() == 1.0

    in_no_time(work())


def test_a_reply_is_bounded_only_when_little_is_left() -> None:
    async def sent(ledger: Ledger, *, root: bool) -> int | None:
        async with ledger.call(asked(300, root=root), price) as call:
            return call.request.max_tokens

    async def work() -> None:
        much, little = Ledger(Limits(tokens=100_000)), Ledger(Limits(tokens=5_000))
        assert await sent(Ledger(Limits()), root=True) is None
        assert await sent(much, root=True) is None
        assert await sent(little, root=True) == 5_000 - 108
        assert await sent(little, root=False) == 1_024
        assert LONGEST_REPLY_TOKENS < 50_000

    in_no_time(work())


def test_the_last_reply_is_kept_for_the_run_that_it_is_for() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(calls=3))
        await spend(ledger, asked(100, root=True))
        ledger.set_aside("mine", asked(100), price)
        await spend(ledger, asked(100))
        for last_of in (None, "yours"):
            with pytest.raises(LimitReached, match="3 calls"):
                async with ledger.call(asked(100), price, last_of=last_of):
                    pass
        async with ledger.call(asked(100), price, last_of="mine") as call:
            await call.pay(answer(call.request, 1))
        assert ledger.spent.calls == 3

    in_no_time(work())


def test_a_run_that_has_ended_keeps_nothing_and_the_outermost_one_spends_nothing() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(calls=2), tree_id="outer")
        ledger.set_aside("outer.1", asked(100), price)
        ledger.set_aside("outer", asked(100), price)
        with pytest.raises(LimitReached):
            await spend(ledger, asked(100))
        ledger.close("outer.1")
        await spend(ledger, asked(100))
        ledger.close("outer")
        with pytest.raises(LimitReached, match="at its end"):
            await spend(ledger, asked(100))

    in_no_time(work())


def test_calls_without_a_price_are_not_held_against_dollars() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(usd=0.000001))
        async with ledger.call(asked(100_000), unknown):
            pass
        with pytest.raises(LimitReached) as reached:
            await spend(ledger, asked(100_000))
        assert reached.value.limit == "usd"

    in_no_time(work())


def test_a_call_that_came_to_nothing_is_counted_as_lost() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(calls=1))

        async def fails() -> Completion:
            raise ModelUnavailable("cut", lost_calls=2)

        with pytest.raises(ModelUnavailable):
            async with ledger.call(asked(1), price) as call:
                await call.pay(fails())
        task = asyncio.create_task(spend(ledger, asked(1)))
        await asyncio.sleep(0.5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert ledger.spent == Usage(lost_calls=3)
        await spend(ledger, asked(1))

    in_no_time(work())


def test_children_wait_for_places_of_their_own_depth_alone() -> None:
    async def work() -> None:
        ledger, open_runs, most = Ledger(Limits()), [0, 0, 0], [0, 0, 0]

        async def run(depth: int) -> None:
            async with ledger.child(depth):
                open_runs[depth] += 1
                most[depth] = max(most[depth], open_runs[depth])
                await asyncio.sleep(1)
                if depth < 2:
                    async with asyncio.TaskGroup() as group:
                        for _ in range(20):
                            group.create_task(run(depth + 1))
                open_runs[depth] -= 1

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(run(0))
        assert most == [20, 32, 32]

    in_no_time(work())


def test_children_are_counted_over_the_tree() -> None:
    async def work() -> None:
        ledger = Ledger(Limits(children=2))
        for depth in (1, 2):
            async with ledger.child(depth):
                pass
        with pytest.raises(NoMoreChildren, match="2 child runs"):
            async with ledger.child(1):
                pass

    in_no_time(work())


def test_what_is_left_is_told_when_it_begins_to_matter() -> None:
    async def work() -> None:
        now = [0.0]
        ledger = Ledger(Limits(calls=4, usd=1.0, seconds=100), lambda: now[0])
        for _ in range(4):
            assert ledger.left() == ""
            await spend(ledger, asked(400))
        assert ledger.left() == "0 of 4 calls"
        now[0] = 90.5
        assert ledger.left() == "0 of 4 calls, 9.5 of 100 seconds"

    in_no_time(work())


def test_time_is_that_of_the_clock_it_was_given() -> None:
    async def work() -> None:
        now = [5.0]
        ledger = Ledger(Limits(seconds=2), clock=lambda: now[0])
        await spend(ledger, asked(1))
        now[0] = 7.5
        assert ledger.elapsed_s == 2.5
        with pytest.raises(LimitReached) as reached:
            await spend(ledger, asked(1))
        assert reached.value.limit == "seconds"

    in_no_time(work())
