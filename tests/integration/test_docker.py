"""Runs in containers of a fake engine, and what is said where something is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fake_engine import FakeEngine
from unspool import RLM, SandboxError
from unspool.testing.server import ScriptedServer

FINISH = "```repl\nFINAL(context[:5])\n```"


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    """An engine with one image, python:test, where the environment says that one is."""
    with FakeEngine("python:test") as listening:
        monkeypatch.setenv("DOCKER_HOST", listening.host)
        yield listening


def test_a_run_takes_place_in_a_container(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSPOOL_DOCKER_IMAGE", "python:test")
    with ScriptedServer([FINISH]) as server:
        result = RLM("root", base_url=server.base_url, sandbox="docker").run("?", "hello world")
    assert (result.answer, result.status) == ("hello", "complete")
    assert result.isolation.startswith("a container of python:test without network")
    assert engine.made == 2  # one was to see that it works


def test_an_image_that_is_not_there_is_named_with_what_to_do(
    engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNSPOOL_DOCKER_IMAGE", "python:other")
    rlm = RLM("root", base_url="http://127.0.0.1:9", sandbox="docker")
    with pytest.raises(SandboxError, match="run docker pull python:other"):
        rlm.run("?", "text")


def test_where_no_engine_is_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    rlm = RLM("root", base_url="http://127.0.0.1:9", sandbox="docker")
    with pytest.raises(SandboxError, match=r"no Docker engine answers at unix://.*nothing.sock"):
        rlm.run("?", "text")


def test_an_address_that_is_not_spoken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@there")
    with pytest.raises(SandboxError, match="only unix:///PATH and tcp://HOST:PORT"):
        RLM("root", base_url="http://127.0.0.1:9", sandbox="docker")
