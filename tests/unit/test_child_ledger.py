"""What a child run may spend of what its parent has left."""

from __future__ import annotations

import pytest

from support import in_no_time
from unspool.budget import LimitReached, Limits
from unspool.ledger import Ledger
from unspool.types import Completion, Message, Request, Usage


async def spend(ledger: Ledger, usage: Usage) -> None:
    async def answer() -> Completion:
        return Completion("", usage, "m")

    async with ledger.call(Request((Message("user", ""),)), lambda usage: 0) as call:
        await call.pay(answer())


def test_a_child_may_spend_half_of_what_is_left_and_its_parent_pays() -> None:
    async def work() -> None:
        now = [0.0]
        limits = Limits(turns=7, seconds=100, usd=4.0, tokens=1_000, calls=11)
        parent = Ledger(limits, clock=lambda: now[0])
        await spend(parent, Usage(calls=1, input_tokens=200, microusd=1_000_000))
        now[0] = 20.0
        child = parent.for_child()
        assert child.limits == Limits(turns=4, seconds=40, usd=1.5, tokens=400, calls=5)
        await spend(child, Usage(calls=5, input_tokens=3))
        assert (child.spent.calls, parent.spent.calls) == (5, 6)
        with pytest.raises(LimitReached, match="5 calls"):
            await spend(child, Usage())
        await spend(parent, Usage())
        now[0] = 61.0
        assert (child.elapsed_s, child.left_s, parent.left_s) == (61.0, 0.0, 39.0)
        await spend(parent.for_child(), Usage())

    in_no_time(work())


def test_children_together_cannot_spend_more_than_their_parent_has() -> None:
    async def work() -> None:
        parent, sent = Ledger(Limits(calls=4)), 0
        children = [parent.for_child() for _ in range(3)]
        for child in children * 2:
            try:
                await spend(child, Usage(calls=1))
            except LimitReached:
                continue
            sent += 1
        assert sent == 4

    in_no_time(work())
