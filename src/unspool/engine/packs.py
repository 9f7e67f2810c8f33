"""Packs: the prompts for one family of models, as data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

from unspool.errors import ConfigurationError
from unspool.types import Message

PROMPTS = Path(__file__).parent / "prompts"


@dataclass(frozen=True, slots=True)
class Pack:
    """Prompts, and how much of the REPL's output they have room for.

    In the texts `$question`, `$context`, `$turn` and `$turns` are filled in.
    """

    name: str
    system: str
    opening: str
    """The first message: the question, and what the context is."""
    reminder: str
    """The end of every later message of ours."""
    last_turn: str
    """Added to the message before the last turn."""
    extract: str
    """The message that asks for an answer when there are no turns left."""
    examples: tuple[Message, ...] = ()
    """A worked example, as messages before the first."""
    output_chars: int = 20_000
    """Shown of the output of one turn's cells."""
    error_chars: int = 4_000
    """Shown of one traceback; its end is the last to go."""
    preview_chars: int = 600
    """Shown of the context in the first message."""
    check_typed: bool = False
    """Send back what the model typed and cannot know: an answer with a number or a name that
    it has not been shown, a sub-call whose prompt has nothing of the context in it."""
    nearest: bool = False
    """Where a cell's own search finds nothing, show the nearest lines."""
    items_per_call: int = 1
    """Short items that `ask_each` puts into one request when a cell does not say how many;
    more than 1 where it was measured that answers stay as good. It stays 1 for the 1.5B model:
    ten at a time it was right more often of two kinds of text, and less often of a third."""
    max_tokens: int | None = None
    """Longest reply of the root, in tokens."""
    temperature: float | None = None
    stop: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The same for the same prompts and sizes."""
        return hashlib.blake2b(repr(self).encode(), digest_size=6).hexdigest()

    def fill(self, text: str, values: Mapping[str, object]) -> str:
        """`text` with the values in the place of their names."""
        return Template(text).safe_substitute(values)


@cache
def load(name: str) -> Pack:
    """The pack of that name.

    Raises:
        ConfigurationError: there is none; the message lists those there are.
    """
    import tomllib

    known = sorted(path.stem for path in PROMPTS.glob("*.toml"))
    if name not in known:
        raise ConfigurationError(f"no pack is called {name!r}; there are: {', '.join(known)}")
    return _read(name, tomllib.loads((PROMPTS / f"{name}.toml").read_text("utf-8")))


def _read(name: str, data: dict[str, Any]) -> Pack:
    examples = tuple(Message(e["role"], e["content"].strip()) for e in data.pop("examples", ()))
    fields: dict[str, Any] = {k: v.strip() if isinstance(v, str) else v for k, v in data.items()}
    fields["stop"] = tuple(fields.get("stop", ()))
    return Pack(name=name, examples=examples, **fields)
