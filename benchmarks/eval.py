"""The embedded model's answers, row by row, each kept: `eval.py`, `eval.py --rows count,list`.

Seeds 1 to 999 were used while working on unspool; the table begins at 50,000. A question that
has been answered is not asked again, so that a run that is interrupted loses nothing.
`--table` counts again what is kept, and asks nothing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from eval_answers import Answers, Line, clipped, key_of, line_of, was_clipped
from eval_labels import Labelled, apart
from eval_rows import FIRST, REAL, ROWS, Row, chosen
from eval_table import put_into, write

from unspool import RLM, Limits, Result, UnspoolError
from unspool.config import DEFAULT_LOCAL
from unspool.errors import ContextTooLong, ModelError
from unspool.tasks import VERSION, Task
from unspool.types import Mode

HERE = Path(__file__).parent
RESULTS, KEPT = HERE / "results" / "eval", HERE / "answers"
DATA = HERE.parent.parent / "shared" / "data"
TURNS = 20
FAILURES = 3
"""Questions in a row for which the model could not be asked, before all is given up."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a row."""

    row: Row
    number: int
    seed: int
    mode: Mode

    def about(self, model: str) -> Line:
        """What tells its answer from others'."""
        row = self.row
        told: Line = {"row": row.key, "chars": row.chars, "model": model, "mode": self.mode}
        return {**told, "seed": self.seed, "tasks": VERSION, "limit_seconds": row.seconds}


class Evaluation:
    """Asks questions of one model, and keeps the answers."""

    def __init__(self, options: argparse.Namespace, answers: Answers) -> None:
        self._options, self._answers = options, answers
        self._data: Path | None = options.data
        self._rlms: dict[tuple[Mode, float], RLM] = {}

    def asked(self) -> Iterator[Asked]:
        """Every question, the first of each row first: a run cut short has some of each."""
        options = self._options
        rows = chosen(options.rows, options.sizes, options.seconds, self._data)
        for number in range(options.questions):
            for row in rows:
                mode: Mode = "direct" if row.plain or row.apart else options.mode
                yield Asked(row, number, options.seeds + number, mode)

    def run(self) -> int:
        """Asks what is not kept yet; gives how many questions the model could not be asked. They
        are asked the next time.

        Raises:
            UnspoolError: several of them in a row.
        """
        done = {key_of(line) for line in self._answers.lines()}
        failed = in_a_row = 0
        for asked in self.asked():
            about = asked.about(self._options.model)
            if key_of(about) in done:
                continue
            try:
                line = self._answer(asked, about)
            except ModelError as wrong:
                failed, in_a_row = failed + 1, in_a_row + 1
                print(f"{asked.row.key} {asked.seed}: not asked: {wrong}", file=sys.stderr)
                if in_a_row == FAILURES:
                    raise
                continue
            in_a_row = 0
            self._answers.add(line)
            print(_told(line), flush=True)
        return failed

    def _answer(self, asked: Asked, about: Line) -> Line:
        task = asked.row.task(asked.number, asked.seed, self._data)
        about = {**about, "length": len(task.context)}
        labelled = Labelled(task) if task.items else None
        if asked.row.apart:
            result, labelled = apart(task, self._options.model, self._options.base_url)
            line = line_of(task, result, **about) | {"expected": None, "score": result.answer}
        else:
            line = line_of(task, self._result(asked, task, labelled), **about)
        return line if labelled is None else {**line, "labelled": labelled.kept()}

    def _result(self, asked: Asked, task: Task, labelled: Labelled | None) -> Result:
        stream = self._rlm(asked).stream(task.question, task.context)
        try:
            for event in stream:
                if labelled is not None:
                    labelled.see(event)
            return stream.result()
        except KeyboardInterrupt:
            stream.stop()
            raise
        except ContextTooLong as refused:  # a text that is not understood
            return Result(
                None, "failed", task.question, self._options.model, "", error=str(refused)
            )

    def _rlm(self, asked: Asked) -> RLM:
        key = (asked.mode, asked.row.seconds)
        if key not in self._rlms:
            self._rlms[key] = RLM(
                self._options.model,
                base_url=self._options.base_url,
                mode=asked.mode,
                limits=Limits(turns=TURNS, seconds=asked.row.seconds),
                journal=False,
            )
        return self._rlms[key]


def main(arguments: list[str] | None = None) -> int:
    """Asks, keeps, counts, prints the table; gives the exit code."""
    options = _options(arguments)
    answers, code = Answers(options.out), 0
    if not options.table:
        try:
            code = int(Evaluation(options, answers).run() > 0)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            code = 130
        except UnspoolError as failed:
            print(f"stopped: {failed}", file=sys.stderr)
            code = 1
    print(write(answers))
    if options.check:
        code = code or _check(answers, options.data)
    if options.readme:
        _publish(answers)
    return code


def _publish(answers: Answers) -> None:
    """Puts the answers where the repository keeps them, and their table into the README."""
    kept = Answers(KEPT)
    for path in sorted(answers.folder.glob("*.jsonl")):
        if answers.folder.resolve() != KEPT.resolve():
            KEPT.mkdir(exist_ok=True)
            shutil.copyfile(path, KEPT / path.name)
    put_into(HERE.parent / "README.md", kept)


def _check(answers: Answers, data: Path | None) -> int:
    """Makes each question again from its seed, and scores the kept answer anew; 1 where
    something is not as it was kept."""
    differ = checked = 0
    for line in answers.lines():
        row = replace(ROWS[line["row"]], chars=line["chars"])
        if (
            row.apart
            or line["tasks"] != VERSION
            or (data is None and (row.needs_data or line["domain"] in REAL))
        ):
            continue
        task = row.made(line["kind"], line["seed"], line["domain"], data)
        found: list[str] = []
        if (task.question, clipped(task.expected)) != (line["question"], line["expected"]):
            found.append("another question")
        elif not was_clipped(line["answer"]):
            checked += 1
            score = round(task.score(line["answer"]), 4)
            found += [f"scored {score}, not {line['score']}"] if score != line["score"] else []
        for what in found:
            differ += 1
            print(f"{line['row']} {line['seed']}: {what}")
    print(f"{checked:,} answers scored anew, {differ:,} differ")
    return int(differ > 0)


def _told(line: Line) -> str:
    said = repr(line["answer"])[:60] + (f", not {line['expected']!r}" if line["score"] < 1 else "")
    return (
        f"{line['row']} {line['seed']}: {line['score']:.2f} {line['status']}"
        f" {'>'.join(line['ways'])} {line['turns']} turns {line['seconds']:.1f} s"
        f" {line['tokens']:,} tokens | {said[:160]}"
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", help=f"of {','.join(ROWS)}")
    parser.add_argument("--questions", type=int, default=50, help="in each row")
    parser.add_argument("--seeds", type=int, default=FIRST, metavar="FIRST")
    parser.add_argument("--model", default=DEFAULT_LOCAL)
    parser.add_argument("--base-url")
    parser.add_argument("--mode", default="auto", help="of all rows but those of the plain model")
    parser.add_argument("--sizes", help="at most so many characters: CHARS, or ROW=CHARS,...")
    parser.add_argument("--seconds", type=float, help="for each question, in place of the row's")
    parser.add_argument("--data", type=_folder, default=DATA, help="a folder of real texts")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the answers are kept")
    parser.add_argument("--table", action="store_true", help="count what is kept, ask nothing")
    parser.add_argument("--check", action="store_true", help="score what is kept anew")
    parser.add_argument("--readme", action="store_true", help=f"publish it, in {KEPT.name}/")
    options = parser.parse_args(arguments)
    options.data = options.data if (options.data / "labelled").is_dir() else None
    return options


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no folder")
    return path


if __name__ == "__main__":
    sys.exit(main())
