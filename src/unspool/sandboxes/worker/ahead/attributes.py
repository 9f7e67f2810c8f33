"""Attributes of values, looked up without running code of the model's."""

from __future__ import annotations

import ast
import functools
import operator
import types
from typing import Any

from .env import Env
from .evaluate import Expressions
from .forms import in_mro, is_plain, is_type
from .values import DOCUMENTS, MAPPINGS, MISSING, OF_DOCUMENTS, SCALARS, SEQUENCES, UNKNOWN, VIEWS


class Attributes(Expressions):
    """Expressions with attributes."""

    def may_run(self, function: Any) -> None:
        """A function of the model's own that somebody else may call."""
        raise NotImplementedError

    def item(self, holder: Any, place: Any) -> Any:
        places = place if type(place) is tuple else (place,)
        if any(holder is one for one in _GENERIC) and all(map(is_type, places)):  # `list[str]`
            return self.run(operator.getitem, holder, place)
        return super().item(holder, place)

    def _attribute(self, node: ast.Attribute, env: Env) -> Any:
        return self.attribute(self.value(node.value, env), node.attr)

    def attribute(self, holder: Any, name: str) -> Any:
        """`holder.name`; no code of the model's runs for it."""
        kind, whole = type(holder), self.join(holder)
        if whole is not None:
            return whole
        if kind in SCALARS or kind in SEQUENCES or kind in MAPPINGS or kind in VIEWS:
            found = self.run(getattr, holder, name)
            is_value = kind in DOCUMENTS and name in OF_DOCUMENTS
            return found if is_value or callable(found) else UNKNOWN
        found = self.heap.found_at(holder, f".{name}")
        if found is not MISSING:
            return found
        if type(in_mro(kind, name)) is not types.FunctionType:
            whole = self.join(self.heap.seen_at(holder, f".{name}"))
            if whole is not None:
                return self.lost(whole, holder)
        if kind is types.ModuleType:
            return vars(holder).get(name, UNKNOWN)
        if isinstance(holder, type):
            return self._of_class(holder, name)
        return self._of_instance(holder, kind, name)

    def _of_class(self, holder: type, name: str) -> Any:
        if holder.__module__ != "__main__":
            return self.run(getattr, holder, name)
        found = self._kept_by_class(holder, name)
        kind = type(found)
        if kind is staticmethod:
            return found.__func__
        if kind is classmethod:
            return types.MethodType(found.__func__, holder)
        bound = hasattr(kind, "__get__") and kind is not types.FunctionType
        return UNKNOWN if found is MISSING or bound else found

    def _kept_by_class(self, kind: type, name: str) -> Any:
        """What a class or one of its bases has under `name`, as the code will find it."""
        for one in kind.__mro__:
            found = self.heap.found_at(one, f".{name}")
            if found is not MISSING:
                return found
            if self.heap.seen_at(one, f".{name}") is UNKNOWN:
                return UNKNOWN
            if name in vars(one):
                return vars(one)[name]
        return MISSING

    def _of_instance(self, holder: Any, kind: type, name: str) -> Any:
        looks = in_mro(kind, "__getattribute__"), in_mro(kind, "__getattr__")
        if looks != (vars(object)["__getattribute__"], MISSING):
            return self.lost(UNKNOWN, holder)
        found = self._kept_by_class(kind, name)
        if type(found) is types.MemberDescriptorType or type(found).__name__ == "_tuplegetter":
            return self.run(getattr, holder, name)
        if hasattr(type(found), "__set__"):  # a property: it may do anything
            self._may_change_by_property(found)
            return self.lost(UNKNOWN, holder)
        own = getattr(holder, "__dict__", None) if hasattr(kind, "__dict__") else None
        if type(own) is dict and name in own:
            return own[name]
        if type(found) is types.FunctionType:
            return types.MethodType(found, holder)
        if type(found) in (staticmethod, classmethod):
            return self._of_class(kind, name)
        if found is MISSING or hasattr(type(found), "__get__"):
            return self.lost(UNKNOWN, holder)
        return found

    def _may_change_by_property(self, found: Any) -> None:
        getter = getattr(found, "fget", None)
        if type(getter) is types.FunctionType:
            self.may_run(getter)


def is_of_model(thing: Any) -> bool:
    """True for functions and classes of the model's own, and for what wraps them."""
    inner = getattr(thing, "__wrapped__", thing) if type(thing) in _WRAPPERS else thing
    kind = type(inner)
    if kind is types.MethodType:
        return type(inner.__self__).__module__ == "__main__"
    if kind is types.FunctionType or isinstance(inner, type):
        return bool(inner.__module__ == "__main__") and not is_plain(inner)
    return kind.__module__ == "__main__" and in_mro(kind, "__call__") is not MISSING


_GENERIC = (list, dict, tuple, set, frozenset)
_WRAPPERS = (type(functools.lru_cache(lambda: None)), functools.partial)
