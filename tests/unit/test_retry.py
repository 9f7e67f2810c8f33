"""`Retry`, with a clock and a sleep that take no time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from unspool.errors import ModelRefused, ModelUnavailable
from unspool.models.wrap.retry import Retried, Retry
from unspool.types import Completion, Message, OnText, Request, Usage

REQUEST = Request((Message("user", "q"),))
ANSWER = Completion("a", Usage(calls=1), "m")


class Scripted:
    """Gives or raises what it is told, one after the other."""

    name = "scripted"

    def __init__(self, *outcomes: Completion | BaseException) -> None:
        self.outcomes = list(outcomes)
        self.closed = False

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        if on_text is not None:
            on_text("piece")
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def aclose(self) -> None:
        self.closed = True


class Clock:
    """A time that only sleeping moves."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self) -> float:
        return sum(self.waits)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def busy(retry_after_s: float | None = None) -> ModelUnavailable:
    return ModelUnavailable("busy", status=503, retry_after_s=retry_after_s)


def retry(model: Scripted, clock: Clock, *, attempts: int = 6, unit: float = 1.0) -> Retry:
    return Retry(model, attempts=attempts, clock=clock, sleep=clock.sleep, random_unit=lambda: unit)


async def waits(outcomes: Sequence[Completion | Exception], unit: float = 1.0) -> list[float]:
    clock = Clock()
    assert await retry(Scripted(*outcomes), clock, unit=unit).complete(REQUEST) == ANSWER
    return clock.waits


async def test_waits_double_and_are_random_below_that() -> None:
    assert await waits([busy()] * 5 + [ANSWER]) == [0.5, 1.0, 2.0, 4.0, 8.0]
    assert await waits([busy()] * 5 + [ANSWER], unit=0.0) == [0.0] * 5


async def test_what_the_server_asks_is_waited_and_bounded() -> None:
    assert await waits([busy(7.0), busy(3600.0), ANSWER]) == [7.5, 60.0]


async def test_the_last_error_says_how_many_attempts_over_how_many_seconds() -> None:
    with pytest.raises(ModelUnavailable, match=r"busy \(3 attempts over 1\.5 s\)") as caught:
        await retry(Scripted(busy(), busy(), busy()), Clock(), attempts=3).complete(REQUEST)
    assert caught.value.status == 503


@pytest.mark.parametrize("error", [ModelRefused("no"), ValueError(), asyncio.CancelledError()])
async def test_everything_else_passes_at_once(error: BaseException) -> None:
    clock, model = Clock(), Scripted(error, ANSWER)
    with pytest.raises(type(error)):
        await retry(model, clock).complete(REQUEST)
    assert (clock.waits, model.outcomes) == ([], [ANSWER])


async def test_cancelling_during_a_wait_ends_it() -> None:
    model = Scripted(busy(60.0), ANSWER)
    task = asyncio.create_task(Retry(model).complete(REQUEST))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert model.outcomes == [ANSWER]


async def test_each_retry_is_told() -> None:
    told: list[Retried] = []
    clock, error = Clock(), busy()
    model = Retry(
        Scripted(error, ANSWER),
        on_retry=told.append,
        sleep=clock.sleep,
        clock=clock,
        random_unit=lambda: 1.0,
    )
    await model.complete(REQUEST)
    assert told == [Retried("scripted", 1, 0.5, error)]


async def test_a_second_attempt_shows_its_pieces_again_but_counts_once() -> None:
    pieces: list[str] = []
    model = retry(Scripted(busy(), ANSWER), Clock())
    assert (await model.complete(REQUEST, pieces.append), pieces) == (ANSWER, ["piece"] * 2)


async def test_it_has_the_models_name_and_closes_it() -> None:
    inner = Scripted()
    model = Retry(inner)
    await model.aclose()
    assert (model.name, inner.closed) == ("scripted", True)
