"""Asks a second time when the first answer is slow to come."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from unspool.errors import ModelError
from unspool.foreign import address_of, price_of
from unspool.ports import Model
from unspool.types import Completion, OnText, Request, Usage


class Hedge:
    """`first`, and `second` beside it once a request has waited for its `hedge_s`.

    The first answer wins; the other request is given up and counted as lost. Requests without
    `hedge_s`, and those whose pieces are shown as they come, are sent once.
    """

    def __init__(self, first: Model, second: Model) -> None:
        self._first, self._second = first, second

    def __repr__(self) -> str:
        return f"Hedge({self._first!r})"

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self._first.name

    @property
    def address(self) -> str:
        """Where the model inside is served."""
        return address_of(self._first)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request` by whichever of the two is the first to.

        Raises:
            ModelError: the first failed before the second was sent, or both did.
        """
        if request.hedge_s is None or on_text is not None:
            return await self._first.complete(request, on_text)
        racing = {asyncio.create_task(_answer(self._first, request))}
        try:
            await asyncio.wait(racing, timeout=request.hedge_s)
            if not any(one.done() for one in racing):
                again = replace(request, hedge_s=None)
                racing.add(asyncio.create_task(_answer(self._second, again)))
            return await _best(racing)
        finally:
            for one in racing:
                one.cancel()
            await asyncio.gather(*racing, return_exceptions=True)

    def price(self, usage: Usage) -> int | None:
        """See `unspool.ports.Priced`."""
        return price_of(self._first, usage)

    async def aclose(self) -> None:
        """Closes the models inside."""
        await self._first.aclose()


async def _answer(model: Model, request: Request) -> Completion:
    return await model.complete(request)


async def _best(racing: set[asyncio.Task[Completion]]) -> Completion:
    """The first answer, with what all that were sent have cost."""
    under_way = set(racing)
    while True:
        _, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        answers = [one.result() for one in racing if one.done() and not one.exception()]
        failures = [one.exception() for one in racing if one.done() and one.exception()]
        lost = sum(one.lost_calls for one in failures if isinstance(one, ModelError))
        if answers:
            spent = sum((one.usage for one in answers), Usage(lost_calls=lost + len(under_way)))
            return replace(answers[0], usage=spent)
        if not under_way:
            raise _with_lost(failures[0], lost)


def _with_lost(failure: BaseException | None, lost: int) -> BaseException:
    assert failure is not None
    if isinstance(failure, ModelError):
        failure.lost_calls = lost
    return failure
