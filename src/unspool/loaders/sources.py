"""Whatever a caller gives as context -> `Context`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from unspool.context.source import Context, Document
from unspool.errors import ContextError
from unspool.loaders.decode import SNIFF_BYTES, decode, is_binary

LONGEST_PATH_CHARS = 1_000
SKIPPED_FOLDERS = frozenset({"__pycache__", "node_modules", "venv", "site-packages"})


def load(source: Any) -> Context:
    """Makes a context of `source`.

    A `Context` is taken as it is. A `Path`, or a `str` of one line that names an existing
    file or folder, is read: a file as its text, a folder or a list of paths as all their
    text files joined, each under a line with its name. Any other `str` is the text itself.
    Bytes are decoded. Lists, dicts and other JSON-like data stay what they are.

    Raises:
        ContextError: there is no such file, it is binary, or there is no text in it.
    """
    try:
        context = _load(source)
        chars = context.chars
    except RecursionError:
        raise ContextError("the context contains itself, or is nested too deeply.") from None
    if not chars:
        raise ContextError(f"the context is empty ({_named(source)}): there is nothing to read.")
    return context


def _load(source: Any) -> Context:
    if isinstance(source, Context):
        return source
    if isinstance(source, Path) or (isinstance(source, str) and names_a_file(source)):
        return _read([Path(source)])
    if isinstance(source, str):
        return Context(str(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        text, note = decode(bytes(source), "the context")
        return Context(text, notes=(note,) if note else ())
    if isinstance(source, Sequence) and any(isinstance(s, Path) for s in source):
        return _read([Path(s) for s in source])
    if isinstance(source, (list, tuple, Mapping, set, frozenset, int, float)):
        return Context(source if isinstance(source, (list, dict)) else _plain(source))
    raise ContextError(
        f"a context cannot be of type {type(source).__name__}: give text, bytes, a Path, a list"
        " of those, or JSON-like data."
    )


def _plain(source: Any) -> Any:
    return dict(source) if isinstance(source, Mapping) else source


def _named(source: Any) -> str:
    return str(source) if isinstance(source, Path) else f"a {type(source).__name__}"


def names_a_file(text: str) -> bool:
    """Whether a context given as text is taken for the name of a file or folder."""
    if len(text) > LONGEST_PATH_CHARS or not text.strip() or "\n" in text or "\0" in text:
        return False
    return os.path.exists(text)


def _read(paths: Sequence[Path]) -> Context:
    for path in paths:
        try:
            path.stat()
        except FileNotFoundError:
            raise ContextError(
                f"there is no file or folder {str(path)!r}: check the path."
            ) from None
        except (OSError, ValueError) as failed:
            why = getattr(failed, "strerror", None) or failed
            raise ContextError(f"{str(path)[:200]!r} cannot be read: {why}.") from failed
    if len(paths) == 1 and not paths[0].is_dir():
        text, note = decode(_bytes(paths[0]), str(paths[0]))
        return Context(text, notes=(note,) if note else ())
    return _joined(paths)


def _joined(paths: Sequence[Path]) -> Context:
    parts: list[str] = []
    documents: list[Document] = []
    notes: list[str] = []
    at = skipped = 0
    for name, path in _files(paths):
        data = _text_bytes(path)
        if data is None:
            skipped += 1
            continue
        text, note = decode(data, name)
        notes += [note] if note else []
        part = f"===== {name} =====\n{text}\n"
        parts.append(part)
        documents.append(Document(name, at, len(part)))
        at += len(part)
    if not documents:
        raise ContextError(
            f"no text file in {', '.join(map(str, paths))} ({skipped:,} others were left out)."
        )
    if skipped:
        notes.append(f"{skipped:,} files that are empty, not text or not readable were left out.")
    return Context("".join(parts), tuple(documents), tuple(notes[-5:]))


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Each file with the name it goes by, folders in the order of their names.

    A name is the path below what all paths have in common: each character of it is paid for.
    """
    given = list(paths)
    common = os.path.commonpath([path.absolute().parent for path in given])
    for path in given:
        if not path.is_dir():
            yield os.path.relpath(path.absolute(), common), path
            continue
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(f for f in folders if f[0] != "." and f not in SKIPPED_FOLDERS)
            for file in sorted(f for f in files if f[0] != "."):
                found = Path(folder, file)
                top = path if len(given) == 1 else Path(common)
                yield os.path.relpath(found, top), found


def _text_bytes(path: Path) -> bytes | None:
    """What is in a file; None when it is empty, binary, no regular file or not readable."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            head = file.read(SNIFF_BYTES)
            return None if not head or is_binary(head) else head + file.read()
    except OSError:
        return None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as failed:
        raise ContextError(f"{path} cannot be read: {failed.strerror}.") from failed
