"""What runs and their child runs have spent, have in flight and have set aside."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NamedTuple, Self

from unspool.budget import LimitReached, Limits, NoMoreChildren
from unspool.errors import ModelError, UnspoolError
from unspool.types import Completion, Limit, Request, Usage

Price = Callable[[Usage], int | None]
"""What so many tokens of one model cost, in microusd; None when that is not known."""

CHILDREN = 32
"""Child runs of a tree at the same time and the same depth: each has a process of its own."""
TOKENS_PER_CHAR = 1 / 3
"""Of input, until a reply has told: more than most texts have."""
MARGIN = 1.1
"""On what replies have told of the tokens in a character."""
TELLING_CHARS = 1_000
"""Shorter requests say more about what servers add than about the text."""
MESSAGE_TOKENS = 8
"""What a server may add to each message."""
LEAST_REPLY_TOKENS = 64
"""A call that has no room for a reply as long as this is not sent."""
USUAL_REPLY_TOKENS = 1_024
"""Room for a reply, until longer ones have come, where not much is left."""
LONGEST_REPLY_TOKENS = 8_192
"""Room for a reply where much is left: it is then sent without a bound of ours."""
BOUND_TOKENS = LONGEST_REPLY_TOKENS - 1
SHARES = 64
"""Parts of what is left, one of which a sub-call may write if that is more than usual."""
LAST_REPLY_TOKENS = 512
"""Kept for the reply that ends a run at a limit."""
GROWTH_CHARS = 4_000
"""What a history may grow by until then, where an eighth of the tokens is not less."""
SCARCE = 4
"""The model is told what is left of a limit when that is less than one in so many."""

NO_LIMIT = 1 << 60
NOTHING = Usage()


class Amount(NamedTuple):
    """What calls take of the limits."""

    calls: int = 0
    tokens: int = 0
    microusd: int = 0

    def plus(self, other: Amount) -> Amount:
        """The sum of both."""
        return Amount(
            self.calls + other.calls, self.tokens + other.tokens, self.microusd + other.microusd
        )

    def minus(self, other: Amount) -> Amount:
        """What remains without `other`; it may be below 0."""
        return Amount(
            self.calls - other.calls, self.tokens - other.tokens, self.microusd - other.microusd
        )


class Ledger:
    """What one run has spent, has in flight and has set aside. Lives on one event loop.

    What is so in a child run's ledger is so in its parent's too, up to the outermost run.

    A call is reserved before it is sent, at the most that it can cost, and settled at what it
    did cost; where too much is in flight to be sure, it waits until that is settled. Calls in
    flight together thus cannot go over a limit, as far as a call's cost has a bound:

    - Input is counted in characters and taken for as many tokens as earlier replies told,
      and a tenth more: before the first reply, one for three characters.
    - Output has the bound `max_tokens`. It is lowered to what is left, and where the request
      has none, it is given one as soon as not half of the limit would remain after a reply of
      8,192 tokens.
    - Dollars are known beforehand for models that can say their price.

    `spent` is what was paid so far, to the token. `earlier` was spent by the same run before,
    in `elapsed_s` seconds: it counts towards the limits alone.
    """

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        *,
        tree_id: str = "",
        parent: Ledger | None = None,
        earlier: Usage = NOTHING,
        elapsed_s: float = 0.0,
    ) -> None:
        self.limits = limits
        self.tree_id = tree_id
        """The outermost run."""
        self._clock = clock
        self._began_s = clock() - elapsed_s
        self._upwards: tuple[Ledger, ...] = (self, *(parent._upwards if parent else ()))
        self._tree = self._upwards[-1]
        self._limit = Amount(
            limits.calls or NO_LIMIT,
            limits.tokens or NO_LIMIT,
            NO_LIMIT if limits.usd is None else round(limits.usd * 1_000_000),
        ).minus(_amount(earlier))
        self._half = Amount(*(0 if most == NO_LIMIT else most // 2 for most in self._limit))
        self._unlimited = limits.calls is limits.tokens is limits.usd is None
        self._earlier = earlier
        self._held = Amount()
        self._kept: dict[str, Amount] = {}
        self._all_kept = Amount()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.spent = Usage()
        # Of the whole tree, and used in the outermost one alone:
        self._with_waiters: dict[Ledger, None] = {}
        self._per_char = 0.0
        self._reply_tokens = 0.0
        self._children = 0
        self._places: dict[int, asyncio.Semaphore] = {}
        self._closed = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the outermost run began."""
        return self._clock() - self._tree._began_s

    @property
    def left_s(self) -> float | None:
        """Seconds that this run may still take, not below 0; None: as many as it likes."""
        if self.limits.seconds is None:
            return None
        return max(0.0, self.limits.seconds - (self._clock() - self._began_s))

    def call(self, request: Request, price: Price, *, last_of: str | None = None) -> Call:
        """One call, to be entered with `async with` before it is sent.

        `last_of` names the run that makes its last call, from what was set aside for it.
        """
        return Call(self, request, price, last_of)

    def set_aside(self, run_id: str, request: Request, price: Price) -> None:
        """Keeps the price of one more reply of that run's root to a request somewhat longer
        than this one, as far as there is so much."""
        if self._unlimited:
            return
        read = self._input_tokens(request)
        growth = max(0, min(int(GROWTH_CHARS * self._ratio), self._limit.tokens // 8))
        reply = min(request.max_tokens or LAST_REPLY_TOKENS, LAST_REPLY_TOKENS)
        wanted = self._cost(read + growth, reply, price)
        self._release(run_id)
        free = _least_of(one._free() for one in self._upwards)
        kept = Amount(*(max(0, min(pair)) for pair in zip(wanted, free, strict=True)))
        for one in self._upwards:
            one._kept[run_id] = kept
            one._all_kept = one._all_kept.plus(kept)

    def close(self, run_id: str) -> None:
        """That run has had its last reply: nothing is kept for it any more, and when it is the
        outermost one, nothing more may be spent."""
        if self is self._tree and run_id == self.tree_id:
            self._closed = True
        self._release(run_id)
        self._wake()

    def for_child(self) -> Ledger:
        """The ledger of a child run that starts now: half of what is left here is its own."""
        share = replace(self._share(2), turns=math.ceil(self.limits.turns / 2))
        if share.seconds is not None:
            share = replace(share, seconds=max(1e-3, share.seconds / 2))
        return Ledger(share, self._clock, tree_id=self.tree_id, parent=self)

    def for_opinion(self, among: int) -> Ledger:
        """The ledger of one of so many further runs of the same question that start now: what
        is left here can be spent by them in equal shares, in the same time."""
        return Ledger(self._share(among), self._clock, tree_id=self.tree_id, parent=self)

    @property
    def bounded(self) -> bool:
        """Whether calls, tokens or dollars have a limit."""
        return not self._unlimited

    def affords(self, usage: Usage, price: Price) -> int:
        """How many more runs there is enough left for, each of which takes what one has taken
        and sets aside the price of its last reply besides."""
        most, spent = NO_LIMIT, _amount(usage)
        growth = min(int(GROWTH_CHARS * self._ratio), self._limit.tokens // 8)
        last = self._cost(
            usage.input_tokens // max(1, usage.calls) + growth, LAST_REPLY_TOKENS, price
        )
        for left, needed in zip(self._free(), spent.plus(last), strict=True):
            if needed and left < NO_LIMIT // 2:
                most = min(most, left // needed)
        return max(0, most)

    def _share(self, parts: int) -> Limits:
        """What is left, in so many parts; the time is not cut."""
        limits, spent = self.limits, self.spent + self._earlier
        calls, tokens, usd, seconds = limits.calls, limits.tokens, limits.usd, self.left_s
        return replace(
            limits,
            calls=None if calls is None else max(1, (calls - spent.calls) // parts),
            tokens=None if tokens is None else max(1, (tokens - spent.tokens) // parts),
            usd=None if usd is None else max(1e-6, (usd - spent.microusd / 1e6) / parts),
            seconds=None if seconds is None else max(1e-3, seconds),
        )

    @asynccontextmanager
    async def child(self, depth: int) -> AsyncIterator[Ledger]:
        """Counts one more child run of the tree, waits for its place among those of its depth,
        and gives its ledger.

        A run keeps its place while it waits for its children; as it waits for deeper places
        alone, and the deepest runs wait for none, some run can always go on.

        Raises:
            NoMoreChildren: there may be none.
        """
        tree, most = self._tree, self._tree.limits.children
        if most is not None and tree._children >= most:
            raise NoMoreChildren(
                f"the run's limit of {most:,} child runs is reached: use llm_query"
            )
        tree._children += 1
        async with tree._places.setdefault(depth, asyncio.Semaphore(CHILDREN)):
            yield self.for_child()

    def left(self) -> str:
        """What is left of each limit that little is left of, in words; empty when there is
        enough of all."""
        limits, spent = self.limits, self.spent + self._earlier
        pots = (
            (limits.calls, spent.calls, "calls"),
            (limits.tokens, spent.tokens, "tokens"),
            (limits.usd, spent.microusd / 1_000_000, "dollars"),
            (limits.seconds, self._clock() - self._began_s, "seconds"),
        )
        return ", ".join(
            f"{_rounded(max(0, most - used))} of {_rounded(most)} {name}"
            for most, used, name in pots
            if most is not None and (most - used) * SCARCE < most
        )

    async def _admit(
        self, request: Request, price: Price, last_of: str | None
    ) -> tuple[Amount, Request]:
        in_line = request.is_root or not self._waiting
        while True:
            try:
                planned = self._plan(request, price, last_of) if in_line else None
            except UnspoolError:
                self._wake()
                raise
            if planned is not None:
                for one in self._upwards:
                    one._held = one._held.plus(planned[0])
                self._wake()
                return planned
            await self._until_woken(first=in_line)
            in_line = True

    async def _until_woken(self, *, first: bool) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._waiting.appendleft if first else self._waiting.append)(turn)
        self._tree._with_waiters[self] = None
        try:
            await turn
        except asyncio.CancelledError:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self._wake()
            raise

    def _wake(self) -> None:
        """Lets the next one that waits in each run of the tree look again."""
        waiters = self._tree._with_waiters
        for ledger in list(waiters):
            if ledger._waiting:
                turn = ledger._waiting.popleft()
                if not turn.done():
                    turn.set_result(None)
            if not ledger._waiting:
                del waiters[ledger]

    def _plan(
        self, request: Request, price: Price, last_of: str | None
    ) -> tuple[Amount, Request] | None:
        """What to reserve and what to send; None: not before other calls are settled.

        Raises:
            LimitReached: it would go over a limit.
        """
        if self._tree._closed:
            raise LimitReached("turns", "the run is at its end: no more calls of models")
        if self.left_s == 0:
            raise self._reached("seconds")
        if self._unlimited:
            return Amount(), request
        read = self._input_tokens(request)
        for one in self._upwards:
            one._check(one._free(last_of), self._cost(read, _least(request), price))
        reply = self._reply_room(request, read, price, last_of)
        if reply is None:
            return None
        cost = self._cost(read, reply, price)
        twice, hedge_s = cost.plus(cost), request.hedge_s
        if hedge_s is None or min(self._now(last_of).minus(twice)) < 0:
            twice, hedge_s = cost, None
        bounded = request.max_tokens is not None or reply < LONGEST_REPLY_TOKENS
        return twice, replace(request, hedge_s=hedge_s, max_tokens=reply if bounded else None)

    def _reply_room(
        self, request: Request, read: int, price: Price, last_of: str | None
    ) -> int | None:
        """The longest reply, in tokens, for which there is room; None: wait for more."""
        free = _least_of(one._free(last_of) for one in self._upwards)
        now = self._now(last_of)
        if now.calls < 1:
            return None
        at_once, at_best = (self._longest(read, price, room) for room in (now, free))
        wanted = needed = request.max_tokens or 0
        if request.max_tokens is None:
            spare = _least_of(
                one._free(last_of).minus(one._held).minus(one._half) for one in self._upwards
            )
            if self._longest(read, price, spare) >= LONGEST_REPLY_TOKENS:
                return LONGEST_REPLY_TOKENS
            usual = max(USUAL_REPLY_TOKENS, int(4 * self._tree._reply_tokens))
            needed = min(usual, BOUND_TOKENS)
            share = at_once if request.is_root else at_once // SHARES
            wanted = min(max(needed, share), BOUND_TOKENS)
        if at_once < min(needed, at_best):
            return None  # what is in flight may leave more
        return min(wanted, at_once)

    def _longest(self, read: int, price: Price, room: Amount) -> int:
        """The longest reply to an input of so many tokens that the room has place for."""
        longest = room.tokens - read
        if self.limits.usd is not None:
            nothing, million = self._cost(read, 0, price), self._cost(read, 1_000_000, price)
            per_million = million.microusd - nothing.microusd
            if per_million:
                left = room.microusd - nothing.microusd - 1
                longest = min(longest, left * 1_000_000 // per_million)
            elif room.microusd < nothing.microusd:
                return -1
        return longest

    def _cost(self, read: int, reply: int, price: Price) -> Amount:
        microusd = None
        if self.limits.usd is not None:
            microusd = price(Usage(calls=1, input_tokens=read, output_tokens=reply))
        return Amount(1, read + reply, microusd or 0)

    def _release(self, run_id: str) -> None:
        for one in self._upwards:
            one._all_kept = one._all_kept.minus(one._kept.pop(run_id, Amount()))

    def _free(self, last_of: str | None = None) -> Amount:
        """What is neither spent nor kept here, but for the run whose last call it is."""
        spent = self.spent
        free = self._limit.minus(_amount(spent))
        free = free.minus(self._all_kept)
        return free if last_of is None else free.plus(self._kept.get(last_of, Amount()))

    def _now(self, last_of: str | None) -> Amount:
        """What is free here and above, and not in flight."""
        return _least_of(one._free(last_of).minus(one._held) for one in self._upwards)

    def _check(self, free: Amount, cost: Amount) -> None:
        names: tuple[Limit, ...] = ("calls", "tokens", "usd")
        for limit, room, needed in zip(names, free, cost, strict=True):
            if needed > room:
                raise self._reached(limit)

    def _reached(self, limit: Limit) -> LimitReached:
        return LimitReached(
            limit,
            f"the run's limit of {getattr(self.limits, limit):,} {limit} is reached; what is"
            " left is for the last reply",
        )

    @property
    def _ratio(self) -> float:
        return self._tree._per_char * MARGIN or TOKENS_PER_CHAR

    def _input_tokens(self, request: Request) -> int:
        return math.ceil(request.chars * self._ratio) + MESSAGE_TOKENS * len(request.messages)

    def _settle(self, request: Request, usage: Usage) -> None:
        for one in self._upwards:
            one.spent += usage
        if self._unlimited or not usage.calls:
            return
        tree, chars = self._tree, request.chars
        if chars >= TELLING_CHARS:
            tree._per_char = max(usage.input_tokens / usage.calls / chars, tree._per_char * 0.98)
        tree._reply_tokens += (usage.output_tokens / usage.calls - tree._reply_tokens) / 8

    def _let_go(self, held: Amount) -> None:
        for one in self._upwards:
            one._held = one._held.minus(held)
        self._wake()


class Call:
    """One call: reserved when entered, settled by `pay`, its reservation given back at the end."""

    __slots__ = ("_held", "_last_of", "_ledger", "_price", "request", "usage")

    def __init__(self, ledger: Ledger, request: Request, price: Price, last_of: str | None) -> None:
        self._ledger, self._price, self._last_of = ledger, price, last_of
        self._held = Amount()
        self.request = request
        """Once it is entered: what to send, `max_tokens` lowered to what is left."""
        self.usage = Usage()
        """What it has cost, once it has ended, however."""

    async def __aenter__(self) -> Self:
        """Waits until what is in flight leaves room for it.

        Raises:
            LimitReached: it would go over a limit; it must not be sent.
        """
        self._held, self.request = await self._ledger._admit(
            self.request, self._price, self._last_of
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ledger._let_go(self._held)

    async def pay(self, answer: Awaitable[Completion]) -> Completion:
        """Waits for the answer and charges what it cost; a request that was sent and lost is
        counted as such. Raises what the answer raises."""
        try:
            completion = await answer
        except BaseException as failed:
            self.usage = Usage(lost_calls=_lost(failed))
            self._ledger._settle(self.request, self.usage)
            raise
        self.usage = completion.usage
        self._ledger._settle(self.request, self.usage)
        return completion


def _amount(usage: Usage) -> Amount:
    return Amount(usage.calls, usage.tokens, usage.microusd)


def _lost(failed: BaseException) -> int:
    """How many requests may be billed though they came to nothing."""
    if isinstance(failed, asyncio.CancelledError):
        return 1
    return failed.lost_calls if isinstance(failed, ModelError) else 0


def _least_of(amounts: Iterable[Amount]) -> Amount:
    """The least of each."""
    return Amount(*map(min, zip(*amounts, strict=True)))


def _least(request: Request) -> int:
    return min(request.max_tokens or LEAST_REPLY_TOKENS, LEAST_REPLY_TOKENS)


def _rounded(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"
