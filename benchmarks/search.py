"""How fast texts are searched, cut and indexed, and what evidence costs: one line each.

python benchmarks/search.py [--mb 64]
"""

from __future__ import annotations

import argparse
import random
import string
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from unspool import chunks, events
from unspool.context.source import Context
from unspool.reading import Reading
from unspool.sandboxes.worker.search import Searcher
from unspool.sandboxes.worker.words import WordIndex
from unspool.types import Usage

PATTERNS = {
    "a literal": "Magic-123456",
    "a literal and digits": r"magic-\d{6}",
    "a hard pattern": r"[a-z]+\d+@[a-z]+\.com",
    "words that begin like": r"\b(?:magi|vaul|code)\w*",
    "over line ends": r"magic-\d+\s+end",
    "with a look-behind (re alone)": r"(?<=Magic-)\d{6}",
}
PROMPT_CHARS = 100_000


def text_of(chars: int, marks: str = "") -> str:
    """Lines of words as rare as those of prose: a few are most of it. `marks`: not ASCII."""
    draw = random.Random(7)
    words = [
        "".join(draw.choices(string.ascii_lowercase, k=draw.randint(2, 9))) for _ in range(30_000)
    ]
    often = [1 / rank for rank in range(1, len(words) + 1)]
    some = draw.choices(words, often, k=400_000)
    lines, size, number = [], 0, 0
    while size < chars:
        at = draw.randrange(len(some) - 12)
        line = f"{number} {' '.join(some[at : at + 12])}{marks}"
        lines.append(line)
        size += len(line) + 1
        number += 1
    lines[len(lines) // 2] = "Magic-123456 end, bob17@example.com"
    return "\n".join(lines)


def timed(work: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of the clock, and of the processor."""
    clock, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cpu


def row(name: str, chars: int, spent: tuple[float, float]) -> None:
    clock, cpu = (chars / 1e6 / max(one, 1e-9) for one in spent)
    print(f"{name:44} {clock:9,.0f} MB/s   {cpu:9,.0f} MB/s of processor time", flush=True)


def evidence(text: str) -> None:
    """1,000 sub-calls of 100,000 characters, or as many as the text has."""
    reading = Reading("r", Context(text), "?")
    places = range(0, len(text), PROMPT_CHARS)

    def keep() -> None:
        for call, at in enumerate(list(places) * (1_000 // len(places) + 1)):
            prompt = f"Read this and say what it is about:\n{text[at : at + PROMPT_CHARS]}"
            common: dict[str, Any] = {"run_id": "r", "at_s": 0.0, "call": call, "model": "m"}
            reading.add(events.CallStarted(**common, prompt=prompt))
            reading.add(
                events.CallEnded(**common, prompt_chars=0, reply="", usage=Usage(), seconds=0.0)
            )

    clock, cpu = timed(keep)
    print(
        f"keeping 1,000 prompts of 100,000 characters  {clock:.2f} s, {cpu:.2f} s of processor time"
    )
    reading.answered("Magic-123456")
    clock, cpu = timed(lambda: reading.coverage)
    print(
        f"evidence and coverage when asked for         {clock:.2f} s, {cpu:.2f} s of processor"
        f" time; coverage {reading.coverage:.4f}, evidence in line {reading.evidence[0].line:,}"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mb", type=int, default=64)
    chars = options.parse_args().mb * 1_000_000
    for kind, text in (
        ("ASCII", text_of(chars)),
        ("with a curly quote in each line", text_of(chars, "’")),
    ):
        print(f"\n{len(text):,} characters, {kind}")
        searcher = Searcher(text)
        for name, pattern in PATTERNS.items():
            row(name, len(text), timed(partial(searcher.search, pattern, spans=True)))
    text = text_of(chars)
    print(f"\n{len(text):,} characters")
    for by in ("lines", "paragraphs", "sentences", "code", "tokens"):
        row(f"chunks of 20,000 by {by}", len(text), timed(lambda b=by: chunks(text, 20_000, by=b)))
    row("chunks: each line", len(text), timed(lambda: chunks(text, by="lines")))
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as folder:
        path = Path(folder, "index")
        row("index of words (FTS5)", len(text), timed(lambda: WordIndex([text], str(path))))
        size = sum(one.stat().st_size for one in path.iterdir())
        print(f"  its size: {size / len(text):.2f} of the text")
        searcher = Searcher(text, index=str(path))
        clock, _ = timed(lambda: searcher.search(["magic", "vault", "code"]))
        print(f"  a question to it: {clock * 1e3:.1f} ms")
    evidence(text)


if __name__ == "__main__":
    main()
