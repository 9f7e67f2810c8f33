"""The macOS profile: its text, and that nobody runs outside of it. Not run on a Mac."""

from __future__ import annotations

import re

from unspool.sandboxes import seatbelt


def rules(text: str) -> set[str]:
    return {re.match(r"\((\w+ [\w*-]+)", line)[1] for line in text.splitlines()[1:]}  # type: ignore[index]


def test_the_profile_denies_by_default_and_allows_what_python_needs() -> None:
    text = seatbelt.profile("/opt/py/bin/python3", ["/opt/py/lib"], "/scratch/T")
    assert text.splitlines()[:2] == ["(version 1)", "(deny default)"]
    assert rules(text) == {
        "deny default", "deny network*", "allow process-fork", "allow process-exec",
        "allow signal", "allow sysctl-read", "allow file-read-metadata", "allow file-read*",
        "allow file-write-data",
    }  # fmt: skip
    assert '(allow process-exec (literal "/opt/py/bin/python3"))' in text
    assert '(subpath "/opt/py/lib")' in text
    assert text.count("(") == text.count(")")


def test_cells_write_to_their_own_folders_alone() -> None:
    text = seatbelt.profile("/py", [], "/scratch/T (1)/")
    (writing,) = (line for line in text.splitlines() if "file-write*" in line)
    pattern = re.search(r'#"(.*)"', writing)
    assert pattern is not None
    own = re.compile(pattern[1])
    assert own.search("/scratch/T (1)/unspool-abc/file.txt")
    assert own.search("/scratch/T (1)/unspool-abc")
    for path in ("/scratch/T (1)/other", "/scratch/T 1/unspool-a", "/x/scratch/T (1)/unspool-a"):
        assert not own.search(path)


def test_a_path_cannot_end_its_quotes() -> None:
    text = seatbelt.profile('/a"b) (allow default', ['c\\"d'], "/t")
    assert '(literal "/a\\"b) (allow default")' in text
    assert "\n(allow default" not in text


def test_the_command_is_put_before_the_interpreters() -> None:
    command = seatbelt.prefix()
    assert command[:2] == ["/usr/bin/sandbox-exec", "-p"]
    assert command[2].startswith("(version 1)\n(deny default)\n")
