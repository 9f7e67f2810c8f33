"""Tries again what may heal."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from unspool.errors import ModelError, ModelUnavailable
from unspool.foreign import address_of, price_of
from unspool.ports import Model
from unspool.types import Completion, OnText, Request, Usage


@dataclass(frozen=True, slots=True)
class Retried:
    """An attempt that failed and will be made again."""

    model: str
    attempt: int
    """Counted from 1."""
    wait_s: float
    """Seconds before the next attempt."""
    error: ModelUnavailable


class Retry:
    """`model`, asked again when it was unavailable; refusals pass at once.

    At most `attempts` requests are made. Between two of them it waits a random time below
    `first_wait_s`, which doubles with each; when the server said how long to wait, that
    long and the random time besides. No wait is longer than `max_wait_s`. `on_retry` hears
    of each failed attempt before the wait.
    """

    def __init__(
        self,
        model: Model,
        *,
        attempts: int = 6,
        first_wait_s: float = 0.5,
        max_wait_s: float = 60.0,
        on_retry: Callable[[Retried], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random_unit: Callable[[], float] = random.random,
    ) -> None:
        self._model = model
        self._attempts = max(1, attempts)
        self._first_wait_s = first_wait_s
        self._max_wait_s = max_wait_s
        self._on_retry = on_retry
        self._clock = clock
        self._sleep = sleep
        self._random_unit = random_unit

    def __repr__(self) -> str:
        return f"Retry({self._model!r}, attempts={self._attempts})"

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self._model.name

    @property
    def address(self) -> str:
        """Where the model inside is served."""
        return address_of(self._model)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request`, in several attempts if need be.

        `on_text` is for showing: a second attempt hands its pieces over from the beginning,
        after those of the first. The completion's text is that of the last attempt alone.

        Raises:
            ModelUnavailable: the last attempt failed too; says how many there were.
            ModelRefused: it will not heal; nothing was tried again.
        """
        started = self._clock()
        attempt, lost = 1, 0
        while True:
            try:
                done = await self._model.complete(request, on_text)
                return replace(done, usage=done.usage + Usage(lost_calls=lost)) if lost else done
            except ModelError as error:
                lost = error.lost_calls = lost + error.lost_calls
                if not isinstance(error, ModelUnavailable):
                    raise
                if attempt >= self._attempts:
                    raise self._given_up(error, self._clock() - started) from error
                wait_s = self._wait_s(attempt, error.retry_after_s)
                if self._on_retry is not None:
                    self._on_retry(Retried(self.name, attempt, wait_s, error))
            await self._sleep(wait_s)
            attempt += 1

    def price(self, usage: Usage) -> int | None:
        """See `unspool.ports.Priced`."""
        return price_of(self._model, usage)

    async def aclose(self) -> None:
        """Closes the model inside."""
        await self._model.aclose()

    def _wait_s(self, attempt: int, asked_s: float | None) -> float:
        ceiling_s = min(self._max_wait_s, self._first_wait_s * 2.0 ** (attempt - 1))
        return min(self._max_wait_s, (asked_s or 0.0) + self._random_unit() * ceiling_s)

    def _given_up(self, error: ModelUnavailable, spent_s: float) -> ModelUnavailable:
        return ModelUnavailable(
            f"{error} ({self._attempts} attempts over {spent_s:.1f} s)",
            status=error.status,
            retry_after_s=error.retry_after_s,
            lost_calls=error.lost_calls,
        )
