"""macOS: the interpreter that REPLs are forked from is started under Seatbelt.

Written from Apple's documentation and profiles that others use; it has not been run by us on
a Mac. A worker that finds itself outside of a sandbox refuses to run, so that a profile which
is not applied cannot go unnoticed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

SANDBOX_EXEC = Path("/usr/bin/sandbox-exec")

_FIXED = (
    "/usr/lib", "/usr/share/zoneinfo", "/private/var/db/timezone", "/System/Library",
    "/System/Volumes/Preboot/Cryptexes", "/Library/Frameworks/Python.framework",
    "/opt/homebrew", "/usr/local/Cellar", "/usr/local/opt", "/usr/local/lib",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


def has_seatbelt() -> bool:
    """Whether this system has what confines a process on macOS."""
    return sys.platform == "darwin" and SANDBOX_EXEC.exists()


def prefix(folders: Sequence[str] = ()) -> list[str]:
    """What to put before an interpreter's command, so that it runs confined; `folders` are
    readable besides what it needs itself."""
    libraries = {sys.prefix, sys.base_prefix, os.path.dirname(os.__file__)}
    readable = [*libraries, str(Path(__file__).parent), *folders, *_FIXED]
    scratch = tempfile.gettempdir()
    return [str(SANDBOX_EXEC), "-p", profile(sys.executable, readable, scratch)]


def profile(interpreter: str, readable: Iterable[str], scratch: str) -> str:
    """Denies everything but: `interpreter`, reading `readable` and what is needed to find it,
    and what is in folders named `unspool-...` in `scratch`."""
    program = sorted({interpreter, os.path.realpath(interpreter)})
    places = sorted({os.path.realpath(path) for path in readable} | set(readable))
    own = _escaped(os.path.realpath(scratch).rstrip("/"))
    return "\n".join(
        (
            "(version 1)",
            "(deny default)",
            "(deny network*)",
            "(allow process-fork)",
            f"(allow process-exec {_each('literal', program)})",
            "(allow signal (target same-sandbox))",
            "(allow sysctl-read)",
            "(allow file-read-metadata)",
            f"(allow file-read* {_each('literal', ['/', *program, *_DEVICES])})",
            f"(allow file-read* {_each('subpath', places)})",
            f'(allow file-read* file-write* (regex #"^{own}/unspool-[^/]+(/|$)"))',
            '(allow file-write-data (literal "/dev/null"))',
        )
    )


def _each(kind: str, paths: Iterable[str]) -> str:
    return " ".join(f"({kind} {_quoted(path)})" for path in paths)


def _quoted(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(path: str) -> str:
    """`path` in a regular expression of a profile."""
    return "".join(f"\\{one}" if one in '\\.^$*+?()[]{}|"' else one for one in path)
