"""What a `schema` is made of, and whether making a value of it runs code of the model's own."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable
from typing import Any

from .values import MAPPINGS, MISSING, SCALARS, SEQUENCES, UNKNOWN

_RUN_BY_A_CALL = (
    "__init__ __new__ __post_init__ __init_subclass__ __call__ __setattr__ __hash__ __del__".split()
)


def runs_nothing(form: Any, is_readable: Callable[[Any], bool], *, inside: bool = False) -> bool:
    """True for a `schema` whose values are made without any code of the model's own.

    `is_readable` says of an object whether the code ahead leaves it as it is. `inside` of a
    class a text is a name that is looked up later; elsewhere it is one of those that are fixed.
    """
    if type(form) in (str, typing.ForwardRef):
        return not inside
    if type(form) in SCALARS:
        return True
    if not is_readable(form):
        return False
    origin = typing.get_origin(form)
    if type(form) in MAPPINGS or type(form) in SEQUENCES:
        parts = list(form.values() if type(form) in MAPPINGS else form)
    elif origin is typing.Literal:
        return True
    elif origin is not None:
        args = typing.get_args(form)
        parts = [origin, *(args[:1] if origin is typing.Annotated else args)]
    elif type(form) is typing.NewType:
        parts = [form.__supertype__]
    elif not isinstance(form, type) or form.__module__ != "__main__":
        return is_type(form)
    else:
        parts, inside = _parts_of_class(form), True
    return all(runs_nothing(part, is_readable, inside=inside) for part in parts)


def _parts_of_class(form: type) -> list[Any]:
    """The types of a class's fields, and what makes their values; UNKNOWN where it runs more."""
    if not is_plain(form) and not typing.is_typeddict(form):
        return [UNKNOWN]
    hints = {k: v for one in form.__mro__ for k, v in vars(one).get("__annotations__", {}).items()}
    held = [in_mro(form, name) for name in hints]
    properties = [one for one in held if hasattr(type(one), "__set__")]
    if form in hints.values() or any(type(one) is not _SLOT for one in properties):
        return [UNKNOWN]
    fields = getattr(form, "__dataclass_fields__", {}).values()
    factories = [one.default_factory for one in fields]
    return [*hints.values(), *(one for one in factories if one is not dataclasses.MISSING)]


def is_type(thing: Any) -> bool:
    """True for a class, and for what `typing` makes of classes."""
    kind = type(thing)
    known = kind in (types.GenericAlias, types.UnionType) or kind.__module__ == "typing"
    return known or isinstance(thing, type)


def is_plain(thing: Any) -> bool:
    """True for a class of the model's own that runs no code of its own when it is called."""
    if type(thing) is not type:
        return False
    found = [in_mro(thing, name) for name in _RUN_BY_A_CALL]
    written = [getattr(one, "__func__", one) for one in found]
    functions = [one for one in written if type(one) is types.FunctionType]
    return all(one.__code__.co_filename == "<string>" for one in functions)


def in_mro(kind: type, name: str) -> Any:
    """What a class or one of its bases holds under `name`; MISSING where none does."""
    for one in kind.__mro__:
        if name in vars(one):
            return vars(one)[name]
    return MISSING


_SLOT = types.MemberDescriptorType
