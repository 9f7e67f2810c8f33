"""Runs with the real embedded model, where its file has been fetched (`make demo` does)."""

from __future__ import annotations

import random
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import formats
from unspool import RLM, Limits, Result
from unspool.config import DEFAULT_LOCAL, from_environment
from unspool.models.local.catalog import find
from unspool.models.local.files import ModelFiles
from unspool.types import Completion, OnText, Request, Usage

pytestmark = [pytest.mark.local_model, pytest.mark.timeout(600)]

CHARS = 4_000_000


@pytest.fixture(autouse=True)
def _fetched() -> None:
    pytest.importorskip("xllamacpp")
    if ModelFiles(from_environment().model_folder).path(find(DEFAULT_LOCAL)) is None:
        pytest.skip(f"{DEFAULT_LOCAL} is not here: `unspool models pull`")


def long_text() -> str:
    """The sources of the standard library, over and over."""
    folder = Path(sysconfig.get_path("stdlib"))
    parts = [p.read_text("utf-8", "replace") for p in sorted(folder.glob("*.py"))]
    text = "\n".join(parts)
    return (text * (CHARS // len(text) + 1))[:CHARS]


def ask(sentence: str, question: str) -> Result:
    text = long_text()
    at = text.index("\n", random.Random(sentence).randrange(len(text) - 10_000))
    rlm = RLM(DEFAULT_LOCAL, limits=Limits(turns=10, seconds=300))
    return rlm.run(question, f"{text[:at]}\n{sentence}{text[at:]}")


def test_it_finds_one_sentence_in_four_million_characters() -> None:
    result = ask(
        "The lighthouse at Corran Point was repaired in 1874 by Isobel Farquharson.",
        "Who repaired the lighthouse at Corran Point?",
    )
    assert result.complete
    assert "Isobel Farquharson" in str(result.answer)
    shown = [seen.text for turn in result.turns for seen in turn.observations]
    assert any("Farquharson" in text for text in shown)
    assert result.usage.tokens < 20_000
    assert result.cost == 0


class Scripted:
    """A root model that writes what it was told to."""

    name = "scripted"

    def __init__(self, *codes: str) -> None:
        self._codes = list(codes)

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        return Completion(f"```repl\n{self._codes.pop(0)}\n```", Usage(calls=1), self.name)

    async def aclose(self) -> None: ...


def test_it_answers_more_sub_calls_at_once_than_it_has_slots() -> None:
    code = (
        "words = context.split()\n"
        "r = llm_query_batched([f'Repeat this word and write nothing else: {w}' for w in words])\n"
        "FINAL([isinstance(x, str) and w in x.lower() for w, x in zip(words, r)])"
    )
    rlm = RLM(Scripted(code), sub_model=DEFAULT_LOCAL, limits=Limits(seconds=300))
    result = rlm.run("?", "apple river stone cloud tiger window")
    assert sum(result.answer) >= 4
    assert not any(call.error for call in result.turns[0].sub_calls)
    assert len(result.turns[0].sub_calls) == 6


def test_it_is_held_to_a_schema_by_its_server() -> None:
    code = (
        "items = ['I loved it.', 'Terrible, never again.']\n"
        "form = \"Literal['positive', 'negative']\"\n"
        "one = ask_each(items, 'Is this review positive or negative?', form)\n"
        "two = ask_each(items, 'Is this review positive or negative?', form, per_call=2)\n"
        "who = llm_query(context, schema={'name': 'str', 'born': 'int'})\n"
        "FINAL([one, two, who])"
    )
    rlm = RLM(Scripted(code), sub_model=DEFAULT_LOCAL, limits=Limits(seconds=300))
    result = rlm.run("?", "Anna Berg was born in 1951.")
    labels = ["positive", "negative"]
    assert result.answer == [labels, labels, {"name": "Anna Berg", "born": 1951}]
    assert len(result.turns[0].sub_calls) == 4  # no reply had to be mended


def test_without_a_model_and_a_key_it_answers_and_says_so(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text(long_text()[:500_000] + "\nThe password of the old tower is heliotrope-77.\n")
    command = [sys.executable, "-m", "unspool.cli.main", "ask"]
    done = subprocess.run(
        [*command, "What is the password of the old tower?", str(text)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "heliotrope-77" in done.stdout
    assert DEFAULT_LOCAL in done.stderr
    assert done.returncode == 0


MIXED = {
    "Where is the cellar key?": ("blue stone", "mail.eml"),
    "At which sum was the budget set?": ("4,150", "minutes.docx"),
}


@pytest.mark.parametrize(("question", "right"), MIXED.items(), ids=[n for _, n in MIXED.values()])
def test_it_answers_over_a_folder_of_mixed_formats(
    tmp_path: Path, question: str, right: tuple[str, str]
) -> None:
    said = formats.mixed_folder(tmp_path)
    lines = long_text()[:200_000]
    (tmp_path / "filler.txt").write_text(lines)
    answer, where = right
    assert answer in said[where]
    result = RLM(DEFAULT_LOCAL, limits=Limits(turns=10, seconds=300)).run(question, tmp_path)
    assert result.complete
    assert answer in str(result.answer)
    assert any(where in seen.text for turn in result.turns for seen in turn.observations)
    cited = [one for one in result.evidence if answer in one.text]
    assert cited
    assert where in cited[0].document
