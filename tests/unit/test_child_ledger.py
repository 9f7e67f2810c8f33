"""What a child run may spend of what its parent has left."""

from __future__ import annotations

import pytest

from unspool.budget import Ledger, LimitReached, Limits
from unspool.types import Usage


def test_a_child_may_spend_half_of_what_is_left_and_its_parent_pays() -> None:
    now = [0.0]
    limits = Limits(turns=7, seconds=100, usd=4.0, tokens=1_000, calls=11)
    parent = Ledger(limits, clock=lambda: now[0])
    with parent.call(0, None) as settle:
        settle(Usage(calls=1, input_tokens=200, microusd=1_000_000))
    now[0] = 20.0
    child = parent.for_child()
    assert child.limits == Limits(turns=4, seconds=40, usd=1.5, tokens=400, calls=5)
    with child.call(0, None) as settle:
        settle(Usage(calls=5, input_tokens=3))
    assert (child.spent.calls, parent.spent.calls) == (5, 6)
    with pytest.raises(LimitReached, match="5 calls"), child.call(0, None):
        pass
    with parent.call(0, None):
        pass
    now[0] = 61.0
    assert (child.elapsed_s, child.left_s, parent.left_s) == (61.0, 0.0, 39.0)
    assert child.reached() == "calls"
    assert parent.for_child().reached() is None


def test_children_together_cannot_spend_more_than_their_parent_has() -> None:
    parent = Ledger(Limits(calls=4))
    children = [parent.for_child() for _ in range(3)]
    sent = 0
    for child in children * 2:
        try:
            with child.call(0, None) as settle:
                settle(Usage(calls=1))
                sent += 1
        except LimitReached:
            pass
    assert sent == 4
