"""What a call will give, and what it may do to what it is given."""

from __future__ import annotations

import ast
import builtins
import functools
import time
import types
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

from . import pure
from .attributes import is_of_model
from .builtin import Builtins
from .env import Env
from .follow import Made
from .forms import runs_nothing
from .values import (
    AHEAD,
    MAPPINGS,
    MISSING,
    SCALARS,
    UNKNOWN,
    Late,
    Raised,
    Signal,
    Stop,
)


class Unasked(BaseException):
    """Ends a call of a model that a scout makes: its reply is not there yet."""

    def __init__(self, begun: Any) -> None:
        super().__init__()
        self.begun = begun


class Calls(Builtins):
    """Expressions with calls: of models, of what is pure, of the model's own functions."""

    offered: Mapping[int, Any] = MappingProxyType({})
    """The REPL's own functions that call no model."""

    def ask(self, node: ast.Call, call: Callable[[], Any], late: Late | None) -> Any:
        """Makes a call of a model ahead of its time; with `late` it has to wait for that.

        Raises:
            Unasked: its reply is not there yet.
        """
        raise NotImplementedError

    def _call(self, node: ast.Call, env: Env) -> Any:
        if isinstance(node.func, ast.Name) and node.func.id == AHEAD:
            return self.value(node.args[1], env) if len(node.args) == 2 else None
        receiver: Any = MISSING
        if isinstance(node.func, ast.Attribute):
            receiver = self.value(node.func.value, env)
            function = self.attribute(receiver, node.func.attr)
        else:
            function = self.value(node.func, env)
        args = self.items(node.args, env)
        keywords: dict[str | None, Any] = {
            one.arg: self.value(one.value, env) for one in node.keywords
        }
        spread = keywords.pop(None, MISSING)
        known = type(args) is list and spread is MISSING
        whole = None if known else UNKNOWN
        given = [*(args if type(args) is list else ()), *keywords.values()]
        if receiver is not MISSING and self.join(receiver) is not None:
            return self._on_unknown(receiver, node.func.attr, given)  # type: ignore[attr-defined]
        if whole is not None or self.join(function) is not None:
            return self.unknown(function, [*given, *(() if spread is MISSING else (spread,))])
        return self.call(function, args, keywords, node)

    def call(
        self, function: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        """What a call of a known function gives."""
        self.step(2)
        kind, given = type(function), [*args, *keywords.values()]
        if id(function) in self.models:
            return self._ask(function, args, keywords, node)
        if id(function) in self.offered:
            self.heap.store(*given)
            self.module.set("answer", UNKNOWN)
            self.doubt = True
            return UNKNOWN
        if kind is Made:
            return self.follow(function.tree, function, args, keywords)
        if kind is functools.partial:
            bound = [*function.args, *args]
            return self.call(function.func, bound, {**function.keywords, **keywords}, node)
        if kind is types.MethodType:
            return self._method_of_own(function, args, keywords, node)
        special = self._special(function, args, keywords, node)
        if special is not MISSING:
            return special
        if kind is types.FunctionType:
            return self._plain(function, args, keywords)
        if kind in _METHODS and args:
            return self.method(args[0], function.__name__, args[1:], keywords)
        if kind is types.BuiltinFunctionType and not isinstance(
            function.__self__, (types.ModuleType, type(None), type)
        ):
            return self.method(function.__self__, function.__name__, args, keywords)
        return self.unknown(function, given)

    def _plain(self, function: Any, args: list[Any], keywords: Mapping[Any, Any]) -> Any:
        tree = self.sources.of(function)
        if tree is not None:
            return self.follow(tree, function, args, keywords)
        if function.__globals__ is self.globals or function.__module__ == "__main__":
            raise Stop  # a function of the model's own that cannot be read
        return self.unknown(function, [*args, *keywords.values()])

    def _special(
        self, function: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        """What a function of `pure` gives; MISSING for any other."""
        key, given = id(function), [*args, *keywords.values()]
        if key in pure.PURE:
            whole = self.solid(*given)
            if whole is not None:
                return self.lost(whole, *given)
            if not self.weigh(*given):
                return UNKNOWN
            return self.fresh(function, *args, **keywords)
        if key in pure.INERT:
            self.doubt |= function not in (print, time.sleep)
            return UNKNOWN
        if key in pure.LAZY:
            return self.lazy(function, args, keywords)
        if key in pure.BUILDS:
            return self.built(function, args, keywords)
        if key in pure.FOLDS:
            return self.folded(function, args, keywords, node)
        simple = _SIMPLE.get(key)
        return MISSING if simple is None else simple(self, args, keywords, node)

    def _ask(
        self, function: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        given = {**dict(zip(_names_of(function), args, strict=False)), **keywords}
        form = given.pop("schema", None)
        if not self._is_inert(form):
            raise Stop  # making a value of it runs code of the model's own, or may
        whole = self.solid(*args[len(_names_of(function)) :], *given.values())
        if whole is UNKNOWN:
            self.partial = self.doubt = True
            return UNKNOWN
        try:
            return self.ask(node, lambda: function(*args, **keywords), whole)
        except Unasked as asked:
            return self.join(Late(frozenset((asked.begun,)), self.heap.turn))
        except Signal:
            raise
        except Exception as error:  # a refusal, a reply that is an error: the code meets the same
            raise Raised(error) from None

    def _is_inert(self, form: Any) -> bool:
        """True for a `schema` that is known, stays as it is, and runs nothing of the model's."""
        return runs_nothing(form, lambda part: self.heap.seen(part) is part)

    def _method_of_own(
        self, method: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        function, holder = method.__func__, method.__self__
        if type(holder) in pure.METHODS:
            return self.method(holder, function.__name__, args, keywords)
        if id(function) in pure.INERT:
            return UNKNOWN
        if type(function) is types.FunctionType:
            tree = self.sources.of(function)
            if tree is not None:
                return self.follow(tree, function, [holder, *args], keywords)
            if type(holder).__module__ == "__main__":
                raise Stop
        return self.unknown(function, [holder, *args, *keywords.values()])

    def method(self, holder: Any, name: str, args: list[Any], keywords: Mapping[Any, Any]) -> Any:
        """`holder.name(...)` of a value whose type is built in."""
        kind, given = type(holder), [*args, *keywords.values()]
        if name in pure.CHANGES.get(kind, ()):
            return self._changing(holder, name, args, keywords)
        if name not in pure.METHODS.get(kind, ()):
            return self.unknown(None, [holder, *given])
        if kind is str and name == "join" and len(args) == 1:
            args = [self.listed(args[0])]
        elif kind in MAPPINGS and name == "get" and args:
            return self._gotten(holder, args)
        shallow = name in pure.SHALLOW and kind not in SCALARS
        whole = self.join(self.heap.seen(holder)) if shallow else self.solid(holder, *args)
        whole = whole or self.solid(*keywords.values())
        if whole is not None:
            return self.lost(whole, holder, *args)
        if not self.weigh(holder, *args):
            return UNKNOWN
        return self.fresh(getattr(holder, name), *args, **keywords)

    def _gotten(self, holder: Any, args: list[Any]) -> Any:
        whole = self.solid(args[0])
        if whole is None:
            self.run(hash, args[0])
            found = self.heap.found_at(holder, args[0])
            if found is not MISSING:
                return found
        whole = whole or self.join(self.heap.seen_at(holder, args[0]))
        if whole is not None:
            return self.lost(whole, holder, *args[1:])
        return self.run(dict.get, holder, *args)

    def _changing(
        self, holder: Any, name: str, args: list[Any], keywords: Mapping[Any, Any]
    ) -> Any:
        if name in ("extend", "update") and len(args) == 1 and type(args[0]) not in MAPPINGS:
            args = [self.listed(args[0])]
        whole = self.join(self.heap.seen(holder))
        if name not in ("append", "appendleft", "insert", "setdefault", "pop"):
            whole = whole or self.solid(*args)
        elif name in ("insert", "setdefault", "pop") and args:
            whole = whole or self.solid(args[0])
        if self.heap.is_own(holder) and whole is None and not keywords:
            return self.run(getattr(holder, name), *args)
        self.heap.mark(holder, whole or UNKNOWN)
        self.heap.store(holder, *args)
        return UNKNOWN if name in ("pop", "popitem", "setdefault", "popleft") else None

    def _on_unknown(self, holder: Any, name: str, given: Sequence[Any]) -> Any:
        """A method of something of which nothing is known."""
        if self.sources.named(name) or name in pure.REACHING:
            raise Stop
        whole = self.join(holder, *given)
        if name in pure.READING:
            return self.lost(whole, *given)
        if name not in pure.CHANGING:
            self.unknown(None, given)
        self.heap.store(*given)
        self.heap.mark_stored()
        self.doubt = True
        return whole

    def unknown(self, function: Any, given: Sequence[Any]) -> Any:
        """A call of which only this is known: it may change all that it is given."""
        if function is UNKNOWN or type(function) is Late or type(function) is Made:
            raise Stop  # it may be a function of the model's own, which may do anything
        if id(function) in _REACHING or is_of_model(function):
            raise Stop
        for one in given:
            if type(one) is Made or is_of_model(one):
                self.may_run(one)
        if isinstance(function, type):
            self.heap.store(*given)
        else:
            self.heap.mark_deep(*given)
        self.doubt = True
        return UNKNOWN


def _names_of(function: Any) -> Sequence[str]:
    """The names of a function's parameters."""
    code = getattr(function, "__wrapped__", function).__code__
    return cast("Sequence[str]", code.co_varnames[: code.co_argcount])


_METHODS = (
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.WrapperDescriptorType,
)
_REACHING = frozenset(id(getattr(builtins, name)) for name in pure.REACHING)
_SIMPLE: dict[int, Any] = {
    id(len): Calls.length,
    id(type): Calls.kind_of,
    id(isinstance): Calls.is_instance,
    id(next): Calls.next,
    id(map): Calls.mapped,
    id(filter): Calls.filtered,
}
