"""What stands between a run and the wire, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from support import in_no_time
from unspool.errors import ModelUnavailable
from unspool.foreign import price_of
from unspool.models.gate import Gate
from unspool.types import Completion, Message, OnText, Request, Usage
from unspool.wiring import wrapped


class Wire:
    """Takes as long as it is told for each request; None: refuses it."""

    name = "wire"

    def __init__(self, *latencies_s: float | None) -> None:
        self.latencies_s = list(latencies_s)
        self.given_up = 0

    def __repr__(self) -> str:
        return "wire"

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        latency_s = self.latencies_s.pop(0)
        if latency_s is None:
            raise ModelUnavailable("busy", status=500)
        try:
            await asyncio.sleep(latency_s)
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return Completion(f"{latency_s:g}", Usage(1, 10, 0, 1), "wire")

    def price(self, usage: Usage) -> int | None:
        return 2 * usage.tokens

    async def aclose(self) -> None: ...


def asked(hedge_s: float | None = None) -> Request:
    return Request((Message("user", "?"),), hedge_s=hedge_s)


def test_the_order_is_retry_then_limit_then_hedge_then_the_wire() -> None:
    assert repr(wrapped(Wire(), Gate(), attempts=3)) == "Retry(Limit(Hedge(wire)), attempts=3)"


def test_a_request_that_waits_to_be_tried_again_holds_no_place() -> None:
    async def work() -> None:
        model = wrapped(Wire(None, 0.0, 0.0), Gate(most=1), attempts=2)
        first = asyncio.create_task(model.complete(asked()))
        await asyncio.sleep(0)
        await model.complete(asked())
        assert not first.done()
        await first

    in_no_time(work())


def test_the_price_is_known_from_outside() -> None:
    assert price_of(wrapped(Wire(), Gate(), attempts=1), Usage(input_tokens=3)) == 6


def test_a_slow_call_is_asked_again_and_the_first_answer_wins() -> None:
    async def work() -> None:
        wire, gate = Wire(30.0, 1.0), Gate()
        done = await wrapped(wire, gate, attempts=1).complete(asked(hedge_s=5.0))
        assert asyncio.get_running_loop().time() == pytest.approx(6.0)
        assert (done.text, done.usage) == ("1", Usage(1, 10, 0, 1, lost_calls=1))
        assert (wire.given_up, gate.in_flight) == (1, 0)

    in_no_time(work())


def test_two_answers_at_once_are_both_paid_for() -> None:
    async def work() -> None:
        done = await wrapped(Wire(6.0, 1.0), Gate(), attempts=1).complete(asked(hedge_s=5.0))
        assert done.usage == Usage(2, 20, 0, 2)

    in_no_time(work())


def test_a_quick_call_is_asked_once() -> None:
    async def work() -> None:
        done = await wrapped(Wire(1.0), Gate(), attempts=1).complete(asked(hedge_s=5.0))
        assert done.usage == Usage(1, 10, 0, 1)

    in_no_time(work())


def test_a_failure_of_the_first_waits_for_the_second() -> None:
    async def work() -> None:
        class Failing(Wire):
            async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
                if request.hedge_s is None:
                    return await super().complete(request)
                await asyncio.sleep(6.0)
                raise ModelUnavailable("cut", lost_calls=1)

        done = await wrapped(Failing(2.0), Gate(), attempts=1).complete(asked(hedge_s=5.0))
        assert done.usage == Usage(1, 10, 0, 1, lost_calls=1)

    in_no_time(work())


def test_cancelling_gives_up_both() -> None:
    async def work() -> None:
        wire, gate = Wire(30.0, 30.0), Gate()
        call = asyncio.create_task(wrapped(wire, gate, attempts=1).complete(asked(hedge_s=5.0)))
        await asyncio.sleep(10)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert (wire.given_up, gate.in_flight) == (2, 0)

    in_no_time(work())
