"""The rows of the evaluation: which questions, over how much text, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unspool.errors import ConfigurationError
from unspool.tasks import Kind, Task, make

WORKING = range(1, 1_000)
"""Seeds that were looked at while unspool was made. The table has none of them."""
FIRST = 50_000
"""The first seed of the table."""
REAL = ("polarity2", "sms_spam2", "snips7")
MADE = ("reviews", "inbox", "errands")
PARAGRAPHS = 20
"""Among which the plain model finds those that a question of several steps needs."""
_STEP = 250


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of question over texts of one length."""

    key: str
    title: str
    kinds: tuple[Kind, ...]
    """Question by question in turn."""
    chars: int
    seconds: float
    """What a question may take."""
    target: str
    plain: bool = False
    """The plain model reads the whole text: what other rows are compared with."""
    apart: bool = False
    """Single messages are labelled, without a run."""
    needs_data: bool = False

    def task(self, number: int, seed: int, data: Path | None) -> Task:
        """The question of that number in the row. Raises `ConfigurationError`."""
        domains = REAL if data else MADE
        kind = self.kinds[number % len(self.kinds)]
        return self.made(kind, seed, domains[number % len(domains)], data)

    def made(self, kind: Kind, seed: int, domain: str, data: Path | None) -> Task:
        """A question, of labels about the messages of `domain`. Raises `ConfigurationError`."""
        if kind == "label":
            return make(kind, seed, self.chars, data=data, domain=domain)
        if kind == "multihop" and self.plain:
            return _among(PARAGRAPHS, seed, self.chars, data)
        return make(kind, seed, self.chars, data=data if self.needs_data else None)


ROWS: Mapping[str, Row] = {
    row.key: row
    for row in (
        Row("needle", "one needle", ("needle",), 4_000_000, 300, "99 % right"),
        Row("needles", "four needles of 44, asked at once", ("needles",), 1_000_000, 300, "95 %"),
        Row("count", "lines that meet two conditions", ("count",), 1_000_000, 300, "95 % right"),
        Row("two_hop", "two-hop facts far apart", ("two_hop",), 1_000_000, 300, "90 % right"),
        Row("list", "all matching records (F1)", ("list",), 1_000_000, 300, "F1 0.97"),
        Row(
            "label", "one label counted among some hundred messages", ("label",), 30_000, 1_800,
            "within 10 % of what its labels allow",
        ),
        Row(
            "label_each", "single messages of these labelled, one a request", ("label",), 30_000,
            1_800, "(to compare)", apart=True,
        ),
        Row(
            "multihop", "two to four hops over paragraphs (F1)", ("multihop",), 1_000_000, 600,
            "twice the plain model's", needs_data=True,
        ),
        Row(
            "multihop_plain", f"the same, plain model, {PARAGRAPHS} paragraphs", ("multihop",),
            60_000, 600, "(to compare)", plain=True, needs_data=True,
        ),
        Row(
            "summary", "summary of a book: chapters told, nobody invented", ("summary",),
            1_000_000, 14_400, "every chapter, nobody invented",
        ),
        Row("short", "short texts", ("needle", "two_hop"), 2_000, 300, "none worse than plain"),
        Row(
            "short_plain", "short texts, plain model", ("needle", "two_hop"), 2_000, 300,
            "(to compare)", plain=True,
        ),
    )
}  # fmt: skip


def chosen(
    keys: str | None, sizes: str | None, seconds: float | None, data: Path | None
) -> list[Row]:
    """The rows asked for, with the sizes asked for (`2000` for all, or `needle=2000,list=900`)
    and the time; those that need a folder of texts only where there is one.

    Raises:
        ConfigurationError: there is no such row, or a size is no number.
    """
    wanted = keys.split(",") if keys else list(ROWS)
    unknown = [key for key in wanted if key not in ROWS]
    if unknown:
        raise ConfigurationError(f"no row {unknown[0]!r}; there are: {', '.join(ROWS)}")
    most = _sizes(sizes)
    rows = [
        replace(
            row,
            chars=min(row.chars, most.get(row.key, most.get("", row.chars))),
            seconds=seconds or row.seconds,
        )
        for row in map(ROWS.__getitem__, wanted)
    ]
    return [row for row in rows if data is not None or not row.needs_data]


def _sizes(text: str | None) -> dict[str, int]:
    found = {}
    for part in text.split(",") if text else ():
        key, _, number = part.rpartition("=")
        if (key and key not in ROWS) or not number.isdigit() or not int(number):
            raise ConfigurationError(f"--sizes {part!r}: give CHARS, or ROW=CHARS")
        found[key] = int(number)
    return found


def _among(paragraphs: int, seed: int, chars: int, data: Path | None) -> Task:
    """The question over so many paragraphs, or over as many as `chars` allows."""

    def taken(most: int) -> Task:
        return make("multihop", seed, most, data=data)

    return _largest(taken, chars, lambda task: task.context.count("\n\n# ") < paragraphs)


def _largest(made: Callable[[int], Task], most: int, fits: Callable[[Task], bool]) -> Task:
    sizes: Sequence[int] = range(_STEP, most + 1, _STEP)
    low, high = 0, len(sizes)
    while low < high:
        middle = (low + high) // 2
        if fits(made(sizes[middle])):
            low = middle + 1
        else:
            high = middle
    return made(sizes[max(low - 1, 0)] if sizes else most)
