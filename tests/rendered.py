"""The prompts of every pack as runs of each depth are told them.

`python tests/rendered.py` writes them to `tests/data/packs` anew: what a pack says is then
changed by intent, and the change is read in the diff.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from unspool.packs.pack import ASKS, CHILD_RUNS, SUB_CALLS, Pack
from unspool.packs.reading import SHIPPED, load
from unspool.profiles.profile import PIECE_CHARS

KEPT = Path(__file__).parent / "data" / "packs"
DEPTHS: Mapping[str, tuple[str, ...]] = {
    "depth0": (),
    "depth1": (SUB_CALLS,),
    "depth2": (SUB_CALLS, CHILD_RUNS),
}


def renderings() -> dict[str, str]:
    """The texts, by the names of their files."""
    found = {}
    for name in sorted(path.stem for path in SHIPPED.glob("*.toml")):
        pack = load(name)
        for run, facts in _runs(pack):
            told = pack.told(facts, piece_chars=PIECE_CHARS)
            found[f"{name}.{run}.txt"] = f"pack {pack}\n\n{told.shown()}"
    return found


def _runs(pack: Pack) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The runs that a pack tells different things, and what is so of each."""
    named = {fact for part in pack.parts for fact in (*part.needs, *part.unless)}
    for depth, facts in DEPTHS.items():
        if named.intersection(ASKS):
            yield from ((f"{depth}.{asks}", (*facts, asks)) for asks in ASKS)
        else:
            yield depth, facts


if __name__ == "__main__":
    KEPT.mkdir(exist_ok=True)
    for path in KEPT.glob("*.txt"):
        path.unlink()
    for name, text in renderings().items():
        (KEPT / name).write_text(text, encoding="utf-8")
