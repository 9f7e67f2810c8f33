"""The functions of `re`, for texts that are read window by window and for documents as well as
for `str`.

What is found is what `re` finds in the same text as one `str`. A match counts only where it
is certain that no character behind the window has a say in it; else the window grows, up to
`Sizes.reach`.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..documents import Documents
from .big import BigText
from .finder import Finder, Found
from .pieces import Pieces
from .source import TooLarge

_real_compile = re.compile
_REFERENCE = _real_compile(r"\\(?:g<(\w+)>|(\d{1,2})|(.))", re.DOTALL)
_ESCAPES: Mapping[str, str] = dict(zip("abfnrtv\\", "\a\b\f\n\r\t\v\\", strict=True))


class Match:
    """What `re.Match` is, for a match in a `BigText`. It keeps its own characters alone."""

    def __init__(self, pattern: Pattern, string: BigText, found: Found, pos: int) -> None:
        self.re, self.string, self._pos, self._found = pattern, string, pos, found
        self.lastindex, self.lastgroup = found.lastindex, found.lastgroup

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return re.Match

    @property
    def pos(self) -> int:
        """See `re.Match`."""
        return min(max(0, self._pos), self.start())

    def group(self, *groups: int | str) -> Any:
        """See `re.Match`."""
        if len(groups) > 1:
            return tuple(self._text(one) for one in groups)
        return self._text(groups[0] if groups else 0)

    def __getitem__(self, group: int | str) -> Any:
        return self._text(group)

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        """See `re.Match`."""
        return tuple(self._text(one, default) for one in range(1, self.re.groups + 1))

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        """See `re.Match`."""
        return {name: self._text(one, default) for name, one in self.re.groupindex.items()}

    def span(self, group: int | str = 0) -> tuple[int, int]:
        """See `re.Match`."""
        start, end = self._found.regs[self._number(group)]
        if start < 0:
            return -1, -1
        before = self._found.chars_before() - self.string.chars_before()
        return before + start, before + end

    def start(self, group: int | str = 0) -> int:
        """See `re.Match`."""
        return self.span(group)[0]

    def end(self, group: int | str = 0) -> int:
        """See `re.Match`."""
        return self.span(group)[1]

    @property
    def regs(self) -> tuple[tuple[int, int], ...]:
        """See `re.Match`."""
        return tuple(map(self.span, range(self.re.groups + 1)))

    def expand(self, template: str) -> str:
        """See `re.Match`."""

        def put(one: re.Match[str]) -> str:
            name, number, char = one.groups()
            if char is not None:
                return _ESCAPES.get(char, one.group())
            group = name if number is None else int(number)
            return self._text(int(group) if str(group).isdigit() else group) or ""

        return _REFERENCE.sub(put, template)

    def __repr__(self) -> str:
        text = self._text(0)
        shown = text if len(text) <= 50 else text[:50]
        return f"<re.Match object; span={self.span()}, match={shown!r}>"

    def __copy__(self) -> Match:
        return self

    def __deepcopy__(self, _: object) -> Match:
        return self

    def _number(self, group: int | str) -> int:
        if isinstance(group, str):
            if group not in self.re.groupindex:
                raise IndexError("no such group")
            return int(self.re.groupindex[group])
        if not 0 <= group <= self.re.groups:
            raise IndexError("no such group")
        return int(group)

    def _text(self, group: int | str, default: Any = None) -> Any:
        text = self._found.group(self._number(group))
        return default if text is None else text


class Pattern:
    """What `re.Pattern` is, and works on `BigText` and `Documents` too."""

    def __init__(self, real: re.Pattern[str]) -> None:
        self.real = real
        self.pattern, self.flags = real.pattern, real.flags
        self.groups, self.groupindex = real.groups, real.groupindex
        self._made: Finder | None = None

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return re.Pattern

    @property
    def _finder(self) -> Finder:
        if self._made is None:
            if isinstance(self.real.pattern, bytes):
                raise TypeError("cannot use a bytes pattern on a string-like object")
            self._made = Finder(self.real)
        return self._made

    def finditer(self, string: Any, pos: int = 0, endpos: int = sys.maxsize) -> Iterator[Any]:
        """See `re.Pattern`; in a `BigText`, a match is given as soon as it is found."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.finditer(string, pos, endpos)
        return self._finditer(string, pos, endpos)

    def _finditer(self, string: BigText, pos: int, endpos: int) -> Iterator[Match]:
        text, at = string.bounded(pos, endpos)
        for found in self._finder.all(text, at):
            yield Match(self, string, found, pos)

    def search(self, string: Any, pos: int = 0, endpos: int = sys.maxsize) -> Any:
        """See `re.Pattern`."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.search(string, pos, endpos)
        return next(self._finditer(string, pos, endpos), None)

    def match(self, string: Any, pos: int = 0, endpos: int = sys.maxsize) -> Any:
        """See `re.Pattern`."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.match(string, pos, endpos)
        text, at = string.bounded(pos, endpos)
        if at > text.end:
            found = self._finder.behind(string.extent, at, text.end)
        else:
            found = self._finder.here(text, at)
        return None if found is None else Match(self, string, found, pos)

    def fullmatch(self, string: Any, pos: int = 0, endpos: int = sys.maxsize) -> Any:
        """See `re.Pattern`; a text of up to `Sizes.reach` only."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.fullmatch(string, pos, endpos)
        text, at = string.bounded(pos, endpos)
        found = self._finder.whole(text, at) if at <= text.end else None
        return None if found is None else Match(self, string, found, pos)

    def findall(self, string: Any, pos: int = 0, endpos: int = sys.maxsize) -> list[Any]:
        """See `re.Pattern`."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.findall(string, pos, endpos)
        found = self._finditer(string, pos, endpos)
        if self.groups == 0:
            return [one.group() for one in found]
        if self.groups == 1:
            return [one.groups("")[0] for one in found]
        return [one.groups("") for one in found]

    def split(self, string: Any, maxsplit: int = 0) -> Any:
        """See `re.Pattern`; the pieces of a `BigText` are made when they are asked for."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.split(string, maxsplit)
        if maxsplit == 0:
            return Pieces(string.extent, self._finder.cut)
        return string.cut_at(self._cuts(string, maxsplit))

    def _cuts(self, string: BigText, most: int) -> Iterator[tuple[int, int, tuple[Any, ...]]]:
        text, at = string.bounded(0, sys.maxsize)
        for window, match in itertools.islice(self._finder.each(text, at), max(0, most)):
            yield window.byte(match.start()), window.byte(match.end()), match.groups()

    def sub(self, repl: Any, string: Any, count: int = 0) -> Any:
        """See `re.Pattern`; a `BigText` is refused, for the result would fill the memory."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.sub(repl, string, count)
        raise _no_sub()

    def subn(self, repl: Any, string: Any, count: int = 0) -> Any:
        """See `sub`."""
        string = _whole(string)
        if not isinstance(string, BigText):
            return self.real.subn(repl, string, count)
        raise _no_sub()

    def __repr__(self) -> str:
        return repr(self.real)

    def __eq__(self, other: object) -> bool:
        return self.real == getattr(other, "real", other)

    def __hash__(self) -> int:
        return hash(self.real)

    def __copy__(self) -> Pattern:
        return self

    def __deepcopy__(self, _: object) -> Pattern:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return compile, (self.pattern, self.flags)

    def __getattr__(self, name: str) -> Any:
        if name == "real":
            raise AttributeError(name)
        return getattr(self.real, name)


def _no_sub() -> TooLarge:
    return TooLarge(
        "re.sub over all of this text would make a second one in memory: replace in slices"
        " (re.sub(pattern, new, context[a:b])), or use re.finditer and keep what you need"
    )


def compile(pattern: Any, flags: int = 0) -> Any:
    """`re.compile`; what it gives works on `BigText` and `Documents` too."""
    if type(pattern) is Pattern:
        _real_compile(pattern.real, flags)  # refuses flags
        return pattern
    real = _real_compile(pattern, flags)
    return Pattern(real) if isinstance(real.pattern, str) else real


def _by_compiling(name: str) -> Callable[..., Any]:
    real = getattr(re, name)
    takes = 2 if name in ("sub", "subn") else 1
    also = ("maxsplit",) if name == "split" else ("count",) if takes == 2 else ()

    def call(pattern: Any, *args: Any, **named: Any) -> Any:
        if type(pattern) is not Pattern:
            string = args[takes - 1] if len(args) >= takes else named.get("string")
            if type(string) is Documents:
                return call(pattern, *_read(args, takes - 1), **_read_named(named))
            if not isinstance(string, BigText):
                return real(pattern, *args, **named)
        given = list(args[takes + len(also) :])
        flags = given[0] if given else named.pop("flags", 0)
        return getattr(compile(pattern, flags), name)(*args[: takes + len(also)], **named)

    call.__name__ = call.__qualname__ = name
    call.__module__ = "re"
    call.__doc__ = real.__doc__
    return call


def _whole(string: Any) -> Any:
    return string.text if type(string) is Documents else string


def _read(args: Sequence[Any], at: int) -> list[Any]:
    return [_whole(one) if number == at else one for number, one in enumerate(args)]


def _read_named(named: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _whole(one) if name == "string" else one for name, one in named.items()}


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "compile": compile,
    **{
        name: _by_compiling(name)
        for name in "search match fullmatch finditer findall split sub subn".split()
    },
}


def install() -> Iterable[Callable[..., Any]]:
    """Has the functions of the module `re` work on `BigText` and `Documents`, in the whole
    process; gives those functions."""
    for name, function in FUNCTIONS.items():
        setattr(re, name, function)
    return FUNCTIONS.values()
