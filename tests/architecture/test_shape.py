"""What the tree has to look like: sizes, imports and the public surface."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import unspool

SOURCE = Path(unspool.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

FILE_LINES, FUNCTION_LINES, PUBLIC_NAMES = 500, 60, 24
ENGINE_LINES = 1_350
"""More than at first: the root model has a door of its own, which keeps the last reply's
price, children have places of their own depth, statements may run early, and a run is held to
its record."""
LINES = {"engine/loop.py": 150, "ports.py": 200}


def _lines(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("\n")


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_are_of_a_readable_size(path: Path) -> None:
    assert _lines(path) <= LINES.get(str(path.relative_to(SOURCE)), FILE_LINES)
    for function in _functions(path):
        assert function.end_lineno is not None
        assert function.end_lineno - function.lineno < FUNCTION_LINES, function.name


def test_the_engine_stays_small() -> None:
    assert sum(_lines(path) for path in (SOURCE / "engine").glob("*.py")) <= ENGINE_LINES


def test_the_public_surface_is_small_and_documented() -> None:
    assert len(unspool.__all__) <= PUBLIC_NAMES
    for name in unspool.__all__:
        assert getattr(unspool, name).__doc__ or name == "__version__", name


def test_importing_brings_in_no_server_no_model_and_no_http_library() -> None:
    heavy = (
        "aiohttp rich xllamacpp huggingface_hub genai_prices pydantic httpx numpy multiprocessing"
    )
    code = f"import sys, unspool; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_starts_nothing() -> None:
    code = "import threading, unspool; print(threading.active_count())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_only_the_configuration_reads_the_environment(path: Path) -> None:
    allowed = {"config.py", "sandboxes/worker/zygote.py"}
    if str(path.relative_to(SOURCE)) in allowed:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id == "os"
    }
    assert not used & {"environ", "getenv"}
