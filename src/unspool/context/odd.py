"""Which parts of a context look different from the rest, by cheap looks at samples of it."""

from __future__ import annotations

import collections
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unspool.context.source import Context, Document
from unspool.context.text import passage

MOST_TOLD = 3
NAME_CHARS = 80
FEWEST = 4
"""Of fewer parts, none is different from the rest."""
SAMPLED = 20_000
SAMPLE_CHARS = 200
TIMES_LONGER = 20
LONG_CHARS = 10_000

WINDOWS, WINDOW_CHARS = 48, 1_500
SHOWN_CHARS = 60
FAR = 0.6
"""Between the shares of kinds of characters of two texts; 2 is as far as can be."""

_SCRIPTS = (
    (0x0370, 0x03FF, "Greek"), (0x0400, 0x052F, "Cyrillic"), (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"), (0x0900, 0x097F, "Devanagari"), (0x0E00, 0x0E7F, "Thai"),
    (0x3040, 0x30FF, "Japanese"), (0x3400, 0x9FFF, "Chinese"), (0xAC00, 0xD7AF, "Korean"),
)  # fmt: skip


def odd_documents(context: Context) -> list[str]:
    """A line on those that are of another kind, in another script, or far longer."""
    documents = context.documents
    if len(documents) < FEWEST:
        return []
    found = [*_longer(documents), *_of_another_kind(documents)]
    found += _in_another_script(context.value, documents)
    return [f"Different from the rest: {'; '.join(found[:MOST_TOLD])}."] if found else []


def odd_items(items: Sequence[Any]) -> list[str]:
    """A line on items of a list that are built otherwise than most."""
    shapes = [_shape(item) for item in items[:SAMPLED]]
    rare = _rare(shapes)
    if not rare:
        return []
    shown = (f"item {shapes.index(shape):,} is a {shape}" for shape in rare)
    return [f"Different from the rest: {'; '.join(shown)}."]


def odd_windows(text: str) -> list[str]:
    """A line on places of a long text that are not like the others."""
    step = len(text) // WINDOWS
    if step < 2 * WINDOW_CHARS:
        return []
    places = [n * step for n in range(WINDOWS)]
    looks = [_look(text[at : at + WINDOW_CHARS]) for at in places]
    usual = [statistics.median(column) for column in zip(*looks, strict=True)]
    far = [sum(abs(a - b) for a, b in zip(look, usual, strict=True)) for look in looks]
    bound = max(FAR, 4 * statistics.median(far))
    odd = sorted((n for n in range(WINDOWS) if far[n] > bound), key=lambda n: -far[n])
    if not odd or len(odd) > WINDOWS // 4:
        return []
    shown = (
        f"at {places[n]:,}: {text[places[n] : places[n] + SHOWN_CHARS]!r}" for n in sorted(odd[:2])
    )
    return [f"Unlike the rest, in samples: {'; '.join(shown)}."]


def _longer(documents: Sequence[Document]) -> Iterator[str]:
    median = statistics.median_low(d.chars for d in documents) or 1
    longest = max(documents, key=lambda d: d.chars)
    if longest.chars > max(LONG_CHARS, TIMES_LONGER * median):
        times = f"{longest.chars // median:,}"
        yield f"{longest.name[:NAME_CHARS]} is {times} times as long as most"


def _of_another_kind(documents: Sequence[Document]) -> Iterator[str]:
    kinds = [str(d.metadata.get("format", "text")) for d in documents]
    for kind in _rare(kinds):
        yield f"{documents[kinds.index(kind)].name[:NAME_CHARS]} is {kind[:NAME_CHARS]}"


def _in_another_script(text: Any, documents: Sequence[Document]) -> Iterator[str]:
    some = documents[:SAMPLED]
    scripts = [_script(passage(text, d.start, d.start + min(SAMPLE_CHARS, d.chars))) for d in some]
    for script in _rare(scripts):
        yield f"{some[scripts.index(script)].name[:NAME_CHARS]} is in {script} script"


def _rare(kinds: Sequence[str]) -> list[str]:
    """What is only there once or twice, where nearly all are the same."""
    counts = collections.Counter(kinds)
    if len(kinds) < FEWEST or counts.most_common(1)[0][1] < 0.7 * len(kinds):
        return []
    return [kind for kind, count in counts.items() if count <= 2][:MOST_TOLD]


def _script(text: str) -> str:
    if text.isascii():
        return "Latin"
    seen: collections.Counter[str] = collections.Counter()
    for one in text:
        code = ord(one)
        if one.isalpha():
            found = (name for low, high, name in _SCRIPTS if low <= code <= high)
            seen[next(found, "Latin")] += 1
    if seen["Japanese"]:
        seen["Japanese"] += seen.pop("Chinese", 0)
    return seen.most_common(1)[0][0] if seen else "Latin"


def _shape(item: Any) -> str:
    name = type(item).__name__
    if isinstance(item, Mapping):
        keys = sorted(str(key)[:30] for key in list(item)[:8])
        return f"{name} with the keys {', '.join(keys)}"
    return name


def _look(text: str) -> tuple[float, ...]:
    """The shares of kinds of characters."""
    size = len(text) or 1
    lower = sum(map(str.islower, text)) / size
    upper = sum(map(str.isupper, text)) / size
    digit = sum(map(str.isdigit, text)) / size
    space = sum(map(str.isspace, text)) / size
    braces = sum(text.count(one) for one in '{}[]",:<>=') / size
    foreign = 0.0 if text.isascii() else sum(one > "\x7f" for one in text) / size
    other = max(0.0, 1 - lower - upper - digit - space - braces - foreign)
    return lower, upper, digit, space, braces, foreign, other
