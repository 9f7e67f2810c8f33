"""Several runs of one question over one context, and the one result that they come to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from unspool.ending import cancelled, to_its_end
from unspool.engine.parts import Parts
from unspool.errors import JournalError, ReplayDiffers, UnspoolError
from unspool.events import Event, RunEnded
from unspool.foreign import price_of
from unspool.keys import key_of
from unspool.ledger import Ledger
from unspool.memory import Memory
from unspool.names import opinion_id, opinion_of
from unspool.opinions.poll import Count, Poll, Vote
from unspool.opinions.values import is_prose, key_of_value
from unspool.packs.pack import Pack
from unspool.spec import RunSpec
from unspool.trajectory import Trajectory
from unspool.types import Opinion, Result, Usage

SEED_DIGITS = 15
WARM = 0.7
"""Temperature of further runs where a pack has 0: they would say what the first has said."""

Make = Callable[[RunSpec, Parts, Ledger], Awaitable[Result]]
"""Makes one run."""

ENOUGH = frozenset({"usd", "tokens", "calls", "seconds"})
"""Where a run ended so, there is nothing left for others."""
APART = "the runs came to different answers"
PROSE = "the answers are longer texts, which are worded differently each time: read both"


async def answered(
    spec: RunSpec,
    parts: Parts,
    ledger: Ledger,
    *,
    poll: Poll,
    make: Make,
    memory: Callable[[], Memory],
) -> Result:
    """One run, or as many as `poll` asks for and the limits allow, as one result.

    The context is shared, and so are the limits. The first run is the one that there would be
    without the others: it alone is streamed, and has the name of them all. Where money is
    limited it goes first, and tells what one costs; then, or else at once, the others go at
    the same time. `memory` gives one of which no other run knows.

    Raises: what a run does, where none of them has a result.
    """
    if not poll:
        return await make(spec, parts, ledger)
    return await _Panel(spec, parts, ledger, poll=poll, make=make, memory=memory).result()


class _Panel:
    def __init__(
        self,
        spec: RunSpec,
        parts: Parts,
        ledger: Ledger,
        *,
        poll: Poll,
        make: Make,
        memory: Callable[[], Memory],
    ) -> None:
        self._spec, self._parts, self._ledger = spec, parts, ledger
        self._poll, self._make, self._memory = poll, make, memory
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._stops: dict[int, asyncio.Event] = {}
        self._results: dict[int, Result] = {}
        self._failures: dict[int, UnspoolError] = {}
        self._votes: dict[int, Vote] = {}
        self._told: dict[int, Trajectory] = {}
        self._unpaid = ""

    async def result(self) -> Result:
        """Runs all of them to their ends."""
        started_s = self._ledger.elapsed_s
        relay = asyncio.create_task(self._relay())
        try:
            self._start([1])
            self._start(self._known() if self._ledger.bounded else range(2, self._poll.first + 1))
            while self._under_way:
                await asyncio.wait(self._under_way.values(), return_when=asyncio.FIRST_COMPLETED)
                self._take_ended()
                self._go_on()
        finally:
            self._ledger.close(self._spec.run_id)
            relay.cancel()
            await to_its_end(self._end_all())
        result = self._concluded(self._ledger.elapsed_s - started_s)
        self._parts.listen(
            RunEnded(run_id=self._spec.run_id, at_s=self._ledger.elapsed_s, result=result)
        )
        return result

    def _start(self, numbers: Iterable[int]) -> None:
        """Starts these runs, which share what is left among them; those that there are, stay."""
        new = [number for number in numbers if number not in self._stops]
        among = max(1, len([number for number in new if number > 1]))
        for number in new:
            stop = self._stops[number] = asyncio.Event()
            if self._parts.stop.is_set():
                stop.set()
            ledger = self._ledger.for_opinion(1 if number == 1 else among)
            self._told[number] = Trajectory(opinion_id(self._spec.run_id, number))
            self._under_way[number] = asyncio.create_task(self._run(number, ledger, stop))

    async def _run(self, number: int, ledger: Ledger, stop: asyncio.Event) -> None:
        spec, run_id = self._spec, opinion_id(self._spec.run_id, number)
        apart = self._poll.verify or not self._parts.memory.cache.is_on
        memory = self._parts.memory
        if apart:
            own = memory if number == 1 else self._memory()
            memory = replace(own, record=memory.record.of_opinion(number))
        warm = number > 1 or self._poll.samples > 1
        parts = replace(
            self._parts,
            packs=_warm(self._parts.packs) if warm else self._parts.packs,
            listen=self._tell,
            stop=stop,
            memory=memory,
            stream=self._parts.stream and number == 1,
        )
        spec = replace(spec, limits=ledger.limits)
        if number > 1:
            seed = int(key_of([spec.seed, run_id])[:SEED_DIGITS], 16)
            spec = replace(spec, run_id=run_id, parent_id=self._spec.run_id, seed=seed)
        try:
            result = await self._make(spec, parts, ledger)
        except (JournalError, ReplayDiffers):
            raise  # they are about all runs
        except UnspoolError as failed:
            self._failures[number] = failed
            return
        self._results[number] = result
        if result.complete:
            usage = self._told[number].usage
            # On a thread, for an answer may have any length, and other runs are on this loop.
            key = await asyncio.to_thread(key_of_value, result.answer, self._spec.question)
            self._votes[number] = Vote(key, (usage.microusd, usage.tokens))

    def _tell(self, event: Event) -> None:
        """Hands an event on; the end of the first run is not that of them all."""
        self._told[opinion_of(event.run_id)].add(event)
        if not (isinstance(event, RunEnded) and event.run_id == self._spec.run_id):
            self._parts.listen(event)

    async def _relay(self) -> None:
        """Whoever stops the run stops all of them."""
        await self._parts.stop.wait()
        for stop in self._stops.values():
            stop.set()

    def _take_ended(self) -> None:
        for number, task in list(self._under_way.items()):
            if task.done():
                del self._under_way[number]
                task.result()

    def _go_on(self) -> None:
        """Starts what is to follow, and stops what can change nothing any more."""
        if self._parts.stop.is_set():
            return
        waiting = [n for n in range(2, self._poll.first + 1) if n not in self._stops]
        if waiting and 1 in self._results:
            self._start(self._payable(waiting))
        count = self._count(len(self._under_way))
        if self._under_way and count.decided:
            for number in self._under_way:
                self._stops[number].set()
        elif not self._under_way and self._is_third_needed(count):
            self._start(self._payable([self._poll.most]))

    def _is_third_needed(self, count: Count) -> bool:
        """Whether one more run may tell which of several answers is the right one."""
        if self._poll.most in self._stops or len(self._votes) < 2 or self._unpaid:
            return False
        prose = any(is_prose(self._results[number].answer) for number in self._votes)
        return self._poll.verify and not count.has_majority and not prose

    def _payable(self, wanted: list[int]) -> list[int]:
        """As many of these runs as there is money for, and time, by what one has taken; and
        those that have been paid for in part."""
        self._unpaid = ""
        dearest = max(
            (self._told[number].usage for number in self._results),
            key=lambda usage: (usage.microusd, usage.tokens),
        )
        paid_for = self._ledger.affords(dearest, partial(price_of, self._parts.root))
        room = max(0, paid_for - len(self._under_way))
        left_s, fastest = self._ledger.left_s, min(one.seconds for one in self._results.values())
        spent = any(one.status in ENOUGH for one in self._results.values())
        if spent or (left_s is not None and left_s <= fastest):
            room = 0
        known = [number for number in wanted if number in self._known()]
        new = [number for number in wanted if number not in known]
        if len(new) > room:
            what = "another run" if len(wanted) == 1 else f"{len(new) - room} of {len(wanted)} more"
            self._unpaid = f"the limits leave no room for {what}"
        return [*known, *new[:room]]

    def _known(self) -> list[int]:
        """Further runs of which there is a record."""
        record, run_id = self._parts.memory.record, self._spec.run_id
        numbers = range(2, self._poll.most + 1)
        return [number for number in numbers if record.knows(opinion_id(run_id, number))]

    async def _end_all(self) -> None:
        await asyncio.gather(*map(cancelled, self._under_way.values()))

    def _count(self, open_: int = 0) -> Count:
        return Count(self._votes, open_, by_price=self._poll.samples > 1)

    def _concluded(self, seconds: float) -> Result:
        """What the runs come to together.

        Raises:
            UnspoolError: what the first has raised, if none has a result.
        """
        missing = 0 if self._unpaid else max(0, self._poll.first - len(self._stops))
        cut = sum(one.status == "cancelled" for one in self._results.values())
        count = self._count(missing + cut)
        chosen = self._chosen(count)
        result, memory = self._results[chosen], self._parts.memory
        paid = sum((one.paid for one in self._told.values()), Usage())
        stopped = self._parts.stop.is_set() and not count.has_majority and count.open
        verified, doubt = self._judged(count)
        return replace(
            result,
            run_id=self._spec.run_id,
            status="cancelled" if stopped else result.status,
            usage=memory.record.usage + paid,
            recorded=memory.record.usage,
            seconds=seconds,
            verified=verified,
            doubt=doubt,
            opinions=tuple(self._opinion(n, count, chosen) for n in sorted(self._stops)),
        )

    def _chosen(self, count: Count) -> int:
        """The best complete answer, else the first that there is."""
        if count.winner is not None:
            return count.winner
        if not self._results:
            failed = self._failures[min(self._failures)]
            failed.run_id = self._spec.run_id
            raise failed
        some = [n for n in sorted(self._results) if self._results[n].answer is not None]
        return (some or sorted(self._results))[0]

    def _judged(self, count: Count) -> tuple[bool | None, str]:
        """Whether the answer is confirmed, and why not."""
        if count.has_majority:
            return True, ""
        ended = [self._why(number) for number in sorted(self._stops) if number not in self._votes]
        if self._unpaid:
            ended.append(self._unpaid)
        elif self._parts.stop.is_set() and len(self._stops) < self._poll.first:
            ended.append("the run was stopped before there was another")
        why = "; ".join(ended)
        if len(self._votes) < 2:
            return None, why
        if any(is_prose(self._results[number].answer) for number in self._votes):
            return None, PROSE
        return False, f"{APART}; {why}" if why else APART

    def _why(self, number: int) -> str:
        """Why a run has no vote."""
        run_id = opinion_id(self._spec.run_id, number)
        if number in self._failures:
            return f"run {run_id} failed: {self._failures[number]}"
        result = self._results[number]
        how = f"failed: {result.error}" if result.status == "failed" else "was stopped"
        limit = result.status not in ("failed", "cancelled")
        return f"run {run_id} " + (f"ended at a limit ({result.status})" if limit else how)

    def _opinion(self, number: int, count: Count, chosen: int) -> Opinion:
        run_id, result = opinion_id(self._spec.run_id, number), self._results.get(number)
        usage = self._told[number].usage
        if result is None:
            error = str(self._failures.get(number, ""))
            return Opinion(run_id, status="failed", usage=usage, error=error)
        return Opinion(
            run_id,
            answer=result.answer,
            status=result.status,
            votes=count.of(number),
            chosen=number == chosen,
            usage=usage,
            seconds=result.seconds,
            error=result.error,
        )


def _warm(packs: Mapping[str, Pack]) -> Mapping[str, Pack]:
    """The same prompts, for replies that differ each time."""
    return {
        name: replace(pack, temperature=WARM) if pack.temperature == 0 else pack
        for name, pack in packs.items()
    }
