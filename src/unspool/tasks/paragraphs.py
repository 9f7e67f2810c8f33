"""Questions of several steps over paragraphs of an encyclopedia that a folder holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unspool.tasks.dice import Dice
from unspool.tasks.real import rows


@dataclass(frozen=True, slots=True)
class Asked:
    """One question, its paragraphs, and what is right."""

    question: str
    context: str
    answer: str
    also: tuple[str, ...]
    hops: int


def asked(dice: Dice, seed: int, chars: int, data: Path) -> Asked:
    """A question over its own paragraphs and as many others as `chars` allows, shuffled.

    Those that were gathered for the question come first, then the others; the paragraphs that
    hold the answer are there however few characters there may be. Seeds that follow each other
    ask all questions before one comes again.

    Raises `ConfigurationError` when `data` has no such files.
    """
    folder = data / "multihop"
    corpus = {row["id"]: row for row in rows(folder / "musique_corpus.jsonl", "paragraphs")}
    questions = rows(folder / "musique_questions.jsonl", "paragraphs")
    chosen = questions[seed % len(questions)]
    support = list(chosen["support"])
    candidates = [name for name in chosen["candidates"] if name not in support]
    others = [name for name in corpus if name not in support and name not in candidates]
    order = support + dice.several(candidates, len(candidates)) + dice.several(others, len(others))
    taken: list[str] = []
    left = chars
    for name in order:
        text = f"# {corpus[name]['title']}\n{corpus[name]['text']}\n"
        left -= len(text) + 1
        if left < 0 and len(taken) >= len(support):
            break
        taken.append(text)
    return Asked(
        question=chosen["question"],
        context="\n".join(dice.several(taken, len(taken))),
        answer=chosen["answer"],
        also=tuple(chosen["aliases"]),
        hops=int(chosen["hops"]),
    )
