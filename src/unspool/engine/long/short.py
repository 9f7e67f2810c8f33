"""What older turns came to, in so many characters: what is shown in their place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from unspool.typed import facts
from unspool.types import Observation

LINE_CHARS = 100
"""Of a line of code, or of what came of it."""
VALUE_CHARS = 60
"""A longer word is no name and no number."""
SHARES = (0.3, 0.75)
"""Up to here the variables, up to here the turns; the rest is for values."""
_DULL = ("import ", "from ", "#", '"""', "'''", "@")

LOOKED = "```repl\nSHOW_VARS()\n```"
"""Stands for what the model wrote in the turns that are summed up: a block of code, as all of
its replies are to be, and what follows is the output of it."""
NO_VARIABLES = "No variables yet."
TURNS = "What your turns up to {} came to (the list `history` has all of it, as (role, text)):"
OLDER = "{}: only in `history`"
VALUES = "Numbers and names that they showed: {}"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One turn, as the history has it."""

    number: int
    reply: str
    output: str
    """What the model was shown of its cells."""
    message: str
    """The whole message in which it was."""
    seen: tuple[Observation, ...] = ()

    @property
    def line(self) -> str:
        """What its cells did and what came of it."""
        if not self.seen:
            return f"{self.number}: no code"
        last = self.seen[-1]
        came = last.error.strip().rpartition("\n")[2] or _first(last.stdout.text or last.value.text)
        code = "; ".join(filter(None, (_telling(one.cell.code) for one in self.seen)))
        return f"{self.number}: {_clipped(code)} -> {_clipped(came or 'nothing shown')}"


def in_short(turns: Sequence[Exchange], room: int) -> str:
    """The output of `LOOKED` and what is to be known of `turns` besides, in about `room`
    characters. The newest are the last that there is no room for."""
    names = next((seen.names for one in reversed(turns) for seen in one.seen[::-1]), ())
    variables = "\n".join(_fitting(names, int(room * SHARES[0]))) or NO_VARIABLES
    left = int(room * SHARES[1]) - len(variables)
    lines = list(_fitting((one.line for one in reversed(turns)), left))
    older = turns[: len(turns) - len(lines)]
    if older:
        first, last = older[0].number, older[-1].number
        lines.append(OLDER.format(first if first == last else f"{first} to {last}"))
    told = "\n".join(lines[::-1])
    values = ", ".join(_fitting(_values(turns, told), room - len(variables) - len(told)))
    parts = (
        f"Output:\n{variables}",
        f"{TURNS.format(turns[-1].number)}\n{told}",
        VALUES.format(values) if values else "",
    )
    return "\n\n".join(part for part in parts if part)


def clip(text: str, limit: int, *, head_share: float = 0.6) -> str:
    """The head and the tail of a text, and between them how much is missing."""
    if len(text) <= limit:
        return text
    head = int(limit * head_share)
    tail = limit - head
    cut = len(text) - head - tail
    return f"{text[:head]}\n... [{cut:,} characters cut] ...\n{text[len(text) - tail :]}"


def _values(turns: Sequence[Exchange], told: str) -> Iterator[str]:
    """What the outputs of the turns showed exactly and `told` does not say, the newest first."""
    known = set(facts(told))
    for one in reversed(turns):
        for value in facts(one.output.removeprefix("Output:")):
            if value not in known and len(value) <= VALUE_CHARS:
                known.add(value)
                yield value


def _fitting(texts: Iterable[str], room: int) -> Iterator[str]:
    """Those that fit, up to the first that does not."""
    for text in texts:
        room -= len(text) + 2
        if room < 0:
            return
        yield text


def _telling(code: str) -> str:
    """The line of a cell that says most: not an import, not a remark."""
    lines = [line.strip() for line in code.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith(_DULL)), "")


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _clipped(line: str) -> str:
    return line if len(line) <= LINE_CHARS else f"{line[: LINE_CHARS - 3]}..."
