"""What the commands about recorded runs understand."""

from __future__ import annotations

import argparse

from unspool.cli.late import late


def add_history(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds them to the command line."""
    _add_runs(_command(commands, "runs", "runs.runs", "list the recorded runs"))
    show = _command(commands, "show", "show.show", "read one: replies, code, output, sub-calls")
    show.add_argument("run", metavar="RUN", help="its name, or the beginning of it")
    show.add_argument("--turn", type=int, metavar="N", help="this turn alone, with all its texts")
    show.add_argument("--json", action="store_true", help="print everything as JSON")
    _add_resume(
        _command(commands, "resume", "resume.resume", "go on with a run that was cut short")
    )
    _add_fork(_command(commands, "fork", "resume.fork", "a new run that begins as another one did"))
    _add_replay(
        _command(commands, "replay", "resume.replay", "run again on recorded replies alone")
    )
    export = _command(commands, "export", "keep.export", "write a run as one JSON file")
    export.add_argument("run", metavar="RUN")
    export.add_argument("--out", metavar="FILE", help="default: stdout")
    add = _command(commands, "import", "keep.add", "add a run that was exported")
    add.add_argument("file", metavar="FILE")
    _add_gc(_command(commands, "gc", "keep.gc", "remove runs, and give their space back"))
    redact = _command(
        commands, "redact", "keep.redact", "remove the texts of a run, and keep its sums"
    )
    redact.add_argument("run", metavar="RUN")


def add_limits(command: argparse.ArgumentParser, *, turns: int | None) -> None:
    """The limits that can be given on the command line."""
    said = "as before" if turns is None else str(turns)
    command.add_argument(
        "--max-turns", type=int, default=turns, metavar="N", help=f"default: {said}"
    )
    command.add_argument("--max-seconds", type=float, metavar="S")
    command.add_argument("--max-usd", type=float, metavar="USD")


def add_cite(command: argparse.ArgumentParser) -> None:
    """Whether what an answer rests on is printed."""
    command.add_argument(
        "--cite",
        action="store_true",
        help="print the lines that the answer rests on after it, as name:line: text",
    )


def add_out(command: argparse.ArgumentParser) -> None:
    """Where the answer is to be written as it grows."""
    command.add_argument(
        "--out",
        metavar="FILE",
        help="write the answer there, as far as it has come, in place of stdout",
    )


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, home: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text)
    command.add_argument(
        "--journal", metavar="FILE", help="default: the one in UNSPOOL_HOME, or UNSPOOL_JOURNAL"
    )
    command.set_defaults(command=late(home))
    return command


def _add_runs(runs: argparse.ArgumentParser) -> None:
    runs.add_argument(
        "--status", metavar="S", help="running, interrupted, complete, failed, or a limit's name"
    )
    runs.add_argument("--model", metavar="M", help="those whose root model's name has this in it")
    runs.add_argument("--since", metavar="DATE", help="a date, or days or hours back: 7d, 12h")
    runs.add_argument("--grep", metavar="TEXT", help="those whose question has this in it")
    runs.add_argument("--limit", type=_count, metavar="N", help="so many at most")
    runs.add_argument("--json", action="store_true", help="print them as JSON")


def _add_again(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--on-difference",
        choices=("stop", "record", "anew"),
        help="where the context, or what code comes to, is not as recorded: stop, go on as"
        " recorded, or go on from what is so now; default: ask on a terminal, else stop",
    )
    command.add_argument(
        "--isolation", choices=("confined", "none"), help="default: as before; replay: confined"
    )
    command.add_argument("--json", action="store_true", help="print the whole result as JSON")
    command.add_argument("--quiet", action="store_true", help="print the answer and nothing else")


def _add_resume(resume: argparse.ArgumentParser) -> None:
    resume.add_argument("run", metavar="RUN")
    _add_paths(resume)
    resume.add_argument("--base-url", help="another address of the server")
    add_limits(resume, turns=None)
    add_cite(resume)
    add_out(resume)
    _add_again(resume)


def _add_fork(fork: argparse.ArgumentParser) -> None:
    fork.add_argument("run", metavar="RUN")
    _add_paths(fork)
    fork.add_argument("--turn", type=int, required=True, metavar="N", help="the first that is new")
    fork.add_argument("--model", help="who writes the code from there on")
    fork.add_argument("--sub-model", help="who answers sub-calls from there on")
    fork.add_argument("--base-url", help="another address of the server")
    fork.add_argument("--pack", help="the prompts from there on")
    add_cite(fork)
    add_limits(fork, turns=None)
    _add_again(fork)


def _add_replay(replay: argparse.ArgumentParser) -> None:
    replay.add_argument(
        "run", metavar="RUN|FILE", help="a run, or the .json file of an exported one"
    )
    _add_paths(replay)
    _add_again(replay)


def _add_paths(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths",
        metavar="PATH",
        nargs="*",
        help="the context, where the journal has neither its text nor its place",
    )


def _add_gc(gc: argparse.ArgumentParser) -> None:
    gc.add_argument("--older-than", type=float, metavar="DAYS", help="remove runs that are older")
    gc.add_argument("--keep", type=_count, metavar="N", help="remove none of the latest N")
    gc.add_argument(
        "--status", action="append", metavar="S", help="remove only those; may be given often"
    )
    gc.add_argument("--dry-run", action="store_true", help="say what would be removed")


def _count(given: str) -> int:
    number = int(given)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{given}: give 0 or more")
    return number
