"""A REPL whose host is at the other end of standard input and output, as in a container.

The host sends a line of JSON with the context's size, the context, and then frames; frames
go back on standard output. What cells write to descriptors 1 and 2 goes to standard error.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
from typing import cast

from .session import Nature, Session

PIECE_BYTES = 1 << 20


class Pipes:
    """What a channel needs of a socket, over two descriptors."""

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink

    def fileno(self) -> int:
        return self._source

    def sendall(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._sink, view) :]

    def recv_into(self, view: memoryview) -> int:
        return os.readv(self._source, [view])


def main() -> None:
    """Serves the host until it closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipes = Pipes(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    line = bytearray()
    while not line.endswith(b"\n"):
        line += _some(pipes, 1)
    context = _received(pipes, json.loads(line)["context_bytes"])
    lifeline, _kept = socket.socketpair()  # to nobody: the container is the process above
    Session(cast(socket.socket, pipes), context, lifeline, [], Nature()).serve()


def _received(pipes: Pipes, size: int) -> int:
    """Takes the context from the host; gives the descriptor of a file that nobody else sees."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("context")
    else:
        fd, path = tempfile.mkstemp()
        os.unlink(path)
    while size:
        piece = memoryview(_some(pipes, min(size, PIECE_BYTES)))
        size -= len(piece)
        while piece:
            piece = piece[os.write(fd, piece) :]
    return fd


def _some(pipes: Pipes, most: int) -> bytes:
    data = bytearray(most)
    count = pipes.recv_into(memoryview(data))
    if count == 0:
        os._exit(0)  # the host is gone
    return bytes(data[:count])
