"""Evaluates expressions without running any: what is not certain is UNKNOWN, or Late."""

from __future__ import annotations

import ast
import collections
import gc
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .effects import Effects, Scans
from .env import Env
from .heap import Heap
from .values import (
    FUNCTIONS,
    ITERATORS,
    MAPPINGS,
    MISSING,
    RUNS,
    SCALARS,
    SEQUENCES,
    TEXTS,
    UNKNOWN,
    VIEWS,
    Late,
    Lost,
    Raised,
    Signal,
    Stop,
    Waits,
    joined,
)

TURN_STEPS = 150_000
"""Of one turn of a loop: nodes of the syntax tree, and data by its size."""
MOST_CHARS = 4 << 20
"""A text longer than this is cut and counted, not searched nor rewritten."""
STEP_CHARS = 128
STEP_ITEMS = 16
MOST_ITEMS = 1 << 20
MOST_BITS = 4096

_OPERATORS: dict[type, Any] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.BitOr: operator.or_, ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor, ast.LShift: operator.lshift, ast.RShift: operator.rshift,
    ast.UAdd: operator.pos, ast.USub: operator.neg, ast.Invert: operator.inv,
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
}  # fmt: skip
_CONVERSIONS: dict[int, Callable[..., str]] = {115: str, 114: repr, 97: ascii}
_CONTAINERS = SEQUENCES | MAPPINGS | VIEWS
_BASES = (list, tuple, str, dict, set)


class Expressions:
    """Values of expressions. Exceptions that the code would raise come as `Raised`."""

    def __init__(self, heap: Heap, scans: Scans) -> None:
        self.heap, self.scans = heap, scans
        self.touched: set[Any] = set()
        """Replies that something depends on since it was last emptied."""
        self.doubt = False
        """Something was done since it was last False that may raise, who knows."""
        self.partial = False
        """There may be calls that were not foretold."""
        self._kinds: dict[type, Callable[[Any, Env], Any]] = {}
        for kind in ast.expr.__subclasses__():
            method = getattr(self, f"_{kind.__name__.lower()}", None)
            if method is not None:
                self._kinds[kind] = method

    def value(self, node: ast.expr, env: Env) -> Any:
        """What `node` will give."""
        heap = self.heap
        heap.steps += 1
        if heap.steps > TURN_STEPS:
            raise Stop
        method = self._kinds.get(type(node))
        if method is None:
            return self.maybe((node,), env, UNKNOWN)
        return method(node, env)

    def step(self, count: int = 1) -> None:
        """Counts work; ends the look ahead where one turn takes too much of it."""
        self.heap.steps += count
        if self.heap.steps > TURN_STEPS:
            raise Stop

    def maybe(self, nodes: Sequence[ast.AST], env: Env, why: Any) -> Any:
        """Code that may run or not, as `why` turns out; gives `why`.

        Raises:
            Waits, Lost: it matters to what comes next which it is.
        """
        effects = self.scans.of(nodes)
        control = effects.control or self.may_end(effects)
        if type(why) is Late and (control or self.reaches(effects)):
            raise Waits(why.on)
        if control:
            raise Lost
        self.partial |= self.reaches(effects)
        self.havoc(effects, env, why)
        return why

    def reaches(self, effects: Effects) -> bool:
        """True where the code may call a model."""
        raise NotImplementedError

    def may_end(self, effects: Effects) -> bool:
        """True where a function that it calls may raise, or end the run."""
        raise NotImplementedError

    def havoc(self, effects: Effects, env: Env, why: Any) -> None:
        """Takes all that code might do for done."""
        raise NotImplementedError

    def join(self, *parts: Any) -> Any:
        """UNKNOWN or Late, as `parts` have it; None where all are known."""
        for part in parts:
            if part is UNKNOWN or type(part) is Late:
                break
        else:
            return None
        whole = joined(parts, self.heap.turn)
        if type(whole) is Late:
            self.touched |= whole.on
        return whole

    def lost(self, why: Any, *operands: Any) -> Any:
        """What an operation gives of which one operand is not known: it may be another one."""
        self.heap.store(*operands)
        self.doubt |= why is UNKNOWN
        return why

    def run(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """What `function` gives of known values; for those that can do no harm alone."""
        try:
            return function(*args, **kwargs)
        except Signal:
            raise
        except (RecursionError, MemoryError) as broken:
            raise Stop from broken
        except Exception as error:  # the code will raise the same
            raise Raised(error) from None

    def fresh(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The same, of what gives something new, which the code ahead may change."""
        found = self.run(function, *args, **kwargs)
        if type(found) in _CONTAINERS or type(found) in ITERATORS:
            self.heap.made(found)
        if type(found) in (list, tuple):
            self.step(len(found) // STEP_ITEMS)
        elif type(found) is str:
            self.step(len(found) // STEP_CHARS)
        return found

    def weigh(self, *things: Any) -> bool:
        """Counts texts as work; False where one is too long to be worked with ahead."""
        for thing in things:
            kind = type(thing)
            if kind in TEXTS and len(thing) >= STEP_CHARS:
                if len(thing) > MOST_CHARS:
                    return False
                self.step(len(thing) // STEP_CHARS)
        return True

    def solid(self, *things: Any) -> Any:
        """None where all is known of all of them; else UNKNOWN or Late."""
        return self.join(*(self.heap.solid(thing) for thing in things))

    def _seen(self, thing: Any) -> tuple[Any, bool]:
        """`thing` or what stands for it, and whether it is known."""
        seen = self.heap.seen(thing)
        return seen, self.join(seen) is None

    def truth(self, thing: Any) -> Any:
        """True, False, UNKNOWN or Late."""
        seen, known = self._seen(thing)
        kind = type(seen)
        if not known:
            return seen
        if kind in SCALARS or kind in _CONTAINERS:
            return bool(seen)
        if kind in FUNCTIONS or not (hasattr(kind, "__bool__") or hasattr(kind, "__len__")):
            return True
        return UNKNOWN

    def iterable(self, thing: Any) -> Any:
        """`thing` where a `for` over it may be followed; else UNKNOWN or Late."""
        seen, known = self._seen(thing)
        kind = type(seen)
        if not known:
            return seen
        if kind in VIEWS:
            whole = self.join(*(self.heap.seen(one) for one in view_of(seen)))
            return seen if whole is None else whole
        if kind in RUNS or kind in SEQUENCES or kind in MAPPINGS:
            return seen
        if kind in ITERATORS or kind is types.GeneratorType:
            return seen if self.heap.is_own(seen) else UNKNOWN
        if any(kind.__iter__ is base.__iter__ for base in _BASES if issubclass(kind, base)):
            return seen
        return UNKNOWN

    def each(self, thing: Any) -> Iterator[Any]:
        """The items of what `iterable` gave."""
        for item in thing:
            self.step()
            yield item

    def _constant(self, node: ast.Constant, env: Env) -> Any:
        return node.value

    def _name(self, node: ast.Name, env: Env) -> Any:
        found = env.get(node.id)
        if found is MISSING:
            raise Raised(NameError(node.id))
        return found

    def _namedexpr(self, node: ast.NamedExpr, env: Env) -> Any:
        found = self.value(node.value, env)
        env.set_outside(node.target.id, found)
        return found

    def _joinedstr(self, node: ast.JoinedStr, env: Env) -> Any:
        parts = [self.value(part, env) for part in node.values]
        whole = self.join(*parts)
        if whole is not None:
            return whole
        return "".join(parts) if self.weigh(*parts) else UNKNOWN

    def _formattedvalue(self, node: ast.FormattedValue, env: Env) -> Any:
        value = self.value(node.value, env)
        spec = "" if node.format_spec is None else self.value(node.format_spec, env)
        whole = self.solid(value, spec)
        if whole is not None:
            return self.lost(whole)
        if not self.weigh(value):
            return UNKNOWN
        if node.conversion != -1:
            value = self.run(_CONVERSIONS[node.conversion], value)
        return self.run(format, value, spec)

    def _tuple(self, node: ast.Tuple, env: Env) -> Any:
        items = self.items(node.elts, env)
        return tuple(items) if type(items) is list else items

    def _list(self, node: ast.List, env: Env) -> Any:
        items = self.items(node.elts, env)
        return self.heap.made(items) if type(items) is list else items

    def _set(self, node: ast.Set, env: Env) -> Any:
        items = self.items(node.elts, env)
        if type(items) is not list:
            return items
        whole = self.solid(*items)
        return self.fresh(set, items) if whole is None else self.lost(whole, *items)

    def items(self, nodes: Iterable[ast.expr], env: Env) -> Any:
        """The values of `nodes` as a list, `*` spread out; UNKNOWN or Late."""
        values: list[Any] = []
        for node in nodes:
            if not isinstance(node, ast.Starred):
                values.append(self.value(node, env))
                continue
            spread = self.iterable(self.value(node.value, env))
            if spread is UNKNOWN or type(spread) is Late:
                return self.lost(spread, *values)
            values += self.each(spread)
        return values

    def _dict(self, node: ast.Dict, env: Env) -> Any:
        made: dict[Any, Any] = {}
        why = None
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            if key_node is None:
                spread = self.heap.seen(self.value(value_node, env))
                if type(spread) in MAPPINGS:
                    made.update(spread)
                else:
                    why = self.join(spread) or UNKNOWN
                continue
            key, value = self.value(key_node, env), self.value(value_node, env)
            whole = self.solid(key)
            if whole is None:
                self.run(made.__setitem__, key, value)
            else:
                why = self.lost(whole, value)
        return self.heap.made(made) if why is None else self.lost(why, *made.values())

    def _unaryop(self, node: ast.UnaryOp, env: Env) -> Any:
        value = self.value(node.operand, env)
        if isinstance(node.op, ast.Not):
            truth = self.truth(value)
            return not truth if type(truth) is bool else truth
        whole = self.join(self.heap.seen(value))
        if whole is not None or type(value) not in SCALARS:
            return self.lost(whole or UNKNOWN)
        return self.run(_OPERATORS[type(node.op)], value)

    def _binop(self, node: ast.BinOp, env: Env) -> Any:
        return self.binary(node.op, self.value(node.left, env), self.value(node.right, env))

    def binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        """`left op right`."""
        whole = self.join(self.heap.seen(left), self.heap.seen(right))
        if whole is None and isinstance(op, ast.Mod) and type(left) in (str, bytes):
            whole = self.solid(right)
        if whole is not None:
            return self.lost(whole, left, right)
        for side in (left, right):
            if type(side) not in SCALARS and type(side) not in _CONTAINERS:
                self.heap.mark_deep(left, right)
                return self.lost(UNKNOWN)
        if not self.weigh(left, right) or _is_huge(op, left, right):
            return UNKNOWN
        method = _OPERATORS.get(type(op))
        return UNKNOWN if method is None else self.fresh(method, left, right)

    def _boolop(self, node: ast.BoolOp, env: Env) -> Any:
        stops = isinstance(node.op, ast.Or)
        value: Any = None
        for at, part in enumerate(node.values):
            value = self.value(part, env)
            if at == len(node.values) - 1:
                break
            truth = self.truth(value)
            if type(truth) is not bool:
                return self.maybe(node.values[at + 1 :], env, self.lost(truth, value))
            if truth is stops:
                break
        return value

    def _ifexp(self, node: ast.IfExp, env: Env) -> Any:
        truth = self.truth(self.value(node.test, env))
        if type(truth) is bool:
            return self.value(node.body if truth else node.orelse, env)
        return self.maybe((node.body, node.orelse), env, truth)

    def _compare(self, node: ast.Compare, env: Env) -> Any:
        left, found = self.value(node.left, env), True
        for at, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.value(right_node, env)
            found = self._compared(op, left, right)
            if type(found) is not bool:
                rest = node.comparators[at + 1 :]
                return self.maybe(rest, env, found) if rest else found
            if not found:
                return False
            left = right
        return found

    def _compared(self, op: ast.cmpop, left: Any, right: Any) -> Any:
        if isinstance(op, (ast.Is, ast.IsNot)):
            return self.join(left, right) or _OPERATORS[type(op)](left, right)
        if isinstance(op, (ast.In, ast.NotIn)):
            found = self._is_in(left, right)
            return found if type(found) is not bool else found is isinstance(op, ast.In)
        known = all(type(side) in FUNCTIONS or type(side) in SCALARS for side in (left, right))
        whole = None if known else self.solid(left, right)
        if whole is not None:
            return self.lost(whole)
        if not self.weigh(left, right):
            return UNKNOWN
        found = self.run(_OPERATORS[type(op)], left, right)
        return found if type(found) is bool else UNKNOWN

    def _is_in(self, item: Any, holder: Any) -> Any:
        keyed = type(holder) in MAPPINGS or type(holder) in (set, frozenset)
        seen = self.heap.seen(holder) if keyed else self.heap.solid(holder)
        whole = self.join(self.heap.solid(item), seen)
        if whole is not None:
            return self.lost(whole)
        if type(holder) not in SCALARS and type(holder) not in _CONTAINERS:
            return UNKNOWN
        return bool(self.run(operator.contains, holder, item)) if self.weigh(holder) else UNKNOWN

    def _starred(self, node: ast.Starred, env: Env) -> Any:
        return self.maybe((node,), env, UNKNOWN)

    def _slice(self, node: ast.Slice, env: Env) -> Any:
        parts = [node.lower, node.upper, node.step]
        values = [None if part is None else self.value(part, env) for part in parts]
        whole = self.solid(*values)
        return slice(*values) if whole is None else whole

    def _subscript(self, node: ast.Subscript, env: Env) -> Any:
        return self.item(self.value(node.value, env), self.value(node.slice, env))

    def item(self, holder: Any, place: Any) -> Any:
        """`holder[place]`."""
        kind = type(holder)
        if kind in MAPPINGS:
            return self._item_of_mapping(holder, place)
        whole = self.join(self.heap.solid(place))
        if whole is None and type(place) is int and kind in (list, tuple):
            at = place if place >= 0 else place + len(holder)
            found = self.heap.found_at(holder, at)
            if found is not MISSING:
                return found
            whole = self.join(self.heap.seen_at(holder, at))
        elif whole is None:
            whole = self.join(self.heap.seen(holder))
        if whole is not None:
            return self.lost(whole, holder)
        base = tuple if kind not in SCALARS and issubclass(kind, tuple) else kind
        plain = base.__getitem__ is getattr(kind, "__getitem__", None) if base is tuple else True
        if not plain or base not in RUNS | {list, tuple, collections.deque}:
            return self.lost(UNKNOWN, holder)
        if type(place) is not slice:
            return self.run(operator.getitem, holder, place)
        found = self.fresh(operator.getitem, holder, place)
        return found if self.weigh(found) else UNKNOWN

    def _item_of_mapping(self, holder: Any, key: Any) -> Any:
        whole = self.solid(key)
        if whole is None:
            self.run(hash, key)
            found = self.heap.found_at(holder, key)
            if found is not MISSING:
                return found
        whole = whole or self.join(self.heap.seen_at(holder, key))
        if whole is not None:
            return self.lost(whole, holder)
        if self.run(dict.__contains__, holder, key):
            return dict.__getitem__(holder, key)
        if type(holder) is collections.Counter:
            return 0
        if type(holder) is collections.defaultdict:  # it will put something new there
            self.heap.mark(holder)
            return self.lost(UNKNOWN)
        raise Raised(KeyError(key))


def view_of(view: Any) -> list[Any]:
    """The mapping that `view` is a view of."""
    return [one for one in gc.get_referents(view) if type(one) in MAPPINGS]


def _is_huge(op: ast.operator, left: Any, right: Any) -> bool:
    """True where the result may be much larger than what it is made of."""
    if isinstance(op, (ast.Pow, ast.LShift)):
        return any(type(side) is int and abs(side) > MOST_BITS for side in (left, right))
    if not isinstance(op, ast.Mult):
        return False
    sized = [side for side in (left, right) if hasattr(side, "__len__")]
    counts = [side for side in (left, right) if type(side) is int]
    return bool(sized and counts) and len(sized[0]) * counts[0] > MOST_ITEMS
