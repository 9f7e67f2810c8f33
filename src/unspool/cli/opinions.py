"""What several runs of one question came to, to be read."""

from __future__ import annotations

from collections.abc import Iterator

from unspool.cli.output import as_text, bill, head, visible
from unspool.types import Opinion, Result

ANSWER_CHARS = 200


def compared(result: Result) -> Iterator[str]:
    """The lines that say whether they agree; none where there was one run."""
    runs = result.opinions
    if not runs:
        return
    votes = next((one.votes for one in runs if one.chosen), 0)
    if result.verified:
        yield f"verified: {votes} of {len(runs)} runs came to this answer"
    elif result.verified is None:
        yield visible(f"not verified: {result.doubt}")
    else:
        yield visible(f"NOT verified, {votes} of {len(runs)} runs came to it: {result.doubt}")
    seen = {as_text(result.answer)}
    for one in runs:
        text = as_text(one.answer)
        if one.votes and not one.chosen and text not in seen:
            seen.add(text)
            if one.votes != votes or not result.verified:
                yield f"  run {visible(one.run_id)} says: {head(text, ANSWER_CHARS)}"


def listed(result: Result) -> Iterator[str]:
    """One line for each of the runs."""
    for one in result.opinions:
        yield visible(_line(one))


def _line(one: Opinion) -> str:
    end = one.status if one.votes else f"{one.status}, no vote"
    votes = f"{one.votes} vote{'' if one.votes == 1 else 's'}" if one.votes else end
    mark = ", chosen" if one.chosen else ""
    answer = head(as_text(one.answer), ANSWER_CHARS)
    return f"run {one.run_id}: {votes}{mark}; {bill(one.usage)}: {answer}"
