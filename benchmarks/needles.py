"""How many needle questions a model answers right: `needles.py --seeds 100-119`."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from unspool import RLM, Limits, Result
from unspool.cli.progress import told
from unspool.tasks import Task, make

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    """Asks each question, prints a line for each and the sum; gives the exit code."""
    options = _options()
    rlm = RLM(options.model, base_url=options.base_url, limits=Limits(turns=10, seconds=300))
    rows = []
    for seed in options.seeds:
        asked = make("needle", seed, options.chars)
        stream = rlm.stream(asked.question, asked.context)
        for event in stream:
            if options.verbose:
                print("\n".join(told(event)), end="")
        rows.append(_row(asked, stream.result()))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    right = sum(bool(row["right"]) for row in rows)
    seconds = statistics.median(float(str(row["seconds"])) for row in rows)
    print(
        f"{right} of {len(rows)} right, median {seconds:.1f} s, {options.chars:,} characters each"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "needles.json").write_text(json.dumps(rows, indent=1))
    return 0 if right * 10 >= len(rows) * 9 else 1


def _row(asked: Task, result: Result) -> dict[str, object]:
    return {
        "seed": asked.seed,
        "right": asked.score(result.answer) == 1.0,
        "answer": str(result.answer)[:80],
        "wanted": asked.expected,
        "domain": asked.domain,
        "shape": asked.shape,
        "status": result.status,
        "turns": len(result.turns),
        "seconds": round(result.seconds, 1),
        "tokens": result.usage.tokens,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=seeds, default="100-119", help="FIRST-LAST")
    parser.add_argument("--chars", type=int, default=4_000_000)
    parser.add_argument("--model", default="local/qwen2.5-coder-1.5b")
    parser.add_argument("--base-url")
    parser.add_argument("--verbose", action="store_true")
    return parser.parse_args()


def seeds(text: str) -> range:
    """`3-9` as the numbers from 3 to 9."""
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


if __name__ == "__main__":
    sys.exit(main())
