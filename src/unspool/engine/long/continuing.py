"""Replies that their model's output limit cut are gone on with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from unspool.engine.long.seam import (
    ANCHOR_CHARS,
    anchor,
    has_code,
    is_broken,
    is_open,
    joined,
    loops,
)
from unspool.errors import JournalError, ModelRefused, UnspoolError
from unspool.types import Completion, Message, Request, Usage

MOST = 8
"""Continuations of one reply."""
MOST_BOUNDED = 1
"""Of one whose length is bounded on purpose: by the prompts for a model that rambles."""
GO_ON = (
    "Your reply was cut off at the output limit. Go on with it: write its last line again, whole,"
    " and then the rest, and nothing else. Its last line so far:\n{}"
)
LESS = (
    "Your last reply ended at the output limit before it said anything: all of it was reasoning."
    " Think briefly this time, and write the reply."
)

Say = Callable[[Request, Completion | None], Awaitable[Completion]]
"""Asks a model for one more part of a reply; what it is given besides is the part before, whole
or not, that was not the last."""
Worth = Callable[[str], bool]
"""Whether more of a reply that was cut is worth its price."""


def any_more(said: str) -> bool:
    """Whether to go on with the reply to a sub-call: unless it says the same again and again."""
    return not loops(said)


def more_code(said: str) -> bool:
    """Whether to go on with a root's reply: not where what it has of code is complete."""
    return not loops(said) and (is_open(said) or is_broken(said) or not has_code(said))


def more_of_code(said: str) -> bool:
    """The same where replies are bounded: one that has not begun with code is not gone on with."""
    return not loops(said) and (is_open(said) or is_broken(said))


async def whole(
    say: Say, request: Request, *, worth: Worth, most: int = MOST, output_tokens: int | None = None
) -> Completion:
    """The reply to `request`, gone on with where it was cut at the output limit and more of it
    is `worth` it, at most `most` times. It has the usage of its last part; `finish` is still
    `length` where it is not complete.

    Where a part cannot be had, for want of budget, say, what came before it counts. A reply of
    reasoning alone is asked for once more, with twice the room where there was a bound and the
    model may write so much (`output_tokens`), else with the advice to think less.

    Raises:
        ModelRefused: that, too, was reasoning alone.
        UnspoolError: there is no reply at all.
    """
    said = await say(request, None)
    if said.finish == "length" and not said.text.strip():
        request = _with_room(request, output_tokens)
        said = await say(request, said)
        if said.finish == "length" and not said.text.strip():
            raise _silent(said)
    return await _gone_on(say, request, said, worth, most)


async def _gone_on(
    say: Say, request: Request, said: Completion, worth: Worth, most: int
) -> Completion:
    messages, part = request.messages, said
    for _ in range(most):
        if said.finish != "length" or not said.text.strip() or not worth(said.text):
            break
        asked = Message("user", GO_ON.format(anchor(said.text)))
        messages = (*messages, Message("assistant", part.text), asked)
        try:
            part = await say(replace(request, messages=messages, schema=None, partial=False), part)
        except JournalError:
            raise
        except UnspoolError:  # it is refused, or there is no budget for it
            return replace(said, usage=Usage())
        text = joined(said.text, part.text)
        if part.finish == "length" and _is_no_news(text, said.text):
            return replace(part, text=said.text)
        said = replace(part, text=text, reasoning=said.reasoning + part.reasoning)
    return said


def _is_no_news(text: str, said: str) -> bool:
    """Whether what was added to a reply is what stood at its end before."""
    news = text[len(said) :].strip()
    return text.startswith(said) and news in said[-len(news) - 2 * ANCHOR_CHARS :]


def _with_room(request: Request, output_tokens: int | None) -> Request:
    """`request`, for a model that has used all its room for reasoning."""
    most = request.max_tokens and min(2 * request.max_tokens, output_tokens or 1 << 60)
    if most and request.max_tokens and most > request.max_tokens:
        return replace(request, max_tokens=most)
    *before, last = request.messages
    last = replace(last, content=f"{last.content}\n\n{LESS}")
    return replace(request, messages=(*before, last))


def _silent(said: Completion) -> ModelRefused:
    return ModelRefused(
        f"the model {said.model!r} has spent its whole output, {said.usage.output_tokens:,} tokens,"
        " on reasoning, twice, and has written no reply: have it reason less, or take a model that"
        " may write more."
    )
