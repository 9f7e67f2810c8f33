"""A script whose server is not well."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from unspool.testing.script import Answerer, ChatRequest, Reply

Fault = Callable[[Reply, random.Random], Reply]

_SHORT_S = 0.02


def _busy(reply: Reply, rng: random.Random) -> Reply:
    return Reply("slow down", status=429)


def _busy_for(reply: Reply, rng: random.Random) -> Reply:
    return Reply("slow down", status=429, headers={"retry-after-ms": str(rng.randrange(1, 20))})


def _broken(reply: Reply, rng: random.Random) -> Reply:
    return Reply("internal error", status=500)


def _cut(reply: Reply, rng: random.Random) -> Reply:
    return replace(reply, cut_after_chars=rng.randrange(0, 60))


def _short(reply: Reply, rng: random.Random) -> Reply:
    return replace(reply, wrong_length=True)


def _late(reply: Reply, rng: random.Random) -> Reply:
    return replace(reply, latency_s=reply.latency_s + rng.random() * 10 * _SHORT_S)


def _drip(reply: Reply, rng: random.Random) -> Reply:
    return replace(reply, drip_s=_SHORT_S / 4, piece_chars=64)


def _same_id(reply: Reply, rng: random.Random) -> Reply:
    return replace(reply, id="chatcmpl-again")


FAULTS: Mapping[str, Fault] = {
    "busy": _busy,
    "busy for": _busy_for,
    "broken": _broken,
    "cut": _cut,
    "short": _short,
    "late": _late,
    "drip": _drip,
    "same id": _same_id,
}
"""What may befall a reply: 429 without and with `Retry-After`, 500, a cut connection, a length
that is not kept, a slow reply, one that drips, an id that was used before."""


def faulty(
    answer: Answerer,
    *,
    rate: float = 0.3,
    kinds: Sequence[str] = tuple(FAULTS),
    jitter_s: float = 0.0,
    seed: int = 0,
) -> Answerer:
    """`answer`, of whose replies a share of `rate` suffers one of `kinds`, picked from a seed.

    Every reply comes up to `jitter_s` later besides. Replies that never arrive whole are made
    all the same: a script that counts its replies has to count what the request holds instead
    (`turn_by="assistant_count"`).
    """
    rng = random.Random(seed)

    def given(request: ChatRequest) -> Reply:
        made = answer(request)
        reply = Reply(made) if isinstance(made, str) else made
        if jitter_s:
            reply = replace(reply, latency_s=reply.latency_s + rng.random() * jitter_s)
        return FAULTS[rng.choice(kinds)](reply, rng) if rng.random() < rate else reply

    return given
