"""What lines of one shape have in the same place, where that is one of a few values.

Run in the REPL of a guided run too: it needs the standard library alone.
"""

import collections
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

MARKS = (";", "|", "\t", ",", " - ")
"""What may stand between the fields of a record."""
LABELLED = re.compile(r"(?<![\w.-])([\w.-]{1,60})[\"']?\s*[=:]\s*(\"[^\"]*\"|[^\s,;|}\]]+)")
PLACED, FEW, OFTEN = 0.95, 50, 3
"""The share of the lines that have something in a place, how many values it takes there at most,
and how often each of them on average at least."""


def columns(lines: Sequence[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
    """How often lines have each value of a place, for each place that takes a few: a field after
    a label, which is given too, one between marks, or a word by its number from either end."""
    few = min(FEW, len(lines) // OFTEN)
    for places in (_labelled, *(_between(mark) for mark in MARKS), _words):
        found: dict[object, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for line in lines:
            for place, value in places(line).items():
                if len(found[place]) <= FEW:
                    found[place][value] += 1
        for place, values in found.items():
            if 1 < len(values) <= few and sum(values.values()) >= PLACED * len(lines):
                yield place if isinstance(place, str) else "", values


def _labelled(line: str) -> dict[object, str]:
    return {label: value.strip('"') for label, value in LABELLED.findall(line)}


def _between(mark: str) -> Callable[[str], dict[object, str]]:
    def places(line: str) -> dict[object, str]:
        parts = line.split(mark)
        return dict(enumerate(part.strip() for part in parts)) if len(parts) > 2 else {}

    return places


def _words(line: str) -> dict[object, str]:
    words = re.findall(r"\w(?:[\w./@'-]*\w)?", line)
    places: dict[object, str] = dict(enumerate(words))
    places.update((at - len(words), word) for at, word in enumerate(words))
    return places
