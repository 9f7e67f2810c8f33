"""The arguments of `unspool calibrate`."""

from __future__ import annotations

import argparse
from pathlib import Path

from unspool.cli.late import late
from unspool.tasks import KINDS, Kind


def add_calibrate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command's arguments."""
    command = commands.add_parser(
        "calibrate", help="measure a model on generated tasks, and write its profile"
    )
    command.add_argument("model", metavar="MODEL", help="provider/name")
    command.add_argument("--base-url", help="an OpenAI-compatible server; MODEL is then its name")
    command.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="the profile; its answers and its chart lie beside it; default: in UNSPOOL_HOME",
    )
    command.add_argument(
        "--seeds", type=_seeds, default="1-6", metavar="FIRST-LAST", help="of the tasks"
    )
    command.add_argument("--minutes", type=float, default=15.0, help="no longer than that")
    command.add_argument(
        "--max-usd", "--usd", type=float, default=2.0, metavar="USD", help="no more than that"
    )
    command.add_argument(
        "--kinds", type=_kinds, default="needle,two_hop,count", help="whose curves are drawn"
    )
    command.add_argument("--packs", help="packs to compare, with commas between, and guided")
    command.add_argument("--longest", type=int, default=131_072, metavar="TOKENS")
    command.add_argument("--parallel", type=int, metavar="N", help="requests at the same time")
    command.add_argument("--quiet", action="store_true", help="print where the profile is")
    command.set_defaults(command=late("calibrate.measure"))


def _seeds(text: str) -> range:
    """`3-9` as the numbers from 3 to 9."""
    first, _, last = text.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not FIRST-LAST") from None
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} has no seeds")
    return found


def _kinds(text: str) -> tuple[Kind, ...]:
    """Names of kinds of questions, with commas between."""
    kinds = {str(kind): kind for kind in KINDS if kind != "multihop"}
    try:
        return tuple(kinds[name] for name in text.split(","))
    except KeyError as unknown:
        known = ", ".join(kinds)
        raise argparse.ArgumentTypeError(f"{unknown} is none of {known}") from None
