"""What servers say about their rate limits, in any of the usual headers."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

_MINUTE_S = 60.0
_EPOCH_S = 1e9
_EPOCH_MS = 1e12
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|d|h|m|s)")
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_UNIT_S["d"] = 86_400.0
_REQUESTS = (
    ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
    (
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ),
    ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
    ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
)
_TOKENS = (
    ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
    (
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ),
    (
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ),
)


@dataclass(frozen=True, slots=True)
class Window:
    """What may still be used of one resource."""

    left: float
    limit: float | None = None
    """What there is when nothing has been used; None: the server did not say."""
    reset_s: float | None = None
    """Seconds until `left` is `limit` again; None: the server did not say."""


@dataclass(frozen=True, slots=True)
class Rates:
    """What one response said. None: nothing about this."""

    requests: Window | None = None
    tokens: Window | None = None


def rates_of(headers: Mapping[str, str], now_s: float) -> Rates | None:
    """Reads the headers of a response, whose names are looked up in lower case.

    None when they say nothing. `now_s` is seconds since 1970: some servers name a date.
    """
    requests = _first(_REQUESTS, headers, now_s)
    tokens = _first(_TOKENS, headers, now_s)
    return Rates(requests, tokens) if requests or tokens else None


LISTENER: ContextVar[Callable[[Rates], None] | None] = ContextVar("listener", default=None)
"""Hears what is said in answer to the request that is under way in this task."""


def tell(headers: Mapping[str, str]) -> None:
    """Tells whoever listens what the headers of a response say."""
    listener = LISTENER.get()
    rates = None if listener is None else rates_of(headers, time.time())
    if listener is not None and rates is not None:
        listener(rates)


def _first(
    names: tuple[tuple[str, str, str], ...], headers: Mapping[str, str], now_s: float
) -> Window | None:
    for limit, left, reset in names:
        told = _number(headers.get(left))
        if told is not None:
            return Window(
                told, _number(headers.get(limit)), seconds_until(headers.get(reset), now_s)
            )
    return None


def seconds_until(text: str | None, now_s: float) -> float | None:
    """The seconds in `6m0s`, `20ms`, `1.5`, until a date or a time since 1970; else None."""
    text = (text or "").strip()
    number = _number(text)
    if number is not None:
        if number >= _EPOCH_MS:
            number = number / 1000 - now_s
        elif number >= _EPOCH_S:
            number -= now_s
        return max(0.0, number)
    if "T" in text:
        try:
            return max(0.0, datetime.fromisoformat(text).timestamp() - now_s)
        except (ValueError, OverflowError):
            return None
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return sum(float(amount) * _UNIT_S[unit] for amount, unit in parts)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


class Bucket:
    """What is left of one resource, by what the server said last and what was sent since.

    Between two responses it fills as servers fill theirs: evenly, so that it is full at the
    time they named, and every minute from then on. Where they named none, or one after more
    than a minute, a minute is assumed: rather one refusal too many than hours of waiting. Where
    they did not say how much there is, all of it comes back at that time.
    """

    def __init__(self) -> None:
        self.used = 0.0
        """What was sent so far, in all."""
        self._told = False
        self._level = float("inf")
        self._per_s = 0.0
        self._full = float("inf")
        self._full_at_s = float("inf")
        self._at_s = 0.0
        self._newest = 0.0

    def take(self, amount: float, now_s: float) -> float:
        """Notes that so much is sent; gives the mark by which `told` knows the request."""
        if self._told:
            self._fill(now_s)
            self._level -= amount
        self.used += amount
        return self.used

    def wait_s(self, amount: float, now_s: float) -> float:
        """Seconds until so much may be sent; 0: now."""
        if not self._told:
            return 0.0
        self._fill(now_s)
        missing = min(amount, self._full) - self._level
        if missing <= 0:
            return 0.0
        filled_s = missing / self._per_s if self._per_s > 0 else float("inf")
        return min(filled_s, self._full_at_s - now_s)

    def empty_s(self, now_s: float) -> float:
        """Seconds until it is full again, when nothing is left; else 0."""
        self._fill(now_s)
        return self._full_at_s - now_s if self._level < 1 and self._full_at_s < float("inf") else 0

    def told(self, window: Window, *, mark: float, sent_s: float, now_s: float) -> None:
        """Takes in what the answer to the request of that mark said, sent at that time."""
        if mark < self._newest:
            return  # what a later request was told is known already
        self._newest, self._told = mark, True
        reset_s = _MINUTE_S if window.reset_s is None else min(_MINUTE_S, window.reset_s)
        self._full = float("inf") if window.limit is None else window.limit
        self._full_at_s = sent_s + reset_s
        missing = 0.0 if window.limit is None else max(0.0, window.limit - window.left)
        self._per_s = missing / reset_s if reset_s > 0 else 0.0
        self._level, self._at_s = window.left, sent_s
        self._fill(now_s)
        self._level -= self.used - mark

    def _fill(self, now_s: float) -> None:
        if now_s >= self._full_at_s:
            self._level, self._full_at_s = self._full, now_s + _MINUTE_S
        elif self._per_s:
            self._level = min(self._full, self._level + self._per_s * (now_s - self._at_s))
        self._at_s = now_s
