"""The messages that a recorded run began with."""

from __future__ import annotations

from unspool import events
from unspool.record import Record
from unspool.types import Completion, Message, Request, Usage

OPENING = (Message("system", "Be quick."), Message("user", "what?"))
GONE_ON = (*OPENING, Message("assistant", "```repl"), Message("user", "Go on."))


def replied(
    *messages: Message, turn: int = 1, last: bool = False, cut: bool = False
) -> events.Event:
    kind = events.ReplyCut if cut else events.Replied
    said = Completion("text", Usage(), "root")
    return kind(
        run_id="r", at_s=0.0, turn=turn, completion=said, last=last, request=Request(messages)
    )


def opening(*past: events.Event, openings: bool = True, anew: bool = False) -> tuple[Message, ...]:
    record = Record(past, "anew" if anew else "stop", openings=openings)
    return record.opening("r")


def test_an_opening_is_what_was_sent_first_and_neither_what_followed_nor_what_came_last() -> None:
    assert opening(replied(*OPENING), replied(*GONE_ON, turn=2)) == OPENING
    assert opening(replied(*OPENING, cut=True), replied(*GONE_ON)) == OPENING
    assert opening(replied(*OPENING, last=True)) == ()
    assert opening(replied(*OPENING), openings=False) == ()
    assert opening(replied(*OPENING), anew=True) == ()
    assert Record().opening("r") == ()
