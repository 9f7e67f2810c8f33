"""Every sandbox of ours keeps the contract."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from fake_engine import FakeEngine
from support import engine_has
from unspool.ports import Sandbox
from unspool.sandboxes.docker import IMAGE, DockerSandbox
from unspool.sandboxes.monty import MontySandbox
from unspool.sandboxes.process import ProcessSandbox
from unspool.sandboxing import OWN
from unspool.testing.sandbox_contract import SandboxContract, Trait


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can confine it")
class TestConfinedProcess(SandboxContract):
    def make(self) -> Sandbox:
        return ProcessSandbox()


@pytest.mark.skipif(find_spec("pydantic_monty") is None, reason="unspool[monty] is missing")
class TestMonty(SandboxContract):
    lacks: frozenset[Trait] = frozenset(
        (
            *("callbacks", "classes", "del", "documents", "files", "generators"),
            *("library", "streams", "surrogates", "threads"),
        )
    )

    def make(self) -> Sandbox:
        return MontySandbox()


class TestProcess(SandboxContract):
    lacks: frozenset[Trait] = frozenset({"confined"})

    def make(self) -> Sandbox:
        return ProcessSandbox(confined=False)


class TestDockerOverFakeEngine(SandboxContract):
    """The protocol, and the worker at the other end of it; a fake engine confines nothing."""

    lacks: frozenset[Trait] = frozenset({"confined"})
    engine: FakeEngine

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def listening(cls) -> Iterator[None]:
        with FakeEngine("python:test") as engine:
            cls.engine = engine
            yield
            assert engine.containers == {}
            assert [c for c in engine.complaints if not c.startswith("No such container")] == []

    def make(self) -> Sandbox:
        return DockerSandbox(host=self.engine.host, image="python:test")


@pytest.mark.skipif(not engine_has(IMAGE), reason=f"no Docker engine here has {IMAGE}")
class TestDocker(SandboxContract):
    def make(self) -> Sandbox:
        return DockerSandbox()


PAGE = (Path(__file__).parents[2] / "docs" / "sandboxes.md").read_text(encoding="utf-8")
ROWS = [[c.strip() for c in line.split("|")[1:-1]] for line in PAGE.splitlines() if "|" in line]


@pytest.mark.parametrize(
    ("column", "contract"), [(1, TestConfinedProcess), (2, TestMonty), (3, TestDocker)]
)
def test_the_page_says_of_each_what_its_contract_says(
    column: int, contract: type[SandboxContract]
) -> None:
    (row,) = (row for row in ROWS if row[0] == "lacks")
    said = set() if row[column] == "nothing" else set(row[column].split(", "))
    assert said == contract.lacks


def test_the_page_has_a_column_for_each_and_explains_all_words() -> None:
    assert sorted(re.findall(r"`(\w+)`", " ".join(ROWS[0]))) == sorted(OWN)
    explained = PAGE.split("The words under")[1].split("**process.**")[0]
    assert set(get_args(Trait)) <= set(re.findall(r"`(\w+)`", explained))
