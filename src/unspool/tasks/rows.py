"""Lines of one shape with fields, to be counted and listed by two conditions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from unspool.tasks.dice import Dice

Row = dict[str, object]


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of lines."""

    name: str
    noun: str
    """What a line is about, in the plural."""
    draw: Callable[[Dice], Row]
    """The fields of one line; numbers may be compared, texts must be the same."""
    show: Callable[[Row], str]
    """The line with such fields."""
    words: Mapping[str, str]
    """How a question names the lines with a field's value, which is `{v}`; of numbers, those
    above it."""
    key: str = ""
    """The field that no other line has."""
    form: str = ""
    """A regular expression of what stands in that field."""
    called: str = ""
    """What a question calls it, in the plural."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field of a line has to be."""

    field: str
    value: object

    def holds(self, row: Row) -> bool:
        """Whether it is so."""
        there = row[self.field]
        if isinstance(self.value, int) and isinstance(there, int):
            return there > self.value
        return there == self.value


def drawn(shape: Shape, dice: Dice, chars: int) -> list[tuple[Row, str]]:
    """Lines of at most so many characters together, and at least one."""
    made: list[tuple[Row, str]] = []
    keys: set[object] = set()
    left = chars
    while True:
        row = shape.draw(dice)
        if shape.key and row[shape.key] in keys:
            continue
        line = shape.show(row)
        left -= len(line) + 1
        if left < 0 and made:
            return made
        if shape.key:
            keys.add(row[shape.key])
        made.append((row, line))


def conditions(shape: Shape, dice: Dice, model: Row) -> tuple[Condition, Condition]:
    """Two conditions on different fields that the line `model` meets; one at most compares."""
    fields = dice.several(sorted(shape.words), len(shape.words))
    texts = [name for name in fields if isinstance(model[name], str)]
    numbers = [name for name in fields if isinstance(v := model[name], int) and v > 0]
    chosen = texts[:2]
    if numbers and dice.below(4) == 0:
        chosen = [*texts[:1], numbers[0]]
    first, second = (Condition(name, _bound(dice, model[name])) for name in chosen)
    return first, second


def _bound(dice: Dice, value: object) -> object:
    if not isinstance(value, int):
        return value
    below = value - 1 - dice.below(max(value // 2, 1))
    return below - below % 10 if below > 20 else max(below, 0)
