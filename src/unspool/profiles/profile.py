"""A profile: what was measured about one model, or is known of its family."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Strategy = Literal["rlm", "guided", "mapreduce"]

CHARS_PER_TOKEN = 4
PIECE_CHARS = 100_000
"""Text for one sub-call, to a model of which nothing was measured."""
PIECE_SHARE = 0.5
"""Of a window, at most: the rest is the prompt's other words, the reply and its reasoning."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One model's, or one family's. None: not known, or not measured."""

    name: str
    models: tuple[str, ...]
    """Names of models that it holds for, with `*` for any characters."""
    pack: str
    """The prompts that suit it as root model."""
    window_tokens: int | None = None
    """What fits: prompt and reply together."""
    output_tokens: int | None = None
    """The longest reply, its reasoning included."""
    effective_tokens: Mapping[str, int] = field(default_factory=dict)
    """The longest text that it really reads well, by kind of question; 0: not even a short one,
    whatever its length."""
    codes: float | None = None
    """The share of its replies that hold code which runs; from 0 to 1, as those below."""
    fences: float | None = None
    """The share of its code that stands between fences."""
    batches: float | None = None
    """The share of its runs over many items that ask about them in batches."""
    stops: float | None = None
    """The share of its runs that end in the turn after the answer was seen."""
    items_per_call: int = 1
    """Short items in one request of `ask_each`, where a cell does not say how many."""
    chunk_tokens: int | None = None
    """Text for one sub-call."""
    strategy: Strategy = "rlm"
    """How it is asked first."""
    measured: str = ""
    """What the figures rest on; empty: nothing was measured."""

    @property
    def piece_chars(self) -> int:
        """How much text one sub-call to this model is to have, to two digits."""
        well = [tokens for tokens in self.effective_tokens.values() if tokens]
        read = self.chunk_tokens or min(well, default=None)
        chars = PIECE_CHARS if read is None else read * CHARS_PER_TOKEN
        if self.window_tokens is not None:
            chars = min(chars, int(self.window_tokens * PIECE_SHARE) * CHARS_PER_TOKEN)
        return max(1, two_digits(chars))

    def as_toml(self) -> str:
        """The profile as the file that `profiles.reading.read` reads; its name is the file's."""
        return "\n".join(self._lines()) + "\n"

    def _lines(self) -> Iterator[str]:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name not in ("name", "effective_tokens") and value is not None:
                yield f"{one.name} = {_toml(value)}"
        if self.effective_tokens:
            yield "\n[effective_tokens]"
            yield from (f"{_toml(k)} = {_toml(v)}" for k, v in self.effective_tokens.items())


def two_digits(number: int) -> int:
    """Rounded down: more would say more than was measured."""
    unit: int = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit


def _toml(value: Any) -> str:
    """A number, a text or a tuple of texts: all as in JSON, but for one character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
