"""The host's end of a confined process that runs a program of ours over strangers' files."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from unspool.errors import SandboxError
from unspool.sandboxes.memory import folder_in_memory
from unspool.sandboxes.seatbelt import has_seatbelt, prefix
from unspool.sandboxes.spawn import spawned

_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]);"
    " from worker.apart import main; sys.path.pop(0); main(int(sys.argv[2]), sys.argv[3])"
)
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}


class Apart:
    """A process with no network, no files but its own, and so much memory; `sock` leads to it.

    It inherits neither the environment nor any descriptor.
    """

    def __init__(
        self,
        program: Sequence[str],
        *,
        confined: bool,
        memory_bytes: int,
        packages: Mapping[str, str],
        folders: Sequence[str] = (),
    ) -> None:
        """`program` is a folder, a module in it and a function of one descriptor; `packages`
        may be imported from their places, and whatever lies in `folders`.

        Raises:
            SandboxError: it cannot be started.
        """
        self._folder = tempfile.mkdtemp(prefix="unspool-", dir=folder_in_memory())
        self.sock, theirs = socket.socketpair()
        options = {
            "program": list(program),
            "confined": confined,
            "folder": self._folder,
            "memory_bytes": memory_bytes,
            "packages": dict(packages),
            "folders": list(folders),
        }
        reads = [program[0], *packages.values(), *folders]
        held = prefix(reads) if confined and has_seatbelt() else []
        command = [sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", _BOOT]
        with theirs:
            fd = theirs.fileno()
            arguments = [str(Path(__file__).parent), str(fd), json.dumps(options)]
            try:
                self._process = spawned([*held, *command, *arguments], fd, _ENVIRONMENT)
            except OSError as failed:
                self.sock.close()
                shutil.rmtree(self._folder, ignore_errors=True)
                raise SandboxError(f"no process could be started: {failed}") from failed

    def end(self) -> None:
        """Ends it at once. May be called twice."""
        self.sock.close()
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def places(names: Sequence[str]) -> dict[str, str]:
    """Where packages of these names are; those that are not installed are left out."""
    import importlib.util

    found = {}
    for name in names:
        spec = importlib.util.find_spec(name)
        for place in (spec and spec.submodule_search_locations) or ():
            found[name] = os.path.abspath(place)
    return found
