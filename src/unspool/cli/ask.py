"""`unspool ask`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from unspool import RLM, ContextError, Files, Limits, Result, Stream
from unspool.cli.models import pull_if_missing
from unspool.cli.progress import Progress, progress_for
from unspool.config import from_environment
from unspool.events import RunEnded
from unspool.parsing import load

CITED_CHARS = 160
"""Shown of each line that is cited."""
NO_EVIDENCE = "(no line of the text was found that this answer rests on)"


def ask(options: argparse.Namespace) -> int:
    """Answers on stdout, tells on stderr; gives the exit code."""
    progress = progress_for(quiet=options.quiet)
    source = _context(options.paths, options.include, options.exclude)
    context = load(source, confined=options.isolation != "none")  # before a model is fetched
    for note in context.notes:
        progress.say(note)
    rlm = _rlm(options, progress)
    result = _watched(rlm.stream(options.question, context), progress)
    cited = _cited(result, options.paths) if options.cite else []
    if options.json:
        print(_json(_fields(result, cite=options.cite)))
    else:
        if result.answer is not None:
            print(_as_text(result.answer))
        if options.cite:
            print("", *cited or [NO_EVIDENCE], sep="\n")
    return {"complete": 0, "failed": 1, "cancelled": 130}.get(result.status, 3)


def _fields(result: Result, *, cite: bool) -> dict[str, Any]:
    fields = dataclasses.asdict(dataclasses.replace(result, reading=None))
    del fields["reading"]
    if cite:
        fields["evidence"] = [span._asdict() for span in result.evidence]
        fields["coverage"] = result.coverage
    return fields


def _cited(result: Result, paths: list[str]) -> list[str]:
    """The evidence as `name:line: text`, as other tools print places in files."""
    alone = "<stdin>" if paths == ["-"] else paths[0]
    return [
        f"{span.document or alone}:{span.line}: {' '.join(span.text.split())[:CITED_CHARS]}"
        for span in result.evidence
    ]


def _rlm(options: argparse.Namespace, progress: Progress) -> RLM:
    model = options.model
    if model is None and options.base_url is None:
        model = from_environment().default_model()
        if model.startswith("local/"):
            progress.say(f"no model was named and no key is set: {model} answers, on this machine")
    if model is not None and model.startswith("local/") and options.base_url is None:
        pull_if_missing(model, progress.say)
    limits = Limits(turns=options.max_turns, seconds=options.max_seconds, usd=options.max_usd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would say has been said
        return RLM(
            model,
            base_url=options.base_url,
            sub_model=options.sub_model,
            limits=limits,
            isolation=options.isolation,
            sandbox=options.sandbox,
            early=options.early,
        )


def _context(paths: list[str], include: list[str], exclude: list[str]) -> Any:
    if "-" not in paths:
        return Files(paths, include, exclude)
    if len(paths) > 1:
        raise ContextError("- (standard input) cannot be joined with files: give one of the two.")
    return sys.stdin.buffer.read()


def _watched(stream: Stream, progress: Progress) -> Result:
    """Follows a run to its end. Ctrl-C ends it with its best answer, a second one at once."""
    events, stopping = iter(stream), False
    with progress:
        while True:
            try:
                for event in events:
                    progress.show(event)
                    if isinstance(event, RunEnded) and "." not in event.run_id:
                        return event.result
                return stream.result()
            except KeyboardInterrupt:
                if stopping:
                    os._exit(130)
                stopping = True
                progress.say("stopping; Ctrl-C again to stop at once")
                stream.stop()
                events = iter(stream)


def _as_text(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    if isinstance(answer, (list, tuple, dict, set, frozenset)):
        return _json(answer)
    return str(answer)


def _json(value: Any) -> str:
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    return json.dumps(_plain(value), ensure_ascii=ascii_only, indent=2)


def _plain(value: Any) -> Any:
    """`value` as JSON can hold it: keys as text, sets and tuples as lists, the rest as text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(map(_plain, value), key=str)
    return str(value)
