"""Reads one file after the other for the host, and sends it what is in them.

The host sends a line of JSON with a descriptor for each file. What goes back are frames: four
bytes of length, a JSON object, and behind it as many bytes as its `data` says. Text that is
in no format of its own goes back as bytes, for the host to decode.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, cast

from . import html, kinds, mail, office, packed, pdf, tables
from .chosen import Chosen
from .found import LONGEST_PIECE, Flaw, Inner, Link, Meter, Metered, Text, Unreadable, seekable
from .xmlish import Package

MOST_LEVELS = 5
MAX_LINE_BYTES = 1 << 20
STREAMS = frozenset({"gz", "zst", "xz", "bz2", "tar"})
"""Formats that are unpacked piece by piece, so that they may be longer than what is kept."""
EXTRAS = {"pypdfium2": "documents", "pyarrow": "parquet", "backports": "zst"}

Reader = Callable[[BinaryIO, str], Iterable[Any]]


class Answer:
    """What one file gives, sent while it is read."""

    def __init__(self, sock: socket.socket, order: dict[str, Any]) -> None:
        self._sock = sock
        self._meter = Meter(order["limit"], alive=lambda: self.send({"op": "more"}))
        self._skip = frozenset(order["skip"])
        self._chosen = Chosen(order["take"], order["leave"])
        self._added: dict[str, Any] = order["added"]
        self._parts = 0

    def send(self, message: dict[str, Any], data: bytes | memoryview = b"") -> None:
        """One frame."""
        body = json.dumps({**message, "data": len(data)}).encode()
        self._sock.sendall(len(body).to_bytes(4, "big") + body)
        self._sock.sendall(data)

    def file(self, file: BinaryIO, name: str) -> None:
        """All documents in a file, then the end."""
        self._guarded(lambda: self._walk(file, name, name, 0, {}), name)
        self.send({"op": "end"})

    def _guarded(self, work: Callable[[], None], name: str) -> None:
        """Does `work`; what it cannot read is told, and no reason to end."""
        try:
            work()
        except Unreadable as why:
            self.send({"op": "lost", "name": name, "why": str(why)})
        except ImportError as missing:
            extra = EXTRAS.get(str(missing.name).partition(".")[0])
            why_not = f"it needs a package: pip install 'unspool[{extra}]'" if extra else missing
            self.send({"op": "lost", "name": name, "why": str(why_not)})
        except packed.BROKEN as broken:
            self.send({"op": "lost", "name": name, "why": f"it is damaged or cut off ({broken})"})
        except MemoryError:
            self.send({"op": "lost", "name": name, "why": "reading it takes too much memory"})
        except RecursionError:
            self.send({"op": "lost", "name": name, "why": "it is nested too deeply"})
        except Exception as broken:  # a reader meets whatever a stranger has written
            why_not = f"{type(broken).__name__}: {broken}"[:300]
            self.send({"op": "lost", "name": name, "why": f"it is damaged ({why_not})"})

    def _walk(
        self, file: BinaryIO, name: str, like: str, level: int, metadata: dict[str, Any]
    ) -> None:
        if level > MOST_LEVELS:
            raise Unreadable(f"it lies more than {MOST_LEVELS} archives deep")
        head = _head(file)
        kind = kinds.kind_of(like, head)
        about = {**metadata, "format": _format(kind, like)}
        added = self._added.get(kinds.suffix(like))
        if isinstance(file, Metered) and (added is not None or kind not in STREAMS):
            file.hold()
        if added is None and kind == "text":
            self._raw(file, head, name, about)
            return
        rest = file if file.seekable() else _joined(head, file)
        if added is not None:
            rest = seekable(rest)
        for found in self._reader(kind, added)(rest, like):
            if isinstance(found, Inner):
                self._inner(found, name, level)
                continue
            if isinstance(found, Flaw):
                own = f"{name}/{found.name}" if found.name else name
                self.send({"op": "lost", "name": own, "why": found.why})
                continue
            if isinstance(found, Link):
                self._link(found, name)
                continue
            inside, text, more = found
            self._text(f"{name}/{inside}" if inside else name, str(text), {**about, **more})

    def _inner(self, found: Inner, name: str, level: int) -> None:
        below = _below(found.name)
        own = f"{name}/{below}" if below else name
        self._parts += 1
        self.send({"op": "at", "part": self._parts, "name": own})
        if self._parts in self._skip or (below and not self._chosen.takes(below)):
            if ".." in below.split("/"):
                self.send({"op": "lost", "name": own, "why": "its name leads out of the archive"})
            return
        file = cast(BinaryIO, Metered(found.file, self._meter, found.size))
        metadata = dict(found.metadata)
        self._guarded(lambda: self._walk(file, own, found.like, level + 1, metadata), own)

    def _link(self, link: Link, name: str) -> None:
        below = _below(link.name)
        if not self._chosen.takes(below):
            return
        if link.target:
            of = f"{name}/{_below(link.target)}"
            self.send({"op": "link", "name": f"{name}/{below}", "of": of})
        else:
            self.send({"op": "lost", "name": f"{name}/{below}", "why": link.why})

    def _reader(self, kind: str, added: Any) -> Reader:
        if added is not None:
            module, attribute = added
            loader: Reader = getattr(importlib.import_module(module), attribute)
            return loader
        if kind == "zip":
            return self._zip
        reader = READERS.get(kind)
        if reader is None:
            raise Unreadable("nothing here reads old Office files: save it in a newer format")
        return reader

    def _zip(self, file: BinaryIO, name: str) -> Iterator[Any]:
        archive = packed.opened_zip(file)
        names = frozenset(archive.namelist())
        for part, reader in PACKAGES.items():
            if part in names:
                yield from reader(Package(archive, self._meter))
                return
        yield from packed.members(archive)

    def _text(self, name: str, text: str, metadata: dict[str, Any]) -> None:
        data = text.encode("utf-8", "surrogatepass")
        self._meter.keep(len(data))
        for at in range(0, len(data), LONGEST_PIECE):
            self.send({"op": "more"}, memoryview(data)[at : at + LONGEST_PIECE])
        self.send({"op": "document", "name": name, "metadata": metadata, "raw": False})

    def _raw(self, file: BinaryIO, head: bytes, name: str, metadata: dict[str, Any]) -> None:
        """A text as it is. Of one that is cut off, what is before the cut."""
        if file.seekable():
            file.seek(len(head))
        piece, note, size = head, "", 0
        while piece:
            size += len(piece)
            self.send({"op": "more"}, piece)
            try:
                piece = file.read(LONGEST_PIECE)
            except packed.BROKEN as broken:
                note = f"it is cut off or damaged ({broken}); what comes before was read"
                piece = b""
            except Exception:
                self.send({"op": "drop"})
                raise
        self._meter.keep(size)
        self.send({"op": "document", "name": name, "metadata": metadata, "raw": True, "note": note})


READERS: dict[str, Reader] = {
    "gz": packed.gz,
    "zst": packed.zst,
    "xz": packed.xz,
    "bz2": packed.bz,
    "tar": packed.tar,
    "html": html.html,
    "eml": mail.eml,
    "mbox": mail.mbox,
    "sqlite": tables.sqlite,
    "parquet": tables.parquet,
    "pdf": pdf.pdf,
}
PACKAGES: dict[str, Callable[[Package], Iterable[Text]]] = {
    "word/document.xml": office.docx,
    "ppt/presentation.xml": office.pptx,
    "xl/workbook.xml": office.xlsx,
    "META-INF/container.xml": office.epub,
}


def _below(name: str) -> str:
    """A member's name without what says nothing: `tar c .` writes ./a.txt."""
    return re.sub(r"(?:^|(?<=/))(?:\./+)+", "", name)


def _format(kind: str, like: str) -> str:
    ending = kinds.suffix(like)[1:]
    return ending if kind in ("text", "zip") and ending else kind


def _head(file: BinaryIO) -> bytes:
    """What a file begins with; one that can go back stands at its beginning again."""
    head = b""
    try:
        while len(head) < kinds.HEAD_BYTES and (piece := file.read(kinds.HEAD_BYTES - len(head))):
            head += piece
    except packed.BROKEN:  # it will be met again, with what comes before in hand
        if not head:
            raise
    if file.seekable():
        file.seek(0)
    return head


def _joined(head: bytes, rest: BinaryIO) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(_Joined(head, rest), LONGEST_PIECE))


class _Joined(io.RawIOBase):
    """A stream of which the head has been read already."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        source = self._head[: len(buffer)]
        if source:
            self._head = self._head[len(source) :]
            buffer[: len(source)] = source
            return len(source)
        data = self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def serve(fd: int) -> None:
    """Serves the socket behind `fd` until the host closes it."""
    sock = socket.socket(fileno=fd)
    while True:
        line, fds = b"", list[int]()
        while not line.endswith(b"\n"):
            data, came, _, _ = socket.recv_fds(sock, MAX_LINE_BYTES, 1)
            if not data:
                os._exit(0)
            line, fds = line + data, fds + came
        order = json.loads(line)
        answer = Answer(sock, order)
        with os.fdopen(fds[0], "rb") as file:
            answer.file(file, order["name"])
