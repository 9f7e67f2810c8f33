"""When a request may go to a server: how many at once, how many a minute, and who is next."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from dataclasses import dataclass

from unspool.models.rates import Bucket, Rates

MOST = 512
"""Requests to one model at the same time, while its server does not object."""
SPARE = 8
"""One slot in so many more is there for root models: a run goes on though another has filled
the rest."""
LONGEST_HOLD_S = 60.0
TICK_S = 1e-3
"""Timers fire a little early: less than this would be waited for over and over."""
LEAST_ROUND = 8
"""Answers and refusals that it takes to learn something."""
PATIENCE = 8
"""Rounds without another try after more requests at once were not answered any faster."""
HELPED = 0.25
"""More at once has helped when the rate grew by this share of what it could have grown."""


@dataclass(slots=True, eq=False)
class Ticket:
    """One request under way."""

    round: int
    sent_s: float
    requests_mark: float
    tokens_mark: float


@dataclass(slots=True, eq=False)
class _Waiter:
    tree_id: str
    is_root: bool
    tokens: float
    turn: asyncio.Future[Ticket]


class _Line:
    """Those who wait: trees of runs take turns, each one's requests in their order."""

    def __init__(self) -> None:
        self._trees: OrderedDict[str, deque[_Waiter]] = OrderedDict()

    def add(self, waiter: _Waiter) -> None:
        self._trees.setdefault(waiter.tree_id, deque()).append(waiter)

    def first(self) -> _Waiter | None:
        """Who is next; those who have given up are dropped on the way."""
        while self._trees:
            tree_id, waiters = next(iter(self._trees.items()))
            while waiters and waiters[0].turn.done():
                waiters.popleft()
            if waiters:
                return waiters[0]
            del self._trees[tree_id]
        return None

    def pop(self) -> None:
        """Takes out who was next; their tree goes to the end."""
        tree_id, waiters = self._trees.popitem(last=False)
        waiters.popleft()
        if waiters:
            self._trees[tree_id] = waiters


class Gate:
    """Admits the requests to one model of one server. Lives on one event loop.

    It starts wide open, and learns only from what the server says: `overloaded` narrows it,
    at most by half for each round of requests, and keeps everything back for as long as the
    server asked; rounds that fill it and go well widen it again, as long as the server then
    answers more in a second. `told` keeps to a rate.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.reset()

    def reset(self) -> None:
        """Forgets everything: who waited and what was under way are another process's."""
        self.limit = float(self._most)
        """Requests at the same time, as things are."""
        self.in_flight = 0
        self._held_until_s = 0.0
        self._requests, self._tokens = Bucket(), Bucket()
        self._roots, self._subs = _Line(), _Line()
        self._timer: asyncio.TimerHandle | None = None
        self._round = 0
        self._answered = self._refused = self._peak = 0
        self._round_began_s: float | None = None
        self._was_full = False
        self._before: tuple[float, float] | None = None
        self._patience = 0

    async def enter(self, *, tree_id: str, is_root: bool, tokens: float) -> Ticket:
        """Waits until a request of about so many tokens may be sent; then `leave` has to follow."""
        line = self._roots if is_root else self._subs
        free = self._roots.first() is None and (is_root or line.first() is None)
        if free and not self._wait_s(is_root, tokens):
            return self._sent(tokens)
        turn: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        line.add(_Waiter(tree_id, is_root, tokens, turn))
        self._pump()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(turn.result())
            raise

    def leave(self, ticket: Ticket) -> None:
        """The request has ended, however."""
        self.in_flight -= 1
        self._pump()

    def answered(self, ticket: Ticket) -> None:
        """The server has answered."""
        if ticket.round == self._round:
            self._answered += 1
            self._look_back()

    def overloaded(self, ticket: Ticket, retry_after_s: float | None) -> None:
        """The server has refused, because there are too many requests.

        For as long as it asked, or until it has something left by what it said, a minute at
        most, nothing is sent.
        """
        now_s = _now_s()
        if retry_after_s is None:
            retry_after_s = max(self._requests.empty_s(now_s), self._tokens.empty_s(now_s))
        until_s = now_s + min(retry_after_s, LONGEST_HOLD_S)
        self._held_until_s = max(self._held_until_s, until_s)
        if ticket.round == self._round:
            self._refused += 1
            self._look_back()

    def told(self, ticket: Ticket, rates: Rates) -> None:
        """The server has said what may still be used, in answer to that request."""
        now_s = _now_s()
        for window, bucket, mark in (
            (rates.requests, self._requests, ticket.requests_mark),
            (rates.tokens, self._tokens, ticket.tokens_mark),
        ):
            if window is not None:
                bucket.told(window, mark=mark, sent_s=ticket.sent_s, now_s=now_s)

    def _sent(self, tokens: float) -> Ticket:
        now_s = _now_s()
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        if self._round_began_s is None:
            self._round_began_s = now_s
        return Ticket(
            self._round, now_s, self._requests.take(1, now_s), self._tokens.take(tokens, now_s)
        )

    def _wait_s(self, is_root: bool, tokens: float) -> float:
        """How long a request has to wait: 0 not at all, infinity until another one leaves."""
        room = int(self.limit) + (int(self.limit) // SPARE if is_root else 0)
        if self.in_flight >= room:
            self._was_full = True
            return float("inf")
        now_s = _now_s()
        wait_s = max(
            self._held_until_s - now_s,
            self._requests.wait_s(1, now_s),
            self._tokens.wait_s(tokens, now_s),
        )
        if wait_s == float("inf") and not self.in_flight:
            return 0.0  # nothing is under way that could tell more
        return max(0.0, wait_s)

    def _pump(self) -> None:
        """Lets in whoever may go now, and comes back when the next one may."""
        while True:
            line = self._subs if self._roots.first() is None else self._roots
            waiter = line.first()
            if waiter is None:
                return
            wait_s = self._wait_s(waiter.is_root, waiter.tokens)
            if wait_s:
                self._come_back(wait_s)
                return
            line.pop()
            waiter.turn.set_result(self._sent(waiter.tokens))

    def _come_back(self, wait_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_s < float("inf"):
            later_s = max(wait_s, TICK_S)
            self._timer = asyncio.get_running_loop().call_later(later_s, self._pump)

    def _look_back(self) -> None:
        """Sets the limit anew when a round of requests has shown enough."""
        size = max(LEAST_ROUND, min(int(self.limit), self._peak))
        if 2 * self._refused >= size:
            self._narrow(0.5)
        elif self._answered + self._refused >= size:
            if self._refused:
                self._narrow(self._answered / (self._answered + self._refused))
            else:
                self._widen()
        else:
            return
        self._round += 1
        self._answered = self._refused = 0
        self._peak, self._round_began_s, self._was_full = self.in_flight, None, False

    def _narrow(self, share: float) -> None:
        self.limit = max(1.0, min(self.limit, self._peak) * share)
        self._before, self._patience = None, 0

    def _widen(self) -> None:
        if self.limit >= self._most or not self._was_full:
            return
        assert self._round_began_s is not None
        rate = self._answered / max(1e-6, _now_s() - self._round_began_s)
        if self._before is not None:
            limit, earlier = self._before
            if rate < earlier * (1 + HELPED * (self.limit / limit - 1)):
                self.limit, self._before, self._patience = limit, None, PATIENCE
                return
        if self._patience:
            self._patience -= 1
            return
        self._before = (self.limit, rate)
        self.limit = min(float(self._most), self.limit + max(1.0, self.limit / 8))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class Gates:
    """The gates of a process: one for each model, server and key, whoever asks for it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._gates: dict[tuple[str, str | None, str], Gate] = {}

    def at(self, address: str, key: str | None, model: str) -> Gate:
        """The gate of that model."""
        return self._gates.setdefault((address, key, model), Gate(self._most))

    def forked(self) -> None:
        """Begins anew in a process that was forked off."""
        for gate in self._gates.values():
            gate.reset()
