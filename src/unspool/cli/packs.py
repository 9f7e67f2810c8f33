"""`unspool packs`: the prompts, and how they do."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unspool import RLM, Limits, Result
from unspool.cli.ask import pulled
from unspool.cli.output import bill, dollars, head, visible
from unspool.cli.progress import progress_for
from unspool.config import from_environment
from unspool.errors import ConfigurationError
from unspool.packs.pack import CHILD_RUNS, OF_A_MODE, SUB_CALLS, Pack
from unspool.packs.reading import known, load
from unspool.profiles.profile import CHARS_PER_TOKEN, PIECE_CHARS
from unspool.suiting import suited
from unspool.tasks import Kind, Task, make
from unspool.types import Usage

ASKED: tuple[Kind, ...] = ("needle", "count", "two_hop", "list")
"""The kinds of questions of a test, in turn."""
TURNS = 12
RIGHT = 0.99
"""A score from which on an answer is right."""


def packs(options: argparse.Namespace) -> int:
    """Carries out `list`, `show` or `test`; gives the exit code."""
    own = from_environment().pack_folder
    match options.action:
        case "list":
            lines = _list(own)
        case "show":
            lines = _show(load(options.name, own), options)
        case _:
            lines = _test(options.names or sorted(known(own)), own, options)
    for line in lines:
        print(line, flush=True)
    return 0


def _list(own: Path) -> Iterator[str]:
    found = known(own)
    width = max(map(len, found))
    yield f"{'PACK':<{width}}  VERSION       CHARACTERS  TOKENS  FOR"
    for name, path in sorted(found.items()):
        try:
            pack = load(name, own)
        except ConfigurationError as fault:
            yield f"{name:<{width}}  {visible(str(fault))}"
            continue
        sizes = f"{_chars(pack):>10,}  {f'~{_chars(pack) // CHARS_PER_TOKEN:,}':>6}"
        whose = " (own)" if path.parent == own else ""
        yield f"{name:<{width}}  {pack.version}  {sizes}  {visible(pack.family)}{whose}"


def _chars(pack: Pack) -> int:
    """What a run with sub-calls sends before the question and what its context is."""
    told = _told(pack, depth=1, piece_chars=PIECE_CHARS)
    return len(told.system) + sum(len(one.content) for one in told.examples)


def _show(pack: Pack, options: argparse.Namespace) -> Iterator[str]:
    model = options.model or ""
    piece_chars = suited([model], None, from_environment())[0][model].piece_chars
    told = _told(pack, depth=options.depth, piece_chars=piece_chars, asks=options.asks)
    yield f"pack {pack}, as a run of max_depth {options.depth} is told it"
    yield f"for {visible(pack.family)}"
    yield f"parts: {', '.join(pack.names)}"
    yield ""
    yield visible(told.shown()).rstrip("\n")


def _told(pack: Pack, *, depth: int, piece_chars: int, asks: str = "text") -> Pack:
    facts = (*(SUB_CALLS, CHILD_RUNS)[:depth], f"asks-{asks}")
    return pack.told(facts, piece_chars=piece_chars)


def _test(names: Sequence[str], own: Path, options: argparse.Namespace) -> Iterator[str]:
    settings, progress = from_environment(), progress_for(quiet=False)
    model = options.model or settings.default_model()
    found = [(name, load(name, own)) for name in names]  # before a question is paid for
    if options.base_url is None:
        pulled(model, progress)
    kinds = (ASKED[n % len(ASKED)] for n in range(options.questions))
    tasks = [make(kind, options.seed + n, options.chars) for n, kind in enumerate(kinds)]
    width = max(len(name) for name in names)
    yield f"{visible(model)}: {len(tasks)} questions over {options.chars:,} characters each"
    yield f"{'PACK':<{width}}  VERSION       RIGHT  TURNS  TOKENS  SECONDS      USD"
    spent = Usage()
    for name, pack in found:
        done = []
        for task in tasks:
            left = None if options.max_usd is None else options.max_usd - spent.microusd / 1e6
            if left is not None and left <= 0:
                yield f"--max-usd is used up: {bill(spent)}"
                return
            limits = Limits(turns=TURNS, usd=left)
            mode = OF_A_MODE.get(name)
            asked: dict[str, Any] = {"pack": name} if mode is None else {"mode": mode}
            rlm = RLM(model, base_url=options.base_url, limits=limits, **asked)
            result = rlm.run(task.question, task.context)
            spent += result.usage
            done.append((task, result))
            if task.score(result.answer) < RIGHT:
                progress.say(_wrong(name, task, result))
        yield f"{name:<{width}}  {pack.version}  {_row(done)}"


def _row(done: Sequence[tuple[Task, Result]]) -> str:
    """Right answers, what one took on average, and what all of them cost."""
    right = sum(task.score(result.answer) for task, result in done)
    usage = sum((result.usage for _, result in done), Usage())
    turns, seconds = (
        sum(figures) / len(done)
        for figures in (
            [len(result.turns) for _, result in done],
            [result.seconds for _, result in done],
        )
    )
    tokens = usage.tokens // len(done)
    share = f"{right:.1f}/{len(done)}"
    return f"{share:>5}  {turns:>5.1f}  {tokens:>6,}  {seconds:>7.1f}  {dollars(usage):>7}"


def _wrong(name: str, task: Task, result: Result) -> str:
    got = f"{result.answer!r}" + ("" if result.complete else f" (ended by: {result.status})")
    return (
        f"run {result.run_id}, pack {name}, {task.kind} {task.seed}: {head(task.question, 100)}"
        f" It is {head(repr(task.expected), 60)}; answered was {head(got, 60)}"
    )
