"""What a model is told of a context: as much of a huge one as of a small one."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unspool.context.odd import odd_documents, odd_items, odd_windows
from unspool.context.source import Context

NAMES_SHOWN = 5
KINDS_SHOWN = 6
KEYS_SHOWN = 8
NAME_CHARS = 120
NOTES_SHOWN = 5
NOTE_CHARS = 600

_DOCUMENT = (
    "`context[i]` is a document: a str with .name and .metadata; `for doc in context`;"
    " `context.text` is all of them as one str."
)
_BRIEFLY = "`context[i]` is a str with .name; `context.text` is all as one str."
"""For models that read slowly: each word is paid for in waiting."""


def describe(context: Context, preview_chars: int, *, joined: bool = False) -> str:
    """A context in constant size: its type, length, parts, what is odd, a look into it.

    Without a preview it is as brief as can be. `joined`: its documents are bound as the one
    text that they make.
    """
    lines = [*_what(context, joined, brief=not preview_chars)]
    lines += [note[:NOTE_CHARS] for note in context.notes[:NOTES_SHOWN]]
    if preview_chars:
        lines += odd_documents(context) if context.documents else _odd_parts(context.value)
        lines += _looks(context, preview_chars)
    return "\n".join(lines)


def _what(context: Context, joined: bool, *, brief: bool) -> Iterator[str]:
    documents, chars = context.documents, f"{context.size} in all"
    if not documents:
        yield f"`context` is a {context.kind}, {chars}."
        yield from _items(context.value)
        return
    names = ", ".join(d.name[:NAME_CHARS] for d in documents[:NAMES_SHOWN])
    more = ", ..." if len(documents) > NAMES_SHOWN else ""
    if context.is_text and len(documents) == 1:
        yield f"`context` is a str, {chars}, from the document {names}."
        return
    if joined or context.is_text:
        yield f"`context` is a str, {chars}."
        yield (
            f"It joins {len(documents):,} documents ({_kinds(context)}), each under a line"
            f" `===== name =====`: {names}{more}"
        )
        return
    yield f"`context` is a sequence of {len(documents):,} documents, {chars}."
    if brief:
        yield f"They are {_kinds(context)}: {names}{more}"
        yield _BRIEFLY
        return
    sizes = [d.chars for d in documents]
    yield (
        f"They are {_kinds(context)}; {min(sizes):,} to {max(sizes):,} characters, the median"
        f" {int(statistics.median_low(sizes)):,}: {names}{more}"
    )
    yield _DOCUMENT


def _kinds(context: Context) -> str:
    """How many there are of each format, the most frequent first."""
    kinds = collections.Counter(str(d.metadata.get("format", "text")) for d in context.documents)
    shown = [f"{count:,} {kind[:20]}" for kind, count in kinds.most_common(KINDS_SHOWN)]
    left = len(context.documents) - sum(count for _, count in kinds.most_common(KINDS_SHOWN))
    return ", ".join([*shown, f"{left:,} others"] if left else shown)


def _items(value: Any) -> Iterator[str]:
    """What the items of a container are."""
    if isinstance(value, Mapping):
        keys = ", ".join(repr(key)[:60] for key, _ in zip(value, range(KEYS_SHOWN), strict=False))
        yield f"Its keys: {keys}{', ...' if len(value) > KEYS_SHOWN else ''}"
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and value:
        first = value[0]
        if isinstance(first, Mapping) and first:
            keys = ", ".join(repr(k)[:40] for k, _ in zip(first, range(KEYS_SHOWN), strict=False))
            yield f"Its first item is a {type(first).__name__} with the keys {keys}."
        else:
            yield f"Its first item is a {type(first).__name__}."


def _odd_parts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from odd_windows(value)
    elif isinstance(value, (list, tuple)):
        yield from odd_items(value)


def _looks(context: Context, room: int) -> Iterator[str]:
    """The beginning, the middle and the end."""
    value = context.value
    if isinstance(value, str):
        if len(value) <= room:
            yield f"It is: {value!r}"
            return
        third, middle = room // 3, len(value) // 2
        yield f"It begins {value[:third]!r},"
        yield f"has {value[middle : middle + third]!r} in the middle, and ends {value[-third:]!r}."
        return
    head, tail = context.ends(room // 2)
    if head:
        yield f"It begins {head!r} and ends {tail!r}." if tail else f"It is: {head!r}"
    elif isinstance(value, (list, tuple)) and value:
        places = dict.fromkeys((0, len(value) // 2, len(value) - 1))
        for place in places:
            yield f"context[{place}] is {_short(value[place], room // 3)}"


def _short(value: Any, room: int) -> str:
    """The beginning of a value's repr, without making a long one first."""
    if isinstance(value, str):
        shown = repr(value[:room])
        return shown if len(value) <= room else f"{shown}..."
    if isinstance(value, Mapping):
        each = max(20, room // max(1, min(len(value), KEYS_SHOWN)))
        pairs = zip(value.items(), range(KEYS_SHOWN), strict=False)
        inside = ", ".join(f"{_short(k, 40)}: {_short(v, each)}" for (k, v), _ in pairs)
        return f"{{{inside}{', ...' if len(value) > KEYS_SHOWN else ''}}}"[: 2 * room]
    if isinstance(value, (list, tuple)):
        inside = ", ".join(_short(one, room // 4) for one in value[:4])
        return f"[{inside}{', ...' if len(value) > 4 else ''}]"[: 2 * room]
    return repr(value)[:room]
