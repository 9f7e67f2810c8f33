"""`search` and `chunks` for any text: what the model has in the REPL, for everybody."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, overload

from unspool.config import from_environment
from unspool.context.files import Files
from unspool.context.source import Context
from unspool.context.stored import is_text, text_of
from unspool.context.text import FileText
from unspool.parsing import load
from unspool.sandboxes.texts import opened
from unspool.sandboxes.worker.cutting import Cutter
from unspool.sandboxes.worker.search import Hits, Searcher, Span, lines_wanted
from unspool.sandboxes.worker.words import UNFINISHED

KEPT_INDEXES = 64
"""Indexes of words that are kept; of more, the ones that were used longest ago go."""
ABANDONED_S = 3_600.0
"""A part of an index that was not finished after so long will not be."""
SMALL_CHARS = 1 << 20
"""An index of so short a text is made anew each time, and not kept."""


@overload
def search(
    pattern: str | Iterable[str],
    context: Any,
    limit: int | None = None,
    *,
    around: int = 0,
    spans: Literal[False] = False,
) -> Hits: ...
@overload
def search(
    pattern: str | Iterable[str],
    context: Any,
    limit: int | None = None,
    *,
    around: int = 0,
    spans: Literal[True],
) -> list[Span]: ...
def search(
    pattern: str | Iterable[str],
    context: Any,
    limit: int | None = None,
    *,
    around: int = 0,
    spans: bool = False,
) -> Hits | list[Span]:
    """Lines of `context` that match a regular expression or contain words, as strings of the
    form `[name line N] text`; where none does, the nearest ones, and `str` of the whole says so.

    Case does not matter, `^` and `$` are the ends of lines (`$` also where one ends with
    `\\r\\n`, as in files from Windows). Patterns are matched in linear time
    where google-re2 is installed and knows them. A list of words gives the lines that rank best
    for them (BM25); the index for that is made when it is first asked for, and kept by the
    content's hash. `context` is a text, a list or dict of texts, a `Context`, or what `RLM.run`
    reads: a `Path` or a list of them, `Files`, bytes. `limit` is 10 lines by default,
    `around` how many characters to each side of a match are given in place of the line. With
    `spans`, every match is given as (start, end, name, text), in characters of the text or item.

    Raises:
        ContextError: a path cannot be read.
        ValueError: there is nothing to look for, or `limit` or `around` is no number of them.
        TimeoutError: Python's own `re` had to do it, and took too long.
    """
    limit = lines_wanted(limit)
    value, documents = _opened(context)
    words = not isinstance(pattern, str) and not hasattr(pattern, "pattern")
    index = _kept(value, documents) if words else ""
    return Searcher(value, documents, index=index).search(  # type: ignore[no-any-return]
        pattern, limit, around=around, spans=spans
    )


@overload
def chunks(
    context: Any,
    size: int | None = None,
    by: str = "lines",
    overlap: int = 0,
    *,
    spans: Literal[False] = False,
    measure: Callable[[str], int] | None = None,
) -> Sequence[str]: ...
@overload
def chunks(
    context: Any,
    size: int | None = None,
    by: str = "lines",
    overlap: int = 0,
    *,
    spans: Literal[True],
    measure: Callable[[str], int] | None = None,
) -> Sequence[Span]: ...
def chunks(
    context: Any,
    size: int | None = None,
    by: str = "lines",
    overlap: int = 0,
    *,
    spans: bool = False,
    measure: Callable[[str], int] | None = None,
) -> Sequence[str] | Sequence[Span]:
    """`context` in pieces of at most `size` characters that end where something ends in it.

    `by` says what: lines, paragraphs, headings, sentences, code (definitions that are not
    indented), documents, records (of JSONL, CSV, or between blank lines), words, characters,
    or tokens, in which case `size` counts tokens: about four characters each, or what `measure`
    says of a text. A unit that is longer than `size` is cut at a finer one, never within what
    people see as one character; only such a character may be longer. Without a size each unit
    is a piece. Joined, the pieces of a text are the text; with `overlap` each begins with up to
    so much of the one before. A list, or for a long text a sequence that reads each piece when
    it is asked for. With `spans`, each is (start, end, name, text).

    Raises:
        ContextError: a path cannot be read.
        ValueError: no such unit, or a size that cannot be.
    """
    value, documents = _opened(context)
    cut = Cutter(value, documents).chunks
    found: Sequence[Any] = cut(size, by, overlap, spans=spans, measure=measure)
    return found


def _opened(context: Any) -> tuple[Any, list[tuple[str, int]]]:
    if isinstance(context, (Path, bytes, bytearray, Files, Context)) or _are_paths(context):
        context = load(context)
        return _searchable(context), [(one.name, one.start) for one in context.documents]
    return context, []


def _searchable(context: Context) -> Any:
    """What it holds; a text that is too long for memory as one that is read as it is needed."""
    value = context.value
    if isinstance(value, FileText) and value.encoding == "utf-8":
        return opened(context)
    return text_of(value) if is_text(value) else value


def _are_paths(context: Any) -> bool:
    some = isinstance(context, (list, tuple)) and bool(context)
    return some and all(isinstance(one, Path) for one in context)


def _kept(value: Any, documents: Sequence[tuple[str, int]]) -> str:
    """Where the index of a long text is kept; empty for what is short, or no text."""
    if not isinstance(value, str) or len(value) < SMALL_CHARS:
        return ""
    digest = hashlib.blake2b(repr(documents).encode() if documents else b"", digest_size=20)
    for at in range(0, len(value), SMALL_CHARS):
        digest.update(value[at : at + SMALL_CHARS].encode("utf-8", "surrogatepass"))
    folder = from_environment().home / "words"
    path = folder / digest.hexdigest()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_dir():
            path.touch()
            _remove(one for one in path.glob(f"*{UNFINISHED}") if _is_old(one))
        kept = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime)
        _remove(one for one in kept if not one.is_dir())
        kept = [one for one in kept if one.is_dir() and one != path]
        for old in kept[: max(0, len(kept) + 1 - KEPT_INDEXES)]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError:
        return ""
    return str(path)


def _is_old(file: Path) -> bool:
    return file.stat().st_mtime < time.time() - ABANDONED_S


def _remove(files: Iterable[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
