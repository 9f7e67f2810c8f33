"""`unspool export`, `import`, `gc` and `redact`: what is kept of recorded runs."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from unspool.cli.output import size
from unspool.cli.runs import DAY_S, journal_of, state
from unspool.errors import ConfigurationError, JournalError
from unspool.journal.journal import Journal
from unspool.journal.listing import RunRow
from unspool.journal.sharing import read


def export(options: argparse.Namespace) -> int:
    """Writes a run to a file, or to stdout; gives the exit code, 1 if it is not whole."""
    plain, faults = journal_of(options).export(options.run)
    text = json.dumps(plain, indent=1)
    if options.out is None:
        print(text)
    else:
        _write(Path(options.out), text)
        print(f"run {plain['run']['id']}: {options.out}, {size(len(text))}", file=sys.stderr)
    for fault in faults:
        print(f"unspool: not exported, it is damaged: {fault}", file=sys.stderr)
    return 1 if faults else 0


def add(options: argparse.Namespace) -> int:
    """Adds an exported run; gives the exit code."""
    journal = journal_of(options)
    run = journal.exported(read(Path(options.file)), options.file)
    new = journal.add(run)
    print(f"run {run.row.id} {'was imported' if new else 'is here already'}")
    return 0


def gc(options: argparse.Namespace) -> int:
    """Removes runs and what nothing refers to; gives the exit code."""
    journal = journal_of(options)
    rows, faults = journal.listed()
    if faults:
        raise JournalError(
            f"the journal {journal.path} is damaged ({faults[0]}): nothing was removed. Export"
            " what you need, then move it away."
        )
    if not rows and not journal.path.exists():
        print("there is no journal yet")
        return 0
    under_way = frozenset(journal.under_way())
    chosen = [
        row
        for row in _chosen(rows, options)
        if not options.status or state(row, under_way) in options.status
    ]
    if options.dry_run:
        for row in chosen:
            stays = ": under way, stays" if row.id in under_way else ""
            print(f"{row.id}{stays}")
        print(f"{sum(row.id not in under_way for row in chosen):,} runs would be removed")
        return 0
    before = _bytes(journal)
    removed = journal.remove(chosen)
    left = len(chosen) - len(removed)
    stay = f" ({left:,} under way stay)" if left else ""
    now = _bytes(journal)
    print(
        f"{len(removed):,} runs removed{stay}; {size(max(0, before - now))} freed,"
        f" the journal has {size(now)}"
    )
    return 0


def redact(options: argparse.Namespace) -> int:
    """Removes the texts of a run; gives the exit code."""
    row = journal_of(options).redact(options.run)
    print(f"the texts of run {row.id} are removed; its turns, calls and costs stay")
    return 0


def _chosen(rows: Sequence[RunRow], options: argparse.Namespace) -> Sequence[RunRow]:
    """Those that may go by age and number, the latest first; none where neither is said."""
    if options.older_than is None and options.keep is None and not options.status:
        return ()
    for name in ("older_than", "keep"):
        value = getattr(options, name)
        if value is not None and value < 0:
            raise ConfigurationError(f"--{name.replace('_', '-')} {value:g}: give 0 or more.")
    before = time.time() - (options.older_than or 0) * DAY_S
    return [
        row
        for row in rows[options.keep or 0 :]
        if options.older_than is None or row.started < before
    ]


def _bytes(journal: Journal) -> int:
    files = (journal.path, journal.path.with_name(f"{journal.path.name}-wal"))
    return sum(path.stat().st_size for path in files if path.exists())


def _write(path: Path, text: str) -> None:
    """For its owner alone, as the journal is; an existing file is not overwritten."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as failed:
        why = failed.strerror or failed
        raise JournalError(f"{path} cannot be written: {why}. Give another --out.") from failed
    with open(fd, "w", encoding="utf-8") as file:
        file.write(text)
