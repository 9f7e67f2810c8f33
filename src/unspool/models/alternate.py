"""A chat as servers want it that insist on turns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from unspool.types import Message

_NOTHING = "(empty)"
_GO_ON = "Go on exactly where you stopped."


class Said(NamedTuple):
    """What one side said before the other answered."""

    role: Literal["user", "assistant"]
    texts: tuple[str, ...]
    """None of them is blank."""


def system_texts(messages: Iterable[Message]) -> tuple[str, ...]:
    """The texts of the system messages, which these servers take apart from the chat."""
    return tuple(m.content for m in messages if m.role == "system" and m.content.strip())


def alternating(messages: Iterable[Message], *, prefill: bool = False) -> list[Said]:
    """The chat without its system messages: the user begins, the sides take turns, no text is
    blank, and the user has the last word. With `prefill`, the assistant may have it: the model
    goes on from there.
    """
    said: list[Said] = []
    for message in messages:
        if message.role == "system" or not message.content.strip():
            continue
        if said and said[-1].role == message.role:
            said[-1] = Said(message.role, (*said[-1].texts, message.content))
        else:
            said.append(Said(message.role, (message.content,)))
    if not said or said[0].role != "user":
        said.insert(0, Said("user", (_NOTHING,)))
    if said[-1].role == "assistant":
        if not prefill:
            return [*said, Said("user", (_GO_ON,))]
        # A reply that ends in white space is one that servers refuse to go on with.
        *earlier, last = said[-1].texts
        said[-1] = Said("assistant", (*earlier, last.rstrip()))
    return said
