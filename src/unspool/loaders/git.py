"""A git repository as it was at a revision: `path/to/repository@revision`."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import IO

from unspool.errors import ContextError

SECONDS = 60
# Plumbing alone, which runs no filter, hook, pager or editor; nothing is fetched.
_SAFE = (
    "--no-pager", "--no-replace-objects", "--literal-pathspecs", "-c", "protocol.allow=never",
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false",
    "-c", "core.alternateRefsCommand=",
)  # fmt: skip
_ENVIRONMENT = {
    "LC_ALL": "C",
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
}
_REGULAR = ("100644", "100755")


def split(text: str) -> tuple[str, str] | None:
    """The repository and the revision in `repository@revision`; None where it is not one."""
    repository, at, revision = text.rpartition("@")
    if not at or not revision or not os.path.isdir(repository) or os.path.exists(text):
        return None
    own = os.path.exists(os.path.join(repository, ".git"))
    bare = all(os.path.exists(os.path.join(repository, one)) for one in ("HEAD", "objects", "refs"))
    return (repository, revision) if own or bare else None


class Revision:
    """The files of one commit or tree."""

    def __init__(self, repository: str, revision: str) -> None:
        """Raises ContextError where there is no git, no such revision, or git refuses."""
        git = shutil.which("git")
        if git is None:
            raise ContextError(f"{repository}@{revision} needs git, which is not installed.")
        self._command = [git, *_SAFE, "-C", repository]
        self.name = f"{repository}@{revision}"
        wanted = f"{revision}^{{tree}}"
        self._tree = self._asked("rev-parse", "--verify", "--end-of-options", wanted).strip()

    def files(self) -> Iterator[tuple[str, str, int]]:
        """Each regular file: its path, the name of its object, its size in bytes."""
        listing = self._asked("ls-tree", "-r", "-l", "-z", "--full-tree", self._tree.decode())
        for line in listing.split(b"\0"):
            head, _, path = line.partition(b"\t")
            mode, _, name, size, *_ = (*head.decode().split(), "", "", "", "")
            if mode in _REGULAR and size.isdecimal():
                yield os.fsdecode(path), name, int(size)

    def contents(self, names: list[str]) -> Iterator[bytes]:
        """What is in each of these objects, in their order."""
        process = subprocess.Popen(
            [*self._command, "cat-file", "--batch"],
            env=_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            try:
                for name in names:
                    process.stdin.write(f"{name}\n".encode())
                    process.stdin.flush()
                    yield self._object(process.stdout)
            finally:
                process.kill()

    def _object(self, stream: IO[bytes]) -> bytes:
        head = stream.readline().split()
        if len(head) != 3 or not head[2].isdigit():
            raise ContextError(f"{self.name}: an object of it is missing.")
        data = stream.read(int(head[2]))
        stream.read(1)
        return data

    def _asked(self, *arguments: str) -> bytes:
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as failed:
            raise ContextError(f"git cannot be asked: {failed}") from failed
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().partition("\n")[0]
            raise ContextError(
                f"{getattr(self, 'name', '')}: git says {said!r}: check the revision after the @."
            )
        return done.stdout
