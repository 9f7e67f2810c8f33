"""Follows statements without running any."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from .apply import Unasked
from .comprehend import Comprehensions
from .effects import Scans
from .env import Env, binds
from .forms import in_mro
from .heap import Heap
from .sources import Function, Sources
from .values import (
    FUNCTIONS,
    MAPPINGS,
    MISSING,
    SCALARS,
    UNKNOWN,
    Late,
    Lost,
    Raised,
    Stop,
    Waits,
)

BREAK, CONTINUE = "break", "continue"


class Return:
    """A function was left with this value."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


Outcome = str | Return | None
"""How a piece of code was left; None: at its end."""
Begin = Callable[[str, Any], Any]


class Turn:
    """One turn of a loop: where it began, and the calls that were made ahead for it."""

    __slots__ = ("asked", "before", "index", "item", "needs", "nodes", "walks")

    def __init__(self, index: int, item: Any, before: Any) -> None:
        self.index, self.item = index, item
        self.before = before
        """The names as they were when it began."""
        self.asked: list[list[Any]] = []
        """For each call of a model, in order: what was begun for it."""
        self.nodes: list[ast.Call] = []
        self.needs: list[frozenset[Any]] = []
        """With all replies of one of these, it is worth walking again."""
        self.walks = 0


class Walk(Comprehensions):
    """Follows the code of one turn after the other."""

    def __init__(
        self,
        heap: Heap,
        scans: Scans,
        sources: Sources,
        models: Mapping[int, Any],
        module: Env,
    ) -> None:
        super().__init__(heap, scans, sources, models, module)
        self.turn = Turn(0, None, None)
        self._count = 0
        self._yielded: list[list[Any]] = []
        self._statements: dict[type, Callable[[Any, Env], Outcome]] = {}
        for kind in ast.stmt.__subclasses__():
            method = getattr(self, f"_do_{kind.__name__.lower()}", None)
            if method is not None:
                self._statements[kind] = method

    def begin(self, turn: Turn) -> None:
        """From here on it is this turn's code, from its beginning."""
        self.turn, self._count = turn, 0
        turn.needs, turn.walks = [], turn.walks + 1
        self.heap.begin(turn.index)
        self.heap.steps = 0
        self.depth = 0
        self.touched, self.doubt = set(), False

    started: Callable[[Turn, list[Any], Callable[[], Any]], Any]
    """Makes a call of a model, noting in the list what was begun for it."""

    def ask(self, node: ast.Call, call: Callable[[], Any], late: Late | None) -> Any:
        turn, at = self.turn, self._count
        self._count += 1
        if at == len(turn.nodes):
            turn.nodes.append(node)
            turn.asked.append([])
        elif turn.nodes[at] is not node:
            raise Stop  # the turn went another way when it was walked before
        if late is not None:
            turn.needs.append(late.on)
            return late
        try:
            return self.started(turn, turn.asked[at], call)
        except Unasked as asked:
            if len(turn.asked[at]) > 1:
                turn.needs.append(frozenset((asked.begun,)))
            raise

    def block(self, nodes: Sequence[ast.stmt], env: Env) -> Outcome:
        """Follows statements until one of them leaves."""
        for node in nodes:
            outcome = self.statement(node, env)
            if outcome is not None:
                return outcome
        return None

    def statement(self, node: ast.stmt, env: Env) -> Outcome:
        """Follows one statement."""
        self.step()
        method = self._statements.get(type(node))
        if method is None:
            self.maybe((node,), env, UNKNOWN)
            return None
        return method(node, env)

    def body(self, tree: Function, env: Env) -> Any:
        assert isinstance(tree, ast.FunctionDef)
        generator = self.sources.is_generator(tree)
        if generator:
            self._yielded.append([])
            if not self.rebound.isdisjoint(self._effects_of(tree).words):
                raise Stop  # it reads later what the loop has changed by then
        changed, partial = self.heap.changed, self.partial
        at, outcome = 0, cast("Outcome", None)
        try:
            while at < len(tree.body) and outcome is None:
                outcome = self.statement(tree.body[at], env)
                at += 1
        except Waits as waits:
            if generator:
                raise Stop from None
            return self._rest_of_function(tree.body[at:], env, waits)
        finally:
            found = self._yielded.pop() if generator else None
        if generator:
            if self.heap.changed != changed or self.partial != partial:
                raise Stop
            return self.heap.made(iter(found or ()))
        return outcome.value if isinstance(outcome, Return) else None

    def _rest_of_function(self, rest: Sequence[ast.stmt], env: Env, waits: Waits) -> Any:
        """What a function gives once replies are there, if nothing else depends on them."""
        effects = self.scans.of(rest)
        if effects.raises or effects.ends or self.may_end(effects) or self.reaches(effects):
            raise waits
        late = Late(waits.on, self.heap.turn)
        self.havoc(effects, env, late)
        return late

    def _yield(self, node: ast.Yield, env: Env) -> Any:
        if not self._yielded:
            raise Lost
        value = None if node.value is None else self.value(node.value, env)
        self._yielded[-1].append(value)
        return None

    def _do_expr(self, node: ast.Expr, env: Env) -> Outcome:
        self.value(node.value, env)
        return None

    def _do_pass(self, node: ast.Pass, env: Env) -> Outcome:
        return None

    _do_global = _do_pass

    def _do_break(self, node: ast.Break, env: Env) -> Outcome:
        return BREAK

    def _do_continue(self, node: ast.Continue, env: Env) -> Outcome:
        return CONTINUE

    def _do_return(self, node: ast.Return, env: Env) -> Outcome:
        return Return(None if node.value is None else self.value(node.value, env))

    def _do_assign(self, node: ast.Assign, env: Env) -> Outcome:
        value = self.value(node.value, env)
        for target in node.targets:
            self.assign(target, value, env)
        return None

    def _do_annassign(self, node: ast.AnnAssign, env: Env) -> Outcome:
        if node.value is not None:
            self.assign(node.target, self.value(node.value, env), env)
        return None

    def _do_augassign(self, node: ast.AugAssign, env: Env) -> Outcome:
        target = node.target
        if isinstance(target, ast.Name):
            old = env.get(target.id)
            env.set(target.id, self._augmented(node, old, self.value(node.value, env)))
        elif isinstance(target, ast.Subscript):
            holder, place = self.value(target.value, env), self.value(target.slice, env)
            old = self.item(holder, place)
            self._put(holder, place, self._augmented(node, old, self.value(node.value, env)))
        else:
            holder = self.value(target.value, env)
            old = self.attribute(holder, target.attr)
            new = self._augmented(node, old, self.value(node.value, env))
            self._put_attribute(holder, target.attr, new)
        return None

    def _augmented(self, node: ast.AugAssign, old: Any, new: Any) -> Any:
        if old is MISSING:
            raise Raised(NameError())
        if type(old) in SCALARS or type(old) is tuple:
            return self.binary(node.op, old, new)
        if type(old) is list and isinstance(node.op, ast.Add):
            self.method(old, "extend", [new], {})
        elif self.join(old) is not None:
            self.heap.store(new)
            if type(new) not in (int, float):
                self.heap.mark_stored()
            return self.lost(self.join(old, new))
        else:
            self.heap.mark_deep(old, new)
        return old

    def assign(self, target: ast.expr, value: Any, env: Env) -> None:
        """`target = value`."""
        if isinstance(target, ast.Name):
            env.set(target.id, value)
        elif isinstance(target, ast.Subscript):
            self._put(self.value(target.value, env), self.value(target.slice, env), value)
        elif isinstance(target, ast.Attribute):
            self._put_attribute(self.value(target.value, env), target.attr, value)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._unpack(target.elts, value, env)
        else:
            raise Lost

    def _unpack(self, targets: Sequence[ast.expr], value: Any, env: Env) -> None:
        known = self.iterable(value)
        whole = self.join(known)
        if whole is not None:
            self.lost(whole, value)
            for target in targets:
                inner = target.value if isinstance(target, ast.Starred) else target
                self.assign(inner, whole, env)
            return
        items = list(self.each(known))
        stars = [at for at, one in enumerate(targets) if isinstance(one, ast.Starred)]
        if stars:
            at, after = stars[0], len(targets) - stars[0] - 1
            middle = self.heap.made(items[at : len(items) - after])
            items = [*items[:at], middle, *items[len(items) - after :]]
        if len(items) != len(targets):
            raise Raised(ValueError("not as many values as names"))
        for target, item in zip(targets, items, strict=True):
            self.assign(target.value if isinstance(target, ast.Starred) else target, item, env)

    def _put(self, holder: Any, place: Any, value: Any) -> None:
        """`holder[place] = value`."""
        kind = type(holder)
        if self.join(holder) is not None:
            self.heap.store(value)
            self.heap.mark_stored()
            return
        if kind is not list and kind not in MAPPINGS:
            if type(holder).__module__ == "__main__":
                raise Stop
            self.heap.mark_deep(holder, value)
            return
        whole = self.solid(place)
        if whole is None and kind is list and type(place) is int and place < 0:
            place += len(holder)
        if whole is None and self.heap.is_own(holder):
            self.run(holder.__setitem__, place, value)
        elif whole is None and type(place) in SCALARS and type(place) is not slice:
            self.heap.put(holder, place, value)
        else:
            self.heap.mark(holder, whole or UNKNOWN)
        self.heap.store(value)

    def _put_attribute(self, holder: Any, name: str, value: Any) -> None:
        if self.join(holder) is not None:
            self.heap.mark_stored()
        elif (
            type(holder) in FUNCTIONS
            or in_mro(type(holder), "__setattr__") is vars(object)["__setattr__"]
        ):
            self.heap.put(holder, f".{name}", value)
        else:
            raise Stop
        self.heap.store(value)

    def _do_delete(self, node: ast.Delete, env: Env) -> Outcome:
        for target in node.targets:
            if isinstance(target, ast.Name):
                env.set(target.id, UNKNOWN)
            elif isinstance(target, ast.Subscript):
                self._remove(self.value(target.value, env), self.value(target.slice, env))
            else:
                raise Stop
        return None

    def _remove(self, holder: Any, place: Any) -> None:
        """`del holder[place]`."""
        known = self.join(self.heap.seen(holder)) is None and self.solid(place) is None
        if known and type(holder) in (list, dict):
            if self.heap.is_own(holder):
                self.run(holder.__delitem__, place)
                return
            if type(holder) is dict and not self.run(holder.__contains__, place):
                raise Raised(KeyError(place))
        self.heap.mark_deep(holder)

    def _do_import(self, node: ast.Import, env: Env) -> Outcome:
        for one in node.names:
            name = one.name if one.asname else one.name.partition(".")[0]
            env.set(one.asname or name, sys.modules.get(name, UNKNOWN))
        return None

    def _do_importfrom(self, node: ast.ImportFrom, env: Env) -> Outcome:
        module = sys.modules.get(node.module or "")
        for one in node.names:
            found = UNKNOWN if module is None else vars(module).get(one.name, UNKNOWN)
            env.set(one.asname or one.name, found)
        return None

    def _do_functiondef(self, node: ast.FunctionDef, env: Env) -> Outcome:
        env.set(node.name, UNKNOWN if node.decorator_list else self.made(node, env))
        return None

    def _do_if(self, node: ast.If, env: Env) -> Outcome:
        truth = self.truth(self.value(node.test, env))
        if type(truth) is bool:
            return self.block(node.body if truth else node.orelse, env)
        for branch in (node.body, node.orelse):
            if branch:
                self.maybe(branch, env, truth)
        return None

    def _do_assert(self, node: ast.Assert, env: Env) -> Outcome:
        if self.truth(self.value(node.test, env)) is False:
            raise Raised(AssertionError())
        return None

    def _do_for(self, node: ast.For, env: Env) -> Outcome:
        known = self.iterable(self.value(node.iter, env))
        whole = self.join(known)
        if whole is not None:
            self.maybe((node,), env, whole)
            return None
        return self._looped(node, env, iter(self.each(known)))

    def _do_while(self, node: ast.While, env: Env) -> Outcome:
        return self._looped(node, env, None)

    def _looped(self, node: ast.For | ast.While, env: Env, items: Any) -> Outcome:
        """A loop inside of a turn."""
        try:
            while True:
                if isinstance(node, ast.For):
                    item = next(items, MISSING)
                    if item is MISSING:
                        break
                    self.assign(node.target, item, env)
                else:
                    truth = self.truth(self.value(node.test, env))
                    if type(truth) is not bool:
                        self.maybe((node,), env, truth)
                        return None
                    if not truth:
                        break
                outcome = self.block(node.body, env)
                if outcome is BREAK:
                    return None
                if outcome is not None and outcome is not CONTINUE:
                    return outcome
        except Lost:
            self.maybe((node,), env, UNKNOWN)
            return None
        return self.block(node.orelse, env)

    def _do_with(self, node: ast.With, env: Env) -> Outcome:
        for one in node.items:
            held = self.value(one.context_expr, env)
            if type(held).__module__ == "__main__":
                raise Stop
            self.doubt = True
            if one.optional_vars is not None:
                self.assign(one.optional_vars, UNKNOWN, env)
        try:
            return self.block(node.body, env)
        except Raised:  # it may be held back
            raise Lost from None

    def _do_raise(self, node: ast.Raise, env: Env) -> Outcome:
        if node.exc is None:
            raise Lost
        made = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        if isinstance(node.exc, ast.Call):
            self.items(node.exc.args, env)
        kind = self.value(made, env)
        plain = isinstance(kind, type) and kind.__module__ == "builtins"
        if plain and issubclass(kind, Exception):
            raise Raised(kind())
        raise Lost

    def _do_try(self, node: ast.Try, env: Env) -> Outcome:
        before, doubted = self.touched, self.doubt
        self.touched, self.doubt = set(), False
        try:
            outcome = self.block(node.body, env)
        except Raised as raised:
            outcome = self._handled(node, raised, env)
        else:
            self._may_fail(node, env, outcome)
            outcome = outcome or self.block(node.orelse, env)
        finally:
            self.touched |= before
            self.doubt |= doubted
        return self.block(node.finalbody, env) or outcome

    def _may_fail(self, node: ast.Try, env: Env, outcome: Outcome) -> None:
        """The body of a `try` went well; had it not, its handlers would have run."""
        if not (self.touched or self.doubt) or not node.handlers:
            return
        why: Any = UNKNOWN if self.doubt else Late(frozenset(self.touched), self.heap.turn)
        for handler in node.handlers:
            effects = self.scans.of(handler.body)
            left = effects.breaks or effects.continues or effects.returns
            if effects.ends or effects.yields or (left and not isinstance(outcome, Return)):
                if type(why) is Late:
                    raise Waits(why.on)
                raise Lost
            self.havoc(effects, env, why)
            if handler.name:
                env.set(handler.name, UNKNOWN)
        if not isinstance(outcome, Return):
            names = self.scans.of(node.body).names
            known = [n for n in names if self.join(env.get(n)) is None]
            binds(env, known, why)

    def _handled(self, node: ast.Try, raised: Raised, env: Env) -> Outcome:
        """What the handlers make of an error that is certain."""
        for handler in node.handlers:
            kinds = Exception if handler.type is None else self.value(handler.type, env)
            if self.join(kinds) is not None:
                raise Lost
            listed = kinds if type(kinds) is tuple else (kinds,)
            if any(not isinstance(kind, type) for kind in listed):
                raise Lost
            if isinstance(raised.error, tuple(listed)):
                if handler.name:
                    env.set(handler.name, raised.error)
                try:
                    return self.block(handler.body, env)
                finally:
                    if handler.name:
                        env.over.pop(handler.name, None)
        raise raised
