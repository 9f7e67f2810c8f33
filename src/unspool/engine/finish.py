"""Whether an answer ends the run: accepted, or held back and said why."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from unspool.types import Answer, Observation

_FACT = re.compile(r"[^\W\d]*\d[\w.,:/-]*|\b[A-Z][\w'-]+")
_OPENERS = frozenset(
    "the a an it its in on at this that these those there yes no true false none based according"
    " answer final here both all each and but for from of to as by with i".split()
)

EMPTY = "You set the answer ready, but it is empty. Put the answer in, then finish again."
FAILED = "The code failed before the answer was complete. Mend it, then finish again."
UNLOOKED = (
    "You answered before looking at `context`. Look first: search it and read what comes out,"
    " then call FINAL with what you have seen."
)
BLIND = (
    "You wrote the answer before you saw the output above. If the output confirms it, call FINAL"
    " again; if not, correct it."
)
UNGROUNDED = (
    "Not run: llm_query sees its prompt alone, and you typed this one, so it holds nothing of"
    " `context` and the model could only guess. Use search first, or put a piece of the text"
    " into the prompt."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accepted` ends the run with `answer`; otherwise `advice` tells the model why not."""

    answer: Answer | None = None
    accepted: bool = False
    advice: str = ""


class Judge:
    """Accepts a run's answers, or holds one back for each reason at most once or twice.

    An answer that the code computed passes. One that the model typed must have been
    shown to it before: what is typed in the turn that first looks is mostly invented.
    `strict` also checks each number and name of a typed answer against what was shown.
    """

    def __init__(self, known: str, *, strict: bool) -> None:
        self._shown = known.lower()
        self._looked = False
        self._strict = strict
        self._holds = {EMPTY: 1, FAILED: 2, UNLOOKED: 1, BLIND: 1, "unseen": 2}

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """What to do about the answer of one turn, if its cells gave one."""
        last = observations[-1] if observations else None
        found = last.answer if last else None
        if last is None or found is None or not found.ready:
            return Verdict(found)
        advice = self._objection(last, found, observations)
        return Verdict(found, accepted=not advice, advice=advice)

    def note(self, shown: str, *, looked: bool) -> None:
        """The model has now been shown this."""
        self._shown += "\n" + shown.lower()
        self._looked = self._looked or looked

    def _objection(self, last: Observation, found: Answer, all_: Sequence[Observation]) -> str:
        empty = found.value is None or str(found.value).strip(" .\n\N{HORIZONTAL ELLIPSIS}") == ""
        if empty and last.error:
            return self._hold(FAILED)
        if empty:
            return self._hold(EMPTY)
        if not typed(last.cell.code):
            return ""
        text = str(found.value)
        if text.strip().lower() in self._shown:
            return ""
        shows = any(one.text for one in all_)
        if not self._looked:
            return self._hold(BLIND if shows else UNLOOKED)
        now = "\n".join(one.text for one in all_).lower()
        if shows and text.strip().lower() not in now:
            return self._hold(BLIND)
        return self._unseen(text, now) if self._strict else ""

    def _unseen(self, text: str, now: str) -> str:
        unseen = [fact for fact in facts(text) if fact.lower() not in self._shown + now]
        if not unseen or not self._holds["unseen"]:
            return ""
        self._holds["unseen"] -= 1
        return (
            f"You typed {', '.join(map(repr, unseen[:3]))}, but no output has shown that."
            " Search for it, and answer only with what the output shows."
        )

    def _hold(self, advice: str) -> str:
        if not self._holds[advice]:
            return ""
        self._holds[advice] -= 1
        return advice


def facts(text: str) -> list[str]:
    """The numbers and the names in a text."""
    found = (match.group().rstrip(".,:/-'") for match in _FACT.finditer(text))
    return [
        fact for fact in found if (fact.lower() not in _OPENERS and len(fact) > 1) or fact.isdigit()
    ]


def typed(code: str) -> bool:
    """Whether every answer in `code` was typed out, none computed."""
    return _all_literal(code, _answers)


def typed_prompts(code: str) -> bool:
    """Whether every prompt in `code` was typed out: none can hold a piece of the context."""
    return _all_literal(code, _prompts)


def _all_literal(code: str, find: Callable[[ast.AST], Iterator[ast.expr]]) -> bool:
    try:
        tree = compile(code, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    literals = _literals(tree)
    found = list(find(tree))
    return bool(found) and all(_is_literal(one, literals) for one in found)


def _prompts(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("llm_query" | "llm_query_batched"), args=[prompt, *_]):
                yield prompt
            case _:
                pass


def _answers(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name("FINAL"), args=[value, *_]):
                yield value
            case ast.Call(func=ast.Name("FINAL_VAR"), args=[ast.Constant(str(name)), *_]):
                yield ast.Name(name, ast.Load())
            case ast.Assign(
                targets=[ast.Subscript(value=ast.Name("answer"), slice=ast.Constant("content"))],
                value=value,
            ):
                yield value
            case ast.Assign(targets=[ast.Name("answer")], value=ast.Dict(keys, values)):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "content":
                        yield value
            case _:
                pass


def _literals(tree: ast.AST) -> frozenset[str]:
    """Names that are only ever given a literal."""
    stored: dict[str, bool] = {}
    given = {
        id(target): node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            value = given.get(id(node))
            literal = value is not None and _is_literal(value, frozenset())
            stored[node.id] = stored.get(node.id, True) and literal
    return frozenset(name for name, literal in stored.items() if literal)


def _is_literal(node: Any, literals: frozenset[str]) -> bool:
    if isinstance(node, ast.Name):
        return node.id in literals
    if isinstance(node, (ast.Call, ast.Subscript, ast.Attribute, ast.Await, ast.ListComp)):
        return False
    allowed = (ast.expr_context, ast.operator, ast.unaryop)
    return isinstance(node, (ast.Constant, *allowed)) or all(
        _is_literal(child, literals) for child in ast.iter_child_nodes(node)
    )
