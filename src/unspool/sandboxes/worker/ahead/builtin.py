"""Python's own functions that go over items: `sorted`, `map`, `list`, `zip` and the like."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .follow import Functions, Made
from .values import (
    MAPPINGS,
    SCALARS,
    SEQUENCES,
    UNKNOWN,
    VIEWS,
    Late,
    Lost,
    Stop,
    Undecided,
    Waits,
)


class Builtins(Functions):
    """Expressions, functions, and what Python offers to go over items."""

    def call(
        self, function: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        """What a call of a known function gives."""
        raise NotImplementedError

    def unknown(self, function: Any, given: Sequence[Any]) -> Any:
        """A call of which only this is known: it may change all that it is given."""
        raise NotImplementedError

    def listed(self, thing: Any) -> Any:
        """The items of an iterable as a list; UNKNOWN or Late."""
        known = self.iterable(thing)
        if known is UNKNOWN or type(known) is Late:
            return self.lost(known, thing)
        try:
            return list(self.each(known))
        except Undecided as undecided:
            return self.maybe((undecided.node,), undecided.env, undecided.why)

    def lazy(self, function: Any, args: list[Any], keywords: Mapping[Any, Any]) -> Any:
        known = []
        for one in args:
            known.append(one if type(one) in (int, type(None)) else self.iterable(one))
        whole = self.join(*known, *keywords.values())
        if whole is not None:
            return self.lost(whole, *args)
        if any(type(one) in MAPPINGS and function is not iter for one in known):
            known = [list(one) if type(one) in MAPPINGS else one for one in known]
        found = self.run(function, *known, **keywords)
        return self.heap.made(self._all(found))

    def _all(self, found: Any) -> Iterator[Any]:
        try:
            yield from found
        except RuntimeError as error:  # it changed while it was read
            raise Stop from error

    def built(self, function: Any, args: list[Any], keywords: Mapping[Any, Any]) -> Any:
        if not args:
            return (
                self.heap.made(function(**keywords)) if function is dict else self.fresh(function)
            )
        if function is dict and type(args[0]) in MAPPINGS:
            whole = self.join(self.heap.seen(args[0]))
            if whole is not None:
                return self.lost(whole, *args, *keywords.values())
            return self.fresh(dict, args[0], **keywords)
        listed = self.listed(args[0])
        if type(listed) is not list:
            return listed
        if function is not list and function is not tuple:
            whole = self.solid(*listed)
            if whole is not None:
                return self.lost(whole, *listed)
        return (
            self.heap.made(listed) if function is list else self.fresh(function, listed, **keywords)
        )

    def folded(
        self, function: Any, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call
    ) -> Any:
        options = dict(keywords)
        key = options.pop("key", None)
        single = len(args) == 1 or function in (sum, sorted)
        listed = self.listed(args[0]) if single and args else list(args)
        if type(listed) is not list:
            return listed
        if function in (any, all):
            for item in listed:
                truth = self.truth(item)
                if type(truth) is not bool or truth is (function is any):
                    return truth
            return function is all
        if key is None:
            whole = self.solid(*listed, *args[1:], *options.values())
            if whole is not None:
                return self.lost(whole, *listed)
            found = self.run(function, listed, *(args[1:] if single else ()), **options)
        else:
            ranks = [self.call(key, [item], {}, node) for item in listed]
            whole = self.solid(*ranks, *options.values())
            if whole is not None:
                return self.lost(whole, *listed)
            order = iter(ranks)
            found = self.run(function, listed, key=lambda _: next(order), **options)
        return self.heap.made(found) if function is sorted else found

    def mapped(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        if len(args) < 2:
            return UNKNOWN
        known = [self.iterable(one) for one in args[1:]]
        whole = self.join(*known)
        if whole is not None:
            return self.unknown(args[0], args[1:])
        rows = zip(*(self.each(one) for one in known), strict=False)
        return self.heap.made(self.call(args[0], list(row), {}, node) for row in rows)

    def filtered(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        known = self.iterable(args[1]) if len(args) == 2 else UNKNOWN
        if self.join(known) is not None:
            return self.unknown(args[0], args[1:])
        return self.heap.made(self._kept(args[0], known, node))

    def _kept(self, function: Any, known: Any, node: ast.Call) -> Iterator[Any]:
        for item in self.each(known):
            keeps = self.truth(item if function is None else self.call(function, [item], {}, node))
            if type(keeps) is Late:
                raise Waits(keeps.on)
            if keeps is UNKNOWN:
                raise Lost
            if keeps:
                yield item

    def length(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        whole = self.join(*(self.heap.seen(one) for one in args))
        if whole is not None:
            return whole
        kind = type(args[0]) if args else None
        known = kind in SCALARS or kind in SEQUENCES or kind in MAPPINGS or kind in VIEWS
        plain = getattr(kind, "__len__", None) in (list.__len__, tuple.__len__)
        return self.run(len, *args) if known or plain else UNKNOWN

    def kind_of(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        if self.join(*args) is not None or len(args) != 1 or type(args[0]) is Made:
            return self.join(*args) or UNKNOWN
        return type(args[0])

    def is_instance(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        whole = self.join(*args)
        kinds = args[1] if len(args) == 2 and type(args[1]) is tuple else args[1:]
        if whole is not None or any(type(kind) is not type for kind in kinds):
            return whole or UNKNOWN
        return self.run(isinstance, *args)

    def next(self, args: list[Any], keywords: Mapping[Any, Any], node: ast.Call) -> Any:
        known = self.iterable(args[0]) if args else UNKNOWN
        if self.join(known) is not None or not self.heap.is_own(known):
            return self.unknown(None, args)
        return self.run(next, known, *args[1:])
