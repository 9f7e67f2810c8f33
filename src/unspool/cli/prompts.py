"""What the commands about packs and profiles understand."""

from __future__ import annotations

import argparse

from unspool.cli.late import late

QUESTIONS, CHARS = 4, 50_000


def add_prompts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds them to the command line."""
    packs = commands.add_parser("packs", help="the prompts: list them, read one, try them")
    actions = packs.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="which there are, how long, and for which models")
    listing.set_defaults(command=late("packs.packs"), action="list")
    show = actions.add_parser("show", help="print one as a run is told it")
    show.add_argument("name", metavar="NAME|FILE", help="NAME:-PART,-PART leaves parts out")
    show.add_argument("--model", metavar="M", help="as for this sub-model")
    show.add_argument(
        "--depth",
        type=int,
        choices=(0, 1, 2),
        default=1,
        help="0: without sub-calls; 1: with them; 2: with child runs; default: 1",
    )
    show.add_argument(
        "--asks",
        choices=("text", "number", "list"),
        default="text",
        help="of the prompts of guided runs: for questions that ask for this; default: text",
    )
    show.set_defaults(command=late("packs.packs"), action="show")
    _add_test(actions.add_parser("test", help="ask a model made-up questions with each"))
    profiles = commands.add_parser("profiles", help="what is known of models: list it, read one")
    actions = profiles.add_subparsers(required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="which there are, and for which models")
    listing.set_defaults(command=late("profiles.profiles"), action="list")
    show = actions.add_parser("show", help="print one")
    show.add_argument("name", metavar="NAME|MODEL")
    show.set_defaults(command=late("profiles.profiles"), action="show")


def _add_test(test: argparse.ArgumentParser) -> None:
    test.add_argument(
        "names", metavar="NAME|FILE", nargs="*", help="NAME:-PART,-PART leaves parts out"
    )
    test.add_argument("--model", help="provider/name; the embedded model if there is no key")
    test.add_argument("--base-url", help="an OpenAI-compatible server; --model is then its name")
    test.add_argument(
        "--questions", type=_count, default=QUESTIONS, metavar="N", help=f"default: {QUESTIONS}"
    )
    test.add_argument(
        "--chars", type=_count, default=CHARS, metavar="N", help=f"of each text; default: {CHARS}"
    )
    test.add_argument("--seed", type=int, default=1, metavar="N", help="of the first; default: 1")
    test.add_argument("--max-usd", type=float, metavar="USD", help="for all of it")
    test.set_defaults(command=late("packs.packs"), action="test")


def _count(given: str) -> int:
    number = int(given)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{given}: give 1 or more")
    return number
