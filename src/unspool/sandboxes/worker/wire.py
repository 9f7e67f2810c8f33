"""The protocol between host and worker: frames of JSON, and Python values inside of them.

A frame is four bytes, big-endian, of length, and that many bytes of UTF-8 JSON. Lone
surrogates pass. A value that JSON has no word for travels as an object with the one
key `~kind`; nothing is ever unpickled, so neither end can make the other run code.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import enum
import fractions
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .records import Chosen, Part, Record, Row

HEADER_BYTES = 4
MAX_FRAME_BYTES = 256 << 20

_dumps = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class WireError(ValueError):
    """The other end sent what is no frame, or a value cannot be sent."""


def pack(message: Any) -> bytes:
    """One frame.

    Raises:
        WireError: the message is longer than `MAX_FRAME_BYTES`.
    """
    body = _dumps(message).encode("utf-8", "surrogatepass")
    if len(body) > MAX_FRAME_BYTES:
        raise WireError(
            f"{len(body):,} bytes are more than one message may have ({MAX_FRAME_BYTES:,})"
        )
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def loads(text: str) -> Any:
    """JSON data from text; for what the other end has made with `dumps`."""
    return json.loads(text)


def dumps(data: Any) -> str:
    """JSON text of what `encode` gave."""
    return _dumps(data)


def unpack(body: bytes | bytearray | memoryview) -> dict[str, Any]:
    """The message in a frame's body.

    Raises:
        WireError: it is no JSON object.
    """
    try:
        message = json.loads(str(body, "utf-8", "surrogatepass"))
    except (ValueError, RecursionError) as broken:
        raise WireError(f"a frame that is no JSON: {broken}") from broken
    if not isinstance(message, dict):
        raise WireError("a frame that is no JSON object")
    return message


def body_bytes(header: bytes | bytearray) -> int:
    """How long the body is that follows `header`.

    Raises:
        WireError: longer than `MAX_FRAME_BYTES`.
    """
    length = int.from_bytes(header, "big")
    if length > MAX_FRAME_BYTES:
        raise WireError(f"a frame of {length:,} bytes is over the limit of {MAX_FRAME_BYTES:,}")
    return length


def encode(value: Any) -> Any:
    """`value` as JSON data from which `decode` makes it again.

    None, booleans, numbers, text, bytes, lists, tuples, sets, dicts, dates, times,
    decimals and fractions keep their types (a time zone becomes its offset). A dataclass or
    pydantic model becomes a dict with its fields, a named tuple a tuple (see `decode`), an
    Enum's member its value, a numpy value its Python equal, a data frame a list of rows, an
    exception a dict with its text under `error`, anything else its `str`.

    Raises:
        WireError: the value contains itself, or is no data at all (a generator, a function).
    """
    try:
        return _encode(value)
    except RecursionError as deep:
        raise WireError("the value contains itself, or is nested too deeply to send") from deep


def decode(data: Any, *, records: bool = False) -> Any:
    """The value that `encode` was given.

    With `records`, what had named fields can still be asked for them: it is a `Record` or a
    `Row`; otherwise a plain dict or tuple.

    Raises:
        WireError: `encode` cannot have made this.
    """
    try:
        return _decode_records(data) if records else _decode(data)
    except WireError:
        raise
    except Exception as broken:  # data is foreign: whatever it breaks, it is the data's fault
        raise WireError(f"a value that cannot be read: {type(broken).__name__}") from broken


def _encode(value: Any) -> Any:
    kind = type(value)
    if kind in (str, bool, type(None), float):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else {"~int": hex(value)}
    if kind is list:
        return [_encode(item) for item in value]
    if kind is dict:
        return _encode_dict(value)
    writer = _WRITERS.get(kind)
    if writer is not None:
        return writer(value)
    return _encode_other(value)


def _encode_dict(value: Mapping[Any, Any]) -> Any:
    if all(type(key) is str and key[:1] != "~" for key in value):
        return {key: _encode(item) for key, item in value.items()}
    return {"~dict": [[_encode(key), _encode(item)] for key, item in value.items()]}


def _encode_other(value: Any) -> Any:
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is not None:
        return _encode_record(type(value), {name: getattr(value, name) for name in fields})
    for base, writer in _BASES:
        if isinstance(value, base):
            return writer(value)
    if callable(getattr(type(value), "model_dump", None)):  # pydantic
        return _encode_record(type(value), value.model_dump())
    if callable(getattr(type(value), "tolist", None)):  # numpy
        return _encode(value.tolist())
    if type(value).__name__ == "NAType":  # pandas
        return None
    if type(value).__name__ == "DataFrame" and callable(getattr(value, "to_dict", None)):
        return _encode(value.to_dict("records"))
    shown: tuple[Any, Any] = (type(value).__str__, type(value).__repr__)
    if shown[0] is object.__str__ and shown[1] in _MEANINGLESS:
        kind = type(value).__name__
        raise WireError(f"a {kind} is no data: make it text, numbers, lists or dicts")
    return str(value)


def _encode_record(kind: type, fields: Mapping[str, Any]) -> Any:
    return {"~record": [kind.__name__, _encode_dict(fields)]}


def _encode_tuple(value: tuple[Any, ...]) -> Any:
    names = getattr(type(value), "_fields", None)
    if not isinstance(names, tuple) or len(names) != len(value):
        return {"~tuple": _each(value)}
    return {"~row": [type(value).__name__, [str(name) for name in names], _each(value)]}


def _encode_time(value: Any) -> Any:
    """A moment of a class of its own, a pandas `Timestamp` say; None of one that is none."""
    if value != value:
        return None
    for kind in (datetime.datetime, datetime.date, datetime.time):
        if isinstance(value, kind):
            plain = kind.fromisoformat(value.isoformat())
            fold = getattr(value, "fold", None)
            return _WRITERS[kind](plain if fold is None else plain.replace(fold=fold))  # type: ignore[call-arg]
    return _WRITERS[datetime.timedelta](value)


_MEANINGLESS: tuple[Any, ...] = (
    object.__repr__,
    type(lambda: None).__repr__,
    type(_ for _ in ()).__repr__,
)


def _each(items: Any) -> list[Any]:
    return [_encode(item) for item in items]


def _plain(value: Any) -> str:
    """The text of a value that passes for one."""
    if not issubclass(type(value), str):
        raise WireError(f"{value!r:.100} is too long to be sent: send a slice of it")
    return str.__str__(value)


_WRITERS: Mapping[type, Callable[[Any], Any]] = {
    Part: lambda v: {"~part": [v.start, v.end]},
    Chosen: lambda v: {"~chosen": v.runs},
    tuple: lambda v: {"~tuple": _each(v)},
    set: lambda v: {"~set": _each(v)},
    frozenset: lambda v: {"~frozenset": _each(v)},
    bytes: lambda v: {"~bytes": base64.b64encode(v).decode()},
    bytearray: lambda v: {"~bytes": base64.b64encode(v).decode()},
    complex: lambda v: {"~complex": [v.real, v.imag]},
    datetime.datetime: lambda v: {"~datetime": [v.isoformat(), v.fold]},
    datetime.date: lambda v: {"~date": v.isoformat()},
    datetime.time: lambda v: {"~time": [v.isoformat(), v.fold]},
    datetime.timedelta: lambda v: {"~timedelta": [v.days, v.seconds, v.microseconds]},
    decimal.Decimal: lambda v: {"~decimal": str(v)},
    fractions.Fraction: lambda v: {"~fraction": str(v)},
}

_BASES: Sequence[tuple[type | tuple[type, ...], Callable[[Any], Any]]] = (
    (enum.Enum, lambda v: _encode(v.value)),
    (BaseException, lambda v: {"error": f"{type(v).__name__}: {v}"}),
    ((datetime.date, datetime.time, datetime.timedelta), _encode_time),
    (decimal.Decimal, lambda v: {"~decimal": decimal.Decimal.__str__(v)}),
    ((bytes, memoryview), lambda v: {"~bytes": base64.b64encode(bytes(v)).decode()}),
    (bool, bool),
    (str, _plain),
    (int, lambda v: _encode(int(v))),
    (float, float),
    (Mapping, lambda v: _encode_dict(dict(v))),
    (tuple, _encode_tuple),
    (frozenset, lambda v: {"~frozenset": _each(v)}),
    (set, lambda v: {"~set": _each(v)}),
    (Sequence, _each),
    (type({}.keys()), _each),
    (type({}.values()), _each),
)

_SIMPLE: Mapping[str, Callable[[Any], Any]] = {
    "~int": lambda v: int(v, 16),
    "~bytes": lambda v: base64.b64decode(v, validate=True),
    "~complex": lambda v: complex(*v),
    "~datetime": lambda v: datetime.datetime.fromisoformat(v[0]).replace(fold=v[1]),
    "~date": datetime.date.fromisoformat,
    "~time": lambda v: datetime.time.fromisoformat(v[0]).replace(fold=v[1]),
    "~timedelta": lambda v: datetime.timedelta(*v),
    "~decimal": decimal.Decimal,
    "~fraction": fractions.Fraction,
    "~part": lambda v: Part(int(v[0]), int(v[1])),
    "~chosen": lambda v: Chosen(tuple((int(first), int(last)) for first, last in v)),
}


def _key(value: Any) -> Any:
    """`value` where it has a hash; of one that became a dict or a list on its way, the text."""
    try:
        hash(value)
    except TypeError:
        return str(value)
    return value


def _decoder(
    record: Callable[[str, dict[str, Any]], Any], row: Callable[[str, list[str], list[Any]], Any]
) -> Callable[[Any], Any]:
    """What decodes, given what is made of values with named fields."""

    def decode_one(data: Any) -> Any:
        kind = type(data)
        if kind is list:
            return [decode_one(item) for item in data]
        if kind is not dict:
            return data
        if len(data) == 1:
            (key, inner), *_ = data.items()
            if key[:1] == "~":
                reader = readers.get(key)
                if reader is None:
                    raise WireError(f"a value of unknown kind {key!r}")
                return reader(inner)
        return {key: decode_one(item) for key, item in data.items()}

    readers: Mapping[str, Callable[[Any], Any]] = {
        **_SIMPLE,
        "~dict": lambda v: {_key(decode_one(key)): decode_one(item) for key, item in v},
        "~tuple": lambda v: tuple(map(decode_one, v)),
        "~set": lambda v: {_key(decode_one(item)) for item in v},
        "~frozenset": lambda v: frozenset(_key(decode_one(item)) for item in v),
        "~record": lambda v: record(str(v[0]), dict(decode_one(v[1]))),
        "~row": lambda v: row(str(v[0]), [*map(str, v[1])], [*map(decode_one, v[2])]),
    }
    return decode_one


_decode = _decoder(lambda _, fields: fields, lambda _, names, values: tuple(values))
_decode_records = _decoder(Record, Row)
