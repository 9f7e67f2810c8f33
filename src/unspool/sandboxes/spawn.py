"""How processes are started that are to inherit nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

_ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}


def spawned(
    command: Sequence[str], fd: int, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A process that has of this one's descriptors `fd` alone, and of its environment nothing:
    `environment` is added to a bare one.

    Raises:
        OSError: it cannot be started.
    """
    return subprocess.Popen(
        command,
        env={**_ENVIRONMENT, **environment},
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
