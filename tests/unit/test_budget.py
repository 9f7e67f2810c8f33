"""Limits, and a ledger that calls in flight together cannot overrun."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.budget import Ledger, LimitReached, Limits
from unspool.errors import ConfigurationError
from unspool.types import Usage


@pytest.mark.parametrize(
    "bad", [{"turns": 0}, {"usd": -1}, {"seconds": float("nan")}, {"turns": None}, {"turns": 1.5}]
)
def test_limits_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(bad))):
        Limits(**bad)  # type: ignore[arg-type]


@given(st.integers(1, 20), st.lists(st.booleans(), max_size=60))
def test_calls_never_exceed_their_limit_whatever_their_order(limit: int, steps: list[bool]) -> None:
    ledger, sent, open_calls = Ledger(Limits(calls=limit)), 0, []
    for begin in steps:
        if begin:
            stack = ExitStack()
            try:
                settle = stack.enter_context(ledger.call(4, None))
            except LimitReached:
                continue
            sent += 1
            open_calls.append((stack, settle))
        elif open_calls:
            stack, settle = open_calls.pop(0)
            settle(Usage(calls=1))
            stack.close()
    assert sent <= limit


def test_tokens_are_reserved_before_they_are_spent() -> None:
    ledger = Ledger(Limits(tokens=100))
    with ledger.call(200, 40), pytest.raises(LimitReached) as reached, ledger.call(40, 10):
        pass
    assert reached.value.limit == "tokens"
    with ledger.call(40, 10):
        pass


def test_time_is_that_of_the_clock_it_was_given() -> None:
    now = [5.0]
    ledger = Ledger(Limits(seconds=2), clock=lambda: now[0])
    assert ledger.reached() is None
    now[0] = 7.5
    assert (ledger.reached(), ledger.elapsed_s) == ("seconds", 2.5)
