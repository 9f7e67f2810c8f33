"""Sources that are broken, hostile or change while they are read: each costs itself alone."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import formats
from support import OpenRepl
from unspool import Context, ContextError, Files
from unspool.loaders import folders, parts
from unspool.loaders.formats.found import Meter, TooMuch
from unspool.loaders.parts import Lost, Part
from unspool.loaders.sources import load as load_with
from unspool.parsing import ConfinedParser, load
from unspool.sandboxes.apart import Apart

MB = 1 << 20


def texts(context: Context) -> dict[str, str]:
    """Each document by its name."""
    return {d.name: context.value[d.start : d.start + d.chars] for d in context.documents}


def beside_a_good_file(folder: Path, name: str, data: bytes) -> Context:
    """What a folder becomes in which one file is bad."""
    (folder / name).write_bytes(data)
    (folder / "good.txt").write_text("good")
    return load(folder)


def encrypted_zip() -> bytes:
    """An archive that says of its one member that it is encrypted."""
    data = bytearray(formats.zipped({"s.txt": "secret " * 50}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + at] |= 1
    return bytes(data)


def entities() -> bytes:
    """A document whose XML grows without end."""
    more = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    xml = f'<!DOCTYPE d [<!ENTITY e0 "x">{more}]><d>&e11;</d>'
    return formats.zipped({"word/document.xml": xml})


BROKEN: Mapping[str, tuple[str, bytes, str]] = {
    "a truncated zip": ("a.zip", formats.zipped({"x.txt": "x" * 9_999})[:90], "cut off"),
    "a truncated tar": ("a.tar", formats.tarred({"x.txt": b"x" * 9_999})[:3_000], "cut off"),
    "a truncated gzip": ("a.gz", gzip.compress(os.urandom(99))[:12], "cut off"),
    "an encrypted zip": ("a.zip", encrypted_zip(), "a.zip/s.txt (it is encrypted)"),
    "an encrypted pdf": ("a.pdf", formats.ENCRYPTED_PDF, "encrypted, and its password"),
    "a damaged pdf": ("a.pdf", b"%PDF-1.7\n" + b"\xff" * 300, "damaged"),
    "xml that grows": ("a.docx", entities(), "XML entities"),
    "a database cut short": ("a.db", b"SQLite format 3\0" + b"\1" * 500, "damaged"),
    "an old office file": ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old"),
    "a parquet of nothing": ("a.parquet", b"PAR1" + b"\0" * 50, "damaged"),
    "archives without end": ("a.gz", b"", "archives deep"),
}


@pytest.mark.parametrize(("name", "data", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_read(
    tmp_path: Path, name: str, data: bytes, said: str
) -> None:
    if not data:
        data = b"at last"
        for _ in range(9):
            data = gzip.compress(data)
    context = beside_a_good_file(tmp_path, name, data)
    assert texts(context) == {"good.txt": "good"}
    (note,) = context.notes
    assert note.startswith(f"Not read, or not whole: {name}")
    assert said in note


def test_attachments_that_are_damaged_or_cut_off_are_told(tmp_path: Path) -> None:
    mail = bytes(formats.message("Hello", "text", {"a.csv": b"x,y\n1,2\n" * 40}))
    padded = bytes(formats.message("Hello", "text", {"../../a.zip": b"PK\x03\x04" * 3}))
    start = mail.index(b"eCx5")  # x,y
    damaged = mail[:start] + b"!!" + mail[start:]
    cases = (
        (mail, ""),
        (damaged, "a.csv (its base64 is damaged)"),
        (mail[: start + 200], "m.eml (the message is cut off"),
        (padded, "a.zip (it is damaged or cut off"),
    )
    for data, said in cases:
        (tmp_path / "m.eml").write_bytes(data)
        notes = " ".join(load(tmp_path / "m.eml").notes)
        assert said in notes if said else not notes


def test_rows_that_a_database_has_in_its_log_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    database = sqlite3.connect(path)
    for order in ("PRAGMA journal_mode = WAL", "CREATE TABLE t (a)", "PRAGMA wal_checkpoint"):
        database.execute(order)
    database.execute("INSERT INTO t VALUES ('only in the log')")
    database.commit()
    for source in (path, tmp_path):
        said = " ".join(load(source).notes)
        assert "x.db (what is only in x.db-wal beside it was not read" in said
    database.close()
    assert "only in the log" in load(path).value
    assert not load(path).notes


@pytest.mark.parametrize(("ending", "packed"), [("gz", gzip), ("bz2", bz2), ("xz", lzma)])
def test_of_a_log_that_is_cut_off_what_comes_before_is_read(
    tmp_path: Path, ending: str, packed: Any
) -> None:
    lines = b"".join(b"line %d\n" % n for n in range(200_000))
    data = packed.compress(lines)
    context = beside_a_good_file(tmp_path, f"a.log.{ending}", data[: -len(data) // 25])
    found = texts(context)[f"a.log.{ending}"]
    assert found.encode() == lines[: len(found)]
    assert len(found) > MB
    assert "what comes before was read" in context.notes[0]


class TestBombs:
    """What unpacks is counted as it comes out; what a header says of sizes is not believed."""

    @staticmethod
    def bomb(megabytes: int) -> bytes:
        packed = io.BytesIO()
        with (
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("zeros.txt", "w") as member,
        ):
            for _ in range(megabytes):
                member.write(b"0" * MB)
        return packed.getvalue()

    @staticmethod
    def parsed(data: bytes, **limits: Any) -> list[Part | Lost]:
        parser = ConfinedParser(**limits)
        fd = os.memfd_create("bomb")
        try:
            os.write(fd, data)
            return list(parser.parse(fd, "bomb"))
        finally:
            os.close(fd)
            parser.close()

    def test_a_zip_bomb_is_stopped_by_what_comes_out(self) -> None:
        bomb = self.bomb(40)
        lying = bytearray(bomb)
        for mark, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
            start = lying.rindex(mark) + at
            lying[start : start + 4] = (7).to_bytes(4, "little")
        for data in (bomb, bytes(lying), gzip.compress(formats.zipped({"a/b.zip": bomb}))):
            (lost,) = self.parsed(data, unpacked_bytes=20 * MB)
            assert isinstance(lost, Lost)
            assert "unpacks to more than 20 MB" in lost.why or "damaged" in lost.why

    @pytest.mark.parametrize("packed", ["zip", "tar", "tar.gz"])
    def test_each_member_beside_a_bomb_is_read_or_named(self, packed: str) -> None:
        members = {
            "a.txt": b"first",
            "b.zip": self.bomb(30),
            "c.txt": b"x" * (15 * MB),
            "d.txt.gz": gzip.compress(b"0" * (30 * MB), 1),
            "e.txt": b"y" * (15 * MB),
            "f.txt": b"last",
        }
        data = formats.zipped(members) if packed == "zip" else formats.tarred(members)
        if packed == "tar.gz":
            data = gzip.compress(data, 1)
        found = self.parsed(data, unpacked_bytes=20 * MB)
        assert [(type(one), one.name) for one in found] == [
            (Part, "bomb/a.txt"),
            (Lost, "bomb/b.zip/zeros.txt"),
            (Part, "bomb/c.txt"),
            (Lost, "bomb/d.txt.gz"),
            (Lost, "bomb/e.txt"),
            (Part, "bomb/f.txt"),
        ]
        assert all("unpacks to more than 20 MB" in one.why for one in found if type(one) is Lost)

    def test_unpacking_ends_far_over_the_limit_and_names_what_is_left(self) -> None:
        members = {f"{n}.gz": gzip.compress(b"0" * (3 * MB), 1) for n in range(6)}
        found = self.parsed(formats.zipped({**members, "z.txt": b"z"}), unpacked_bytes=MB)
        assert [one.name for one in found] == [f"bomb/{n}.gz" for n in range(6)] + ["bomb/z.txt"]
        why = [one.why for one in found if isinstance(one, Lost)]
        assert len(why) == 7
        assert "unpacks to more than 1 MB" in why[0]
        assert "more than 4 MB and ends here" in why[-1]

    def test_memory_has_a_limit_too(self) -> None:
        page = b"<html>" + b"x" * (60 * MB)
        (lost,) = self.parsed(gzip.compress(page, 1), memory_bytes=80 * MB)
        assert isinstance(lost, Lost)
        assert "memory" in lost.why

    def test_a_meter_counts_to_its_limit(self) -> None:
        meter = Meter(10)
        meter.keep(10)
        with pytest.raises(TooMuch, match="unpack it yourself"):
            meter.keep(1)


CRASH = """
import os, time
def load(file, name):
    said = file.read()
    if said == b"crash":
        os.abort()
    if said == b"hang":
        time.sleep(600)
    if said == b"peek":
        yield "", str([open("/etc/passwd").read()]), {}
    if said == b"call":
        import socket
        socket.create_connection(("127.0.0.1", 9)).close()
    if said == b"flood":
        while True:
            yield "", "x" * 1_000_000, {}
    yield "", f"read {said.decode()}", {"by": "ours"}
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that adds a loader for `.odd` files, installed in a folder of its own."""
    from unspool.registry import added_loaders

    site = tmp_path / "site"
    (site / "odd_loader-1.dist-info").mkdir(parents=True)
    (site / "odd_loader-1.dist-info" / "METADATA").write_text("Name: odd_loader\nVersion: 1\n")
    entry = "[unspool.loaders]\nodd = odd_loader:load\n"
    (site / "odd_loader-1.dist-info" / "entry_points.txt").write_text(entry)
    (site / "odd_loader.py").write_text(CRASH)
    monkeypatch.syspath_prepend(str(site))
    added_loaders.cache_clear()
    yield tmp_path / "files"
    added_loaders.cache_clear()


def test_a_package_adds_a_loader_and_its_crashes_cost_one_file_each(plug_in: Path) -> None:
    plug_in.mkdir()
    for name in ("a ok", "b crash", "c peek", "d call", "e ok"):
        (plug_in / f"{name}.odd").write_text(name.split()[1])
    packed = {f"{n}.odd": said for n, said in enumerate(["ok", "crash", "last"])}
    (plug_in / "f.zip").write_bytes(formats.zipped(packed))
    context = load(plug_in)
    assert texts(context) == {
        "a ok.odd": "read ok",
        "e ok.odd": "read ok",
        "f.zip/0.odd": "read ok",
        "f.zip/2.odd": "read last",
    }
    assert context.documents[0].metadata["by"] == "ours"
    lost = context.notes[0]
    assert "b crash.odd (its reader crashed" in lost
    assert "c peek.odd (it is damaged (PermissionError" in lost
    assert "d call.odd (it is damaged (PermissionError" in lost
    assert "f.zip/1.odd (its reader crashed" in lost


def test_a_reader_that_says_nothing_or_too_much_is_ended(plug_in: Path) -> None:
    plug_in.mkdir()
    parser = ConfinedParser(silent_s=1.0, unpacked_bytes=5 * MB)
    try:
        for said, why in (("hang", "took more than 1 s"), ("flood", "5 MB"), ("ok", "")):
            (plug_in / "x.odd").write_text(said)
            fd = os.open(plug_in / "x.odd", os.O_RDONLY)
            (*_, last) = parser.parse(fd, "x.odd")
            os.close(fd)
            assert why in getattr(last, "why", "")
        assert isinstance(last, Part)
    finally:
        parser.close()


FORGED: tuple[bytes, ...] = (
    b"\xff\xff\xff\xff",
    b"\0\0\0\2[]",
    b"\0\0\0\x1b" + b'{"op":"end","data":-1000000}'[:27],
    b"\0\0\0\x14" + b'{"op":"x","data": 0}',
    random.Random(7).randbytes(64),
)


@pytest.mark.parametrize("frame", FORGED)
def test_what_a_reader_sends_is_only_data(
    frame: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As if a file had taken its reader over."""
    program = tmp_path / "forger.py"
    program.write_text(
        "import socket\n"
        "def run(fd):\n    s = socket.socket(fileno=fd)\n    s.recv(9999)\n"
        f"    s.sendall({frame!r})"
    )
    monkeypatch.setattr("unspool.parsing.PROGRAM", (str(tmp_path), "forger", "run"))
    parser = ConfinedParser(silent_s=10)
    fd = os.memfd_create("x")
    (lost,) = parser.parse(fd, "a.pdf")
    os.close(fd)
    parser.close()
    assert isinstance(lost, Lost)


def test_where_nothing_can_confine_readers_only_the_caller_can_do_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.html").write_text("<p>page")
    assert load(tmp_path / "a.html", confined=False).value == "page\n"
    refusing = "import os\ndef run(fd):\n    os.write(fd, b'refused: no Landlock')\n"
    (tmp_path / "refusing.py").write_text(refusing)
    monkeypatch.setattr("unspool.parsing.PROGRAM", (str(tmp_path), "refusing", "run"))
    with pytest.raises(ContextError, match=r"no Landlock.*isolation='none'"):
        load(tmp_path / "a.html")


def test_readers_have_no_network_no_files_and_no_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    (tmp_path / "look.py").write_text(
        "import json, os, socket\n"
        "def tried(f, *a):\n"
        "    try:\n        f(*a)\n    except OSError as no:\n        return type(no).__name__\n"
        "    return 'done'\n"
        "def run(fd):\n"
        "    s = socket.socket(fileno=fd)\n"
        f"    seen = [tried(open, '/etc/passwd'), tried(os.listdir, {str(Path.home())!r}),\n"
        "        tried(socket.create_connection, ('127.0.0.1', 9)), tried(os.fork),\n"
        "        tried(os.execv, '/bin/true', ['true']), 'secret' in str(dict(os.environ))]\n"
        "    s.sendall(json.dumps(seen).encode())\n"
    )
    apart = Apart((str(tmp_path), "look", "run"), confined=True, memory_bytes=1 << 30, packages={})
    try:
        apart.sock.settimeout(30)
        assert apart.sock.recv(4_096) == (
            b'["PermissionError", "PermissionError", "PermissionError", "OSError",'
            b' "PermissionError", false]'
        )
    finally:
        apart.end()


def test_links_that_loop_end_somewhere(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.txt").write_text("text")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "twice.txt").symlink_to(tmp_path / "a" / "t.txt")
    context = load(tmp_path)
    assert list(texts(context)) == ["twice.txt", "a/t.txt"]
    assert "self.txt (Too many levels of symbolic links)" in context.notes[0]
    assert "gone.txt (No such file or directory)" in context.notes[0]
    assert "1 links to folders" in context.notes[1]


def test_links_that_lead_out_of_a_folder_are_named_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    top = tmp_path / "given"
    (top / "in").mkdir(parents=True)
    (top / "in" / "a.txt").write_text("a")
    (top / "in" / "out.txt").symlink_to(tmp_path / "secret.txt")
    (top / "near.txt").symlink_to("in/a.txt")
    (tmp_path / "given too").symlink_to(top)
    for folder in (top, tmp_path / "given too"):
        context = load(folder)
        assert texts(context) == {"near.txt": "a", "in/a.txt": "a"}
        assert "in/out.txt (a link that leads out of the folder" in context.notes[0]
    assert load(top / "in" / "out.txt").value == "secret"


def test_links_in_a_tar_are_read_as_what_they_lead_to_or_named(tmp_path: Path) -> None:
    links = {
        "hard.txt": (tarfile.LNKTYPE, "sub/a.txt"),
        "sub/near.txt": (tarfile.SYMTYPE, "a.txt"),
        "twice.txt": (tarfile.SYMTYPE, "./sub/near.txt"),
        "early.txt": (tarfile.SYMTYPE, "late.txt"),
        "in.zip.link": (tarfile.SYMTYPE, "in.zip"),
        "picture": (tarfile.SYMTYPE, "picture.bin"),
        "passwd": (tarfile.SYMTYPE, "/etc/passwd"),
        "up.txt": (tarfile.SYMTYPE, "../x.txt"),
        "loop": (tarfile.SYMTYPE, "loop"),
    }
    late = {
        "late.txt": b"late",
        "in.zip": formats.zipped({"z.txt": "zipped"}),
        "picture.bin": b"\0" * 99,
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in {"./sub/a.txt": b"a", **dict.fromkeys(links, None), **late}.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = links[name]
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data or b""))
    (tmp_path / "a.tgz").write_bytes(packed.getvalue())
    context = load(tmp_path)
    assert texts(context) == {
        "a.tgz/sub/a.txt": "a",
        "a.tgz/late.txt": "late",
        "a.tgz/in.zip/z.txt": "zipped",
        "a.tgz/hard.txt": "a",
        "a.tgz/sub/near.txt": "a",
        "a.tgz/twice.txt": "a",
        "a.tgz/early.txt": "late",
        "a.tgz/in.zip.link/z.txt": "zipped",
    }
    lost, left = context.notes
    assert "a.tgz/passwd (a link that leads out of the archive)" in lost
    assert "a.tgz/up.txt (a link that leads out of the archive)" in lost
    assert "a.tgz/loop (a link to what is no file in the archive)" in lost
    assert "2 not text" in left
    with pytest.raises(ContextError, match=r"hard.txt \(a link to .*sub/a.txt, which was not read"):
        load(Files(tmp_path / "a.tgz", include="hard.txt"))


def test_a_gitignore_in_an_archive_has_no_say(tmp_path: Path) -> None:
    packed = formats.zipped({"top/.gitignore": "*.log\n", "top/a.log": "a", "top/b.txt": "b"})
    (tmp_path / "a.zip").write_bytes(packed)
    assert list(texts(load(tmp_path))) == ["a.zip/top/a.log", "a.zip/top/b.txt"]


def test_what_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    for name in ("a.py", "b.py", "deep/c.py"):
        (tmp_path / "src" / name).write_text(name)
    (tmp_path / "link").symlink_to(tmp_path / "src")
    src, once = tmp_path / "src", ["src/a.py", "src/b.py", "src/deep/c.py"]
    for more in ("src/a.py", "src/*.py", "src/deep", "link", "src/../src/b.py", "link/a.py"):
        assert list(texts(load([src, tmp_path / more]))) == once, more
        assert len(texts(load(Files([str(tmp_path / more), str(src)])))) == 3, more
    assert load([src / "a.py", src / "a.py"]).value == "a.py"


def test_what_is_no_regular_file_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
        context = beside_a_good_file(tmp_path, "a.txt", b"a")
    assert list(texts(context)) == ["a.txt", "good.txt"]
    assert "2 no regular files" in context.notes[0]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want UTF-8")
def test_names_that_are_no_utf8_and_names_that_forge_a_header(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("latin")
    (tmp_path / "a\n===== b.txt =====\n").write_text("forged")
    context = load(tmp_path)
    assert texts(context) == {"a\\n===== b.txt =====\\n": "forged", "caf\\xe9.txt": "latin"}
    context.value.encode("utf-8")


def test_odd_texts_are_kept_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "nul.log").write_bytes(b"before\n" * 50 + b"\0\0after\n")
    (tmp_path / "ends.txt").write_bytes(b"a\r\nb\rc\n\x0c\x1cd")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "utf16.txt").write_bytes("wide".encode("utf-16"))
    (tmp_path / "broken.txt").write_bytes(b"fine " * 500 + b"\xff\xfe fine")
    context = load(tmp_path)
    found = texts(context)
    assert found["nul.log"].endswith("\0\0after\n")
    assert found["ends.txt"] == "a\r\nb\rc\n\x0c\x1cd"
    assert found["utf16.txt"] == "wide"
    assert found["broken.txt"].endswith("\ufffd\ufffd fine")
    assert context.notes == (
        "broken.txt: 2 bytes that are not UTF-8 were replaced.",
        "Files left out: 1 empty.",
    )


async def test_lone_surrogates_reach_the_repl_in_documents(open_repl: OpenRepl) -> None:
    gathering = parts.Gathering()
    for name, text in (("a", "x\ud800y"), ("b", "z"), ("c", "")):
        gathering.add(Part(name, text))
    run = await open_repl(gathering.context(["x"]))
    seen = await run("[len(doc) for doc in context], context[0] == 'x\\ud800y'")
    assert seen.value.text == "([3, 1], True)"


def _while_reading(top: Path, name: str, change: Callable[[Path], object]) -> Context:
    """Loads a folder, one file of which changes after it was listed and before it is read."""
    real = folders.Walk.__iter__

    def changing(walk: folders.Walk) -> Iterator[tuple[str, str]]:
        for below, path in real(walk):
            if below == name:
                change(Path(path))
            yield below, path

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders.Walk, "__iter__", changing)
        return load(top)


def test_files_that_vanish_or_change_while_they_are_read(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text(name)
    context = _while_reading(tmp_path, "b.txt", Path.unlink)
    assert list(texts(context)) == ["a.txt", "c.txt"]
    assert "b.txt (No such file or directory)" in context.notes[0]
    (tmp_path / "c.txt").rename(tmp_path.parent / "elsewhere.txt")
    (tmp_path / "c.txt").write_text("c.txt")

    def replaced(path: Path) -> None:
        path.unlink()
        path.symlink_to(tmp_path.parent / "elsewhere.txt")

    context = _while_reading(tmp_path, "c.txt", replaced)
    assert list(texts(context)) == ["a.txt"]
    assert "c.txt (Too many levels of symbolic links)" in context.notes[0]
    context = _while_reading(tmp_path, "a.txt", lambda path: path.write_text("new and longer"))
    assert texts(context)["a.txt"] == "new and longer"


def test_a_file_that_grows_is_read_to_where_it_ended(tmp_path: Path) -> None:
    path, done = tmp_path / "a.log", threading.Event()
    path.write_text("x" * MB)

    def grow() -> None:
        with path.open("a") as file:
            while not done.is_set():
                file.write("y" * 100_000)
                time.sleep(0.001)

    growing = threading.Thread(target=grow)
    growing.start()
    try:
        assert load([path, path]).chars < 1_000 * MB
    finally:
        done.set()
        growing.join()


def test_a_folder_of_100_000_files_is_read_and_one_of_more_than_can_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in "abcde":  # a file has no more than some ten thousand names
        place = str(tmp_path / folder)
        os.mkdir(place)
        Path(place, "0.txt").write_text("tiny")
        for number in range(1, 20_000):
            os.link(f"{place}/0.txt", f"{place}/{number}.txt")
    context = load(tmp_path)
    assert len(context.documents) == 100_000
    monkeypatch.setattr(folders.Walk.__init__, "__defaults__", (1_000,))
    with pytest.raises(ContextError, match=r"more than 1,000 files: .*exclude"):
        load(tmp_path)
    shutil.rmtree(tmp_path)  # pytest would keep it for three more times


def test_more_text_than_fits_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MOST_CHARS", 1_000)
    (tmp_path / "a.txt").write_text("x" * 600)
    (tmp_path / "b.txt").write_text("x" * 600)
    with pytest.raises(ContextError, match=r"more than 1,000 characters .*include="):
        load(tmp_path)


def test_a_file_over_the_size_that_is_wanted_is_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "big.txt").write_text("x" * 2_000)
    (tmp_path / "small.txt").write_text("x")
    context = load(Files(tmp_path, max_file_bytes=1_000))
    assert list(texts(context)) == ["small.txt"]
    assert "big.txt (larger than" in context.notes[0]


def test_a_gitignore_that_is_made_to_take_for_ever_does_not(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text(f"{'*a' * 40}b\n{'**/a/' * 40}b\n[z-a]\n[\n")
    (tmp_path / ("a" * 200)).write_text("kept")
    deep = tmp_path.joinpath(*["a"] * 60)
    deep.mkdir(parents=True)
    (deep / "c.txt").write_text("deep")
    assert sorted(texts(load(tmp_path)).values()) == ["deep", "kept"]


def test_without_confinement_strangers_files_are_not_read(tmp_path: Path) -> None:
    def refused() -> Any:
        class Nobody:
            def parse(self, fd: int, name: str, **_: str) -> Iterator[Part | Lost]:
                yield Lost(name, "nothing here can confine its reader")

        return Nobody()

    (tmp_path / "a.html").write_text("<p>x")
    with pytest.raises(ContextError, match="nothing here can confine"):
        load_with(tmp_path, refused)


def test_a_reader_leaves_no_process_and_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<p>x")
    code = (
        "import sys, tempfile\nfrom unspool.parsing import load\nmake = tempfile.mkdtemp\n"
        "def told(*a, **k):\n    made = make(*a, **k)\n    print(made)\n    return made\n"
        "tempfile.mkdtemp = told\nprint(load(sys.argv[1]).value)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    folder, *text = done.stdout.splitlines()
    assert text[:2] == ["===== a.html =====", "x"]
    assert done.stderr == ""
    assert not Path(folder).exists()
