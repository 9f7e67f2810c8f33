"""The patterns of `.gitignore` mean what they mean to git."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.loaders.ignore import Rules, rules

PATHS = (
    "a", "ab", "b.txt", "a.b", "x[y", "c/a", "c/b.txt", "c/d/a", "c/d/ab", "c/d/e/b.txt", "d/c/a",
    "a b ", "!n", "#h", "e/c/d/a",
)  # fmt: skip


def left_out(known: Rules, path: str) -> bool:
    """Whether a path is left out, by itself or with a folder above it."""
    names = path.split("/")
    for depth in range(1, len(names)):
        if known.leaves_out("/".join(names[:depth]), is_folder=True):
            return True
    return bool(known.leaves_out(path))


@pytest.fixture(scope="module")
def repository() -> object:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        for path in PATHS:
            place = Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_dir():
                place.write_text("x")
        yield Path(folder)


SEGMENT = st.text("ab.*?c", min_size=1, max_size=4) | st.sampled_from(
    ["**", "*", "[ab]", "[!a]*", "b.*", "\\*", "d", "c", "e", "x[y", "[a-c]", "\\!n", "\\#h"]
)
PATTERN = st.builds(
    lambda bang, lead, parts, tail: f"{bang}{lead}{'/'.join(parts)}{tail}",
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(SEGMENT, min_size=1, max_size=4),
    st.sampled_from(["", "", "/", " ", "\\ "]),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(PATTERN, min_size=1, max_size=4))
def test_they_leave_out_what_git_leaves_out(repository: Path, lines: list[str]) -> None:
    (repository / ".gitignore").write_text("\n".join(lines) + "\n")
    asked = "\0".join(PATHS).encode()
    done = subprocess.run(
        ["git", "-C", str(repository), "check-ignore", "-z", "--stdin", "--no-index"],
        input=asked,
        capture_output=True,
        check=False,
    )
    by_git = {path.decode() for path in done.stdout.split(b"\0") if path}
    known = rules(lines)
    assert {path for path in PATHS if left_out(known, path)} == by_git


def test_the_last_line_that_fits_decides() -> None:
    known = rules(["*.log", "!keep.log", "# *.md", "", "  ", "keep.log/"])
    said = [known.leaves_out(path) for path in ("a.log", "keep.log", "a.md", "sub/keep.log")]
    assert said == [True, False, None, False]
    assert known.leaves_out("keep.log", is_folder=True) is True
