"""A model's reply -> the cells to run, in whatever shape the model wrote them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from unspool.replies import (
    FinalText,
    Piece,
    acts,
    looks_like_code,
    mended,
    pieces,
    syntax,
)

__all__ = ["FinalText", "Reply", "parse"]

_STRAY = re.compile(r"(?:</s>|<eos>|<end_of_turn>|<[|｜][^<>|｜\n]{1,24}[|｜]>)\Z")
_LONGEST_STRAY = 32
_WRITE = "Write one block of Python that starts with ```repl and ends with ```, or FINAL(answer)."


@dataclass(frozen=True, slots=True)
class Reply:
    """What a reply asks for."""

    cells: tuple[str, ...] = ()
    """The code to run, in order; no two in a row are alike, none is blank."""
    final: FinalText | None = None
    """The last `FINAL(...)` or `FINAL_VAR(...)` that stands outside the code. A reply that is
    nothing else counts as this, not as a cell."""
    hint: str = ""
    """For the model: why nothing was run and what to write; empty when there is something."""


def parse(reply: str | None) -> Reply:
    """Reads `reply`, in time about linear in its length; never raises.

    Code that does not compile is kept as it is wherever it was meant as code, so that the
    model sees its own error.
    """
    read = pieces(_without_stray_end(mended(reply or "")))
    running = _running(read)
    cells = [read[i].text for i in running]
    final = None
    for i, piece in enumerate(read):
        if piece.final:
            final = replace(piece.final, after_code=bool(running) and running[0] < i)
    return Reply(
        tuple(code for i, code in enumerate(cells) if not i or code != cells[i - 1]),
        final,
        "" if cells or final else _hint(read),
    )


def _running(read: Sequence[Piece]) -> list[int]:
    """Which pieces are run: a doubtful one beside a sure one is taken for shown output."""
    codes = [i for i, piece in enumerate(read) if piece.kind in ("code", "maybe")]
    sure = [i for i in codes if read[i].kind == "code" or acts(syntax(read[i].text))]
    return sure or [i for i in codes if syntax(read[i].text) or looks_like_code(read[i].text)]


def _without_stray_end(text: str) -> str:
    """`text` without the end marks of chat templates that some servers let through."""
    end = len(text.rstrip())
    while stray := _STRAY.search(text, max(0, end - _LONGEST_STRAY), end):
        end = stray.start()
        while end and text[end - 1].isspace():
            end -= 1
    return text[:end]


def _hint(read: Sequence[Piece]) -> str:
    held = [piece for piece in read if piece.text.strip()]
    foreign = [piece.text[:20] for piece in held if piece.kind == "foreign"]
    if foreign:
        return f"Nothing was run: the block is marked {foreign[0]}, only Python runs. {_WRITE}"
    if not held:
        return f"Nothing was run: the reply has nothing in it. {_WRITE}"
    if held[-1].kind in ("thought", "orphan"):
        return f"Nothing was run: the reply ended in its reasoning. {_WRITE}"
    return f"Nothing was run: the reply is text without code. {_WRITE}"
