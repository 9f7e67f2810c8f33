"""`unspool`: the command line."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from typing import get_args

from unspool import UnspoolError, __version__
from unspool.cli.history import add_cite, add_history, add_limits, add_out
from unspool.cli.late import late
from unspool.cli.measuring import add_calibrate
from unspool.cli.prompts import add_prompts
from unspool.types import Mode

EXIT_CODES = """exit codes:
  0    the answer is complete
  1    it failed; the message says why and what to do
  2    the command was not understood
  3    a limit ended the run; the answer is the best so far, and may be empty
  130  Ctrl-C ended the run; likewise
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives the exit code."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a model may write characters that a terminal has not
            reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            return int(options.command(options))
    except UnspoolError as failed:
        print(f"unspool: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _warn(message: Warning | str, *_: object, **__: object) -> None:
    print(f"unspool: {message}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="unspool",
        description="Asks questions of texts that fit in no window.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"unspool {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_ask(commands)
    add_history(commands)
    _add_models(commands)
    add_prompts(commands)
    add_calibrate(commands)
    doctor = commands.add_parser("doctor", help="say what this machine has")
    doctor.set_defaults(command=_doctor)
    return parser


def _add_record(ask: argparse.ArgumentParser) -> None:
    ask.add_argument("--journal", metavar="FILE", help="record it there; default: in UNSPOOL_HOME")
    ask.add_argument("--no-journal", action="store_true", help="record nothing")
    ask.add_argument(
        "--cache",
        choices=("off", "run", "all"),
        default="run",
        help="make sub-calls that are the same once: none, within the run, or of all runs",
    )


def _add_ask(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    ask = commands.add_parser(
        "ask",
        help="answer a question about files, folders or standard input",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="files, folders, archives, 'globs', repository@revision; - is stdin",
    )
    for option, text in (("include", "take only files like this"), ("exclude", "leave them out")):
        ask.add_argument(
            f"--{option}",
            action="append",
            default=[],
            metavar="PATTERN",
            help=f"{text}, as .gitignore says it; may be given again",
        )
    _add_who(ask)
    add_limits(ask, turns=30)
    ask.add_argument(
        "--isolation",
        choices=("confined", "none"),
        default="confined",
        help="none: let the model's code do whatever you may",
    )
    ask.add_argument(
        "--early",
        action="store_true",
        help="run each statement of a reply while the rest is still being written",
    )
    ask.add_argument(
        "--sandbox",
        metavar="NAME",
        help="process, monty, docker or one that is installed; default: what suits this system",
    )
    add_cite(ask)
    _add_opinions(ask)
    add_out(ask)
    _add_record(ask)
    ask.add_argument("--json", action="store_true", help="print the whole result as JSON")
    ask.add_argument("--quiet", action="store_true", help="print the answer and nothing else")
    ask.set_defaults(command=late("ask.ask"))


def _add_who(ask: argparse.ArgumentParser) -> None:
    ask.add_argument("--model", help="provider/name; the embedded model if there is no key")
    ask.add_argument("--sub-model", help="who answers sub-calls; by default the model itself")
    ask.add_argument("--base-url", help="an OpenAI-compatible server; --model is then its name")
    ask.add_argument(
        "--pack",
        metavar="NAME|FILE",
        help="the prompts to use, 'NAME:-PART,-PART' without some (unspool packs list);"
        " default: what the model's profile says",
    )
    ask.add_argument(
        "--mode",
        choices=get_args(Mode),
        default="auto",
        help="how to answer; default: what suits the model and the text, and when that fails,"
        " what is simpler",
    )


def _add_opinions(ask: argparse.ArgumentParser) -> None:
    ask.add_argument(
        "--verify",
        action="store_true",
        help="have a second run answer it too, and a third where their answers differ",
    )
    ask.add_argument(
        "--samples", type=int, default=1, metavar="N", help="N runs; what most of them say counts"
    )


def _add_models(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    models = commands.add_parser("models", help="the files of embedded models")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    for action, text in (
        ("list", "which there are, and which are here"),
        ("pull", "fetch one"),
        ("path", "print where one is"),
        ("rm", "delete one"),
    ):
        command = actions.add_parser(action, help=text)
        if action != "list":
            command.add_argument("name", metavar="NAME", nargs="?", help="default: the 1.5B")
        command.set_defaults(command=_models, action=action)


def _models(options: argparse.Namespace) -> int:
    from unspool.cli.models import manage

    return manage(options.action, getattr(options, "name", None))


def _doctor(_: argparse.Namespace) -> int:
    from unspool.cli.doctor import doctor

    return doctor()


if __name__ == "__main__":
    sys.exit(main())
