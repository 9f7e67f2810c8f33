"""Tables of pandas and polars, known by their looks: neither package is imported here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unspool.loaders.parts import Part

_KINDS = ("DataFrame", "Series", "LazyFrame")


def is_frame(value: Any) -> bool:
    """Whether it is a table, or a column, of pandas or polars."""
    return _package(value) != "" and type(value).__name__ in _KINDS


def named_frames(value: Any) -> dict[str, Any] | None:
    """The tables in a mapping or list of nothing else, by name; None where it is none."""
    if isinstance(value, Mapping):
        pairs = {str(name): one for name, one in value.items()}
    elif isinstance(value, (list, tuple)):
        pairs = {f"table {number}": one for number, one in enumerate(value)}
    else:
        return None
    return pairs if pairs and all(map(is_frame, pairs.values())) else None


def frame_part(name: str, frame: Any) -> Part:
    """A table as lines of CSV, under a line with the names of its columns."""
    package = _package(frame)
    if type(frame).__name__ == "LazyFrame":
        frame = frame.collect()
    if type(frame).__name__ == "Series":
        frame = frame.to_frame()
    if package == "polars":
        text = _flat(frame).write_csv()
    else:
        text = frame.to_csv(index=_has_meaning(frame.index))
    rows, columns = frame.shape
    about = {"format": "csv", "rows": rows, "columns": [str(one) for one in frame.columns]}
    assert columns == len(about["columns"])
    return Part(name, text, about)


def _package(value: Any) -> str:
    top = type(value).__module__.partition(".")[0]
    return top if top in ("pandas", "polars") else ""


def _has_meaning(index: Any) -> bool:
    """Whether an index is more than the rows' numbers."""
    return type(index).__name__ != "RangeIndex" or index.name is not None


def _flat(frame: Any) -> Any:
    """The table with lists and structures as text: CSV has no words for them."""
    nested = [n for n, kind in zip(frame.columns, frame.dtypes, strict=True) if kind.is_nested()]
    if not nested:
        return frame
    import json

    made = {name: [json.dumps(v, default=str) for v in frame[name].to_list()] for name in nested}
    return frame.with_columns(**{name: type(frame[name])(name, v) for name, v in made.items()})
