"""Python's regular expressions in RE2's words, where both find the same."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

sre: Any = getattr(re, "_parser", None) or importlib.import_module("sre_parse")
"""What Python itself reads patterns with: it has another name before Python 3.11."""
MOST_REPEATS = 1_000
"""RE2 counts no further."""
FEW = 8
"""Repetitions that cannot take long, whatever is repeated."""
LAST, LAST_ASCII = 0x10FFFF, 0x7F
_SPACES = ((9, 13), (28, 32))
_WIDE_SPACES = (
    *_SPACES, (0x85, 0x85), (0xA0, 0xA0), (0x1680, 0x1680), (0x2000, 0x200A), (0x2028, 0x2029),
    (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000),
)  # fmt: skip
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_REPEATS = (sre.MAX_REPEAT, sre.MIN_REPEAT, getattr(sre, "POSSESSIVE_REPEAT", None))
_FOLDED_OTHERWISE = (
    "\N{LATIN SMALL LETTER DOTLESS I}",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    "\N{COMBINING GREEK YPOGEGRAMMENI}",
)
"""The only characters whose case `re` and RE2 understand in different ways."""


class _Untranslatable(Exception):
    """RE2 has no word for it, or means something else by it."""


class Linear:
    """A pattern that `re` has compiled, for RE2."""

    def __init__(self, pattern: str, flags: int) -> None:
        tree = sre.parse(pattern, flags)
        self._tree, self._flags = tree, getattr(tree, "state", tree).flags
        self.crosses = _crosses(tree, self._flags)
        """Whether a match may go over line ends, or depend on what lies beyond them."""
        self.explosive = _nests(tree, inside=False)
        """Whether `re` may take a time that doubles with each character."""
        self._made: dict[tuple[bool, bool, bool], Any] = {}

    def spans(self, piece: str) -> Iterator[tuple[int, int]] | None:
        """All matches in `piece`; None where RE2 is missing or would find something else. `$`
        is before `\\r\\n`, too."""
        return self._found(piece, exact=True)

    def lines(self, piece: str) -> Iterator[tuple[int, int]] | None:
        """The lines of `piece` that may have matches, by the pattern without what RE2 has no
        word for; None where that does not help."""
        found = None if self.crosses else self._found(piece, exact=False)
        return None if found is None else _lines_of(piece, found)

    def _found(self, piece: str, *, exact: bool) -> Iterator[tuple[int, int]] | None:
        ascii_only = piece.isascii()
        key = ascii_only, exact, "\r\n" in piece
        if key not in self._made:
            self._made[key] = self._compile(_Writer(not ascii_only, *key[1:]))
        regex = self._made[key]
        if regex is None:
            return None
        if ascii_only:
            return (match.span() for match in regex.finditer(piece.encode("ascii")))
        if any(char in piece for char in _FOLDED_OTHERWISE):
            return None
        try:
            data = piece.encode()
        except UnicodeEncodeError:
            return None
        return _in_characters(data, (match.span() for match in regex.finditer(data)))

    def _compile(self, writer: _Writer) -> Any:
        try:
            import re2
        except ImportError:
            return None
        options = re2.Options()
        options.log_errors = False
        options.never_capture = True
        options.max_mem = 64 << 20
        try:
            if self._tree.getwidth()[0] == 0:
                return None  # after an empty match the two go on differently
            return re2.compile(writer.write(self._tree, self._flags), options)
        except (_Untranslatable, RecursionError, UnicodeEncodeError, re2.error):
            return None


def _in_characters(data: bytes, found: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Places in UTF-8 as places in the text; both count from the last one on."""
    at = chars = 0
    for low, high in found:
        start = chars + len(data[at:low].decode())
        at, chars = high, start + len(data[low:high].decode())
        yield start, chars


def _lines_of(piece: str, found: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    reached = 0
    for start, _ in found:
        if start >= reached:
            begin = piece.rfind("\n", 0, start) + 1
            reached = piece.find("\n", start) + 1 or len(piece)
            yield begin, reached


class _Writer:
    """Writes a parsed pattern for RE2. `wide`: for texts that are not ASCII alone; `crlf`: where
    lines may end with `\\r\\n`. Not `exact`: conditions on what is around are left out, so that
    it matches more."""

    def __init__(self, wide: bool, exact: bool, crlf: bool) -> None:
        self._wide, self._exact, self._crlf = wide, exact, crlf

    def write(self, tree: Any, flags: int) -> str:
        """The pattern; its flags are written out.

        Raises:
            _Untranslatable: RE2 would not find the same.
        """
        mode = "(?i:" if flags & re.IGNORECASE else "(?-i:"
        return f"{mode}{''.join(self._one(op, given, flags) for op, given in tree)})"

    def _one(self, op: Any, given: Any, flags: int) -> str:
        if op is sre.LITERAL:
            return _char(given)
        if op is sre.NOT_LITERAL:
            return f"[^{_char(given)}]"
        if op is sre.ANY:
            return "(?s:.)" if flags & re.DOTALL else r"[^\n]"
        if op is sre.IN:
            return self._class(given, flags)
        if op is sre.BRANCH:
            return f"(?:{'|'.join(self.write(tree, flags) for tree in given[1])})"
        if op is sre.SUBPATTERN:
            _, added, taken, tree = given
            return self.write(tree, (flags | added) & ~taken)
        if op is sre.AT:
            return self._at(given, flags)
        if op in _REPEATS[:2]:
            return self._repeat(op, given, flags)
        if op in (sre.ASSERT, sre.ASSERT_NOT) and not self._exact:
            return ""
        raise _Untranslatable

    def _repeat(self, op: Any, given: Any, flags: int) -> str:
        low, high, tree = given
        unbounded = high is sre.MAXREPEAT
        most = low if unbounded else high
        if most > MOST_REPEATS or tree.getwidth()[0] == 0:
            raise _Untranslatable
        count = f"{{{low},}}" if unbounded else f"{{{low},{high}}}"
        return f"{self.write(tree, flags)}{count}{'?' if op is sre.MIN_REPEAT else ''}"

    def _at(self, where: Any, flags: int) -> str:
        if where is sre.AT_BEGINNING:
            return "(?m:^)" if flags & re.MULTILINE else r"\A"
        if where is sre.AT_END and flags & re.MULTILINE and not self._crlf:
            return "(?m:$)"
        if where is sre.AT_BEGINNING_STRING:
            return r"\A"
        if where is sre.AT_END_STRING:
            return r"\z"
        plain = not self._wide or flags & re.ASCII
        if where is sre.AT_BOUNDARY and plain:
            return r"\b"
        if where is sre.AT_NON_BOUNDARY and plain:
            return r"\B"
        if not self._exact:
            return ""
        raise _Untranslatable

    def _class(self, items: Sequence[Any], flags: int) -> str:
        wide = self._wide and not flags & re.ASCII
        negated = items[0][0] is sre.NEGATE
        written = "".join(self._member(op, given, wide) for op, given in items[negated:])
        return f"[{'^' if negated else ''}{written}]"

    def _member(self, op: Any, given: Any, wide: bool) -> str:
        if op is sre.LITERAL:
            return _char(given)
        if op is sre.RANGE:
            return f"{_char(given[0])}-{_char(given[1])}"
        spaces, last = (_WIDE_SPACES, LAST) if wide else (_SPACES, LAST_ASCII)
        if given is sre.CATEGORY_SPACE:
            return _ranges(spaces)
        if given is sre.CATEGORY_NOT_SPACE:
            return _ranges(_others(spaces, last))
        if given is sre.CATEGORY_DIGIT:
            return r"\p{Nd}" if wide else "0-9"
        if given is sre.CATEGORY_NOT_DIGIT:
            return r"\P{Nd}" if wide else _ranges(_others(((48, 57),), last))
        if given is sre.CATEGORY_WORD:
            return r"\p{L}\p{N}_" if wide else _ranges(_WORD)
        if given is sre.CATEGORY_NOT_WORD and not wide:
            return _ranges(_others(_WORD, last))
        raise _Untranslatable


def _char(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        raise _Untranslatable
    return chr(code) if chr(code).isalnum() and code < 128 else f"\\x{{{code:x}}}"


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    return "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges)


def _others(ranges: Sequence[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    """All characters up to `last` that are in none of `ranges`, which are sorted."""
    starts = [0, *(high + 1 for _, high in ranges)]
    ends = [*(low - 1 for low, _ in ranges), last]
    return [(low, high) for low, high in zip(starts, ends) if low <= high]  # noqa: B905


def _crosses(tree: Any, flags: int) -> bool:
    return any(_one_crosses(op, given, flags) for op, given in tree)


def _one_crosses(op: Any, given: Any, flags: int) -> bool:
    if op is sre.LITERAL:
        return bool(given == 10)
    if op is sre.NOT_LITERAL:
        return bool(given != 10)
    if op is sre.ANY:
        return bool(flags & re.DOTALL)
    if op is sre.IN:
        negated = given[0][0] is sre.NEGATE
        return negated ^ any(_has_line_end(one, what) for one, what in given[negated:])
    if op is sre.AT:
        whole = (sre.AT_BEGINNING_STRING, sre.AT_END_STRING)
        ends = (sre.AT_BEGINNING, sre.AT_END)
        return given in whole or (given in ends and not flags & re.MULTILINE)
    if op is sre.BRANCH:
        return any(_crosses(tree, flags) for tree in given[1])
    if op is sre.SUBPATTERN:
        return _crosses(given[3], (flags | given[1]) & ~given[2])
    if op in _REPEATS:
        return _crosses(given[2], flags)
    return True


def _has_line_end(op: Any, given: Any) -> bool:
    if op is sre.LITERAL:
        return bool(given == 10)
    if op is sre.RANGE:
        return bool(given[0] <= 10 <= given[1])
    return given in (sre.CATEGORY_SPACE, sre.CATEGORY_NOT_DIGIT, sre.CATEGORY_NOT_WORD)


def _nests(tree: Any, *, inside: bool) -> bool:
    """Whether what is repeated without a bound that matters can itself be of several lengths."""
    for op, given in tree:
        repeats = op in _REPEATS
        if inside and (op is sre.BRANCH or (repeats and given[0] != given[1])):
            return True
        deeper = inside or (repeats and given[1] > FEW)
        if any(_nests(body, inside=deeper) for body in _bodies(op, given)):
            return True
    return False


def _bodies(op: Any, given: Any) -> Sequence[Any]:
    """The patterns that one is made of."""
    if op in _REPEATS:
        return (given[2],)
    if op is sre.BRANCH:
        return tuple(given[1])
    if op is sre.SUBPATTERN:
        return (given[3],)
    if op in (sre.ASSERT, sre.ASSERT_NOT):
        return (given[1],)
    return (given,) if op is getattr(sre, "ATOMIC_GROUP", None) else ()
