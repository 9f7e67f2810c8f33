"""Packs: the prompts for one family of models, in parts that can be switched off."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from string import Template
from typing import Any, Literal, get_args

from unspool.errors import ConfigurationError
from unspool.types import Message

Place = Literal[
    "system", "opening", "reminder", "last_turn", "extract", "example_user", "example_assistant"
]
"""Where a part stands: in one of the texts, or as a message of a worked example."""

SUB_CALLS, CHILD_RUNS = "sub-calls", "child-runs"
ASKS = ("asks-text", "asks-number", "asks-list")
FACTS = (SUB_CALLS, CHILD_RUNS, *ASKS)
"""What may be so of a run: its cells may call models, and may start child runs; and of a guided
one, what its question asks for."""


OF_A_MODE: Mapping[str, str] = {"direct": "direct", "guided": "guided", "split": "guided"}
"""Packs whose replies are no code, and the mode by which alone a run has them."""
BLIND = ("split",)
"""Packs that are told nothing of the context: they are about the question."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a pack's texts. Several may have one name: they are switched off together."""

    name: str
    place: Place
    text: str
    needs: tuple[str, ...] = ()
    """Facts, and names of parts before it: it is left out unless all of them are there."""
    unless: tuple[str, ...] = ()
    """It is left out where any of these is there."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Prompts, and how much of the REPL's output they have room for.

    In the texts `$question`, `$context`, `$turn` and `$turns` are filled in, and from `told`
    on `$piece_chars`.
    """

    name: str
    family: str
    """Which models it is for, in words."""
    parts: tuple[Part, ...]
    """In the order in which their texts are put together."""
    off: tuple[str, ...] = ()
    """The parts that are switched off, by name."""
    output_chars: int = 20_000
    """Shown of the output of one turn's cells."""
    error_chars: int = 4_000
    """Shown of one traceback; its end is the last to go."""
    preview_chars: int = 600
    """Shown of the context in the first message."""
    history_share: float = 0.6
    """Of the model's window, for the history: beyond it, older turns are summed up."""
    check_typed: bool = False
    """Send back what the model typed and cannot know: an answer with a number or a name that
    it has not been shown, a sub-call whose prompt has nothing of the context in it."""
    nearest: bool = False
    """Where a cell's own search finds nothing, show the nearest lines."""
    max_tokens: int | None = None
    """Longest reply of the root, in tokens."""
    temperature: float | None = None
    stop: tuple[str, ...] = ()
    version: str = ""
    """The same for the same texts and sizes, and kept when a run is told them: 12 hex digits.
    Empty: it is found."""

    def __post_init__(self) -> None:
        if not self.version:
            content = {**self._settings(), "parts": [dataclasses.astuple(p) for p in self.parts]}
            text = json.dumps(content, sort_keys=True)
            digest = hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
            object.__setattr__(self, "version", digest)

    @classmethod
    def of_record(cls, data: Mapping[str, Any]) -> Pack:
        """What a run that is made again from its record needs of the pack that it had: all but
        the texts, which the record has."""
        label, _, version = data["pack"].rpartition(" ")
        name, _, off = label.partition(":")
        switched = tuple(part.removeprefix("-") for part in off.split(",") if part)
        settings: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in data.items()
            if key in SETTINGS
        }
        return cls(name, "", (), switched, version=version, **settings)

    def __str__(self) -> str:
        """Its label and its version: what is recorded of it."""
        return f"{self.label} {self.version}"

    @property
    def label(self) -> str:
        """What `load` makes it from: its name, and the parts that are switched off."""
        return f"{self.name}:{','.join(f'-{name}' for name in self.off)}" if self.off else self.name

    @property
    def recorded(self) -> Mapping[str, Any]:
        """What is written down of it with each run, as JSON-like data; none of its texts."""
        return {"pack": str(self), **self._settings()}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its parts, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts))

    @property
    def system(self) -> str:
        """The first message, from nobody."""
        return self._text("system")

    @property
    def opening(self) -> str:
        """The user's first message: the question, and what the context is."""
        return self._text("opening")

    @property
    def reminder(self) -> str:
        """The end of every later message of ours."""
        return self._text("reminder")

    @property
    def last_turn(self) -> str:
        """Added to the message before the last turn."""
        return self._text("last_turn")

    @property
    def extract(self) -> str:
        """The message that asks for an answer when there are no turns left."""
        return self._text("extract")

    @property
    def examples(self) -> tuple[Message, ...]:
        """A worked example, as messages between the system's and the opening."""
        roles: Mapping[str, Literal["user", "assistant"]] = {
            "example_user": "user",
            "example_assistant": "assistant",
        }
        return tuple(
            Message(roles[part.place], part.text.strip())
            for part in self.parts
            if part.place in roles
        )

    def without(self, *names: str) -> Pack:
        """The same pack with these parts switched off.

        Raises:
            ConfigurationError: it has no such part, or cannot do without it.
        """
        for name in names:
            if name not in self.names:
                raise ConfigurationError(
                    f"the pack {self.name!r} has no part {name!r}; it has: {', '.join(self.names)}."
                )
        off = tuple(sorted({*self.off, *names}))
        less = replace(
            self, parts=tuple(p for p in self.parts if p.name not in off), off=off, version=""
        )
        fault = less.fault()
        if fault:
            raise ConfigurationError(f"the pack {less.label!r} lacks what it needs: {fault}.")
        return less

    def told(self, facts: Collection[str], *, piece_chars: int) -> Pack:
        """As a run is told: without the parts that do not apply to it. `piece_chars` is how
        much text one sub-call is to have."""
        there, kept = set(facts), []
        for part in self.parts:
            if there.issuperset(part.needs) and there.isdisjoint(part.unless):
                there.add(part.name)
                filled = part.text.replace("$piece_chars", f"{piece_chars:,}")
                kept.append(replace(part, text=filled))
        return replace(self, parts=tuple(kept))

    def fill(self, text: str, values: Mapping[str, object]) -> str:
        """`text` with the values in the place of their names."""
        return Template(text).safe_substitute(values)

    def shown(self) -> str:
        """All its texts as they are sent, each under a line that says where it stands."""
        sections = [("system", self.system)]
        sections += [(f"example, {one.role}", one.content) for one in self.examples]
        sections += [(place, self._text(place)) for place in TEXTS[1:]]
        return "\n".join(f"===== {name} =====\n{text}\n" for name, text in sections if text)

    def fault(self) -> str:
        """What every run needs to be told and the texts do not say; empty: they do."""
        least = self.told((), piece_chars=0)
        for place, needed in (("system", ""), ("opening", "$question"), ("opening", "$context")):
            text = least._text(place).replace("$$", "")
            if needed == "$context" and self.name in BLIND:
                continue
            if not text or needed not in text:
                return f"{place!r} has no {needed or 'text'}"
        return "" if self.extract else "'extract' has no text"

    def _settings(self) -> dict[str, Any]:
        """Its sizes and choices, where they are not the usual ones."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: given[name] for name in SETTINGS if given[name] != usual[name]}

    def _text(self, place: str) -> str:
        text = "".join(part.text for part in self.parts if part.place == place)
        return re.sub(r"\n{3,}", "\n\n", text).strip()


TEXTS = get_args(Place)[:5]
"""The places that are texts, in the order in which a run comes to them."""
SETTINGS: Mapping[str, type] = {
    "output_chars": int,
    "error_chars": int,
    "preview_chars": int,
    "history_share": float,
    "check_typed": bool,
    "nearest": bool,
    "max_tokens": int,
    "temperature": float,
    "stop": list,
}
"""The fields that are no texts, as they are in a file."""
