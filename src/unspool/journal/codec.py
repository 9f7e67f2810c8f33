"""Events as JSON, and back.

A dataclass is an object of those of its fields that differ from their defaults: a field that
is new in a later version has its default in what was written before, and one that has gone is
passed over. Long texts are kept apart, by their hash. Data of any type is written as the text
that `Values` makes of it.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from typing import Any

from unspool import events
from unspool.types import Growing, Result

INLINE_CHARS = 200
"""Longer texts are kept apart."""

UNKEPT = ("turns", "reading")
"""Of a result: what the events before it tell."""

Kept = Callable[[str], str]
"""Keeps a long text, and gives its hash."""
Fetch = Callable[[str], str]
"""Gives the text of a hash."""


@dataclass(frozen=True, slots=True)
class Values:
    """How data of any type becomes text, and comes back."""

    dumps: Callable[[Any], str]
    loads: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Codec:
    """Writes and reads events."""

    values: Values

    def encode(self, event: events.Event, keep: Kept) -> str:
        """`event` as JSON, without the name of its run."""
        if isinstance(event, events.RunEnded):
            event = _without_turns(event)
        plain = _Encoder(self.values, keep).record(event)
        del plain["run_id"]
        return json.dumps(plain, separators=(",", ":"))

    def decode(self, kind: str, run_id: str, body: str, fetch: Fetch) -> events.Event | None:
        """The event; None when this version does not know its kind."""
        made = KINDS.get(kind)
        if made is None:
            return None
        event: events.Event = _Decoder(self.values, fetch).record(
            made, {**json.loads(body), "run_id": run_id}
        )
        return event


KINDS: Mapping[str, type[events.Event]] = {
    kind.__name__: kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, events.Event) and kind is not events.Event
}


def _without_turns(event: events.RunEnded) -> events.RunEnded:
    """The turns are what the events before it tell."""
    result = event.result
    kept = {f.name: getattr(result, f.name) for f in fields(result) if f.name not in UNKEPT}
    return events.RunEnded(run_id=event.run_id, at_s=event.at_s, result=Result(**kept))


class _Encoder:
    def __init__(self, values: Values, keep: Kept) -> None:
        self._values, self._keep = values, keep

    def record(self, value: Any) -> dict[str, Any]:
        plain: dict[str, Any] = {}
        kind: Any = type(value)
        for name, default, free in _shape(kind):
            found = getattr(value, name)
            if found is default or (not free and found == default):
                continue
            data = free and found is not None
            plain[name] = self.text(self._data(found)) if data else self.any(found)
        return plain

    def any(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if isinstance(value, (list, tuple)):
            return [self.any(item) for item in value]
        return self.record(value)

    def _data(self, value: Any) -> str:
        if isinstance(value, Growing):  # what it has grown to is recorded when it is an answer
            return self._values.dumps(repr(value))
        try:
            return self._values.dumps(value)
        except Exception:  # an object of the user's own may be anything
            return self._values.dumps(str(value))

    def text(self, value: str) -> Any:
        return value if len(value) <= INLINE_CHARS else {"#": self._keep(value)}


class _Decoder:
    def __init__(self, values: Values, fetch: Fetch) -> None:
        self._values, self._fetch = values, fetch

    def record(self, kind: Any, plain: Mapping[str, Any]) -> Any:
        hints = _hints(kind)
        return kind(
            **{name: self.any(hints[name], item) for name, item in plain.items() if name in hints}
        )

    def any(self, hint: Any, plain: Any) -> Any:
        if plain is None:
            return None
        if _is_free(hint):
            return self._values.loads(self.text(plain))
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin in (types.UnionType, typing.Union):
            [one] = [part for part in inner if part is not type(None)]
            return self.any(one, plain)
        if origin is tuple:
            return tuple(self.any(inner[0], item) for item in plain)
        if is_dataclass(hint):
            return self.record(hint, plain)
        return self.text(plain) if isinstance(plain, (str, dict)) else plain

    def text(self, plain: Any) -> str:
        return self._fetch(plain["#"]) if isinstance(plain, dict) else str(plain)


@cache
def _shape(kind: Any) -> tuple[tuple[str, Any, bool], ...]:
    """Of each field: its name, its default, and whether it may be data of any type."""
    hints = _hints(kind)
    return tuple((f.name, _default(f), _is_free(hints[f.name])) for f in fields(kind))


def _default(field: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    return MISSING if field.default_factory is MISSING else field.default_factory()


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)


def _is_free(hint: Any) -> bool:
    parts = (
        (hint, *typing.get_args(hint)) if typing.get_origin(hint) is types.UnionType else (hint,)
    )
    return any(part is Any or typing.get_origin(part) is _MAPPING for part in parts)


_MAPPING = typing.get_origin(Mapping[str, Any])
