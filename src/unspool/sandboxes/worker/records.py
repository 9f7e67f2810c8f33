"""What a value with named fields becomes where its class is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Part(NamedTuple):
    """A part of the context, by where it is in it: characters of a `str`, bytes of a text that
    is not in memory."""

    start: int
    end: int


class Chosen(NamedTuple):
    """Some of the context's documents, as runs of their numbers: the first of each, and one
    behind its last."""

    runs: Sequence[tuple[int, int]]


class Record(dict[str, Any]):
    """A dict whose items are attributes too: a dataclass or model of the other process."""

    def __init__(self, kind: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self._kind = kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self:
            kind = vars(self).get("_kind", "record")
            raise AttributeError(f"a {kind} has {', '.join(self)}, no {name!r}")
        return self[name]

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (self._kind, dict(self))


class Row(tuple[Any, ...]):
    """A tuple whose items have names: a named tuple of the other process."""

    def __new__(cls, kind: str, names: Sequence[str], values: Sequence[Any]) -> Row:
        made = super().__new__(cls, values)
        made._kind = kind
        made._fields = tuple(names)
        return made

    _kind: str
    _fields: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        fields = vars(self).get("_fields", ())
        if name.startswith("_") or name not in fields:
            kind = vars(self).get("_kind", "row")
            raise AttributeError(f"a {kind} has {', '.join(fields)}, no {name!r}")
        return self[fields.index(name)]

    def __repr__(self) -> str:
        shown = ", ".join(f"{n}={v!r}" for n, v in zip(self._fields, self, strict=True))
        return f"{self._kind}({shown})"

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self._fields, self, strict=True))

    def __reduce__(self) -> tuple[Any, ...]:
        return Row, (self._kind, self._fields, tuple(self))
