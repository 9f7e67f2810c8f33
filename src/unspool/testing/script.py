"""What a scripted server is asked and what it answers, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

TurnBy = Literal["sequence", "assistant_count"]
Beyond = Literal["refuse", "repeat"]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request, as it came in."""

    body: Mapping[str, Any]
    """That of `/chat/completions`; of another format, the same things by the names that they
    have there: `model`, `messages`, `max_tokens`, `stream`, `stop`."""
    headers: Mapping[str, str]
    """Names in lower case."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The body as it came, in a format other than chat completions."""

    @property
    def model(self) -> str:
        """The model that is asked; empty when the body does not say."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[Mapping[str, Any]]:
        """The messages as they came, oldest first."""
        return list(self.body.get("messages") or ())

    @property
    def last(self) -> str:
        """The text of the last message; empty when there is none."""
        messages = self.messages
        return _text(messages[-1]) if messages else ""

    @property
    def max_tokens(self) -> int | None:
        """Longest reply that is wanted; None: any."""
        most = self.body.get("max_tokens", self.body.get("max_completion_tokens"))
        return most if isinstance(most, int) else None

    @property
    def streamed(self) -> bool:
        """True: the reply is asked for in pieces."""
        return bool(self.body.get("stream"))

    @property
    def assistant_count(self) -> int:
        """How many messages of the request are replies of the model."""
        return sum(1 for m in self.messages if m.get("role") == "assistant")

    @property
    def prompt_chars(self) -> int:
        """Characters of all messages together."""
        return sum(len(_text(message)) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and how badly. The defaults are a healthy server's."""

    text: str = ""
    """The reply; with a `status` of 400 and more, the message of the error."""
    latency_s: float = 0.0
    """Seconds before the first byte."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent besides the usual ones."""
    input_tokens: int | None = None
    """None: a quarter of the prompt's characters, at least 1."""
    output_tokens: int | None = None
    """None: a quarter of the reply's characters, at least 1. Where the request's `max_tokens`
    is less, the reply is cut there."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    finish_reason: str | None = "stop"
    reasoning_content: str = ""
    """Sent apart from the text, as servers of reasoning models do."""
    error_code: str | None = None
    """The `code` of the error object."""
    with_usage: bool = True
    """False: the reply does not say what it cost; it is then not in the totals' tokens."""
    piece_chars: int = 16
    """Characters in one piece of a streamed reply, or of one that drips."""
    drip_s: float = 0.0
    """Seconds between the pieces."""
    id: str | None = None
    """None: one of its own."""
    done: bool = True
    """False: a streamed reply ends without its `[DONE]`."""
    cut_after_chars: int | None = None
    """The connection is cut after so many characters of the body; 0: before any answer."""
    wrong_length: bool = False
    """True: the announced length is more than what is sent; then the connection ends."""
    body: str | bytes | None = None
    """Sent as it is instead of a well-formed body."""


Answerer = Callable[[ChatRequest], Reply | str]
Script = Answerer | Sequence[Reply | str]
"""A callable, or replies that are given in order to the root's requests."""


def is_sub_call(request: ChatRequest, marker: str = "") -> bool:
    """True when the model is named `sub`, or the last message holds `marker`."""
    return request.model == "sub" or bool(marker and marker in request.last)


def turns(
    replies: Sequence[Reply | str],
    *,
    sub: Answerer | Reply | str | None = None,
    sub_marker: str = "",
    turn_by: TurnBy = "sequence",
    beyond: Beyond = "refuse",
) -> Answerer:
    """A script of root turns, with one answer for sub-calls (see `is_sub_call`).

    With `sub=None` every request is a root turn. `turn_by`: `sequence` counts the root's
    requests as they come; `assistant_count` counts the replies in the request itself, so
    that several runs can go on at once. `beyond`: what follows the last reply; `refuse`
    is an error with status 400, `repeat` starts over (`sequence`) or stays at the last
    reply (`assistant_count`).
    """
    numbers = count()

    def answer(request: ChatRequest) -> Reply | str:
        if sub is not None and is_sub_call(request, sub_marker):
            return sub(request) if callable(sub) else sub
        number = next(numbers) if turn_by == "sequence" else request.assistant_count
        if number < len(replies):
            return replies[number]
        if beyond == "refuse" or not replies:
            return Reply(f"the script has only {len(replies)} replies", status=400)
        return replies[number % len(replies) if turn_by == "sequence" else -1]

    return answer


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""
