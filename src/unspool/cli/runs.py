"""`unspool runs`: the list of what was recorded."""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from unspool.cli.output import as_json, cost, head, visible, when
from unspool.config import from_environment
from unspool.errors import ConfigurationError
from unspool.journal.listing import RunRow, as_mapping, listed
from unspool.journal.lock import locks_of
from unspool.journal.lock import under_way as under_way_in

if TYPE_CHECKING:
    from unspool.journal.journal import Journal

DAY_S = 86_400


def path_of(options: argparse.Namespace) -> Path:
    """The journal's file that the command is about.

    Raises:
        ConfigurationError: the environment says that there is none.
    """
    found = from_environment().journal_file(options.journal)
    if found is None:
        raise ConfigurationError("UNSPOOL_JOURNAL=off: there is no journal; give --journal FILE.")
    return found


def journal_of(options: argparse.Namespace) -> Journal:
    """The journal that the command is about."""
    from unspool.journal.journal import Journal
    from unspool.journals import VALUES

    return Journal(path_of(options), VALUES)


def runs(options: argparse.Namespace) -> int:
    """Prints a line for each run, the latest first; gives the exit code."""
    path = path_of(options)
    rows, faults = listed(path)
    under_way = frozenset(under_way_in(locks_of(path)))
    chosen = list(islice(_chosen(rows, under_way, options), options.limit))
    if options.json:
        print(as_json([{**as_mapping(row), "state": state(row, under_way)} for row in chosen]))
    else:
        print("\n".join(_table(chosen, under_way)))
    for fault in faults:
        print(f"unspool: {fault}", file=sys.stderr)
    return 1 if faults else 0


def state(row: RunRow, under_way: Container[str]) -> str:
    """`running`, `interrupted`, or the status it ended with."""
    return "running" if row.id in under_way else row.status or "interrupted"


def since(given: str) -> float:
    """A date, a date with a time, or a number of days (`7d`) or hours (`12h`) before now, as
    seconds since 1970.

    Raises:
        ConfigurationError: it is none of these.
    """
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([dh])", given):
        return time.time() - float(found[1]) * (DAY_S if found[2] == "d" else DAY_S / 24)
    try:
        return datetime.fromisoformat(given).timestamp()
    except (ValueError, OverflowError):
        raise ConfigurationError(
            f"--since {given!r}: give a date like 2026-03-31, one with a time like"
            " 2026-03-31T18:00, or days or hours back like 7d or 12h."
        ) from None


def _chosen(
    rows: Sequence[RunRow], under_way: Container[str], options: argparse.Namespace
) -> Iterator[RunRow]:
    after = since(options.since) if options.since else 0.0
    words = (options.grep or "").casefold()
    for row in rows:
        if row.started < after or (options.status and state(row, under_way) != options.status):
            continue
        if options.model and options.model not in row.model:
            continue
        if words in row.question.casefold():
            yield row


def _table(rows: Sequence[RunRow], under_way: Container[str]) -> Iterator[str]:
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 160
    yield (
        f"{'RUN':12}  {'WHEN':16}  {'STATUS':11}  {'TURNS':>5}  {'CALLS':>6}  {'COST':>9}  QUESTION"
    )
    for row in rows:
        start = (
            f"{visible(row.id):12}  {when(row.started):16}  {state(row, under_way):11}"
            f"  {row.turns:>5}  {row.calls:>6,}  {cost(row.calls, row.microusd, row.unpriced):>9}  "
        )
        yield start + head(_origin(row) + row.question, max(40, width - len(start)))


def _origin(row: RunRow) -> str:
    parts = []
    if row.forked_from:
        parts.append(f"fork of {row.forked_from} at turn {row.forked_turn}")
    if row.session:
        parts.append(f"session {row.session}")
    if row.imported:
        parts.append("imported")
    return f"[{', '.join(parts)}] " if parts else ""
