"""The embedded model's answers, row by row, each kept: `eval.py`, `eval.py --rows count,list`.

Seeds 1 to 999 were used while working on unspool; the table begins at 50,000. A question that
has been answered is not asked again, so that a run that is interrupted loses nothing.
`--table` counts again what is kept, and asks nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from eval_answers import Answers, Line, key_of, line_of
from eval_labels import Labelled, apart
from eval_rows import FIRST, ROWS, Row, chosen
from eval_table import write

from unspool import RLM, Limits, Result, UnspoolError
from unspool.config import DEFAULT_LOCAL
from unspool.errors import ContextTooLong
from unspool.tasks import Task
from unspool.types import Mode

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "eval"
DATA = HERE.parent.parent / "shared" / "data"
TURNS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a row."""

    row: Row
    number: int
    seed: int
    mode: Mode

    def about(self, model: str) -> Line:
        """What tells its answer from others'."""
        told = {"row": self.row.key, "chars": self.row.chars, "model": model, "mode": self.mode}
        return {**told, "seed": self.seed, "limit_seconds": self.row.seconds}


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

    def run(self) -> None:
        """Asks what is not kept yet.

        Raises:
            UnspoolError: the model cannot be asked.
        """
        done = {key_of(line) for line in self._answers.lines()}
        for asked in self.asked():
            about = asked.about(self._options.model)
            if key_of(about) in done:
                continue
            line = self._answer(asked, about)
            self._answers.add(line)
            print(_told(line), flush=True)

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
            Evaluation(options, answers).run()
        except KeyboardInterrupt:
            print("stopped; the same command goes on from here", file=sys.stderr)
            code = 130
        except UnspoolError as failed:
            print(f"stopped: {failed}", file=sys.stderr)
            code = 1
    print(write(answers))
    return code


def _told(line: Line) -> str:
    answer = line["answer"] if not isinstance(line["answer"], dict) else "..."
    return (
        f"{line['row']} {line['seed']}: {line['score']:.2f} {line['status']}"
        f" {'>'.join(line['ways'])} {line['turns']} turns {line['seconds']:.1f} s"
        f" {line['tokens']:,} tokens | {str(answer)[:60]!r}"
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
