"""Counts kept answers, and shows them as a table."""

from __future__ import annotations

import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import eval_labels
from eval_answers import Answers, Line, spans
from eval_rows import ROWS

Figures = dict[str, Any]
Z = 1.959964
"""Standard deviations of an interval that holds 95 %."""
RIGHT = 0.995
"""A score from which an answer counts as right."""
NOTES = """\
Right: the whole answer (score 1); of lists and of multihop F1 is what is aimed at, of labels \
being within 10 % (below). Brackets: the 95 % interval (Wilson). Medians of time and tokens. \
Not in the table: the summary of a book, which nothing but a person can score."""


def write(answers: Answers) -> str:
    """Counts the lines, keeps the table as Markdown and JSON beside them, and gives it."""
    lines = answers.lines()
    if not lines:
        return f"no answers in {answers.folder}"
    figures = counted(lines)
    text = markdown(figures)
    (answers.folder / "table.md").write_text(text + "\n", encoding="utf-8")
    told = json.dumps(figures, indent=1, ensure_ascii=False)
    (answers.folder / "table.json").write_text(told + "\n", encoding="utf-8")
    return text


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
        "seeds": spans([line["seed"] for line in lines]),
        "score": round(statistics.fmean(line["score"] for line in lines), 4),
        "right": right,
        "interval": [round(end, 4) for end in wilson(right, len(lines))],
        "seconds": statistics.median(line["seconds"] for line in lines),
        "tokens": round(statistics.median(line["tokens"] for line in lines)),
        "ways": dict(Counter(">".join(line["ways"]) or "none" for line in lines).most_common()),
        "statuses": dict(Counter(line["status"] for line in lines).most_common()),
        "packs": sorted({line["pack"] for line in lines}),
        "code": sorted({line["code"] for line in lines}),
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
    """A table for each model, the best known first."""
    parts = []
    for model in dict.fromkeys(row["model"] for row in figures):
        rows = [row for row in figures if row["model"] == model]
        days = sorted({day for row in rows for day in row["days"]})
        versions = sorted({one for row in rows for one in row["code"]})
        parts += [
            f"`{model}`, {' to '.join(dict.fromkeys((days[0], days[-1])))}",
            "",
            "| task | characters | questions | score | right | time, tokens | ways | aim |",
            "|---|---|---|---|---|---|---|---|",
            *map(_shown, rows),
            "",
            *_label_notes(rows),
            f"Seeds {', '.join(dict.fromkeys(row['seeds'] for row in rows))}."
            + (f" Answers of {len(versions)} versions of the code." if len(versions) > 1 else ""),
            "",
        ]
    return "\n".join([*parts, NOTES])


def _shown(row: Figures) -> str:
    low, high = row["interval"]
    share = row["right"] / row["questions"]
    mode = "" if row["mode"] in ("", "auto") else f" (`{row['mode']}`)"
    ways = ", ".join(f"{way} {n}" for way, n in row["ways"].items())
    ended = ", ".join(f"{n} {name}" for name, n in row["statuses"].items() if name != "complete")
    ways += f"; ended by {ended}" if ended else ""
    return (
        f"| {ROWS[row['row']].title}{mode} | {row['chars']:,} | {row['questions']}"
        f" | {row['score']:.2f} | {share:.0%} ({low:.0%} to {high:.0%})"
        f" | {row['seconds']:.1f} s, {row['tokens']:,} | {ways}"
        f" | {ROWS[row['row']].target}{_against(row)} |"
    )


def _against(row: Figures) -> str:
    paired = row.get("paired")
    if not paired or not paired["questions"]:
        return ""
    if row["row"] == "short":
        return f": {len(paired['worse'])} worse, {len(paired['better'])} better"
    return f" ({paired['plain_score']:.2f})"


def _label_notes(rows: Sequence[Figures]) -> list[str]:
    notes = [
        f"- Labels, {domain}: right of single messages {_rate(one, 'in_runs')} in the runs,"
        f" {_rate(one, 'apart')} apart from them; {one['within']} of {one['judged']} counts within"
        f" 10 % of what the labels of the run come to, {one['within_by_apart']} of"
        f" {one['judged_by_apart']} of what those apart do."
        for row in rows
        for domain, one in row.get("labels", {}).items()
    ]
    return [*notes, ""] if notes else []


def _rate(one: Figures, where: str) -> str:
    right, of = one[f"right_{where}"], one[f"labelled_{where}"]
    return "none known" if right is None else f"{right:.2f} ({of:,})"
