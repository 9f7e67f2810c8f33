"""Sources to contexts, with what is needed to read what strangers have written."""

from __future__ import annotations

import json
import os
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from unspool import loaders
from unspool.context.source import Context
from unspool.errors import ContextError, SandboxError
from unspool.loaders.decode import decode, is_binary
from unspool.loaders.formats.chosen import Patterns
from unspool.loaders.parts import NOT_TEXT, Lost, Part
from unspool.loaders.sources import load as load_with
from unspool.registry import added_loaders
from unspool.sandboxes.apart import Apart, places

PROGRAM = (str(Path(loaders.__file__).parent), "formats.serve", "serve")
PACKAGES = ("pypdfium2", "pypdfium2_raw", "pypdfium2_cfg", "pyarrow", "backports")
MEMORY_BYTES = 2 << 30
UNPACKED_BYTES = 512 << 20
"""What may be kept of one file, unpacked."""
SILENT_S = 60.0
"""How long its reader may say nothing."""
FILE_S = 900.0
CRASHES = 5
"""Of one file's reader, before the rest of that file is given up."""
MAX_HEADER_BYTES = 4 << 20


def load(source: Any, *, confined: bool = True) -> Context:
    """Makes a context of `source`; see `loaders.sources.load`.

    Formats that are more than plain text are read in a process of their own. It is confined,
    or where that is impossible such a file counts as one that cannot be read;
    `confined=False` is the caller's own decision to do without.
    """
    started: list[ConfinedParser] = []

    def begin() -> ConfinedParser:
        started.append(ConfinedParser(confined=confined))
        return started[0]

    try:
        return load_with(source, begin)
    finally:
        for parser in started:
            parser.close()


class _Ended(Exception):
    """The reader's process is gone, or will be: the message says why."""


class ConfinedParser:
    """One process that reads file after file. A file that ends it costs itself alone."""

    def __init__(
        self,
        *,
        confined: bool = True,
        memory_bytes: int = MEMORY_BYTES,
        unpacked_bytes: int = UNPACKED_BYTES,
        silent_s: float = SILENT_S,
    ) -> None:
        self._confined, self._memory_bytes = confined, memory_bytes
        self._unpacked_bytes, self._silent_s = unpacked_bytes, silent_s
        self._apart: Apart | None = None

    def close(self) -> None:
        """Ends the process."""
        apart, self._apart = self._apart, None
        if apart is not None:
            apart.end()

    def parse(
        self, fd: int, name: str, *, take: Patterns = (), leave: Patterns = ()
    ) -> Iterator[Part | Lost]:
        """See `loaders.parts.Parser`. Nothing is given before the file has been read whole."""
        skip: list[int] = []
        crashed: list[Lost] = []
        while True:
            answer = _Answer(name, self._unpacked_bytes)
            try:
                self._ask(fd, {"name": name, "take": take, "leave": leave, "skip": skip})
                self._receive(answer)
            except _Ended as why:
                self.close()
                crashed.append(Lost(answer.at, str(why)))
                if answer.part and len(crashed) < CRASHES:  # the others in it are not to blame
                    skip.append(answer.part)
                    continue
            yield from answer.found
            yield from crashed
            return

    def _ask(self, fd: int, order: dict[str, Any]) -> None:
        added = {ending: one[:2] for ending, one in added_loaders().items()}
        line = json.dumps({**order, "limit": self._unpacked_bytes, "added": added})
        os.lseek(fd, 0, os.SEEK_SET)
        for left in (True, False):
            sock = self._started().sock
            try:
                sock.settimeout(self._silent_s)
                socket.send_fds(sock, [line.encode() + b"\n"], [fd])
                return
            except OSError as failed:
                self.close()
                if not left:
                    raise _Ended(f"its reader cannot be asked: {failed}") from failed

    def _started(self) -> Apart:
        if self._apart is None:
            folders = sorted({folder for _, _, folder in added_loaders().values() if folder})
            try:
                self._apart = Apart(
                    PROGRAM,
                    confined=self._confined,
                    memory_bytes=self._memory_bytes,
                    packages=places(PACKAGES),
                    folders=folders,
                )
            except SandboxError as failed:
                raise ContextError(f"what is no plain text cannot be read: {failed}") from failed
        return self._apart

    def _receive(self, answer: _Answer) -> None:
        """Takes frames until the end of the file."""
        until = time.monotonic() + FILE_S
        while time.monotonic() < until:
            message = self._message()
            if answer.take(message, self._exactly(_size(message))):
                return
        raise _Ended(f"reading it took more than {FILE_S:.0f} s")

    def _message(self) -> dict[str, Any]:
        head = self._exactly(4)
        if head == b"refu":
            raise ContextError(
                "what is no plain text is read in a confined process, which cannot be had here:"
                f" {self._rest()}. Give text, or isolation='none'."
            )
        size = int.from_bytes(head, "big")
        if size > MAX_HEADER_BYTES:
            raise _Ended("its reader sent what is no frame")
        try:
            message = json.loads(self._exactly(size))
        except ValueError as broken:
            raise _Ended("its reader sent what is no frame") from broken
        if not isinstance(message, dict):
            raise _Ended("its reader sent what is no frame")
        return message

    def _rest(self) -> str:
        assert self._apart is not None
        return self._apart.sock.recv(4_096).decode("utf-8", "replace").partition(": ")[2]

    def _exactly(self, size: int) -> bytes:
        assert self._apart is not None
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = self._apart.sock.recv_into(view)
            except TimeoutError as silent:
                raise _Ended(f"reading it took more than {self._silent_s:.0f} s") from silent
            except OSError as failed:
                raise _Ended(f"its reader failed: {failed}") from failed
            if not count:
                raise _Ended("its reader crashed, or took too much memory")
            view = view[count:]
        return bytes(data)


def _size(message: dict[str, Any]) -> int:
    size = message.get("data")
    if not isinstance(size, int) or not 0 <= size <= 1 << 20:
        raise _Ended("its reader sent what is no frame")
    return size


class _Answer:
    """What has come of one file. Whoever sent it may be anybody: it is only data."""

    def __init__(self, name: str, limit: int) -> None:
        self.at, self.part = name, 0
        """The file inside that is being read, and its number."""
        self.found: list[Part | Lost] = []
        self._named: dict[str, list[Part | Lost]] = defaultdict(list)
        self._pieces: list[bytes] = []
        self._room = 2 * limit

    def take(self, message: dict[str, Any], data: bytes) -> bool:
        """One frame; True: it was the last one."""
        self._room -= len(data) + 64
        if self._room < 0:
            raise _Ended("its reader sent more than it may")
        match message:
            case {"op": "more"}:
                self._pieces.append(data)
            case {"op": "drop"}:
                self._drop()
            case {"op": "at", "part": int(part), "name": str(name)}:
                self._drop()
                self.part, self.at = part, name
            case {"op": "lost", "name": str(name), "why": str(why)}:
                self._drop()
                self._add(Lost(name, " ".join(why.split())[:300]))
            case {"op": "document", "name": str(name), "metadata": dict(about), "raw": bool(raw)}:
                note = message.get("note")
                self._document(name, about, raw=raw, note=str(note) if note else "")
            case {"op": "link", "name": str(name), "of": str(of)}:
                self._drop()
                self._link(name, of)
            case {"op": "end"}:
                return True
            case _:
                raise _Ended("its reader sent what is no frame")
        return False

    def _drop(self) -> None:
        """What has come of a text is not wanted: it takes no room."""
        self._room += sum(map(len, self._pieces))
        self._pieces.clear()

    def _link(self, name: str, of: str) -> None:
        """What was found under one name, under another one, too."""
        inside = f"{of}/"
        same = list(self._named.get(of, ())) or [
            one for one in self.found if one.name.startswith(inside)
        ]
        self._room -= sum(len(one.text) for one in same if isinstance(one, Part))
        if self._room < 0:
            raise _Ended("with what its links lead to it is more than it may be")
        for one in same:
            self._add(replace(one, name=name + one.name[len(of) :]))
        if not same:
            self._add(Lost(name, f"a link to {of}, which was not read"))

    def _add(self, one: Part | Lost) -> None:
        self.found.append(one)
        self._named[one.name].append(one)

    def _document(self, name: str, about: dict[str, Any], *, raw: bool, note: str) -> None:
        data = b"".join(self._pieces)
        self._pieces.clear()
        if not raw:
            self._add(Part(name, data.decode("utf-8", "surrogatepass"), about))
            return
        if is_binary(data):
            self._add(Lost(name, NOT_TEXT))
            return
        text, _ = decode(data, name)
        self._add(Part(name, text, {**about, "bytes": len(data)}))
        if note:
            self._add(Lost(name, note))
