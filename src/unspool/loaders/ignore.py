"""The patterns of `.gitignore`, as git understands them, in time that no pattern can stretch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from operator import itemgetter


class NoPattern(ValueError):
    """A line is no pattern: the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Patterns in their order: the last one that fits a path decides."""

    groups: tuple[tuple[bool, re.Pattern[str]], ...] = ()
    """Neighbours that say the same in one expression; True: they leave out."""
    lead: str = ""
    """What comes before the paths that are asked for, in the folder that the rules are of."""

    def leaves_out(self, path: str, *, is_folder: bool = False) -> bool | None:
        """What the patterns say of a path (with `/`); None: nothing."""
        text = f"{self.lead}{path}/" if is_folder else self.lead + path
        for left_out, pattern in reversed(self.groups):
            if pattern.match(text):
                return left_out
        return None


def rules(lines: Iterable[str]) -> Rules:
    """The rules in the lines of a `.gitignore`; a line that is no pattern is none here either."""
    said: list[tuple[bool, str]] = []
    for line in lines:
        with suppress(NoPattern):
            said.append(_said(line))
    return Rules(tuple((out, re.compile(text, re.S)) for out, text in _grouped(said)))


def patterns(lines: Iterable[str], *, below: bool = False) -> Sequence[tuple[bool, str]]:
    """The same as `formats.chosen.Patterns`; with `below`, each fits what is in a folder that it
    fits, too.

    Raises:
        NoPattern: one of the lines is none.
    """
    said = [_said(line) for line in lines]
    return _grouped([(no, f"{one}|{_below(one)}") for no, one in said] if below else said)


def _grouped(said: Iterable[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Whether it says yes, and the expressions of neighbours that say the same as one."""
    return [
        (not negated, "|".join(f"(?:{one})" for _, one in some))
        for negated, some in groupby(said, key=itemgetter(0))
    ]


def _below(pattern: str) -> str:
    """The same, for what lies in a folder that fits."""
    end = "/\\Z" if pattern.endswith("/\\Z") else "/?\\Z"
    return pattern[: -len(end)] + "/"


def _said(line: str) -> tuple[bool, str]:
    """Whether a line takes back, and its regular expression. Raises NoPattern."""
    line = line.rstrip("\r\n")
    while line.endswith(" ") and not line.endswith("\\ "):
        line = line[:-1]
    if line.startswith("#"):
        raise NoPattern("with # a remark begins; write \\# for the character itself")
    negated = line.startswith("!")
    line = line[negated:]
    only_folders = line.endswith("/")
    line = line.rstrip("/")
    if not line.strip("/"):
        raise NoPattern("it names nothing; leave it out")
    anchored = "/" in line
    try:
        return negated, _translated(line.lstrip("/"), anchored, only_folders)
    except re.error as wrong:
        raise NoPattern(f"{wrong}; write \\[ for the character itself") from wrong


@lru_cache(maxsize=4_096)
def _translated(pattern: str, anchored: bool, only_folders: bool) -> str:
    """A regular expression over a path; it ends with what may follow.

    What stands between two stars is looked for once and then kept (an atomic group): the
    first place where it fits is as good as any, and nothing is tried twice.
    """
    parts = _parts(pattern)
    while len(parts) > 1 and parts[0] == parts[1] == "**":
        del parts[0]
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == "**":
            runs.append([])
        else:
            runs[-1].append(_segment(part))
    if not anchored:
        runs.insert(0, [])
    first, *later = ["/".join(run) for run in runs]
    made = first
    for number, run in enumerate(later):
        lead = "/" if made else ""
        if number == len(later) - 1:
            if not run:  # `x/**`: everything inside
                made += f"{lead}.+"
            else:
                made += f"{lead}(?:.*/)?{run}" if not lead else f"/(?:.*/)?{run}"
        elif run:
            made += f"(?>{lead}(?:[^/]+/)*?{run}(?=/))"
    checked = made + ("/\\Z" if only_folders else "/?\\Z")
    re.compile(checked)
    return checked


def _parts(pattern: str) -> list[str]:
    """What stands between slashes; a slash in a set of characters is part of that."""
    parts, start, at, last = [], 0, 0, pattern.rfind("]")
    while at < len(pattern):
        one = pattern[at]
        at += 1
        if one == "/":
            parts.append(pattern[start : at - 1])
            start = at
        elif one == "\\" and pattern[at : at + 1] != "/":
            at += 1
        elif one == "[" and at < last:
            at = max(at, _end_of_class(pattern, at)[1] + 1)
    return [*parts, pattern[start:]]


def _segment(text: str) -> str:
    """One part of a path, with `*`, `?`, `[...]` and escapes."""
    pieces, at = [""], 0
    while at < len(text):
        one = text[at]
        at += 1
        if one == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif one == "?":
            pieces[-1] += "[^/]"
        elif one == "[":
            made, at = _class(text, at)
            pieces[-1] += made
        elif one == "\\" and at < len(text):
            pieces[-1] += re.escape(text[at])
            at += 1
        else:
            pieces[-1] += re.escape(one)
    first, *later = pieces
    if not later:
        return first
    *middle, last = later
    some = "" if any(pieces) else "(?=[^/])"  # a part of a path is never empty
    return some + first + "".join(f"(?>[^/]*?{piece})" for piece in middle) + f"[^/]*{last}"


def _class(text: str, at: int) -> tuple[str, int]:
    """A set of characters, from behind its `[`; one that does not end fits nothing."""
    start = at
    at, end = _end_of_class(text, at)
    if end < 0:
        raise re.error("a set of characters that does not end")
    inside = re.sub(r"([\\\[&~|^])", r"\\\1", text[at:end].replace("\\", ""))
    return f"(?!/)[{'^' if at > start else ''}{inside}]", end + 1


def _end_of_class(text: str, at: int) -> tuple[int, int]:
    """Where what it has begins, and where its `]` is; the first one may be part of it. -1:
    nowhere."""
    if text[at : at + 1] in ("!", "^"):
        at += 1
    return at, text.find("]", at + 1)
