"""`unspool calibrate`: what a model can do, measured and written down as its profile."""

from __future__ import annotations

import argparse
import asyncio
import datetime
import sys
from functools import partial
from pathlib import Path

from rich.console import Console

from unspool import RLM
from unspool.calibrate import Outcome, Plan, calibrate
from unspool.calibrate.chart import lines, png
from unspool.calibrate.measured import file_name
from unspool.calibrate.purse import Purse
from unspool.calibrate.runs import GUIDED, TOKENS, TURNS
from unspool.cli.models import pull_if_missing
from unspool.config import from_environment
from unspool.errors import ConfigurationError
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.profiles import Profile, profile_of
from unspool.suiting import suited
from unspool.wiring import Wiring

FAMILIES = ("reasoning", "coder", "small", "tiny")
"""Packs in the order of the models they are for: a model is tried with its neighbours' too."""

MADE = "# Made by unspool calibrate.\n"
"""The first line of what may be made anew."""
TEXT_SHARE = 0.75
"""Of a window, for the longest text: tokens are counted ahead by characters, and may be more."""


def measure(options: argparse.Namespace) -> int:
    """Measures, and writes what came out; gives the exit code."""
    settings = from_environment()
    local = options.model.startswith("local/") and not options.base_url
    errors = Console(stderr=True, highlight=False)

    def say(text: str) -> None:
        if not options.quiet:
            errors.print(text, style="dim", markup=False)

    if local:
        pull_if_missing(options.model, say)
    own = settings.profile_folder
    out = options.out or own / f"{file_name(options.model)}.toml"
    known = profile_of(options.model, own)
    window = suited((options.model,), None, settings)[0][options.model].window_tokens
    plan = Plan(
        seeds=options.seeds,
        kinds=options.kinds,
        packs=_packs(options.packs, known),
        longest_tokens=min(options.longest, int(window * TEXT_SHARE) if window else 1 << 30),
        seconds=options.minutes * 60,
        usd=options.max_usd,
        parallel=options.parallel or (1 if local else 8),
    )

    def rlm(pack: str, purse: Purse) -> RLM:
        limits = purse.limits(TURNS, TOKENS)
        url = options.base_url
        model = partial(RLM, options.model, base_url=url, limits=limits, journal=False)
        return model(mode="guided") if pack == GUIDED else model(mode="rlm", pack=pack)

    async def measured() -> Outcome:
        http = HttpPool()
        wiring = Wiring(settings, http, Gates(), options.base_url)
        try:
            return await calibrate(
                wiring.model(options.model),
                plan,
                out.with_suffix(".jsonl"),
                known=known,
                rlm=rlm,
                day=datetime.date.today(),
                say=say,
            )
        finally:
            await http.aclose()

    outcome = asyncio.run(measured())
    _write(outcome, out, options.model)
    _show(outcome, out, quiet=options.quiet)
    return 0 if outcome.whole else 3


def _packs(given: str | None, known: Profile) -> tuple[str, ...]:
    """Those that are named; else the model's own and its neighbours, and steps for models that
    may not code well."""
    if given is not None:
        return tuple(name for name in given.split(",") if name and name != "none")
    if known.pack not in FAMILIES:
        return (known.pack,)
    at = FAMILIES.index(known.pack)
    steps = (GUIDED,) if known.pack in ("small", "tiny") else ()
    return (known.pack, *steps, *FAMILIES[at + 1 : at + 2], *FAMILIES[max(at - 1, 0) : at])


def _write(outcome: Outcome, out: Path, model: str) -> None:
    title = f"{model}: right answers by length"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _keep(out)
        out.write_text(MADE + outcome.profile.as_toml(), encoding="utf-8")
        out.with_suffix(".png").write_bytes(png(outcome.curves, title))
    except OSError as failed:
        raise ConfigurationError(f"{out} cannot be written: {failed.strerror}.") from failed


def _keep(out: Path) -> None:
    """Puts a profile aside that somebody has written by hand."""
    if out.exists() and not out.read_text("utf-8", "replace").startswith(MADE):
        kept = out.with_suffix(".toml.before")
        out.replace(kept)
        print(f"what was in {out} is in {kept}", file=sys.stderr)


def _show(outcome: Outcome, out: Path, *, quiet: bool) -> None:
    console = Console(highlight=False)
    if not quiet:
        for line in lines(outcome.curves):
            console.print(line, markup=False, style="bold" if line[:1] != " " else None)
        console.print()
        console.print(outcome.profile.as_toml(), markup=False, end="")
        if not outcome.whole:
            console.print("\nIt ended early: the same command goes on from there.")
    print(out)
