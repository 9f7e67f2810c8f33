"""The patterns of `.gitignore`, as git understands them, in time that no pattern can stretch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache


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
    groups: list[tuple[bool, list[str]]] = []
    for line in lines:
        said = _said(line)
        if said is None:
            continue
        negated, pattern = said
        if groups and groups[-1][0] is not negated:
            groups[-1][1].append(pattern)
        else:
            groups.append((not negated, [pattern]))
    return Rules(tuple((out, re.compile("|".join(some), re.S)) for out, some in groups))


def expression(patterns: Sequence[str]) -> str:
    """One regular expression, to be matched from a path's start, that fits what any of the
    patterns or a folder above it fits; empty when there are no patterns."""
    said = (_said(pattern) for pattern in patterns)
    return "|".join(f"(?:{one[1]}|{_below(one[1])})" for one in said if one is not None)


def _below(pattern: str) -> str:
    """The same, for what lies in a folder that fits."""
    end = "/\\Z" if pattern.endswith("/\\Z") else "/?\\Z"
    return pattern[: -len(end)] + "/"


def _said(line: str) -> tuple[bool, str] | None:
    """Whether a line takes back, and its regular expression."""
    line = line.rstrip("\r\n")
    while line.endswith(" ") and not line.endswith("\\ "):
        line = line[:-1]
    if not line or line.startswith("#"):
        return None
    negated = line.startswith("!")
    line = line[negated:]
    only_folders = line.endswith("/")
    line = line.rstrip("/")
    if not line.strip("/"):
        return None
    anchored = "/" in line
    try:
        return negated, _translated(line.lstrip("/"), anchored, only_folders)
    except re.error:
        return None


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
