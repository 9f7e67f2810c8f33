"""Counts kept answers, and shows them as a table."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import eval_labels
from eval_answers import Answers, Line
from eval_rows import ROWS, WORKING

from unspool.calibrate.measured import spans
from unspool.errors import ConfigurationError

Figures = dict[str, Any]
Z = 1.959964
"""Standard deviations of an interval that holds 95 %."""
RIGHT = 0.995
"""A score from which an answer counts as right."""
NOTES = """\
Right: all of the answer is. Brackets: the 95 % interval of that share (Wilson). Seconds and tokens
are medians. Ways: `direct`, `rlm`, `guided`, `mapreduce`, in the order in which they were tried.
The folder of real texts has 30 questions of several hops, which may have been seen while working:
each further one asks one of them again, among paragraphs in another order. A summary of a
book takes hours on two cores: `--rows summary --sizes 60000` asks for one of a shorter text."""
LABELS = """\
Counts of a label, by what the model's labels of single messages come to: a count within 10 % of
that, or nearer to what is right, is as good as its labels allow. In the runs a message is right
that was told to be of the label asked for, or not, as it is; apart from them, one whose label is.
Labels apart also stand in for a run that asked of less than nine tenths of its messages one by one.

| messages | right in the runs | as good as these allow | right apart | as good as these allow |
|---|---|---|---|---|
"""
SUMMED = ("within", "judged", "within_by_apart", "judged_by_apart")
START, END = "<!-- eval -->", "<!-- /eval -->"
UNKEPT = "No answers are kept here yet: `make eval` asks for them."


def write(answers: Answers) -> str:
    """Counts the answers, keeps the table as Markdown and JSON beside them, and gives it."""
    lines = answers.lines()
    if not lines:
        return UNKEPT
    figures = counted(lines)
    text = markdown(figures)
    (answers.folder / "table.md").write_text(text + "\n", encoding="utf-8")
    told = json.dumps(figures, indent=1, ensure_ascii=False)
    (answers.folder / "table.json").write_text(told + "\n", encoding="utf-8")
    return text


def put_into(readme: Path, answers: Answers) -> None:
    """Writes the table of these answers between the marks of a README.

    Raises:
        ConfigurationError: it has no marks.
    """
    before, start, rest = readme.read_text(encoding="utf-8").partition(START)
    _, end, after = rest.partition(END)
    if not (start and end):
        raise ConfigurationError(f"{readme} has no {START} and {END} for the table")
    readme.write_text(f"{before}{START}\n{block(answers)}\n{END}{after}", encoding="utf-8")


def block(answers: Answers) -> str:
    """What a README has of these answers."""
    lines = answers.lines()
    return markdown(counted(lines)) if lines else UNKEPT


def counted(lines: Sequence[Line]) -> list[Figures]:
    """The figures of each model, mode, row and length; of a question that is there twice, the
    last line counts."""
    groups: dict[tuple[Any, ...], dict[int, Line]] = {}
    for line in lines:
        row = ROWS[line["row"]]
        mode = "" if row.plain or row.apart else line["mode"]
        key = (line["model"], mode, line["row"], line["chars"])
        groups.setdefault(key, {})[line["seed"]] = line
    order = list(ROWS)
    keys = sorted(groups, key=lambda key: (key[0], order.index(key[2]), -key[3], key[1]))
    return [_figures(key, groups[key], groups) for key in keys]


def _figures(
    key: tuple[Any, ...],
    by_seed: Mapping[int, Line],
    groups: Mapping[tuple[Any, ...], Mapping[int, Line]],
) -> Figures:
    model, mode, row, chars = key
    lines = [by_seed[seed] for seed in sorted(by_seed)]
    right = sum(line["score"] >= RIGHT for line in lines)
    made: Figures = {
        "model": model,
        "mode": mode,
        "row": row,
        "chars": chars,
        "questions": len(lines),
        "looked_at": any(line["seed"] in WORKING for line in lines),
        "seeds": _seeds([line["seed"] for line in lines]),
        "score": round(statistics.fmean(line["score"] for line in lines), 4),
        "right": right,
        "interval": [round(end, 4) for end in wilson(right, len(lines))],
        "seconds": statistics.median(line["seconds"] for line in lines),
        "tokens": round(statistics.median(line["tokens"] for line in lines)),
        "ways": dict(Counter(">".join(line["ways"]) for line in lines).most_common()),
        "statuses": dict(Counter(line["status"] for line in lines).most_common()),
        "packs": sorted({line["pack"] for line in lines}),
        "code": sorted({line["code"] for line in lines}),
        "hours": round(sum(line["seconds"] for line in lines) / 3600, 2),
        "days": sorted({line["when"][:10] for line in lines}),
    }
    if row == "label":
        beside = groups.get((model, "", "label_each", chars), {})
        made["labels"] = eval_labels.counted(lines, list(beside.values()))
    plain = groups.get((model, "", f"{row}_plain", _plain_chars(groups, model, row)))
    if plain:
        made["paired"] = _paired(by_seed, plain)
    return made


def _plain_chars(groups: Iterable[tuple[Any, ...]], model: str, row: str) -> int:
    return max(
        (key[3] for key in groups if key[0] == model and key[2] == f"{row}_plain"), default=0
    )


def _seeds(numbers: Sequence[int]) -> str:
    return ", ".join(str(a) if a == b else f"{a:,}-{b:,}" for a, b in spans(numbers))


def _paired(ours: Mapping[int, Line], plain: Mapping[int, Line]) -> Figures:
    both = sorted(ours.keys() & plain.keys())
    pairs = [(ours[seed]["score"], plain[seed]["score"]) for seed in both]
    return {
        "questions": len(both),
        "worse": [s for s, (a, b) in zip(both, pairs, strict=True) if a < RIGHT <= b],
        "better": [s for s, (a, b) in zip(both, pairs, strict=True) if b < RIGHT <= a],
        "score": round(statistics.fmean(a for a, _ in pairs), 4) if pairs else None,
        "plain_score": round(statistics.fmean(b for _, b in pairs), 4) if pairs else None,
    }


def wilson(right: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share."""
    share, most = right / of, 1 + Z * Z / of
    middle = share + Z * Z / (2 * of)
    wide = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return max(0.0, (middle - wide) / most), min(1.0, (middle + wide) / most)


def markdown(figures: Sequence[Figures]) -> str:
    """A table for each model, the one with the most answers first."""
    by_model: dict[str, list[Figures]] = {}
    for row in figures:
        by_model.setdefault(row["model"], []).append(row)
    ordered = sorted(by_model, key=lambda model: -sum(r["questions"] for r in by_model[model]))
    return "\n".join(
        [*(line for model in ordered for line in _table(model, by_model[model])), NOTES]
    )


def _table(model: str, rows: Sequence[Figures]) -> list[str]:
    days = sorted({day for row in rows for day in row["days"]})
    versions = {one for row in rows for one in row["code"]}
    hours = sum(row["hours"] for row in rows)
    several = f" Answers of {len(versions)} versions of the code." if len(versions) > 1 else ""
    return [
        f"`{model}`, {' to '.join(dict.fromkeys((days[0], days[-1])))}, {hours:.1f} hours in all,"
        f" seeds {'; '.join(dict.fromkeys(row['seeds'] for row in rows))}:{several}",
        "",
        "| task | characters | questions | score | right | seconds, tokens | ways | aim |",
        "|---|---|---|---|---|---|---|---|",
        *map(_shown, rows),
        "",
        *_labels(rows),
    ]


def _shown(row: Figures) -> str:
    low, high = row["interval"]
    title = ROWS[row["row"]].title
    title += f" (`{row['mode']}`)" if row["mode"] not in ("", "auto") else ""
    title += " (seeds looked at while working)" if row["looked_at"] else ""
    ways = ", ".join(f"{way or 'none'} {n}" for way, n in row["ways"].items())
    ended = ", ".join(f"{n} {name}" for name, n in row["statuses"].items() if name != "complete")
    ways += f"; ended by {ended}" if ended else ""
    right = f"{row['right'] / row['questions']:.0%} ({low:.0%} to {high:.0%})"
    return (
        f"| {title} | {row['chars']:,} | {row['questions']} | {row['score']:.3f} | {right}"
        f" | {row['seconds']:.1f} s, {row['tokens']:,} | {ways} | {_aim(row)} |"
    )


def _aim(row: Figures) -> str:
    aim, paired, labels = ROWS[row["row"]].target, row.get("paired"), row.get("labels")
    if labels:
        total = {name: sum(one[name] for one in labels.values()) for name in SUMMED}
        within, judged, by_apart, judged_by_apart = total.values()
        beside = f"; of labels apart: {by_apart} of {judged_by_apart}" if judged_by_apart else ""
        return f"{aim}: {within} of {judged}{beside}"
    if not paired or not paired["questions"]:
        return aim
    if row["row"] == "short":
        return f"{aim}: {len(paired['worse'])} worse, {len(paired['better'])} better"
    return f"{aim}, {paired['plain_score']:.3f}"


def _labels(rows: Sequence[Figures]) -> list[str]:
    lines = [
        f"| {domain} | {_rate(one, 'in_runs')} | {one['within']} of {one['judged']}"
        f" | {_rate(one, 'apart')} | {one['within_by_apart']} of {one['judged_by_apart']} |"
        for row in rows
        for domain, one in row.get("labels", {}).items()
    ]
    return [LABELS + "\n".join(lines), ""] if lines else []


def _rate(one: Figures, where: str) -> str:
    right, of = one[f"right_{where}"], one[f"labelled_{where}"]
    return "not known" if right is None else f"{right:.2f} of {of:,}"
