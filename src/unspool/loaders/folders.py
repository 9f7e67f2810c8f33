"""The files in a folder that a reader would want, in the order of their names."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from unspool.context.files import Files
from unspool.errors import ConfigurationError, ContextError
from unspool.loaders.formats.chosen import Chosen, Patterns
from unspool.loaders.ignore import NoPattern, Rules, patterns, rules

MOST_FILES = 200_000
"""Found in all; more are a question of which ones were meant."""
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})
LONGEST_RULES = 1 << 20


HIDDEN = (".*", "__MACOSX/")


class Choice(Chosen):
    """Which names are taken, by the caller's patterns."""

    def __init__(self, take: Patterns = (), leave: Patterns = ()) -> None:
        super().__init__(take, leave)
        self.take, self.leave = take, leave

    @classmethod
    def of(cls, files: Files) -> Choice:
        """The patterns of `files`, and unless it says otherwise, no hidden files.

        Raises:
            ConfigurationError: one of them is no pattern.
        """
        include, exclude = _from_here(files.include), _from_here(files.exclude)
        if include and include[0].startswith("!"):
            raise ConfigurationError(
                f"include={include[0]!r}: ! takes back what patterns before it take, and there are"
                " none: give it as exclude, without the !, or write \\! for the character itself."
            )
        for name, given in (("include", include), ("exclude", exclude)):
            for one in given:
                try:
                    patterns([one])
                except NoPattern as wrong:
                    raise ConfigurationError(f"{name}={one!r} is no pattern: {wrong}.") from None
        hidden = () if files.ignored else HIDDEN
        return cls(patterns(include, below=True), patterns([*exclude, *hidden]))


class Walk:
    """Walks one folder. Links to folders are not followed, so that there are no loops; nor are
    those that lead out of it: who gave the folder did not give what is elsewhere."""

    def __init__(self, top: str, files: Files, choice: Choice, room: int = MOST_FILES) -> None:
        self._top, self._files, self._choice, self._room = top, files, choice, room
        self.links = 0
        """To folders, which were not followed."""
        self.leading_out: list[str] = []
        """Links to files that are elsewhere."""
        self._inside = os.path.join(os.path.realpath(top), "")
        self.unreadable: list[str] = []

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Each file's path below the folder, and the path that opens it, which is no link."""
        for found, one in enumerate(self._below(self._top, "", self._inherited()), 1):
            if found > self._room:
                raise ContextError(
                    f"{self._top!r} has more than {self._room:,} files: name a part of it, or"
                    " leave some out (exclude=, --exclude)."
                )
            yield one

    def _below(
        self, folder: str, below: str, inherited: Sequence[tuple[int, Rules]]
    ) -> Iterator[tuple[str, str]]:
        waiting = [(folder, below, tuple(inherited))]
        while waiting:
            folder, below, active = waiting.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError:
                self.unreadable.append(below or folder)
                continue
            if not self._files.ignored and any(e.name == ".gitignore" for e in entries):
                own = _rules_in(os.path.join(folder, ".gitignore"))
                active = (*active, (len(below), own)) if own.groups else active
            folders = []
            for entry in entries:
                path = below + entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if self._left_out(path, is_folder, active):
                    continue
                if is_folder:
                    folders.append((entry.path, path + "/", active))
                elif entry.is_symlink() and _is_folder(entry):
                    self.links += 1
                elif not self._choice.takes(path):
                    pass
                elif entry.is_symlink() and not self._is_inside(entry.path):
                    self.leading_out.append(path)
                else:
                    yield path, os.path.realpath(entry.path) if entry.is_symlink() else entry.path
            waiting += reversed(folders)

    def _is_inside(self, link: str) -> bool:
        return os.path.realpath(link).startswith(self._inside)

    def _left_out(self, path: str, is_folder: bool, active: Sequence[tuple[int, Rules]]) -> bool:
        name = path[path.rfind("/") + 1 :]
        if is_folder and not self._choice.enters(path):
            return True
        if self._files.ignored:
            return is_folder and name == ".git"
        if name[0] == "." or (is_folder and name in SKIPPED_FOLDERS):
            return True
        for above, own in reversed(active):  # what is nearest to a file decides
            said = own.leaves_out(path[above:], is_folder=is_folder)
            if said is not None:
                return said
        return False

    def _inherited(self) -> list[tuple[int, Rules]]:
        """The rules of the folders above, up to that of the repository."""
        if self._files.ignored:
            return []
        top, found = Path(os.path.abspath(self._top)), []
        above = [top, *top.parents]
        root = next((n for n, one in enumerate(above) if (one / ".git").exists()), 0)
        for folder in reversed(above[1 : root + 1]):
            own = _rules_in(str(folder / ".gitignore"))
            if own.groups:
                found.append((0, replace(own, lead=f"{top.relative_to(folder).as_posix()}/")))
        return found


def _from_here(given: str | Sequence[str]) -> Sequence[str]:
    """Each pattern; `./x` is `/x`, at the top alone."""
    each = (given,) if isinstance(given, str) else given
    return [one[1:] if one.startswith("./") else one for one in each]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, say: to be told when it cannot be opened
        return False


def _rules_in(path: str) -> Rules:
    try:
        if not os.path.isfile(path):
            return Rules()
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="\n") as file:
            return rules(file.read(LONGEST_RULES).split("\n"))
    except OSError:
        return Rules()
