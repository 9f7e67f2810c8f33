"""An embedded model: llama.cpp's server inside this process, on a loopback port.

It takes the same road as every other model: an OpenAI-compatible address and a key.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import secrets
import threading
from pathlib import Path
from typing import Any, Final

from unspool.errors import MissingExtra, ModelFileError
from unspool.models.local.catalog import LocalModel
from unspool.models.local.machine import available_bytes, physical_cores

SLOTS = 4
"""Conversations that are kept apart and answered at once."""
LEAST_WINDOW_TOKENS = 8_192
MOST_REPLY_TOKENS = 4_096
"""The length of a reply whose request names none: a small model may never stop by itself."""
READ_BYTES = 4 * 1024 * 1024
IDLE_CACHE_MIB = 1_024
"""Memory for the prompts of conversations that have lost their slot."""


class LocalServer:
    """A running server. `start` makes one; `shared` gives the process's own for a model."""

    def __init__(self, handle: Any, *, name: str, api_key: str, window_tokens: int) -> None:
        """Takes ownership of `handle`, a started `xllamacpp.Server`."""
        self._handle = handle
        self._api_key = api_key
        self.name: Final = name
        """What the server calls its model."""
        self.base_url: Final = f"{handle.listening_address}/v1"
        """The address of its OpenAI-compatible interface."""
        self.window_tokens: Final = window_tokens
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

        Even there llama.cpp holds the interpreter while it loads: other threads stand still
        (2 s for a model of 0.5 GB, 4 s for one of 1.1 GB, on two cores).
        The server ends with `stop`, at the latest with the process. `threads` is by default
        one for each core that the process may use.

        Raises:
            MissingExtra: `xllamacpp` is not installed.
            ModelFileError: the file is absent or llama.cpp cannot load it.
        """
        engine = _engine()
        _read_ahead(file)
        api_key = secrets.token_urlsafe(32)
        params = _params(engine, file, threads or physical_cores())
        params.model_alias, params.api_keys = {name}, [api_key]
        params.n_parallel, params.n_ctx = slots, window_tokens
        try:
            handle = engine.Server(params)
        except RuntimeError as error:
            raise ModelFileError(
                f"llama.cpp cannot load {file} ({error}): it is damaged, or it needs more memory "
                "than there is. `unspool models rm` and `pull` fetch it again."
            ) from error
        server = cls(handle, name=name, api_key=api_key, window_tokens=window_tokens)
        _PROCESS.adopt(server)
        return server

    @property
    def api_key(self) -> str:
        """The key that requests need: random, known to this process alone."""
        return self._api_key

    @property
    def running(self) -> bool:
        """False after `stop`, and in a process that was forked off."""
        return self._handle is not None

    def stop(self) -> None:
        """Ends the server and frees its memory and port. May be called twice.

        Requests under way are answered first, and the whole process stands still for it:
        close their connections before.
        """
        # There is no call for it: the server stops in the destructor of its handle.
        self._handle = None

    def leave(self) -> None:
        """Forgets the server without ending it: it goes when the process goes.

        At exit this takes no time, where `stop` would wait for the requests under way; a
        forked child, which has none of the server's threads, would wait for ever.
        """
        handle, self._handle = self._handle, None
        if handle is not None:
            # One reference too many, so that the destructor never runs.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))

    def __repr__(self) -> str:
        state = "running" if self.running else "stopped"
        return f"<LocalServer {self.name} at {self.base_url}, {state}>"


class _Process:
    """The servers of this process: one a file, left behind at exit and by forked children."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._servers: list[LocalServer] = []
        self._by_file: dict[Path, LocalServer] = {}
        self._watched = False

    def shared(self, model: LocalModel, file: Path) -> LocalServer:
        with self._lock:
            server = self._by_file.get(file.resolve())
            if server is None or not server.running:
                server = LocalServer.start(
                    file, name=model.name, window_tokens=window_tokens(model, available_bytes())
                )
                self._by_file[file.resolve()] = server
            return server

    def adopt(self, server: LocalServer) -> None:
        with self._lock:
            self._servers = [old for old in self._servers if old.running] + [server]
            if not self._watched:
                atexit.register(self.leave_all)
                os.register_at_fork(after_in_child=self._forked)
                self._watched = True

    def leave_all(self) -> None:
        for server in self._servers:
            server.leave()
        self._servers, self._by_file = [], {}

    def _forked(self) -> None:
        self._lock = threading.RLock()  # the parent may have held it
        self.leave_all()


_PROCESS: Final = _Process()


def shared(model: LocalModel, file: Path) -> LocalServer:
    """The process's one server for `file`, started by the first call: seconds, then nothing.

    It may be called from any thread, and not from an event loop's. Nobody stops a shared
    server but the end of the process.

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


def _engine() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise MissingExtra(
            "The embedded model needs xllamacpp: pip install 'unspool[local]'"
        ) from error
    return xllamacpp


def _read_ahead(file: Path) -> None:
    """Brings `file` into the system's cache, so that loading holds the interpreter for less."""
    chunk = bytearray(READ_BYTES)
    try:
        with file.open("rb", buffering=0) as source:
            while source.readinto(chunk):
                pass
    except OSError as error:
        raise ModelFileError(
            f"The model file {file} cannot be read ({error.strerror}): "
            "`unspool models pull` fetches it."
        ) from error


def _params(engine: Any, file: Path, threads: int) -> Any:
    """How every server is run, whatever its model."""
    params = engine.CommonParams()
    params.model.path = str(file)
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.verbosity = 0  # else it logs to the process's standard error
    params.ui = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.kv_unified = True  # one request may use the whole window while the others are idle
    params.cache_prompt, params.cache_ram_mib = True, IDLE_CACHE_MIB
    params.n_predict = MOST_REPLY_TOKENS
    # Nothing is taken out of a reply's text. (`force_pure_content_parser` would see to it too,
    # but then a request's `response_format` is ignored.)
    params.reasoning_format = engine.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    return params
