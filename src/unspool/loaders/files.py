"""One file of text, looked at without being kept in memory."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

from unspool.context.source import Context
from unspool.context.text import (
    PIECE_BYTES,
    SAMPLE_BYTES,
    WHOLE_BYTES,
    FileText,
    decoded_pieces,
    spread,
)
from unspool.errors import ContextError
from unspool.loaders.decode import (
    SNIFF_BYTES,
    decode,
    encoding_of_mark,
    is_binary,
    is_cut,
    looks_utf8,
    not_ascii,
)

LONG = (
    "It is read from its file as it is needed, so use it as any str, but in parts: slices,"
    " find, count, `in`, splitlines, re.finditer (the `re` functions take it). What would copy"
    " all of it (lower, replace, +) fails: do that to slices."
)


def text_file(path: Path, *, whole_bytes: int = WHOLE_BYTES) -> Context:
    """The text in a file; of a long one, or of a part of it, is only told what is there.

    Files up to `whole_bytes` are read through once, longer ones in a few places.

    Raises:
        ContextError: it is binary, or cannot be read.
    """
    name = path.name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size <= min(PIECE_BYTES, whole_bytes):
            text, note = decode(path.read_bytes(), name)
            return Context(text, notes=(note,) if note else ())
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as failed:
        raise ContextError(f"{path} cannot be read: {failed.strerror}.") from failed
    try:
        size = os.fstat(fd).st_size
        head = os.pread(fd, SNIFF_BYTES, 0)
        if is_binary(head):
            raise ContextError(
                f"{path} is a binary file ({size:,} bytes), not text: give text, or turn it into"
                " text first."
            )
        encoding, start = encoding_of_mark(head)
        looked_at = FileText(
            str(path.absolute()),
            size,
            found.st_mtime_ns,
            found.st_ino,
            encoding or "utf-8",
            start,
            whole_bytes=whole_bytes,
        )
        survey = _surveyed if size <= whole_bytes else _sampled
        counted, note = survey(fd, looked_at, marked=bool(encoding))
    finally:
        os.close(fd)
    notes = [f"{name}{note}"] if note else []
    return Context(counted, notes=(*notes, *([] if counted.is_whole else [LONG])))


def _surveyed(fd: int, text: FileText, *, marked: bool) -> tuple[FileText, str]:
    """Reads all of it once: how many characters there are, and in which encoding."""
    chars = broken = others = 0
    for piece in decoded_pieces(fd, text.start, text.size, text.encoding):
        chars += len(piece)
        others += not_ascii(piece)
        broken += 0 if piece.isascii() else piece.count("\ufffd")
    told = replace(text, chars=chars)
    if not broken or marked:
        return told, ""
    broken -= _count(fd, text, "\ufffd".encode())
    if broken <= 0:
        return told, ""
    if looks_utf8(chars, others, broken, is_cut=is_cut(os.pread(fd, 4, text.size - 4))):
        return told, f": {broken:,} bytes that are not UTF-8 were replaced."
    return (
        replace(text, encoding="cp1252", chars=text.size),
        " is not UTF-8; it was read as Windows-1252.",
    )


def _count(fd: int, text: FileText, mark: bytes) -> int:
    """How often some bytes are in a file."""
    found, at = 0, text.start
    while at < text.size:
        data = os.pread(fd, PIECE_BYTES, at)
        found += data.count(mark)
        at += PIECE_BYTES - len(mark) + 1
    return found


def _sampled(fd: int, text: FileText, *, marked: bool) -> tuple[FileText, str]:
    """Looks at it in places: roughly how many characters there are, and in which encoding."""
    size, chars, broken, others = 0, 0, 0, 0
    for at in spread(text.start, text.size):
        data = os.pread(fd, SAMPLE_BYTES, at)
        if not marked:
            data = data.lstrip(bytes(range(0x80, 0xC0)))  # the rest of a character that was cut
        sample = data.decode(text.encoding, "replace")
        size, chars = size + len(data), chars + len(sample)
        others += not_ascii(sample[:-1])
        broken += sample[:-1].count("\ufffd") - data.count("\ufffd".encode())
    told = replace(text, chars=(text.size - text.start) * chars // max(1, size), exact=False)
    if marked or broken <= 0:
        return told, ""
    if looks_utf8(chars, others, broken, is_cut=False):
        return told, " has bytes that are not UTF-8; they are replaced where they are read."
    return (
        replace(told, encoding="cp1252", chars=text.size),
        " is not UTF-8; it is read as Windows-1252.",
    )
