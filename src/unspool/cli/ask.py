"""`unspool ask`."""

from __future__ import annotations

import argparse
import dataclasses
import glob
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from unspool import RLM, ContextError, Files, Limits, Result, Stream, UnspoolError
from unspool.answers import out_of
from unspool.cli.models import pull_if_missing
from unspool.cli.opinions import compared
from unspool.cli.output import as_json, as_text, visible
from unspool.cli.progress import Progress, progress_for
from unspool.config import from_environment
from unspool.loaders.parts import printable
from unspool.origins import origin_of
from unspool.parsing import load

CITED_CHARS = 160
"""Shown of each line that is cited."""
NO_EVIDENCE = "(no line of the text was found that this answer rests on)"


def ask(options: argparse.Namespace) -> int:
    """Answers on stdout, tells on stderr; gives the exit code."""
    progress = progress_for(quiet=options.quiet)
    source = source_of(options.paths, options.include, options.exclude)
    out_of(options.out, source)
    context = load(source, confined=options.isolation != "none")  # before a model is fetched
    context = dataclasses.replace(context, origin=origin_of(source))
    for note in context.notes:
        progress.say(note)
    rlm = _rlm(options, progress)
    recorded = _is_recorded(options)
    try:
        result = watched(rlm.stream(options.question, context, out=options.out), progress)
    except UnspoolError as failed:
        if failed.run_id and recorded:
            progress.say(_how_to_resume(failed.run_id, options))
        raise
    return tell(result, options, progress, resumable=recorded)


def tell(
    result: Result,
    options: argparse.Namespace,
    progress: Progress,
    *lines: str,
    resumable: bool = True,
    paths: Sequence[str] = (),
) -> int:
    """Prints the answer on stdout and, on stderr, `lines` and how to go on; gives the exit
    code. `paths` are what is cited, where the command line does not name it."""
    cite = getattr(options, "cite", False)
    for line in (*lines, *compared(result)):
        progress.say(line)
    if resumable and not result.complete:
        progress.say(_how_to_resume(result.run_id, options))
    out = getattr(options, "out", None)
    if out is not None and not os.path.exists(out):  # somebody has taken it away
        progress.say(f"{out} is gone: the answer is printed")
        out = None
    if out is not None:
        progress.say(f"the answer is in {out} ({os.path.getsize(out):,} bytes)")
    if options.json:
        print(as_json(_fields(result, cite=cite)))
    elif out is None and result.answer is not None:
        answer = as_text(result.answer)
        print(visible(answer) if sys.stdout.isatty() else answer)
    if cite and not options.json:
        why_not = _unknown(result)
        found = [f"({why_not})"] if why_not else _cited(result, paths or options.paths)
        print("", *map(visible, found or [NO_EVIDENCE]), sep="\n")
    return {"complete": 0, "failed": 1, "cancelled": 130}.get(result.status, 3)


def _unknown(result: Result) -> str:
    """Why it cannot be told what was read, if so; the answer comes in any case."""
    try:
        _ = result.coverage
    except ContextError as changed:
        return str(changed)
    except Exception as broken:  # whatever it is, the answer has been paid for
        return f"nobody can say what was read: {type(broken).__name__}: {broken}"[:300]
    return ""


def _fields(result: Result, *, cite: bool) -> dict[str, Any]:
    fields = dataclasses.asdict(dataclasses.replace(result, reading=None))
    del fields["reading"]
    why_not = _unknown(result) if cite else ""
    if cite and not why_not:
        fields["evidence"] = [span._asdict() for span in result.evidence]
        fields["coverage"] = result.coverage
    elif cite:
        fields |= {"evidence": None, "coverage": None, "evidence_error": why_not}
    return fields


def _cited(result: Result, paths: Sequence[str]) -> list[str]:
    """The evidence as `name:line: text`, as other tools print places in files."""
    alone = "<stdin>" if paths[0] == "-" else paths[0]
    if not os.path.exists(alone):
        alone = next(glob.iglob(alone, recursive=True), alone)
    alone = printable(alone)
    return [
        f"{span.document or alone}:{span.line}: {' '.join(span.text.split())[:CITED_CHARS]}"
        for span in result.evidence
    ]


def source_of(paths: list[str], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> Any:
    """The context that the command line names.

    Raises:
        ContextError: standard input is named beside files.
    """
    if "-" not in paths:
        return Files(paths, include, exclude)
    if len(paths) > 1:
        raise ContextError("- (standard input) cannot be joined with files: give one of the two.")
    return Files(sys.stdin.buffer.read(), include, exclude)


def pulled(model: str | None, progress: Progress) -> None:
    """Fetches an embedded model that is not here yet."""
    if model is not None and model.startswith("local/"):
        pull_if_missing(model, progress.say)


def _how_to_resume(run_id: str, options: argparse.Namespace) -> str:
    journal = f" --journal {options.journal}" if options.journal else ""
    out = f" --out {options.out}" if getattr(options, "out", None) else ""
    return f"unspool resume {run_id}{journal}{out}   goes on with it"


def _is_recorded(options: argparse.Namespace) -> bool:
    asked = options.journal is not None or from_environment().journal != "off"
    return asked and not options.no_journal


def _rlm(options: argparse.Namespace, progress: Progress) -> RLM:
    model = options.model
    if model is None and options.base_url is None:
        model = from_environment().default_model()
        if model.startswith("local/"):
            progress.say(f"no model was named and no key is set: {model} answers, on this machine")
    if options.base_url is None:
        pulled(model, progress)
    limits = Limits(turns=options.max_turns, seconds=options.max_seconds, usd=options.max_usd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would say has been said
        return RLM(
            model,
            base_url=options.base_url,
            sub_model=options.sub_model,
            limits=limits,
            pack=options.pack,
            isolation=options.isolation,
            sandbox=options.sandbox,
            early=options.early,
            journal=False if options.no_journal else options.journal,
            cache=options.cache,
            mode=options.mode,
            verify=options.verify,
            samples=options.samples,
        )


def watched(stream: Stream, progress: Progress) -> Result:
    """Follows a run to its end. Ctrl-C ends it with its best answer, a second one at once."""
    events, stopping = iter(stream), False
    with progress:
        while True:
            try:
                for event in events:
                    progress.show(event)
                return stream.result()
            except KeyboardInterrupt:
                if stopping:
                    os._exit(130)
                stopping = True
                progress.say("stopping; Ctrl-C again to stop at once")
                stream.stop()
                events = iter(stream)
