"""Values on their way into the `monty` interpreter and out of it."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable, Mapping
from typing import Any

from unspool.sandboxes.worker import wire
from unspool.sandboxes.worker.tools import LLMError, ToolError

_KNOWN = (
    bool, int, float, complex, bytes, type(None), decimal.Decimal,
    datetime.date, datetime.datetime, datetime.time, datetime.timedelta,
)  # fmt: skip


_ERRORS = (
    ArithmeticError, AssertionError, AttributeError, FileNotFoundError, IndexError, KeyError,
    LookupError, NameError, NotImplementedError, OSError, PermissionError, RuntimeError,
    TimeoutError, TypeError, ValueError, ZeroDivisionError,
)  # fmt: skip


def given(value: Any) -> Any:
    """`value` as the interpreter takes it: lone surrogates become U+FFFD, a failed sub-call a
    RuntimeError, what it has no type for the text of it."""
    if isinstance(value, str):
        return _valid(str(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        kind = next(k for k in (list, tuple, set, frozenset) if isinstance(value, k))
        return kind(given(item) for item in value)
    if isinstance(value, Mapping):
        return {given(key): given(item) for key, item in value.items()}
    if isinstance(value, LLMError):
        return RuntimeError(_valid(str(value)))
    return value if isinstance(value, _KNOWN) else _valid(str(value))


def taken(value: Any) -> Any:
    """`value` as an argument of a call: an object of the model's own class as a dict."""
    return _mapped(value, lambda proxy: dict(proxy.attributes))


def raised(error: Exception) -> Exception:
    """`error` as the interpreter can raise it: of a class that it has not, a RuntimeError."""
    if type(error) in _ERRORS:
        return type(error)(*(given(one) for one in error.args[:1]))
    text = _valid(str(error))
    if isinstance(error, (LLMError, ToolError)):
        return RuntimeError(text)
    return RuntimeError(f"{type(error).__name__}: {text}")


def answered(value: Any) -> Any:
    """`value` as it leaves a REPL: an object of the model's own class as a dict of its fields.

    Raises:
        WireError: it is no data.
    """
    return wire.decode(wire.encode(taken(value)))


def shown(value: Any) -> Any:
    """`value` with a `repr` like the one that it has inside."""
    return _mapped(value, _Shown)


class _Shown:
    def __init__(self, proxy: Any) -> None:
        fields = ", ".join(f"{k}={shown(v)!r}" for k, v in proxy.attributes.items())
        self._text = f"{proxy.name}({fields})"

    def __repr__(self) -> str:
        return self._text


def _mapped(value: Any, of_own_class: Callable[[Any], Any]) -> Any:
    """`value` with each object of a class that was made inside put through `of_own_class`."""
    kind = type(value)
    if kind in (list, tuple, set, frozenset):
        return kind(_mapped(item, of_own_class) for item in value)
    if kind is dict:
        return {_mapped(k, of_own_class): _mapped(v, of_own_class) for k, v in value.items()}
    if kind.__name__ == "MontyClassProxy":
        mapped = of_own_class(value)
        return _mapped(mapped, of_own_class) if kind is not type(mapped) else mapped
    return value


def _valid(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
