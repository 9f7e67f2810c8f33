"""Sources of any shape and format become text or documents."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

import formats
from unspool import ConfigurationError, Context, ContextError, Files
from unspool.parsing import load


def texts(context: Context) -> dict[str, str]:
    """Each document by its name."""
    return {d.name: context.value[d.start : d.start + d.chars] for d in context.documents}


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def one(name: str, data: bytes, folder: Path) -> Context:
    """What a single file of that name becomes."""
    (folder / name).write_bytes(data)
    return load(folder / name)


def test_a_folder_of_mixed_formats_is_read_in_one_go(tmp_path: Path) -> None:
    said = formats.mixed_folder(tmp_path)
    context = load(tmp_path)
    found = texts(context)
    assert found.keys() == said.keys()
    assert [name for name, sentence in said.items() if sentence not in found[name]] == []
    assert context.notes == ("Files left out: 1 not text.",)
    heads = (context.value[: d.start].splitlines()[-1] for d in context.documents)
    assert list(heads) == [f"===== {name} =====" for name in found]


def test_documents_say_what_they_are(tmp_path: Path) -> None:
    formats.mixed_folder(tmp_path)
    about = {d.name: dict(d.metadata) for d in load(tmp_path).documents}
    assert about["notes.txt"]["format"] == "txt"
    assert about["notes.txt"]["bytes"] == len("The pump was oiled in March.")
    assert about["notes.txt"]["modified"][:2] == "20"
    assert about["app.log.gz"]["format"] == "log"
    assert about["mail.eml"] | {"modified": ""} == {
        "format": "eml",
        "from": "Ada <ada@example.org>",
        "to": "bob@example.org",
        "date": "Mon, 01 Jan 2024 10:00:00 +0000",
        "subject": "The key",
        "modified": "",
    }
    crew = about["ship.db/the crew"]
    assert (crew["rows"], crew["columns"]) == (1, ["name", "age", "photo"])


def test_one_text_file_is_one_text(tmp_path: Path) -> None:
    context = one("a.txt", b"mixed\r\nline\rends\n\x0bkept\n", tmp_path)
    assert context == Context("mixed\r\nline\rends\n\x0bkept\n")
    context = one("log.gz", gzip.compress(b"one\r\ntwo"), tmp_path)
    assert (context.value, context.documents) == ("one\r\ntwo", ())


HIDDEN = {
    "an attribute": "<div hidden>no <div>no</div> <p>no <img alt=no> no</div>",
    "a style": "<p style='color: red; DISPLAY : None'>no<p style='visibility:hidden'>no</p>",
    "a template": "<template><p>no</p><template>no</template> no</template>",
    "for those without scripts": "<noscript><p>no</noscript>",
    "items of a list": "<ul><li hidden>no <li hidden>no <b>no</b></ul>",
    "a paragraph before a block": "<p hidden>no<div>and</div>",
    "rows": "<table><tr hidden><td>no<td>no<tr><td hidden>no<td>and</table>",
    "code": "<pre hidden>no</pre>",
    "what is not closed": "<section hidden><p>no<ul><li>no</section>",
}


@pytest.mark.parametrize("markup", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_a_page_hides_is_left_out(tmp_path: Path, markup: str) -> None:
    page = f"<h1>Head</h1>{markup}<p hidden=until-found>seen <b style='display:block'>too</b></p>"
    page += "<p data-hidden style='xdisplay:none'>end<ul><li>a<li>b</ul>"
    seen = one("a.html", page.encode(), tmp_path).value.replace("\n\nand\n", "\n")
    assert seen == "# Head\n\nseen too\n\nend\n\n- a\n- b\n"


def test_html_reads_as_a_page_is_seen(tmp_path: Path) -> None:
    page = (
        "<html><head><title>T</title><style>x</style></head><body><h2>Head</h2><p>One\n <b>two</b>"
        "&amp; three<br>four<ul><li>a<li>b</ul><pre>  kept\n   as is</pre><table><tr><th>k<th>v"
        "<tr><td>1<td>2</table><script>alert(1)</script>"
    )
    context = one("a.html", page.encode(), tmp_path)
    assert context.value == (
        "T\n\n## Head\n\nOne two& three\nfour\n\n- a\n- b\n\n  kept\n   as is\n\nk | v\n1 | 2\n"
    )
    latin = b'<meta charset="iso-8859-1"><p>caf\xe9'
    assert one("b.html", latin, tmp_path).value == "café\n"


def test_a_word_document_is_read_with_headings_and_tables(tmp_path: Path) -> None:
    context = one("a.docx", formats.docx("Title here", "Some text.", "x | y"), tmp_path)
    assert context.value == "# Title here\nSome text.\n\nx | y\n"


def test_a_workbook_is_a_document_a_sheet(tmp_path: Path) -> None:
    assert texts(one("a.xlsx", formats.xlsx(), tmp_path)) == {
        "a.xlsx/Ships": "ship,,when\nRavenna,3.5,2024-01-01,2\n",
        "a.xlsx/Empty, and more": "TRUE\n",
    }


def test_slides_come_in_the_order_of_the_show(tmp_path: Path) -> None:
    context = one("a.pptx", formats.pptx(), tmp_path)
    assert context.value == (
        "# Slide 1\nshown first\n\n# Slide 2\nshown second\n\nNotes: say it slowly\n"
    )


def test_a_book_is_read_in_the_order_of_its_spine(tmp_path: Path) -> None:
    context = one("a.epub", formats.epub(), tmp_path)
    assert list(texts(context).values()) == ["# One\n\nIt begins.\n", "It ends.\n"]
    assert context.documents[0].metadata["title"] == "The Book"


def test_a_pdf_is_its_pages(tmp_path: Path) -> None:
    pytest.importorskip("pypdfium2")
    context = one("a.pdf", formats.pdf("First page.", "Second page."), tmp_path)
    assert context.value == "First page.\f\nSecond page.\n"


def test_a_parquet_file_is_lines_of_csv(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.table({"n": [1, None], "s": ["a,b", "é"]}), tmp_path / "a.parquet")
    assert load(tmp_path / "a.parquet").value == 'n,s\n1,"a,b"\n,é\n'


def test_zstandard_files_are_unpacked(tmp_path: Path) -> None:
    zstd = pytest.importorskip("backports.zstd")
    assert one("a.log.zst", zstd.compress(b"line\n" * 9), tmp_path).value == "line\n" * 9


def test_each_message_of_a_mailbox_is_a_document_and_so_are_attachments(tmp_path: Path) -> None:
    first = formats.message("Grüße", "Hello\nFrom here on", {"a.csv": b"x,y\n1,2\n"})
    second = formats.message("Second", "Bye")
    mailbox = b""
    for sent in (first, second):
        body = bytes(sent).replace(b"\nFrom here", b"\n>From here")
        mailbox += b"From ada@example.org Mon Jan  1 10:00:00 2024\n" + body + b"\n"
    found = texts(one("in.mbox", mailbox, tmp_path))
    names = [name.rpartition("in.mbox/")[2] for name in found]
    assert names == ["1", "1/a.csv", "2"]
    mail, attached, _ = found.values()
    assert "Subject: Grüße\n" in mail
    assert "\nFrom here on" in mail
    assert attached == "x,y\n1,2\n"


def test_archives_in_archives_are_opened_too(tmp_path: Path) -> None:
    inner = formats.zipped({"a.txt": "deep", "b.docx": formats.docx("H", "docx inside", "x")})
    packed = formats.tarred({"in.zip": inner, "c.txt.gz": gzip.compress(b"packed")}, "w:xz")
    found = texts(one("a.tar.xz", packed, tmp_path))
    assert [name.rpartition("a.tar.xz/")[2] for name in found] == [
        "in.zip/a.txt",
        "in.zip/b.docx",
        "c.txt.gz",
    ]
    assert list(found.values())[2] == "packed"


def test_bytes_are_read_as_the_file_that_they_are() -> None:
    assert load(b"plain\r\ntext") == Context("plain\r\ntext")
    assert load(gzip.compress(b"packed")).value == "packed"
    assert texts(load(formats.zipped({"a.txt": "x"}))) == {"the context/a.txt": "x"}


def test_folders_obey_gitignore_and_leave_out_what_is_hidden(tmp_path: Path) -> None:
    top = written(
        tmp_path,
        {
            ".gitignore": "*.log\n!keep.log\n/build/\n",
            "a.txt": "a",
            "x.log": "x",
            "keep.log": "k",
            "build/out.txt": "b",
            "sub/.gitignore": "*.txt\n!special.txt\n",
            "sub/plain.txt": "p",
            "sub/special.txt": "s",
            "sub/build/in.md": "in",
            ".hidden/h.txt": "h",
            "node_modules/m.js": "m",
        },
    )
    assert list(texts(load(top))) == ["a.txt", "keep.log", "sub/special.txt", "sub/build/in.md"]
    everything = texts(load(Files(top, ignored=True)))
    assert {"x.log", ".hidden/h.txt", "node_modules/m.js", ".gitignore"} < everything.keys()


def test_a_mark_at_the_start_of_a_gitignore_is_no_part_of_it(tmp_path: Path) -> None:
    top = written(tmp_path, {".gitignore": b"\xef\xbb\xbf*.log\n", "a.log": "a", "b.txt": "b"})
    assert list(texts(load(top))) == ["b.txt"]


def test_the_rules_of_the_repository_hold_in_a_folder_below(tmp_path: Path) -> None:
    top = written(tmp_path, {".gitignore": "src/*.gen\n", "src/a.gen": "a", "src/a.py": "b"})
    (top / ".git").mkdir()
    assert list(texts(load(top / "src"))) == ["a.py"]


def test_patterns_choose_in_folders_and_archives(tmp_path: Path) -> None:
    files = {"a.py": "a", "b.md": "b", "tests/c.py": "c", "docs/d.py": "d"}
    written(tmp_path, files)
    (tmp_path / "z.zip").write_bytes(formats.zipped(files))
    chosen = load(Files(tmp_path, include="*.py", exclude="tests/"))
    assert list(texts(chosen)) == ["a.py", "docs/d.py"]
    chosen = load(Files(tmp_path / "z.zip", include=["*.py"], exclude=["/docs"]))
    assert list(texts(chosen)) == ["z.zip/a.py", "z.zip/tests/c.py"]


def test_patterns_take_back_as_those_of_git_do(tmp_path: Path) -> None:
    names = ("a.md", "b.py", "docs/a.md", "docs/keep.py", "keep.py")
    files = dict.fromkeys(names, "x")
    written(tmp_path / "top", files)
    (tmp_path / "z.zip").write_bytes(formats.zipped(files))
    cases: list[tuple[str, list[str], Sequence[str]]] = [
        ("exclude", ["*.py", "!keep.py"], ("a.md", "docs/a.md", "docs/keep.py", "keep.py")),
        ("exclude", ["!keep.py"], names),
        ("exclude", ["docs/", "!docs/keep.py"], ("a.md", "b.py", "keep.py")),
        ("exclude", ["!keep.py", "*.py"], ("a.md", "docs/a.md")),
        ("include", ["*.py", "!/keep.py"], ("b.py", "docs/keep.py")),
        ("include", ["docs/", "!*.md", "/a.md"], ("a.md", "docs/keep.py")),
    ]
    for option, given, taken in cases:
        found = load(Files(tmp_path / "top", **{option: given}))  # type: ignore[arg-type]
        assert sorted(texts(found)) == sorted(taken), given
        found = load(Files(tmp_path / "z.zip", **{option: given}))  # type: ignore[arg-type]
        assert sorted(texts(found)) == [f"z.zip/{name}" for name in sorted(taken)], given


@pytest.mark.parametrize("given", ["!keep.py", "[abc", "", "/", "# all", "[z-a]"])
def test_what_is_no_pattern_is_told_and_does_not_mean_all_files(tmp_path: Path, given: str) -> None:
    top = written(tmp_path, {"a.md": "a", "keep.py": "k"})
    with pytest.raises(ConfigurationError, match=re.escape(f"include={given!r}")):
        load(Files(top, include=[given]))
    if given != "!keep.py":
        with pytest.raises(ConfigurationError, match=re.escape(f"exclude={given!r}")):
            load(Files(top, exclude=given))


def test_members_named_from_here_are_read_and_what_leads_out_is_told(tmp_path: Path) -> None:
    packed = formats.tarred({"./a.md": b"a", "./sub/b.md": b"b", "../c.md": b"c"}, "w:gz")
    (tmp_path / "x.tgz").write_bytes(packed)
    found = load(tmp_path / "x.tgz")
    assert list(texts(found)) == ["x.tgz/a.md", "x.tgz/sub/b.md"]
    assert "leads out" in " ".join(found.notes)
    found = load(Files(tmp_path / "x.tgz", include="./sub/*.md"))
    assert list(texts(found)) == ["x.tgz/sub/b.md"]


def test_a_short_text_with_a_broken_byte_stays_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Grüße, schöner Gruß, 漢".encode()[:-1])
    (tmp_path / "b.txt").write_bytes("Grüße, schöner Gruß".encode("cp1252"))
    found = load(tmp_path / "a.txt")
    assert found.value == "Grüße, schöner Gruß, \ufffd"
    assert "replaced" in found.notes[0]
    assert load(tmp_path / "b.txt").value == "Grüße, schöner Gruß"


def test_globs_and_lists_of_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, {"a/1.log": "one", "a/2.log": "two", "b/3.log": "three", "b/x.txt": "x"})
    monkeypatch.chdir(tmp_path)
    assert list(texts(load("*/*.log"))) == ["a/1.log", "a/2.log", "b/3.log"]
    assert load(tmp_path / "**/*.txt").value == "x"
    assert list(texts(load([Path("b/x.txt"), Path("a")]))) == ["b/x.txt", "a/1.log", "a/2.log"]
    assert load("no*match*here").value == "no*match*here"
    with pytest.raises(ContextError, match="no file or folder"):
        load(Files("none-*.txt"))


def test_a_repository_is_read_as_it_was(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run([*command, *arguments], check=True, capture_output=True)

    git("init", "-q")
    written(tmp_path, {"a.txt": "old", "in/b.docx": formats.docx("H", "in git", "x")})
    git("add", ".")
    git("commit", "-qm", "first")
    git("tag", "v1")
    written(tmp_path, {"a.txt": "new", "c.txt": "c"})
    hook = tmp_path / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    git("config", "core.fsmonitor", f"touch {tmp_path}/ran")
    assert texts(load(f"{tmp_path}@v1")) == {"a.txt": "old", "in/b.docx": "# H\nin git\n\nx\n"}
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ContextError, match="revision"):
        load(f"{tmp_path}@v9")


def test_data_frames_are_csv() -> None:
    """With stand-ins that have the methods of each, since neither package is a dependency."""
    pandas = type("DataFrame", (), {"__module__": "pandas.core.frame"})()
    pandas.shape, pandas.columns = (2, 1), ["a"]
    pandas.index = type("RangeIndex", (), {"name": None})()
    pandas.to_csv = lambda index: f"a\n1\n2\n{index}"
    context = load(pandas)
    assert context.value == "a\n1\n2\nFalse"
    assert context.notes == ("It is a DataFrame of 2 rows, as CSV.",)
    polars = type("DataFrame", (), {"__module__": "polars.dataframe.frame"})()
    polars.shape, polars.columns, polars.dtypes = (1, 0), [], []
    polars.write_csv = lambda: "csv"
    assert texts(load({"x": pandas, "y": polars})) == {"x": "a\n1\n2\nFalse", "y": "csv"}


def test_plain_data_stays_what_it_is() -> None:
    for data in (["a", "b"], {"k": [1]}, [{"role": "user", "content": "hi"}]):
        assert load(data) == Context(data)


def test_a_stream_that_cannot_be_read_twice_is_read_once(tmp_path: Path) -> None:
    command = f"{sys.executable} -m unspool.cli.main ask q <(printf x) --model nobody/none"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "nobody" in done.stderr  # the context was read: only the model is missing
