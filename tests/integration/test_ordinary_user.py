"""The sandbox holds for an ordinary user as it does for root."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NEW_USER_NAMESPACE = 0x10000000
ORDINARY = 1000


def _become_ordinary() -> None:
    """Gives up all privileges: user 1000 of a namespace where nobody has any, once it execs."""
    ids = os.getuid(), os.getgid()
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_USER_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    for name, outside in zip(("uid_map", "gid_map"), ids, strict=True):
        Path(f"/proc/self/{name}").write_text(f"{ORDINARY} {outside} 1")


@pytest.mark.timeout(400)
@pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="the suite itself runs as one here"
)
def test_the_escape_suite_holds_for_an_ordinary_user() -> None:
    show = "import os; print(os.getuid(), [l for l in open('/proc/self/status') if 'CapEff' in l])"
    try:
        who = _run(["-c", show])
    except subprocess.SubprocessError:
        pytest.skip("this machine lets nobody make a user namespace")
    assert who.stdout.split()[0] == str(ORDINARY)
    assert "0000000000000000" in who.stdout
    done = _run(["-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_escape.py")])
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"as user {ORDINARY}" in done.stdout
    print(done.stdout.splitlines()[-1])


def _run(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        preexec_fn=_become_ordinary,
        capture_output=True,
        text=True,
        timeout=380,
        cwd=HERE.parent.parent,
    )
