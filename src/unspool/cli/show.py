"""`unspool show`: one recorded run, to be read."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterator

from unspool.cli.opinions import compared, listed
from unspool.cli.output import as_json, as_text, bill, dollars, head, taken, visible, when
from unspool.cli.runs import journal_of, state
from unspool.cli.tree import CallMade, RunMade, TurnMade, tree
from unspool.errors import JournalError
from unspool.journal.journal import Journal
from unspool.journal.listing import RunRow, as_mapping
from unspool.journal.reading import Past
from unspool.recorded import result_of, trajectory_of
from unspool.types import Observation, Usage

SHOWN_CALLS = 10
SHOWN_LINES = 30
HEAD_CHARS = 90


def show(options: argparse.Namespace) -> int:
    """Prints the trajectory; gives the exit code, 1 where something of it is damaged."""
    journal = journal_of(options)
    row = journal.row(options.run)
    past = journal.past(row)
    if options.json:
        print(as_json(_everything(journal, row, past, options.turn)))
    else:
        for line in _lines(journal, row, past, options.turn):
            print(line)
    for fault in past.faults:
        print(f"unspool: {fault}", file=sys.stderr)
    return 1 if past.faults else 0


def _everything(journal: Journal, row: RunRow, past: Past, turn: int | None) -> dict[str, object]:
    result = result_of(row, past)
    if turn is not None:
        result = dataclasses.replace(
            result, turns=tuple(one for one in result.turns if one.number == turn)
        )
    return {
        "run": as_mapping(row),
        "state": state(row, journal.under_way()),
        "result": dataclasses.asdict(result),
        "faults": past.faults,
        "events": [
            {"event": type(one).__name__, **dataclasses.asdict(one)}
            for one in past.events
            if turn is None or getattr(one, "turn", turn) == turn
        ],
    }


def _lines(journal: Journal, row: RunRow, past: Past, turn: int | None) -> Iterator[str]:
    run = tree(past.events, row.id)
    yield f"run {visible(row.id)} of {when(row.started)}: {state(row, journal.under_way())}"
    yield from _whole("question", row.question)
    if row.forked_from:
        yield f"fork of {visible(row.forked_from)} at turn {row.forked_turn}"
    if row.session:
        yield f"part of the session {visible(row.session)}"
    if row.imported:
        yield "imported from a file"
    if row.redacted:
        yield "its texts have been removed"
    yield from _run(run, turn)
    if turn is None:
        yield from _opinions(run)
        total = trajectory_of(row, past).paid
        yield f"paid in all: {bill(total)}; {row.seconds:.1f} s"
        for number, before in enumerate(run.resumed, start=1):
            again = f"resumed ({number} of {len(run.resumed)})" if run.resumed[1:] else "resumed"
            yield f"{again}: {bill(before)} had been paid until then, and were not paid again"


def _run(run: RunMade, turn: int | None = None) -> Iterator[str]:
    if run.started is not None:
        start = run.started
        size = f"{start.context_chars:,} characters ({visible(start.context_kind)})"
        models = f"{start.model}, sub-model {start.sub_model}"
        pack = f"{start.pack} {start.pack_version}".strip()
        yield f"{visible(models)}, reads {size}; pack {visible(pack)}"
        yield visible(start.isolation)
    for note in run.notes:
        yield visible(f"gone on: {note}")
    chosen = [one for one in run.turns if turn is None or one.number == turn]
    if turn is not None and not chosen:
        has = ", ".join(str(one.number) for one in run.turns) or "none"
        raise JournalError(f"run {run.id} has no turn {turn}; it has: {has}.")
    for one in chosen:
        yield ""
        yield from _way(one)
        yield from _turn(one, whole=turn is not None)
    if turn is None:
        yield ""
        yield from _end(run)


def _way(turn: TurnMade) -> Iterator[str]:
    if turn.way is not None:
        yield visible(taken(turn.way))


def _turn(turn: TurnMade, *, whole: bool) -> Iterator[str]:
    parts = [one.completion for one in turn.cuts] + [one.completion for one in turn.replies]
    usage = sum((one.usage for one in parts), Usage())
    yield f"turn {turn.number}" + (f"  (reply: {bill(usage)})" if turn.replies else "")
    for failure in turn.failures:
        yield visible(f"  no reply: {failure.error}")
    for reply in turn.replies:
        yield from _block("last reply" if reply.last else "reply", reply.completion.text)
        if whole and reply.completion.reasoning:
            yield from _block("reasoning", reply.completion.reasoning)
    written = "\n".join(one.completion.text for one in turn.replies)
    for number, cell in turn.cells.items():
        if cell.code not in written:
            yield from _block(f"cell {number}", cell.code)
        seen = turn.seen.get(number)
        if seen is None:
            yield f"  cell {number} did not end"
        else:
            yield from _seen(seen, whole=whole)
    yield from _calls(list(turn.calls.values()), whole=whole)
    for tool in turn.tools:
        yield f"  tool {visible(tool.name)}: {head(repr(tool.outcome), HEAD_CHARS)}"
    for child in turn.children:
        yield f"  child run {visible(child.id)}: {head(_question(child), HEAD_CHARS)}"
        yield from (f"    {line}" if line else "" for line in _run(child))
    if whole and turn.feedback:
        yield from _block("shown to the root model", turn.feedback)


def _question(run: RunMade) -> str:
    return run.started.question if run.started is not None else ""


def _seen(seen: Observation, *, whole: bool) -> Iterator[str]:
    text = seen.text
    if text.strip():
        lines = text.splitlines()
        most = len(lines) if whole else SHOWN_LINES
        yield from _block(f"cell {seen.cell.number} showed", "\n".join(lines[:most]))
        if lines[most:]:
            yield f"    ... {len(lines) - most:,} more lines (--turn shows all)"
    for note in seen.notes:
        yield visible(f"  note: {note}")


def _calls(calls: list[CallMade], *, whole: bool) -> Iterator[str]:
    if calls:
        hits = sum(one.ended is not None and one.ended.source == "cache" for one in calls)
        cached = f", {hits:,} of them from the cache" if hits else ""
        yield f"  {len(calls):,} sub-call{'s' if calls[1:] else ''}{cached}"
    for call in calls if whole else calls[:SHOWN_CALLS]:
        yield from _call(call, whole=whole)
    if not whole and calls[SHOWN_CALLS:]:
        yield f"    ... {len(calls) - SHOWN_CALLS:,} more (--turn shows all)"


def _call(call: CallMade, *, whole: bool) -> Iterator[str]:
    started, ended = call.started, call.ended
    if ended is None:
        cost, reply = "no answer was recorded", ""
    elif ended.error:
        cost, reply = f"failed: {head(ended.error, HEAD_CHARS)}", ended.reply
    elif ended.source == "cache":
        cost, reply = "from the cache, free", ended.reply
    else:
        tokens = f"{ended.usage.tokens:,} tokens"
        cost, reply = f"{ended.seconds:.2f} s, {tokens}, {dollars(ended.usage)}", ended.reply
    yield f"    {started.call} {visible(started.model)}: {cost}"
    if whole:
        yield from (f"    {line}" for line in _block("asked", started.prompt))
        yield from (f"    {line}" for line in _block("answered", reply))
    else:
        yield f"      asked     {head(started.prompt, HEAD_CHARS)}"
        yield f"      answered  {head(reply, HEAD_CHARS)}"


def _end(run: RunMade) -> Iterator[str]:
    result = run.result
    if result is None:
        yield "it has not ended"
        return
    if result.answer is not None:
        best = "answer" if result.complete else f"best answer (ended by: {visible(result.status)})"
        yield from _whole(best, as_text(result.answer))
    else:
        yield f"no answer (ended by: {visible(result.status)})"
    if result.error:
        yield from _whole("error", result.error)


def _opinions(run: RunMade) -> Iterator[str]:
    for other in run.opinions:
        yield ""
        yield f"run {visible(other.id)} of the same question:"
        yield from (f"  {line}" if line else "" for line in _run(other))
    if run.result is not None and run.result.opinions:
        yield ""
        yield from compared(run.result)
        yield from listed(run.result)


def _whole(name: str, text: str) -> Iterator[str]:
    lines = visible(text).split("\n")
    if lines[1:]:
        yield f"{name}:"
        yield from (f"  {line}" for line in lines)
    else:
        yield f"{name}: {lines[0]}"


def _block(name: str, text: str) -> Iterator[str]:
    yield f"  {name}:"
    yield from (f"    {line}" for line in visible(text.strip("\n")).split("\n"))
