"""What becomes of a model's mistakes in free code: `repairs.py --seeds 900-905`.

The model writes code (`mode="rlm"`) for generated questions. Each mistake that unspool mends or
remarks on is counted by its kind: how often it was made, how often the turn with it or the one
after it came to something, and how many runs with it ended with the right answer.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from needles import seeds

from unspool import RLM, Limits
from unspool.engine.cells import parse
from unspool.tasks import KINDS, make
from unspool.types import Turn

RESULTS = Path(__file__).parent / "results"
FENCED = re.compile(r"\A\s*```repl\n(?:(?!```).)*\n```\s*\Z", re.S)
OFTEN_SEEN = 40
"""Characters of a remark by which its kind is known, without names and numbers."""


def main() -> None:
    """Asks each question, keeps the table so far after each, and prints it at the end."""
    options = _options()
    limits = Limits(turns=options.turns, seconds=options.seconds)
    rlm = RLM(options.model, base_url=options.base_url, mode="rlm", limits=limits)
    met: list[tuple[str, bool]] = []
    runs: defaultdict[str, list[bool]] = defaultdict(list)
    rows: list[dict[str, str | int]] = []
    RESULTS.mkdir(exist_ok=True)
    for seed in options.seeds:
        for kind in options.kinds:
            task = make(kind, seed, options.chars)
            result = rlm.run(task.question, task.context)
            right = task.score(result.answer) == 1.0
            now = list(_met(result.turns))
            for mistake in dict.fromkeys(["any run", *(mistake for mistake, _ in now)]):
                runs[mistake].append(right)
            met += now
            print(kind, seed, "right" if right else "wrong", len(now), flush=True)
            rows = _rows(met, runs)
            kept = json.dumps(rows, indent=1, ensure_ascii=False)
            (RESULTS / "repairs.json").write_text(kept)
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


def _rows(
    met: Sequence[tuple[str, bool]], runs: Mapping[str, Sequence[bool]]
) -> list[dict[str, str | int]]:
    made = Counter(mistake for mistake, _ in met)
    mended = Counter(mistake for mistake, better in met if better)
    return [
        {
            "mistake": mistake,
            "made": made[mistake],
            "mended": mended[mistake],
            "runs": len(ended),
            "right": sum(ended),
        }
        for mistake, ended in sorted(runs.items(), key=lambda item: -len(item[1]))
    ]


def _met(turns: Sequence[Turn]) -> Iterator[tuple[str, bool]]:
    """The mistakes of a run's turns, each with whether it was mended: of a reply, whether its
    code was run; of code, whether the next turn's ends without an error and shows something."""
    for at, turn in enumerate(turns):
        after = turns[at + 1 : at + 2]
        better = any(_came_to_something(one) for one in after)
        if turn.reply.strip() and not FENCED.match(turn.reply):
            read = parse(turn.reply)
            if read.cells:
                yield "reply: code in another shape than asked for", bool(turn.observations)
            elif read.hint:
                yield f"reply: {_kind(read.hint)}", better
        for seen in turn.observations:
            if seen.error:
                yield f"error: {seen.error.strip().splitlines()[-1].partition(':')[0]}", better
            elif not seen.text.strip() and not seen.answer:
                yield "nothing was printed", better
            for note in seen.notes:
                yield f"remark: {_kind(note)}", better
        remarked = re.findall(r"^\((.+)\)$", turn.feedback, re.M)
        told = {note for seen in turn.observations for note in seen.notes}
        for remark in remarked:
            if remark not in told:
                yield f"remark: {_kind(remark)}", better


def _came_to_something(turn: Turn) -> bool:
    return any(not seen.error and (seen.text.strip() or seen.answer) for seen in turn.observations)


def _kind(remark: str) -> str:
    return re.sub(r"`[^`]*`|'[^']*'|[\d,]+", "_", remark)[:OFTEN_SEEN].strip()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=seeds, default="900-905", help="FIRST-LAST")
    parser.add_argument("--kinds", type=lambda said: said.split(","), default="needle,count,list")
    parser.add_argument("--chars", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--model", default="local/qwen2.5-coder-1.5b")
    parser.add_argument("--base-url")
    options = parser.parse_args()
    if unknown := set(options.kinds) - set(KINDS):
        parser.error(f"no such kind: {', '.join(unknown)}; there are: {', '.join(KINDS)}")
    return options


if __name__ == "__main__":
    main()
