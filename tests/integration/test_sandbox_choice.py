"""Which sandbox a run's code gets, by name, by entry point and as an object."""

from __future__ import annotations

from pathlib import Path

import pytest

from unspool import RLM, ConfigurationError
from unspool.testing.server import ScriptedServer

FINISH = "```repl\nFINAL(context[:5])\n```"

THIRD_PARTY = """
from unspool.sandboxes.process import ProcessSandbox

class Sandbox(ProcessSandbox):
    async def check(self):
        return "held by a third party"
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that adds the sandbox `third`, and one that cannot be imported, `broken`."""
    (tmp_path / "third_party.py").write_text(THIRD_PARTY)
    metadata = tmp_path / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[unspool.sandboxes]\nthird = third_party:Sandbox\nbroken = no_such_module:Sandbox\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("installed")
def test_an_installed_package_adds_a_sandbox_by_its_name() -> None:
    with ScriptedServer([FINISH]) as server:
        result = RLM("root", base_url=server.base_url, sandbox="third").run("?", "hello world")
    assert (result.answer, result.isolation) == ("hello", "held by a third party")


@pytest.mark.usefixtures("installed")
def test_a_name_that_nobody_has_or_that_is_broken_is_said() -> None:
    with pytest.raises(ConfigurationError, match="there are: docker, monty, process, broken, th"):
        RLM("root", base_url="http://127.0.0.1:9", sandbox="nowhere")
    with pytest.raises(ConfigurationError, match=r"no_such_module.* cannot be imported"):
        RLM("root", base_url="http://127.0.0.1:9", sandbox="broken")


def test_isolation_none_is_for_the_process_alone() -> None:
    with ScriptedServer([FINISH]) as server:
        rlm = RLM("root", base_url=server.base_url, sandbox="process", isolation="none")
        assert "NOT confined" in rlm.run("?", "hello world").isolation
    with pytest.raises(ConfigurationError, match="isolation='none' is for sandbox='process'"):
        RLM("root", base_url="http://127.0.0.1:9", sandbox="monty", isolation="none")


def test_an_object_that_is_no_sandbox_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not int"):
        RLM("root", base_url="http://127.0.0.1:9", sandbox=3)  # type: ignore[arg-type]
