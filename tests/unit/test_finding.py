"""`unspool.search` and `unspool.chunks`, and where `chunks` cuts."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import unspool
from unspool import ContextError
from unspool.loaders.files import text_file
from unspool.sandboxes.worker import words
from unspool.sandboxes.worker.linear import Linear
from unspool.sandboxes.worker.search import Searcher
from unspool.sandboxes.worker.words import WordIndex

PYTHON = """import os

# How the first works.
@cached
@other(1)
def first():
    return 1

class Second:
    def method(self):
        pass

value = 3
async def third(): pass
"""
BRACES = """#include <x>

// adds
static int add(int a, int b) {
  return a + b;
}

struct P {
  int x;
};
func (p *P) Sum() int {
  return 1
}
"""
MARKDOWN = "# One\ntext\n\n## Two\nmore\n\nThree\n=====\nend\n"
FENCED = (
    "# One\n```sh\n# no heading\n\n~~~\n# nor this\n```\r\n## Two\n~~~~\n# no\n~~~\n# no\n~~~~\n"
)
WINDOWS = "# One\r\ntext\r\n\r\nTwo\r\n===\r\nmore\r\n"
CSV = 'name,text\na,"first\nsecond"\nb,plain\n'

UNITS = {
    "code": (PYTHON, ["import os", "# How the first", "class Second", "async def third"]),
    "code in braces": (BRACES, ["#include", "// adds", "struct P", "func (p *P)"]),
    "headings": (MARKDOWN, ["# One", "## Two", "Three\n====="]),
    "headings, not in code": (FENCED, ["# One", "## Two"]),
    "headings in Windows": (WINDOWS, ["# One", "Two"]),
    "headings behind a fence that does not end": ("# One\n```\n# no", ["# One"]),
    "sentences": ("It rained. We left! Why? “Who knows.” Mr", ["It", "We", "Why", "“Who", "Mr"]),
    "paragraphs": ("a\nb\n\n\nc\n \nd", ["a\nb", "c", "d"]),
    "records": (CSV, ["name,text", 'a,"first\nsecond"', "b,plain"]),
    "records of JSONL": ('{"a": 1}\n{"b": 2}\n', ['{"a"', '{"b"']),
    "records between blank lines": ("k: 1\nl: 2\n\nk: 3\n", ["k: 1\nl: 2", "k: 3"]),
}  # fmt: skip


@pytest.mark.parametrize(("text", "begin"), UNITS.values(), ids=UNITS.keys())
def test_units_begin_where_they_do(
    text: str, begin: list[str], request: pytest.FixtureRequest
) -> None:
    by = request.node.callspec.id.split()[0].strip(",")
    pieces = [piece for piece in unspool.chunks(text, by=by) if piece.strip()]
    assert "".join(unspool.chunks(text, by=by)) == text
    starts = [piece.lstrip() for piece in pieces]
    assert all(any(s.startswith(one) for s in starts) for one in begin)
    if by != "code":
        assert len(pieces) == len(begin)


CRLF = "1,done\r\n2,$5\r\n3,done\r\nx]\r\n"
LINE_ENDS = {
    "$": ("done$", 2), "^ and $": ("^2,.5$", 1), "escaped": (r"\$5$", 1), "in a set": ("[$]5", 1),
    "behind a set": ("[]x]$", 1), "in a comment": ("done(?#$)", 2), "to be free": ("done\r?$", 2),
    "with room": ("(?x) done $ # $ [", 2), "across lines": (r"done$\s+^\d", 1), "none": ("don$", 0),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "count"), LINE_ENDS.values(), ids=LINE_ENDS.keys())
def test_lines_may_end_as_in_windows(pattern: str, count: int, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(CRLF.encode())
    for text in (CRLF, text_file(path, whole_bytes=10)):
        assert len(unspool.search(pattern, text, spans=True)) == count
    plain = CRLF.replace("\r", "")
    assert len(unspool.search(pattern, plain, spans=True)) == count


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_files_that_fit_in_no_memory_are_searched_and_cut(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_bytes(MARKDOWN.encode(encoding))
    context = text_file(tmp_path / "long.txt", whole_bytes=10)
    assert list(unspool.search("more", context)) == ["[line 5] more"]
    assert unspool.search("^e", context, spans=True) == [(37, 38, "", "e")]
    assert "".join(unspool.chunks(context, 9)) == MARKDOWN


def test_a_fence_that_is_cut_goes_on_in_the_next_piece() -> None:
    code = "".join(f"# comment {n}\nx = {n}\n" for n in range(3_000))
    text = f"# One\n```python\n{code}```\n# Two\n{'end ' * 2_000}"
    pieces = unspool.chunks(text, 10_000, by="headings")
    assert "".join(pieces) == text
    assert pieces[-1].startswith("# Two")
    assert all(len(piece) > 9_900 for piece in pieces[:-2])
    assert len(unspool.chunks(text, by="headings")) == 2


def test_around_a_match_is_around_all_of_it() -> None:
    text = f"{'x' * 50} BEGIN {'y' * 90} END {'z' * 50}"
    (line,) = unspool.search("BEGIN.*END", text, around=5)
    assert line == f"[line 1] xxxx BEGIN {'y' * 90} END zzzz"
    assert unspool.search(["begin"], text, around=3) == ["[line 1] xx BEGIN yy"]


def test_what_fits_stays_together_and_what_does_not_is_cut_finer() -> None:
    assert unspool.chunks("a b\n\nc d\n\ne", 8, by="paragraphs") == ["a b\n\n", "c d\n\ne"]
    assert unspool.chunks("aaa bbb ccc\n\nd", 5, by="paragraphs") == [
        "aaa ",
        "bbb ",
        "ccc\n\n",
        "d",
    ]


def test_tokens_are_counted_as_the_caller_counts_them() -> None:
    text = "\n".join(["one two three"] * 6)
    pieces = unspool.chunks(text, 7, by="tokens", measure=lambda t: len(t.split()))
    assert [len(piece.split()) for piece in pieces] == [6, 6, 6]
    assert all(len(piece) <= 4 * 10 for piece in unspool.chunks(text, 10, by="tokens"))


def test_overlap_repeats_whole_lines_where_it_can() -> None:
    text = "".join(f"line {i}\n" for i in range(6))
    assert unspool.chunks(text, 21, overlap=8) == [
        "line 0\nline 1\nline 2\n", "line 2\nline 3\nline 4\n", "line 4\nline 5\n",
    ]  # fmt: skip


def test_documents_of_a_folder_are_searched_and_cut_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha\n")
    (tmp_path / "b.txt").write_text("beta\n")
    assert unspool.search("beta", tmp_path)[0].endswith("] beta")
    assert unspool.search("beta", tmp_path)[0].startswith("[b.txt line ")
    names = [name for _, _, name, _ in unspool.chunks(tmp_path, by="documents", spans=True)]
    assert names == ["a.txt", "b.txt"]
    with pytest.raises(ContextError):
        unspool.search("x", tmp_path / "none")


def test_an_index_is_kept_by_the_content_and_made_once(newcomer: Path) -> None:
    text = "the quiet harbour\n" * 70_000 + "the vault code is 8812\n"
    assert unspool.search(["vault"], text, limit=1) == ["[line 70001] the vault code is 8812"]
    (folder,) = (newcomer / "home" / "words").iterdir()
    (kept,) = folder.iterdir()
    made = kept.stat().st_ino
    assert unspool.search(["vault", "codes"], text, limit=1)[0].endswith("8812")
    assert [one.stat().st_ino for one in folder.iterdir()] == [made]
    kept.write_bytes(b"garbage" * 1000)
    for _ in range(2):  # without it, then with one that was made anew
        assert unspool.search(["vault"], text, limit=1)[0].endswith("8812")
    (again,) = folder.iterdir()
    assert again.read_bytes()[:6] == b"SQLite"


def test_what_others_left_among_the_indexes_goes(newcomer: Path) -> None:
    text = "the quiet harbour\n" * 70_000
    unspool.search(["quiet"], text)
    home = newcomer / "home" / "words"
    (folder,) = home.iterdir()
    (home / "of an earlier version").write_text("x")
    (folder / "1.77.88.part").write_text("of a process that was killed")
    (folder / "2.77.88.part").write_text("of one that is at work")
    os.utime(folder / "1.77.88.part", (1, 1))
    unspool.search(["quiet"], text)
    assert [one.name for one in home.iterdir()] == [folder.name]
    assert sorted(one.name for one in folder.iterdir()) == ["0", "2.77.88.part"]


def test_an_index_whose_making_was_interrupted_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "SHARD_CHARS", 50_000)
    text, path = "some quiet words\n" * 20_000 + "a zebra\n", tmp_path / "index"

    class Interrupting(str):
        def __getitem__(self, at: Any) -> str:
            if at.start >= 120_000:
                os.kill(os.getpid(), signal.SIGINT)
            return str.__getitem__(self, at)

    with pytest.raises(KeyboardInterrupt):
        WordIndex([Interrupting(text)], str(path))
    crew = [one for one in threading.enumerate() if "Pool" in one.name]
    for one in crew:  # an interrupt that comes just as they are waited for leaves them to end
        one.join(60)
    assert not [one for one in crew if one.is_alive()]
    there = {one.name: one.stat().st_ino for one in path.iterdir()}
    assert there.keys() < set("0123456")
    ((number, start, stop),), _ = WordIndex([text], str(path)).best(["zebr"], 1)
    assert (number, start <= text.index("zebra") < stop) == (0, True)
    after = {one.name: one.stat().st_ino for one in path.iterdir()}
    assert after.keys() == set("0123456")
    assert there.items() <= after.items()


def test_where_there_is_no_room_for_an_index_none_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "SHARD_CHARS", 130_000)
    monkeypatch.setattr(words, "SETTINGS", (*words.SETTINGS, "max_page_count=20"))
    text = "some quiet words\n" * 8_000 + " ".join(f"a{n}" for n in range(20_000))
    with pytest.raises(words.NoIndex, match="full"):
        WordIndex([text], str(tmp_path / "index"))
    assert not list(tmp_path.iterdir())
    found = Searcher(text, index=str(tmp_path / "index")).search(["quiet"], 1)
    assert found == ["[line 1] some quiet words"]


def test_an_index_ranks_passages_with_rare_words_first() -> None:
    texts = ["common words\n" * 400, "common words\n" * 200 + "a zebra\n" + "common\n" * 300]
    (best, *_), rare = WordIndex(texts).best(["comm", "zebr"], 5)
    assert best[0] == 1
    assert best[1] <= texts[1].index("zebra") < best[2]
    assert rare["zebr"] > rare["comm"]


@pytest.mark.parametrize(
    ("pattern", "may"),
    [
        ("(a+)+", True),
        (r"(\w+\s?)*x", True),
        ("(ab|a)*", True),
        (r"\w+\s+\d{2,4}", False),
        ("(ab)+", False),
    ],
)
def test_patterns_that_may_explode_are_known(pattern: str, may: bool) -> None:
    assert Linear(pattern, 0).explosive == may


def test_files_lists_of_paths_and_bytes_are_read_as_a_run_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha\n")
    (tmp_path / "b.md").write_text("beta\n")
    paths = [tmp_path / "a.txt", tmp_path / "b.md"]
    assert unspool.search("beta", paths)[0].startswith("[b.md line ")
    assert "alpha" in unspool.search("alpha", unspool.Files(tmp_path, include="*.txt"))[0]
    assert unspool.search("beta", bytearray(b"alpha\nbeta")) == ["[line 2] beta"]


ASKED: list[Any] = ["alpha", ["alpha"]]
ALPHAS = "".join(f"alpha {n}\n" for n in range(30))


@pytest.mark.parametrize("asked", ASKED, ids=["pattern", "words"])
def test_limits_are_the_same_for_patterns_and_words(asked: Any) -> None:
    assert unspool.search(asked, ALPHAS, limit=2.0) == unspool.search(asked, ALPHAS, 2)  # type: ignore[call-overload]
    assert len(unspool.search(asked, ALPHAS, limit=2)) == 2
    none = unspool.search(asked, ALPHAS, limit=0)
    assert (none, "No " in str(none)) == ([], False)
    assert unspool.search(asked, ALPHAS, limit=0, spans=True) == []
    wrong: list[dict[str, Any]] = [
        *({"limit": one} for one in (-1, 2.5, float("inf"), float("nan"), "alpha 3")),
        *({"around": one} for one in (-5, 2.5, "x", None)),
    ]
    for given in wrong:
        for spans in (False, True):
            with pytest.raises(ValueError, match="a whole number of 0 or more") as raised:
                unspool.search(asked, ALPHAS, spans=spans, **given)
            assert str(raised.value).startswith(f"{next(iter(given))}=")
    assert unspool.search(asked, "an alpha two", spans=True, around=3)[0][3].find("alpha") == 3


def test_a_limit_of_nothing_does_not_say_that_nothing_comes_near() -> None:
    assert str(unspool.search("alphas 3", ALPHAS, limit=0)) == "No exact match for 'alphas 3'."


@pytest.mark.parametrize("space", ["\t", "\f", " ", "\n"])
def test_white_space_can_be_looked_for(space: str) -> None:
    spans = unspool.search(space, f"one\ntwo{space}three", spans=True)
    assert spans[-1][:2] == (7, 8)
    assert unspool.search(space, f"two{space}three")[0].startswith("[line 1] two")


@pytest.mark.parametrize("nothing", ["", None, b"alpha", [], [" "], ()])
def test_what_is_nothing_to_look_for_is_refused(nothing: Any) -> None:
    with pytest.raises(ValueError, match="search needs"):
        unspool.search(nothing, ALPHAS)


def test_words_may_come_in_any_iterable() -> None:
    wanted = unspool.search(["alpha"], ALPHAS)
    assert unspool.search({"alpha": 1}.keys(), ALPHAS) == wanted
    assert unspool.search((word for word in ("alpha",)), ALPHAS) == wanted


@pytest.mark.parametrize("lines", [20_000, 20_001, 25_000])
def test_of_very_many_matches_it_is_said_that_there_are_at_least_so_many(lines: int) -> None:
    found = str(unspool.search("hit", "hit\n" * lines))
    assert ("at least" in found) == (lines > 20_000)
    assert "19,990 more matching lines" in found


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"size": float("inf")}, "size=inf"),
        ({"size": float("nan")}, "size=nan"),
        ({"size": 10, "overlap": 2.5}, "overlap=2.5"),
        ({"size": 10, "overlap": float("inf")}, "overlap=inf"),
        ({"size": 10, "overlap": None}, "overlap=None"),
    ],
)
def test_sizes_that_are_no_whole_numbers_are_refused(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"{named}: give a whole number"):
        unspool.chunks("some text\n" * 9, **given)


def test_a_size_that_was_divided_is_as_good_as_a_whole_one() -> None:
    text = "some text\n" * 9
    whole = unspool.chunks(text, 33, overlap=10)
    assert unspool.chunks(text, 100 / 3, overlap=10.0) == whole  # type: ignore[call-overload]
