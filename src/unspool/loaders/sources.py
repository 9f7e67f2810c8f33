"""Whatever a caller gives as context -> `Context`."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unspool.context.files import Files
from unspool.context.source import Context
from unspool.errors import ContextError
from unspool.loaders import git
from unspool.loaders.decode import SNIFF_BYTES, decode, is_binary
from unspool.loaders.files import text_file
from unspool.loaders.folders import Choice, Walk
from unspool.loaders.formats.kinds import kind_of, suffix
from unspool.loaders.frames import frame_part, is_frame, named_frames
from unspool.loaders.opened import NotRegular, Opened, kept_in_memory, opened
from unspool.loaders.parts import NOT_TEXT, Gathering, Lost, Parser, Part
from unspool.registry import added_loaders

LONGEST_PATH_CHARS = 1_000
WILD = frozenset("*?[")


def load(source: Any, parser: Callable[[], Parser]) -> Context:
    """Makes a context of `source`.

    A `Context` is taken as it is. `Files`, a `Path`, or a `str` of one line that names what
    exists (a file, a folder, a glob, `repository@revision`) is read: one text file as a text,
    everything else as documents. Any other `str` is the text itself. Bytes are read as the
    file that they are. Data frames become CSV. Lists, dicts and other JSON-like data stay
    what they are. `parser` is called when something comes that is not plain text.

    Raises:
        ContextError: there is no such file, it cannot be read, or there is no text in it.
    """
    try:
        context = _load(source, parser)
        chars = context.chars
    except RecursionError:
        raise ContextError("the context contains itself, or is nested too deeply.") from None
    if not chars:
        raise ContextError(f"the context is empty ({_named(source)}): there is nothing to read.")
    return context


def _load(source: Any, parser: Callable[[], Parser]) -> Context:
    if isinstance(source, Context):
        return source
    if isinstance(source, Files):
        return _Reading(source, parser).context()
    if isinstance(source, Path) or (isinstance(source, str) and names_files(source)):
        return _Reading(Files(source), parser).context()
    if isinstance(source, str):
        return Context(str(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _Reading(Files(bytes(source)), parser).context()
    if isinstance(source, Sequence) and any(isinstance(s, Path) for s in source):
        return _Reading(Files([os.fspath(s) for s in source]), parser).context()
    tables = _tables(source)
    if tables is not None:
        return tables
    if isinstance(source, (list, tuple, Mapping, set, frozenset, int, float)):
        return Context(source if isinstance(source, (list, dict)) else _plain(source))
    raise ContextError(
        f"a context cannot be of type {type(source).__name__}: give text, bytes, a Path, Files, a"
        " list of those, a data frame, or JSON-like data."
    )


def _tables(source: Any) -> Context | None:
    """The context of one data frame, or of a mapping or list of them; None: it is neither."""
    if is_frame(source):
        part = frame_part("", source)
        kind, rows = type(source).__name__, f"{part.metadata['rows']:,}"
        return Context(part.text, notes=(f"It is a {kind} of {rows} rows, as CSV.",))
    frames = named_frames(source)
    if frames is None:
        return None
    gathering = Gathering()
    for name, frame in frames.items():
        gathering.add(frame_part(name, frame))
    return gathering.context(["these tables"])


def _plain(source: Any) -> Any:
    return dict(source) if isinstance(source, Mapping) else source


def _named(source: Any) -> str:
    if isinstance(source, Files):
        return ", ".join(source.names)[:300] or "bytes"
    return str(source) if isinstance(source, Path) else f"a {type(source).__name__}"


def names_files(text: str) -> bool:
    """Whether a context given as text is taken for the name of what is on disk."""
    if len(text) > LONGEST_PATH_CHARS or not text.strip() or "\n" in text or "\0" in text:
        return False
    return os.path.exists(text) or bool(git.split(text)) or bool(_matching(text))


def _matching(path: str) -> list[str]:
    """What a glob finds, in the order of names."""
    if not WILD & set(path):
        return []
    return sorted(glob.glob(path, recursive=True))


class _Reading:
    """Reads what `Files` names into one context."""

    def __init__(self, files: Files, parser: Callable[[], Parser]) -> None:
        self._files, self._choice = files, Choice.of(files)
        self._begin_parsing = parser
        self._parser: Parser | None = None
        self._all = Gathering()
        self._seen: set[str] = set()
        """Files that were read, where several things were named."""

    def in_memory(self, data: bytes) -> Context:
        """One file that is in memory, from standard input say."""
        name = "the context"
        if kind_of("", data[:SNIFF_BYTES]) == "text":
            text, note = decode(data, name)
            return Context(text, notes=(note,) if note else ())
        with kept_in_memory(data) as fd:
            self._parse(fd, name)
        return self._all.context([name], single=True)

    def context(self) -> Context:
        """Everything that the paths name."""
        if isinstance(self._files.paths, bytes):
            return self.in_memory(self._files.paths)
        paths = self._files.names
        if not paths:
            raise ContextError("no file was named.")
        found = list(dict.fromkeys(one for path in paths for one in self._resolved(path)))
        if len(found) == 1 and not os.path.isdir(found[0]) and git.split(found[0]) is None:
            return self._single(found[0], paths)
        common = _common(found)
        for path in found:
            if len(found) > 1 and git.split(path) is None and not self._is_new(path):
                continue
            revision = git.split(path)
            if revision is not None:
                self._revision(
                    *revision, lead="" if len(found) == 1 else f"{os.path.basename(path)}/"
                )
            elif os.path.isdir(path):
                below = os.path.relpath(os.path.abspath(path), common) if len(found) > 1 else ""
                self._folder(path, f"{below}/" if below else "")
            else:
                self._file(path, os.path.relpath(os.path.abspath(path), common))
        return self._all.context(paths)

    def _resolved(self, path: str) -> list[str]:
        """The path itself, or what it finds as a glob."""
        if git.split(path) is not None:
            return [path]
        try:
            os.stat(path)
        except (OSError, ValueError) as failed:
            found = [] if isinstance(failed, ValueError) else _matching(path)
            if found:
                return found
            if isinstance(failed, FileNotFoundError):
                raise ContextError(
                    f"there is no file or folder {path!r}: check the path."
                ) from None
            why = getattr(failed, "strerror", None) or failed
            raise ContextError(f"{path[:200]!r} cannot be read: {why}.") from failed
        return [path]

    def _single(self, path: str, given: Sequence[str]) -> Context:
        """One file that was named: a plain text is a text, however long."""
        name = os.path.basename(path)
        try:
            with opened(path) as file:
                if self._is_plain(path, file.head) and file.fd_again is not None:
                    return text_file(Path(path))
                if self._is_plain(path, file.head):
                    text, note = decode(file.rest(), name)
                    return Context(text, notes=(note,) if note else ())
                if file.fd_again is None:  # a pipe cannot be read twice
                    return self.in_memory(file.rest())
                self._parse(file.fd_again, name)
                self._beside(path, name, file.head)
        except OSError as failed:
            raise ContextError(f"{path!r} cannot be read: {failed.strerror}.") from failed
        return self._all.context([name], single=len(given) == 1)

    def _beside(self, path: str, name: str, head: bytes) -> None:
        """Tells of what belongs to a database and is not in its file."""
        log = f"{path}-wal"
        if kind_of(name, head) == "sqlite" and os.path.exists(log) and os.path.getsize(log):
            why = (
                f"what is only in {os.path.basename(log)} beside it was not read: end the program"
                " that writes it, or run PRAGMA wal_checkpoint(TRUNCATE)"
            )
            self._all.add(Lost(name, why))

    def _is_new(self, path: str) -> bool:
        """Whether this has not been read for something that was named before."""
        real = os.path.realpath(path)
        known = real in self._seen
        self._seen.add(real)
        return not known

    def _folder(self, path: str, lead: str) -> None:
        walk = Walk(path, self._files, self._choice)
        for below, place in walk:
            if not self._seen or self._is_new(place):
                self._file(place, lead + below, follow=False)
        for name in walk.leading_out:
            self._all.add(Lost(lead + name, "a link that leads out of the folder: name its target"))
        if walk.links:
            self._all.leave_out("links to folders", walk.links)
        for name in walk.unreadable:
            self._all.add(Lost(lead + name, "its folder cannot be listed"))

    def _file(self, path: str, name: str, *, follow: bool = True) -> None:
        """One file of several."""
        try:
            with opened(path, regular=True, follow=follow) as file:
                self._contents(file, name)
                self._beside(path, name, file.head)
        except NotRegular:
            self._all.leave_out("no regular files")
        except OSError as failed:
            self._all.add(Lost(name, failed.strerror or str(failed)))

    def _contents(self, file: Opened, name: str) -> None:
        if file.size > self._files.max_file_bytes:
            why = f"larger than {self._files.max_file_bytes >> 20:,} MB: give it by itself"
            self._all.add(Lost(name, why))
        elif not file.head:
            self._all.leave_out("empty")
        elif not self._is_plain(name, file.head):
            assert file.fd_again is not None
            self._parse(file.fd_again, name, modified=file.modified)
        elif is_binary(file.head):
            self._all.leave_out(NOT_TEXT)
        else:
            self._text(file.rest(), name, {"bytes": file.size, "modified": file.modified})

    def _text(self, data: bytes, name: str, metadata: Mapping[str, Any]) -> None:
        text, note = decode(data, name)
        self._all.note(note)
        kind = suffix(name)[1:] or "text"
        self._all.add(Part(name, text, {"format": kind, **metadata}))

    def _is_plain(self, name: str, head: bytes) -> bool:
        return kind_of(name, head) == "text" and suffix(name) not in added_loaders()

    def _parse(self, fd: int, name: str, **metadata: Any) -> None:
        if self._parser is None:
            self._parser = self._begin_parsing()
        choice = self._choice
        for part in self._parser.parse(fd, name, take=choice.take, leave=choice.leave):
            if isinstance(part, Part):
                part = Part(part.name, part.text, {**part.metadata, **metadata})
            self._all.add(part)

    def _revision(self, repository: str, revision: str, lead: str) -> None:
        source, wanted = git.Revision(repository, revision), []
        for path, name, size in source.files():
            if not self._choice.takes(path):
                continue
            if size > self._files.max_file_bytes:
                self._all.add(Lost(lead + path, "too large"))
            elif size:
                wanted.append((path, name))
            else:
                self._all.leave_out("empty")
        contents = source.contents([name for _, name in wanted])
        for (path, _), data in zip(wanted, contents, strict=True):
            self._blob(data, lead + path)

    def _blob(self, data: bytes, name: str) -> None:
        head = data[:SNIFF_BYTES]
        if not self._is_plain(name, head):
            with kept_in_memory(data) as fd:
                self._parse(fd, name)
        elif is_binary(head):
            self._all.leave_out(NOT_TEXT)
        else:
            self._text(data, name, {"bytes": len(data)})


def _common(paths: Sequence[str]) -> str:
    """The folder below which names are told: each character of them is paid for."""
    return os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in paths])
