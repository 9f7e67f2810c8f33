"""The values that the parts of unspool hand to each other: small and frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

Role = Literal["system", "user", "assistant"]

Status = Literal["complete", "turns", "usd", "tokens", "calls", "seconds", "cancelled", "failed"]
"""How a run ended: `complete`, or the name of the limit that ended it."""

Limit = Literal["turns", "usd", "tokens", "calls", "seconds"]
"""What a run may run out of."""

Source = Literal["model", "cache", "record"]
"""Where a reply came from: a model, an earlier call that was the same, or the record of the
run, of which this is a part that was run before."""

Way = Literal["direct", "rlm", "guided", "mapreduce"]
"""How a question is answered: the text read at once, code that the root model writes, steps that
it chooses, or each piece read and the notes combined."""

Mode = Literal["auto", "direct", "rlm", "guided", "mapreduce"]
"""One way, or `auto`: the one that suits the model and the text, and the next when it fails."""

OnText = Callable[[str], None]
"""Receives the pieces of a reply as they arrive."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What was spent. Adding two gives the sum of each field."""

    calls: int = 0
    """Requests that a model answered."""
    input_tokens: int = 0
    """Tokens read, the cached ones included."""
    cached_tokens: int = 0
    """Tokens of the input that the server had in its prompt cache."""
    output_tokens: int = 0
    """Tokens written, those of reasoning included."""
    reasoning_tokens: int = 0
    """Tokens of the output that were reasoning."""
    microusd: int = 0
    """Cost in millionths of a US dollar, of the calls whose price is known."""
    unpriced_calls: int = 0
    """Calls whose price is not known: when not 0, `microusd` is a lower bound."""
    lost_calls: int = 0
    """Requests that were sent and came to nothing: given up, cut off, garbage. The server may
    bill them, and nobody says how much: when not 0, the other fields are a lower bound."""
    cache_hits: int = 0
    """Sub-calls that were answered as an earlier one that was the same; they cost nothing."""

    def __add__(self, other: Usage) -> Usage:
        # Written out: it is done several times for each of thousands of calls.
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.microusd + other.microusd,
            self.unpriced_calls + other.unpriced_calls,
            self.lost_calls + other.lost_calls,
            self.cache_hits + other.cache_hits,
        )

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def usd(self) -> float | None:
        """Cost in USD; None when no call had a known price."""
        if self.calls and self.unpriced_calls == self.calls:
            return None
        return self.microusd / 1_000_000


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked."""

    messages: tuple[Message, ...]
    max_tokens: int | None = None
    """Longest reply, in tokens; None leaves it to the server."""
    temperature: float | None = None
    """None leaves it to the server."""
    stop: tuple[str, ...] = ()
    """Texts before which the reply ends."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the request's body, sent as they are."""
    schema: Mapping[str, Any] | None = None
    """The JSON schema, of an object, that the reply is to fit. A server that can hold its
    model to it does; the messages ask for it in any case."""
    partial: bool = False
    """Of a streamed reply that breaks off, what has come counts as the reply."""
    tree_id: str = field(default="", compare=False)
    """The outermost run it belongs to: where requests have to wait, trees take turns."""
    is_root: bool = field(default=False, compare=False)
    """Asked by a root model: it goes before the sub-calls that wait."""
    hedge_s: float | None = field(default=None, compare=False)
    """Seconds without an answer after which it may be sent a second time; None: never."""

    @property
    def chars(self) -> int:
        """Characters of all its messages."""
        return sum(len(message.content) for message in self.messages)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered."""

    text: str
    usage: Usage
    model: str
    """The name the server gave for itself."""
    finish: Literal["stop", "length", "cut", "other"] = "stop"
    """`length`: the reply was cut at `max_tokens`; `cut`: its connection broke."""
    reasoning: str = ""
    """Reasoning that the server sent apart from the text."""


class Said(NamedTuple):
    """The text of a reply."""

    text: str
    cut: bool = False
    """It ended at the output limit."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One piece of code that a model wrote."""

    code: str
    number: int = 0
    """Counted from 1 over the whole run; 0 before it has been given one."""
    clock: tuple[int, ...] | None = field(default=None, compare=False)
    """Readings of its clocks that it gets first, as `Observation.clock` has them; when they
    are used up, time moves on from the last one. None: the real time. A sandbox that does not
    take readings down ignores them."""
    question: str | None = None
    """The question that the REPL serves from now on, where that is not the one it was opened
    for: `question` is bound to it, and `answer` is a new one. None: as before."""
    history: tuple[tuple[str, str], ...] | None = field(default=None, compare=False)
    """Messages of the run, each as role and text: `history` is bound to a list of them, unless
    a cell has bound that name to something of its own. None: as before."""


@dataclass(frozen=True, slots=True)
class Clip:
    """A text whose middle was left out."""

    text: str
    cut_chars: int = 0
    """How many characters are missing from `text`; 0 when it is whole."""

    def __bool__(self) -> bool:
        return bool(self.text)


class Growing:
    """A long text in the parts that it grew by; longer ones share them. `str` gives it whole."""

    __slots__ = ("chars", "parts")

    def __init__(self, parts: tuple[str, ...]) -> None:
        self.parts = parts
        self.chars = sum(map(len, parts))

    def __str__(self) -> str:
        return "".join(self.parts)

    def __repr__(self) -> str:
        return f"<a text of {self.chars:,} characters>"

    def grown(self, more: str) -> Growing:
        """With `more` behind it."""
        return Growing((*self.parts, more)) if more else self


@dataclass(frozen=True, slots=True)
class Answer:
    """What a cell left in `answer`, or gave to `FINAL`."""

    value: Any
    """JSON-like data, and tuples, sets, bytes, dates and complex numbers unharmed. Of a draft
    that is a long text, `Growing`."""
    ready: bool
    """False: a draft; the run goes on, but an early end returns it."""

    @property
    def whole(self) -> Any:
        """The value, a long text in one piece."""
        return str(self.value) if isinstance(self.value, Growing) else self.value


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of one cell. Texts are bounded; `Clip.cut_chars` says what is missing."""

    cell: Cell
    stdout: Clip = Clip("")
    stderr: Clip = Clip("")
    value: Clip = Clip("")
    """`repr` of the last expression, empty when it is None or there is none."""
    error: str = ""
    """The traceback, with the cell's own line numbers; empty when the cell ended well."""
    notes: tuple[str, ...] = ()
    """What the REPL has to tell besides: names restored, state lost, a limit met."""
    names: tuple[str, ...] = ()
    """The variables that the model made, each as `name: type`."""
    answer: Answer | None = None
    """None: `answer` is as it was at the start."""
    seconds: float = 0.0
    """The cell's own time; waiting for models does not count."""
    clock: tuple[int, ...] = ()
    """What the cell read off its clocks: the first 1,000 readings in their order. Given to the
    same code as `Cell.clock`, they make it see the same times to the last digit."""
    lost: bool = False
    """True: it was killed or died, and the REPL is in the state that it had before the cell.
    False where it keeps what the cell did, or has lost more than that."""

    @property
    def finished(self) -> bool:
        """Whether the cell has given the answer, and called it ready."""
        return self.answer is not None and self.answer.ready

    @property
    def text(self) -> str:
        """All that the cell showed, unlabelled: what an answer can be checked against."""
        return "\n".join(
            part
            for part in (self.stdout.text, self.stderr.text, self.value.text, self.error)
            if part
        )


@dataclass(frozen=True, slots=True)
class SubCall:
    """One request from a cell to a model."""

    prompt_chars: int
    reply_chars: int
    model: str
    usage: Usage
    seconds: float
    error: str = ""
    """Empty when it was answered."""
    source: Source = "model"


@dataclass(frozen=True, slots=True)
class Turn:
    """One reply of the root model and what came of it."""

    number: int
    """Counted from 1."""
    reply: str
    observations: tuple[Observation, ...] = ()
    feedback: str = ""
    """What the root model was shown next."""
    sub_calls: tuple[SubCall, ...] = ()
    usage: Usage = Usage()
    """Of the root's reply and the turn's sub-calls together."""
    seconds: float = 0.0


class Span(NamedTuple):
    """A passage of the context."""

    document: str
    """The name of the file or item; empty where the context is one text."""
    start: int
    """Where it begins in the document, in characters."""
    end: int
    text: str
    line: int
    """Where it begins in the document, counted from 1."""


class Read(Protocol):
    """What is known of what the models of a run have read."""

    @property
    def evidence(self) -> tuple[Span, ...]: ...
    @property
    def coverage(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Opinion:
    """What one of several runs of the same question came to."""

    run_id: str
    answer: Any = None
    """None of a run that has none."""
    status: Status = "complete"
    votes: int = 0
    """How many runs came to this answer, this one among them; 0: it is not complete."""
    chosen: bool = False
    """The result's answer, turns and evidence are this run's."""
    usage: Usage = Usage()
    """Of this run and those inside of it."""
    seconds: float = 0.0
    error: str = ""
    """What went wrong, when `status` is `failed`; empty otherwise."""

    @property
    def cost(self) -> float | None:
        """USD, for the calls whose price is known; None when none has one."""
        return self.usage.usd


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to. It comes back however the run ended."""

    answer: Any
    """With its Python type; the best there was when `status` is not `complete`; None
    when there was nothing at all."""
    status: Status
    question: str
    model: str
    run_id: str
    turns: tuple[Turn, ...] = ()
    usage: Usage = Usage()
    """Of the whole tree."""
    seconds: float = 0.0
    error: str = ""
    """What went wrong, when `status` is `failed`; empty otherwise."""
    isolation: str = ""
    """What held the model's code, in one line."""
    ways: tuple[Way, ...] = ()
    """How it was tried, in order; the last gave the answer."""
    recorded: Usage = Usage()
    """Of `usage`, what an earlier process has paid and the journal has given back."""
    pack: str = ""
    """The root's prompts, and their version."""
    verified: bool | None = None
    """Whether more than half of the runs that answered, and at least two, came to this answer;
    None: there were no two to be compared, or none were asked for."""
    doubt: str = ""
    """Why `verified` is not True, where several runs were asked for; else empty."""
    opinions: tuple[Opinion, ...] = ()
    """What each of several runs of the question came to, in the order of their start; empty
    where one was asked for."""
    reading: Read | None = field(default=None, repr=False, compare=False)
    """What the models have read; it keeps the context until it is first asked."""

    @property
    def evidence(self) -> tuple[Span, ...]:
        """The lines of the context that the answer rests on, best first; empty where none is
        found, as for an answer that code has computed. Found when first asked for.

        Raises:
            ContextError: the context was a file that cannot be read any more, or was changed.
        """
        return () if self.reading is None else self.reading.evidence

    @property
    def coverage(self) -> float:
        """The share of the context's characters that any model read, from 0 to 1: what was
        shown to a root model or was in the prompt of a sub-call that was answered.

        Raises:
            ContextError: as `evidence` does.
        """
        return 0.0 if self.reading is None else self.reading.coverage

    @property
    def cost(self) -> float | None:
        """USD, for the calls whose price is known; None when none has one."""
        return self.usage.usd

    @property
    def complete(self) -> bool:
        """True when the model finished; False when a limit or a failure ended the run."""
        return self.status == "complete"
