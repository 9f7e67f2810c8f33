"""Numbers that a model's code has counted: they stand in no line, but lines were counted."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from unspool.context.whole import Whole
from unspool.typed import answers

COUNTED_CHARS = 32_000_000
"""Gone through for the lines that were counted."""
LONGEST_LINE_CHARS = 20_000
MOST_PATTERNS = 3
MOST_REPEATS = 2
"""In a pattern that is tried: it was written by a model, and `re` cannot be stopped here."""
_FUNCTIONS = frozenset({"len", "sum", "Counter"})
_METHODS = frozenset({"count", "total", "mean", "median", "stdev", "Counter"})
_SAME = frozenset({"int", "float", "str", "round", "abs", "format", "repr"})
_LOOKING = frozenset({"findall", "finditer", "count", "search", "match", "compile"})
_MADE_OF_PARTS = (
    ast.BinOp, ast.UnaryOp, ast.IfExp, ast.FormattedValue, ast.JoinedStr, ast.Tuple, ast.List,
    ast.Dict,
)  # fmt: skip
_SHOWING = frozenset({"print", "display"})
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])")
_REPEAT = re.compile(r"(?<!\\)[*+{]")

Origin = Literal["counted", "written", "other"]
Line = tuple[int, int]


def is_number(text: str) -> bool:
    """Whether it is a number and nothing else."""
    return _NUMBER.fullmatch(text) is not None


@dataclass
class Counted:
    """What the cells of one run have counted; they are added as they are run."""

    answer: bool = False
    """Whether the answer is a count, or made of counts and of words alone."""
    patterns: list[str] = field(default_factory=list)
    """What was looked for, last first."""
    _origins: dict[str, Origin] = field(default_factory=dict)
    _shown: list[str] = field(default_factory=list)
    _shows: bool = False

    def cell(self, code: str) -> None:
        """A cell is run."""
        self._shows = False
        try:
            tree = ast.parse(code)
            self._bind(tree)
            found = [self._origin(one) for one in answers(tree)]
            self.answer = "counted" in found and "other" not in found if found else self.answer
            self._shows = any(self._origin(one) == "counted" for one in _shown(tree))
            self.patterns[:0] = reversed([one for one in _patterns(tree) if one])
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return

    def output(self, text: str) -> None:
        """What that cell has shown."""
        if self._shows:
            self._shown += text.splitlines()[:1_000]

    def has(self, number: str, whole: Whole) -> bool:
        """Whether code has counted a number of the answer."""
        if self.answer:
            return True
        plain = number.replace(",", "")
        lines = (line.strip() for line in self._shown if plain in line.replace(",", ""))
        return any(
            any(one.replace(",", "") == plain for one in _NUMBER.findall(line))
            and (len(line) < 8 or whole.text.find(line.rpartition("] ")[2]) < 0)
            for line in itertools.islice(lines, 20)
        )

    def _bind(self, tree: ast.AST) -> None:
        for _ in range(3):  # what is named below may be used above, in a function
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign):
                    for target in node.targets:
                        self._is(target, self._origin(node.value))
                elif isinstance(node, (ast.AnnAssign, ast.NamedExpr)) and node.value:
                    self._is(node.target, self._origin(node.value))
                elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                    origin = self._origin(node.value)
                    self._is(node.target, "counted" if _is_one(node.value) else origin)

    def _is(self, target: ast.expr, origin: Origin) -> None:
        if isinstance(target, ast.Subscript):
            if origin != "counted":
                return
            target = target.value
        if isinstance(target, ast.Name):
            before = self._origins.get(target.id, "written")
            self._origins[target.id] = _both((before, origin))

    def _origin(self, node: ast.AST) -> Origin:
        match node:
            case ast.Constant():
                return "written"
            case ast.Name():
                return self._origins.get(node.id, "other")
            case ast.Subscript(value=ast.Name() as of):
                return "counted" if self._origin(of) == "counted" else "other"
            case ast.Call(args=args, keywords=named):
                return self._called(node.func, [*args, *(one.value for one in named)])
        if isinstance(node, _MADE_OF_PARTS):
            parts = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
            return _both(map(self._origin, parts))
        return "other"

    def _called(self, function: ast.expr, given: Sequence[ast.expr]) -> Origin:
        match function:
            case ast.Name(id=name) if name in _FUNCTIONS:
                return "counted"
            case ast.Attribute(attr=name) if name in _METHODS:
                return "counted"
            case ast.Name(id=name) if name in _SAME and given:
                return self._origin(given[0])
            case ast.Attribute(value=ast.Constant(), attr="format"):
                return _both(map(self._origin, given))
            case _:
                return "other"


def _both(origins: Iterable[Origin]) -> Origin:
    found = set(origins)
    return "other" if "other" in found else "counted" if "counted" in found else "written"


def _is_one(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def _shown(tree: ast.Module) -> Iterator[ast.expr]:
    """What a cell shows: what it prints, and its last expression."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in _SHOWING:
                yield from node.args
            case _:
                pass
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        yield tree.body[-1].value


def _patterns(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr=name), args=[ast.Constant(value=str(text)), *_]
            ) if name in _LOOKING:
                yield text.strip()
            case ast.Compare(left=ast.Constant(value=str(text)), ops=[ast.In()]):
                yield text.strip()
            case _:
                pass


def lines_counted(patterns: Sequence[str], count: int, whole: Whole, most: int) -> list[Line]:
    """The first lines that have one of `patterns`, if that is so as often as was counted: in
    all, in so many lines, or in so many parts. Where none is, nothing."""
    if whole.chars > COUNTED_CHARS or count <= 0:
        return []
    tallies = [_Tally(regex) for regex in _tried(patterns)]
    for place, piece in whole.windows() if tallies else ():
        at = 0
        for line in piece.split("\n"):
            if len(line) <= LONGEST_LINE_CHARS:
                for tally in tallies:
                    tally.add(line, place + at, whole)
            at += len(line) + 1
    for tally in tallies:
        if count in (tally.matches, len(tally.lines), len(tally.parts)):
            by_part = count == len(tally.parts) and count != len(tally.lines)
            return (list(tally.parts.values()) if by_part else tally.lines)[:most]
    return []


class _Tally:
    """How often something is found, and where."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self._regex = regex
        self.matches, self.lines = 0, list[Line]()
        self.parts: dict[int, Line] = {}

    def add(self, line: str, at: int, whole: Whole) -> None:
        """Looks at a line that begins at `at`."""
        found = sum(1 for _ in self._regex.finditer(line))
        if found:
            _, start, end = whole.part(at)
            if not start <= at < end:  # the header of a document
                return
            self.matches += found
            self.lines.append((at, at + len(line)))
            self.parts.setdefault(start, self.lines[-1])


def _tried(patterns: Sequence[str]) -> Iterator[re.Pattern[str]]:
    for text in list(dict.fromkeys(filter(None, patterns)))[:MOST_PATTERNS]:
        written = [re.escape(text)]
        if len(_REPEAT.findall(text)) <= MOST_REPEATS and not re.search(r"\)[*+{]", text):
            written.append(text)
        for one in dict.fromkeys(written):
            for flags in (0, re.IGNORECASE):
                try:
                    yield re.compile(one, flags)
                except (re.error, OverflowError):
                    continue
