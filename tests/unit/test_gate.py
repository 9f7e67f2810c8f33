"""The limiter, against servers that are a few lines each, on a clock that takes no time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import in_no_time
from unspool.errors import ModelRefused, ModelUnavailable
from unspool.models.gate import Gate, Gates, Ticket
from unspool.models.rates import LISTENER, Rates, Window, rates_of, seconds_until
from unspool.models.wrap.limit import Limit
from unspool.models.wrap.retry import Retry
from unspool.types import Completion, Message, OnText, Request, Usage


def now_s() -> float:
    return asyncio.get_running_loop().time()


def say(rates: Rates) -> None:
    """What a transport does when it has read a response's headers."""
    listener = LISTENER.get()
    assert listener is not None
    listener(rates)


class Server:
    """A model that takes `capacity` requests at once, and refuses or delays the others."""

    name = "server"

    def __init__(self, latency_s: float = 1.0, capacity: int = 10**9, *, queues: bool = False):
        self.latency_s, self.capacity, self.queues = latency_s, capacity, queues
        self.busy = self.most = self.refused = 0
        self.arrivals: list[tuple[float, str]] = []
        self._places = asyncio.Semaphore(capacity)
        self.before: Callable[[Request], Awaitable[None]] | None = None

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        self.arrivals.append((now_s(), request.messages[0].content))
        if self.before is not None:
            await self.before(request)
        if self.busy >= self.capacity and not self.queues:
            self.refused += 1
            raise ModelUnavailable("too many", status=429)
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            async with self._places:
                await asyncio.sleep(self.latency_s)
        finally:
            self.busy -= 1
        return Completion("ok", Usage(1, 10, 0, 10), "server")

    async def aclose(self) -> None: ...


def asked(text: str = "?", *, tree: str = "a", root: bool = False) -> Request:
    return Request((Message("user", text),), tree_id=tree, is_root=root)


async def ask_many(model: Limit | Retry, requests: list[Request]) -> list[Completion]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.complete(request)) for request in requests]
    return [task.result() for task in tasks]


def test_a_server_that_takes_everything_is_given_everything_at_once() -> None:
    async def work() -> None:
        server = Server(0.05)
        await ask_many(Limit(server, Gate()), [asked()] * 1000)
        assert server.most == 512
        assert now_s() == pytest.approx(0.1)

    in_no_time(work())


def test_what_a_server_refuses_without_a_word_narrows_the_gate_to_what_it_takes() -> None:
    async def work() -> None:
        server, gate = Server(1.0, capacity=40), Gate()
        await ask_many(Retry(Limit(server, gate), attempts=30), [asked()] * 2000)
        assert 10 <= gate.limit <= 80
        assert now_s() < 2.5 * 2000 / 40
        assert server.refused < 2000

    in_no_time(work())


def test_the_gate_widens_while_that_helps_and_no_further() -> None:
    async def work() -> None:
        server, gate = Server(1.0, capacity=60, queues=True), Gate()
        gate.limit = 8.0
        await ask_many(Limit(server, gate), [asked()] * 6000)
        assert 50 <= gate.limit <= 100

    in_no_time(work())


def test_a_wait_that_one_request_is_told_holds_back_all() -> None:
    async def work() -> None:
        server, told = Server(0.1), False

        async def once(request: Request) -> None:
            nonlocal told
            if not told:
                told = True
                raise ModelUnavailable("slow down", status=429, retry_after_s=30.0)

        server.before = once
        model = Retry(Limit(server, Gate()), random_unit=lambda: 0.0)
        first = asyncio.create_task(model.complete(asked("first")))
        await asyncio.sleep(0.01)
        await ask_many(model, [asked("later")] * 5)
        await first
        assert [at for at, _ in server.arrivals[1:]] == [pytest.approx(30.0)] * 6

    in_no_time(work())


def test_a_wait_is_never_longer_than_a_minute() -> None:
    async def work() -> None:
        gate = Gate()
        gate.overloaded(await enter(gate), 3600.0)
        await enter(gate)
        assert now_s() == pytest.approx(60.0)

    in_no_time(work())


async def enter(gate: Gate, tree: str = "a", *, root: bool = False, tokens: float = 0) -> Ticket:
    return await gate.enter(tree_id=tree, is_root=root, tokens=tokens)


def test_trees_take_turns_and_root_models_go_first() -> None:
    async def work() -> None:
        server, gate = Server(1.0), Gate(most=1)
        model = Limit(server, gate)
        requests = [asked("big", tree="big")] * 6 + [asked("small", tree="small")] * 2
        requests.append(asked("root", tree="small", root=True))
        await ask_many(model, requests)
        order = [who for _, who in server.arrivals]
        assert order == ["big", "root", "big", "small", "big", "small", "big", "big", "big"]

    in_no_time(work())


def test_a_run_with_five_thousand_calls_does_not_keep_another_ones_root_waiting() -> None:
    async def work() -> None:
        server, gate = Server(10.0), Gate()
        model = Limit(server, gate)
        calls = asyncio.create_task(ask_many(model, [asked("many", tree="big")] * 5000))
        await asyncio.sleep(1)
        await model.complete(asked("root", tree="small", root=True))
        assert server.arrivals[512] == (1.0, "root")
        await calls

    in_no_time(work())


def test_a_rate_that_the_server_tells_is_kept() -> None:
    async def work() -> None:
        gate = Gate()
        server = Server(0.1)
        left = 100.0

        async def tell(request: Request) -> None:
            nonlocal left
            left = min(100.0, 100.0 + now_s() * 10 - len(server.arrivals))
            if left < 0:
                raise ModelRefused("it went over")
            say(Rates(Window(left, 100.0, (100.0 - left) / 10)))

        server.before = tell
        model = Limit(server, gate)
        await model.complete(asked())
        await ask_many(model, [asked()] * 299)
        assert now_s() == pytest.approx(20.0, abs=1.5)  # 100 at once, then 10 a second

    in_no_time(work())


def test_a_rate_of_tokens_is_kept_too() -> None:
    async def work() -> None:
        gate = Gate()
        first = await gate.enter(tree_id="a", is_root=False, tokens=100)
        gate.told(first, Rates(tokens=Window(500, 1000, 50.0)))
        await enter(gate, tokens=500)
        assert now_s() == 0
        await enter(gate, tokens=100)
        assert now_s() == pytest.approx(10.0)
        gate.leave(first)

    in_no_time(work())


def test_a_refusal_with_nothing_left_waits_for_the_end_of_the_window() -> None:
    async def work() -> None:
        gate = Gate()
        ticket = await gate.enter(tree_id="a", is_root=False, tokens=0)
        gate.told(ticket, Rates(Window(0, 50, 40.0)))
        gate.overloaded(ticket, None)
        gate.leave(ticket)
        await enter(gate)
        assert now_s() == pytest.approx(40.0)

    in_no_time(work())


@given(st.data())
def test_whoever_gives_up_takes_nothing_along(data: st.DataObject) -> None:
    """Cancelled at any point, waiting or under way: every place is free in the end."""
    whens = data.draw(st.lists(st.floats(0, 5), min_size=1, max_size=30))
    cancelled = data.draw(st.lists(st.floats(0, 8), min_size=len(whens), max_size=len(whens)))

    async def work() -> None:
        server, gate = Server(1.0), Gate(most=3)
        model = Limit(server, gate)

        async def one(when_s: float) -> None:
            await asyncio.sleep(when_s)
            await model.complete(asked(tree=str(when_s)))

        tasks = [asyncio.create_task(one(when_s)) for when_s in whens]
        for task, after_s in zip(tasks, cancelled, strict=True):
            asyncio.get_running_loop().call_later(after_s, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (gate.in_flight, server.busy) == (0, 0)
        assert server.most <= 3
        await ask_many(model, [asked()] * 3)

    in_no_time(work())


def test_a_place_that_is_given_to_one_who_gives_up_goes_to_the_next() -> None:
    async def work() -> None:
        gate = Gate(most=1)
        ticket = await enter(gate)
        second, third = (asyncio.create_task(enter(gate)) for _ in range(2))
        await asyncio.sleep(1)
        gate.leave(ticket)
        second.cancel()  # it has its place, but does not know of it yet
        await third
        assert (second.cancelled(), gate.in_flight) == (True, 1)

    in_no_time(work())


@given(st.data())
def test_nobody_waits_for_ever_whatever_servers_say(data: st.DataObject) -> None:
    numbers = st.one_of(st.none(), st.floats(0, 1e6))
    window = st.one_of(st.none(), st.builds(Window, st.floats(0, 1e6), numbers, numbers))

    async def work() -> None:
        gate, server = Gate(), Server(0.1)

        async def tell(request: Request) -> None:
            say(Rates(data.draw(window), data.draw(window)))
            if data.draw(st.integers(0, 3)) == 0:
                retry_after_s = data.draw(numbers)
                raise ModelUnavailable("no", status=429, retry_after_s=retry_after_s)

        server.before = tell
        model = Limit(server, gate)
        asks = [model.complete(asked("x" * data.draw(st.integers(0, 9999)))) for _ in range(12)]
        await asyncio.gather(*asks, return_exceptions=True)
        assert (gate.in_flight, len(server.arrivals)) == (0, 12)

    in_no_time(work())


def test_all_who_ask_one_model_of_one_server_with_one_key_share_a_gate() -> None:
    gates = Gates()
    gate = gates.at("http://a/v1", "k", "m")
    assert gates.at("http://a/v1", "k", "m") is gate
    others = [("http://b/v1", "k", "m"), ("http://a/v1", "j", "m"), ("http://a/v1", "k", "n")]
    assert all(gates.at(*other) is not gate for other in others)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("6m0s", 360.0),
        ("1s", 1.0),
        ("20ms", 0.02),
        ("2m59.56s", 179.56),
        ("1h2m", 3720.0),
        ("1.5", 1.5),
        ("0", 0.0),
        ("2026-01-01T00:01:00Z", 60.0),
        ("1767225630", 30.0),
        ("1767225630000", 30.0),
        ("2025-12-31T23:59:00Z", 0.0),
        ("soon", None),
        ("", None),
        ("5 apples", None),
        (None, None),
    ],
)
def test_times_are_read_in_every_form(text: str | None, seconds: float | None) -> None:
    read = seconds_until(text, 1767225600.0)
    assert read == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "rates"),
    [
        (
            {
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-reset-requests": "120ms",
                "x-ratelimit-remaining-tokens": "0",
            },
            Rates(Window(499, 500, 0.12), Window(0)),
        ),
        (
            {
                "anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "1970-01-01T00:00:02Z",
            },
            Rates(Window(49, 50, 2.0)),
        ),
        ({"ratelimit-remaining": "7", "ratelimit-reset": "9"}, Rates(Window(7, None, 9.0))),
        ({"x-ratelimit-remaining-requests": "many", "date": "today"}, None),
        ({}, None),
    ],
)
def test_rates_are_read_from_headers(headers: dict[str, str], rates: Rates | None) -> None:
    assert rates_of(headers, 0.0) == rates
