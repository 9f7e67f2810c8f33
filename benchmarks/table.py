"""What was measured, as a Markdown table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from measure import Measured
from rows import Row

OURS = "unspool"
TITLES = {"unspool": "unspool", "rlms": "rlms 0.1.3", "dspy": "dspy 3.4.1"}


def markdown(rows: Sequence[Row], engines: Sequence[str], done: Sequence[Measured]) -> str:
    """One line a row: each engine's time, how many times ours it is, and our target."""
    cells = {(one.row, one.engine): one for one in done}
    titles = [TITLES[name] for name in engines]
    lines = [
        f"| | work | {' | '.join(titles)} | target | met |",
        f"|---|---|{'---|' * len(engines)}---|---|",
    ]
    for row in rows:
        ours = cells.get((row.key, OURS))
        shown = [_shown(cells.get((row.key, name)), ours) for name in engines]
        found = f"{' | '.join(shown)} | {_target(row)} | {_met(row, ours)}"
        lines.append(f"| {row.key} | {row.title} | {found} |")
    return "\n".join([*lines, "", *_notes(done), *_processor(rows, cells)])


def _shown(one: Measured | None, ours: Measured | None) -> str:
    if one is None:
        return "not measured"
    if one.seconds is None:
        return "failed*" if one.faults else "none"
    text = f"{_s(one.seconds)}{'' if one.peak_mb is None else f', {one.peak_mb:,.0f} MB'}"
    if one.engine != OURS and ours is not None and ours.seconds:
        text += f" (×{one.seconds / ours.seconds:.1f})"
    return text + ("*" if one.faults else "")


def _target(row: Row) -> str:
    return _s(row.target_s) + ("" if row.target_mb is None else f", {row.target_mb:,.0f} MB")


def _met(row: Row, ours: Measured | None) -> str:
    if ours is None or ours.seconds is None:
        return "-"
    met = ours.seconds <= row.target_s
    if row.target_mb is not None and ours.peak_mb is not None:
        met = met and ours.peak_mb <= row.target_mb
    return "yes" if met else "no"


def _notes(done: Sequence[Measured]) -> Iterator[str]:
    counts = {len(one.all_s) for one in done if one.all_s}
    yield (
        f"Medians of {max(counts, default=0)} warm runs; × is the rival's time over ours. First"
        f" runs of a process: {_firsts(done)}. Load of the machine while measuring:"
        f" {statistics.median(one.load for one in done):.1f} (median)."
    )
    yield ""
    faults: dict[tuple[str, str], list[str]] = {}
    for one in done:
        if one.faults:
            faults.setdefault((one.engine, "; ".join(one.faults)), []).append(one.row)
    for (name, text), keys in faults.items():
        yield f"- \\* {TITLES[name]}, row {', '.join(keys)}: {text}"


def _processor(rows: Sequence[Row], cells: Mapping[tuple[str, str], Measured]) -> Iterator[str]:
    for row in rows:
        told = [
            f"{TITLES[name]} {one.cpu_s / row.sub_calls * 1000:.2f} ms"
            for (key, name), one in cells.items()
            if key == row.key and row.sub_calls and one.cpu_s is not None
        ]
        if told:
            words = "Processor time of an engine's own process for each sub-call of row"
            yield f"\n{words} {row.key}: {', '.join(told)}."


def _firsts(done: Sequence[Measured]) -> str:
    by_engine: dict[str, list[str]] = {}
    for one in done:
        if one.first_s is not None:
            by_engine.setdefault(one.engine, []).append(f"{_s(one.first_s)} (row {one.row})")
    return "; ".join(f"{TITLES[name]} {', '.join(s)}" for name, s in by_engine.items())


def _s(seconds: float) -> str:
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"
