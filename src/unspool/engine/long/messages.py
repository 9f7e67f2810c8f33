"""The messages that a root model is sent: all there are, as long as they fit its window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from unspool.engine.long.short import LOOKED, Exchange, clip, in_short
from unspool.types import Completion, Message

TOKENS_PER_CHAR = 1 / 3
"""Until a reply has told: more than most texts have."""
MARGIN = 1.05
TELLING_CHARS = 1_000
MESSAGE_TOKENS = 8
"""What a server may add to each message."""
REPLY_TOKENS = 1_024
"""Left for a reply that has no bound."""
COMPACTED = 0.5
"""Of the share that the history may have, what is left of it when older turns are summed up:
the less often that is, the more of it is in the server's prompt cache."""
WHOLE = 0.6
"""Of that, what the newest turns may have, which stay as they are."""
LEAST_CHARS = 1_500
"""For the turns, however little room there seems to be."""
TOO_LONG = 0.75
"""A window that a request did not fit in is taken for so much of it."""
LEAST_OUTPUT_CHARS = 800
OUTPUT_SHARE = 0.2
"""Of the window, for what one turn shows."""


class Messages:
    """Opening and turns. While they fit, they only grow at their end; else the older turns are
    summed up in one message, and the opening stays as it is, so that it stays in the cache.

    It follows from the messages and what models told of them alone. `window_tokens` is None
    where nobody knows; it is then learnt from refusals.
    """

    def __init__(
        self,
        opening: Sequence[Message],
        *,
        window_tokens: int | None,
        share: float,
        reply_tokens: int | None,
    ) -> None:
        self._opening = list(opening)
        self._window, self._share = window_tokens, share
        self._reply = reply_tokens or REPLY_TOKENS
        self._turns: list[Exchange] = []
        self._sent = list(opening)
        self._per_char = TOKENS_PER_CHAR
        self._summed_up = False

    @property
    def now(self) -> tuple[Message, ...]:
        """What to send."""
        return tuple(self._sent)

    def room(self, output_chars: int) -> int:
        """How many characters of a turn's output to show, where a pack has room for so many."""
        if self._window is None:
            return output_chars
        fitting = int(self._window * OUTPUT_SHARE / self._per_char)
        return min(output_chars, max(LEAST_OUTPUT_CHARS, fitting))

    def add(self, turn: Exchange, told: Completion) -> None:
        """One more turn; `told` is the reply to what was sent before it."""
        chars = _size(self._sent)
        if told.usage.calls == 1 and told.finish == "stop" and chars >= TELLING_CHARS:
            self._per_char = max(0.05, told.usage.input_tokens / chars * MARGIN)
        self._turns.append(turn)
        self._sent += _messages(turn)
        if self._tokens() > self._most:
            self._sum_up()

    def shrink(self) -> bool:
        """Makes them shorter, for they have not fitted; False when that cannot be."""
        self._window = int(min(self._most, self._tokens()) * TOO_LONG / self._share)
        return self._sum_up()

    def told(self) -> tuple[tuple[str, str], ...] | None:
        """All messages from the question on, as role and text; None as long as all are sent."""
        if not self._summed_up:
            return None
        turns = (message for turn in self._turns for message in _messages(turn))
        return tuple((one.role, one.content) for one in (self._opening[-1], *turns))

    @property
    def _most(self) -> float:
        """How many tokens to send at most."""
        if self._window is None:
            return float("inf")
        return min(self._window * self._share, self._window - self._reply)

    def _tokens(self) -> float:
        chars = _size(self._sent)
        return chars * self._per_char + MESSAGE_TOKENS * len(self._sent)

    def _sum_up(self) -> bool:
        """Sums up all turns but the newest; gives whether that made them shorter."""
        if not self._turns:
            return False
        before = _size(self._sent)
        opening = _size(self._opening)
        room = max(LEAST_CHARS, int(self._most * COMPACTED / self._per_char) - opening)
        kept = self._newest(int(room * WHOLE))
        older = self._turns[: len(self._turns) - len(kept)]
        summary: list[Message] = []
        if older:
            short = in_short(older, room - sum(map(_chars, kept)))
            summary = [Message("assistant", LOOKED), Message("user", short)]
        turns = [message for turn in kept for message in _messages(turn)]
        self._sent = [*self._opening, *summary, *turns]
        self._summed_up = True
        return _size(self._sent) < before

    def _newest(self, room: int) -> list[Exchange]:
        """The newest turns that have room; of the very newest, as much as has room."""
        *_, newest = self._turns
        if _chars(newest) > room:
            reply, message = clip(newest.reply, room // 3), clip(newest.message, 2 * room // 3)
            return [replace(newest, reply=reply, message=message)]
        kept: list[Exchange] = []
        for turn in reversed(self._turns):
            room -= _chars(turn)
            if room < 0:
                break
            kept.insert(0, turn)
        return kept


def _size(messages: Iterable[Message]) -> int:
    return sum(len(one.content) for one in messages)


def _chars(turn: Exchange) -> int:
    return len(turn.reply) + len(turn.message)


def _messages(turn: Exchange) -> list[Message]:
    return [Message("assistant", turn.reply or "(empty)"), Message("user", turn.message)]
