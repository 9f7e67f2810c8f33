"""An embedded model: llama.cpp's server in a process of ours, on a loopback port.

It takes the same road as every other model: an OpenAI-compatible address and a key.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Final

from unspool.errors import MissingExtra, ModelFileError
from unspool.models.local.catalog import LocalModel
from unspool.models.local.machine import available_bytes, physical_cores

SLOTS = 4
"""Conversations that are kept apart and answered at once."""
LEAST_WINDOW_TOKENS = 8_192
PROGRAM = Path(__file__).with_name("serve.py")


class LocalServer:
    """A running server. `start` makes one; `shared` gives the process's own for a model."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, name: str, url: str, api_key: str, window: int
    ) -> None:
        """Takes ownership of `process`, which serves at `url`."""
        self._process = process
        self._owner = os.getpid()
        self._api_key = api_key
        self.name: Final = name
        """What the server calls its model."""
        self.base_url: Final = f"{url}/v1"
        """The address of its OpenAI-compatible interface."""
        self.window_tokens: Final = window
        """The longest prompt and reply together. All slots share this many tokens."""

    @classmethod
    def start(
        cls,
        file: Path,
        *,
        name: str = "local",
        window_tokens: int = LEAST_WINDOW_TOKENS,
        slots: int = SLOTS,
        threads: int | None = None,
    ) -> LocalServer:
        """Loads `file` and listens; it takes seconds, and belongs in a thread of its own.

        The server ends with `stop`, at the latest with this process. `threads` is by default
        one for each core that the process may use.

        Raises:
            MissingExtra: `xllamacpp` is not installed.
            ModelFileError: the file is absent or llama.cpp cannot load it.
        """
        if not file.is_file():
            raise ModelFileError(f"There is no model file at {file}: `unspool models pull` it.")
        api_key = secrets.token_urlsafe(32)
        plan = {
            "file": str(file),
            "name": name,
            "api_key": api_key,
            "window_tokens": window_tokens,
            "slots": slots,
            "threads": threads or physical_cores(),
        }
        process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the run, not for its model
        )
        url = _announced(process, plan, file)
        return cls(process, name=name, url=url, api_key=api_key, window=window_tokens)

    @property
    def api_key(self) -> str:
        """The key that requests need: random, known to this process alone."""
        return self._api_key

    @property
    def running(self) -> bool:
        """False after `stop`, when it has died, and in a process that was forked off."""
        return self._owner == os.getpid() and self._process.poll() is None

    def stop(self) -> None:
        """Ends the server at once, requests under way included. May be called twice."""
        if self._owner == os.getpid():
            _end(self._process)

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<LocalServer {self.name} at {self.base_url}, {state}>"


class _Process:
    """The servers of this process: one a file, ended at exit."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_file: dict[Path, LocalServer] = {}
        os.register_at_fork(after_in_child=self._forked)
        atexit.register(self.stop_all)

    def shared(self, model: LocalModel, file: Path) -> LocalServer:
        with self._lock:
            server = self._by_file.get(file.resolve())
            if server is None or not server.running:
                window = window_tokens(model, available_bytes())
                server = LocalServer.start(file, name=model.name, window_tokens=window)
                self._by_file[file.resolve()] = server
            return server

    def stop_all(self) -> None:
        for server in self._by_file.values():
            server.stop()

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._by_file = {}


_PROCESS: Final = _Process()


def shared(model: LocalModel, file: Path) -> LocalServer:
    """The process's one server for `file`, started by the first call: seconds, then nothing.

    It may be called from any thread, and not from an event loop's. One that has died is
    started again. Nobody stops a shared server but the end of the process.

    Raises:
        MissingExtra, ModelFileError: as `LocalServer.start` does.
    """
    return _PROCESS.shared(model, file)


def window_tokens(model: LocalModel, memory_bytes: int | None) -> int:
    """The longest window whose cache takes at most half of the memory the weights leave.

    A power of two, from `LEAST_WINDOW_TOKENS` to what the model was made for; that when
    `memory_bytes` is None. The weights count twice: as the file, and as llama.cpp lays them
    out anew for the processor.
    """
    window = model.context_tokens
    if memory_bytes is None:
        return window
    room = (memory_bytes - 2 * model.size_bytes) // 2
    while window > LEAST_WINDOW_TOKENS and window * model.token_bytes > room:
        window //= 2
    return max(window, LEAST_WINDOW_TOKENS)


def _announced(process: subprocess.Popen[bytes], plan: dict[str, Any], file: Path) -> str:
    """Hands the plan over and waits for the address; ends the process when there is none."""
    assert process.stdin is not None
    assert process.stdout is not None
    outcome: dict[str, str] = {}
    try:
        process.stdin.write(json.dumps(plan).encode() + b"\n")
        process.stdin.flush()
        outcome = json.loads(process.stdout.readline() or b"{}")
        return outcome["url"]
    except (KeyError, ValueError, BrokenPipeError) as failed:
        if "missing" in outcome:
            raise MissingExtra(
                f"The embedded model needs xllamacpp ({outcome['missing']}):"
                " pip install 'unspool[local]'"
            ) from failed
        raise ModelFileError(
            f"llama.cpp cannot load {file} ({outcome.get('error', 'it ended while loading')}): it"
            " is damaged, or it needs more memory than there is. `unspool models rm` and `pull`"
            " fetch it again."
        ) from failed
    finally:
        process.stdout.close()
        if "url" not in outcome:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
