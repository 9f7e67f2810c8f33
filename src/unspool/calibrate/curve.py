"""How many answers are right at which length, and up to where that holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unspool.calibrate.kept import Row
from unspool.profiles.profile import two_digits

LEAST_ANSWERS = 3
"""At one length; with fewer it says nothing."""
TOLERANCE = 0.1
"""By how much of the accuracy on the shortest text a longer one may fall behind it."""
GAVE_UP = 0.5
"""A model that is right less often than this at a length is not asked about longer ones."""


@dataclass(frozen=True, slots=True)
class Point:
    """The answers over texts of one length."""

    tokens: int
    """The length that was aimed at."""
    read: int
    """The tokens that the model counted, on average; as aimed at where it did not say."""
    right: float
    """The sum of the scores."""
    of: int

    @property
    def accuracy(self) -> float:
        """The share that is right, from 0 to 1."""
        return self.right / self.of


def curves(rows: Sequence[Row]) -> dict[str, list[Point]]:
    """The points of each kind of question, shortest texts first; of lengths at which enough
    was answered."""
    cells: dict[str, dict[int, list[Row]]] = {}
    for row in rows:
        cells.setdefault(str(row["kind"]), {}).setdefault(int(row["tokens"]), []).append(row)
    found = {}
    for kind in sorted(cells):
        points = [_point(tokens, cells[kind][tokens]) for tokens in sorted(cells[kind])]
        found[kind] = [point for point in points if point.of >= LEAST_ANSWERS]
    return {kind: points for kind, points in found.items() if points}


def effective(points: Sequence[Point]) -> int:
    """The longest text, in tokens, on which accuracy is within a tenth of that on the shortest;
    0 where the model is not right half of the time even there.

    Accuracy can only fall with length: what rises again is taken for chance and made even with
    what came before. As it comes in steps of one answer, half a step more is allowed for.
    """
    fitted = _falling(points)
    if not points or fitted[0] < GAVE_UP:
        return 0
    enough = [
        point.read
        for point, level in zip(points, fitted, strict=True)
        if level >= fitted[0] * (1 - TOLERANCE) - 0.5 / point.of
    ]
    return two_digits(max(enough))


def _point(tokens: int, rows: Sequence[Row]) -> Point:
    counted = [int(row["input_tokens"]) for row in rows if row.get("input_tokens")]
    read = sum(counted) // len(counted) if counted else tokens
    return Point(tokens, read, sum(float(row["score"]) for row in rows), len(rows))


def _falling(points: Sequence[Point]) -> list[float]:
    """The accuracies made never to rise: neighbours that do are pooled."""
    pools: list[tuple[float, int, int]] = []
    for point in points:
        pools.append((point.right, point.of, 1))
        while len(pools) > 1 and pools[-1][0] * pools[-2][1] > pools[-2][0] * pools[-1][1]:
            (a, b, c), (d, e, f) = pools.pop(), pools.pop()
            pools.append((a + d, b + e, c + f))
    return [right / of for right, of, count in pools for _ in range(count)]
