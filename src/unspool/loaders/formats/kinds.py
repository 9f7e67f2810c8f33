"""Which format a file is in: by what it begins with, then by its name."""

from __future__ import annotations

import os
import re

HEAD_BYTES = 8_192

_BEGINNINGS = {
    "gz": rb"\x1f\x8b",
    "zst": rb"\x28\xb5\x2f\xfd",
    "xz": rb"\xfd7zXZ\0",
    "bz2": rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)",
    "zip": rb"PK(?:\x03\x04|\x05\x06)",
    "pdf": rb"%PDF-",
    "sqlite": rb"SQLite format 3\0",
    "parquet": rb"PAR1",
    "ole": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "tar": rb"(?s:.{257}ustar)",
}
_BEGINNING = re.compile(b"|".join(b"(?P<%s>%s)" % (k.encode(), p) for k, p in _BEGINNINGS.items()))
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html[\s>])", re.I | re.S)
_MBOX = re.compile(rb"From [^\r\n]*\d{4}[^\r\n]*\r?\n[!-9;-~]+:")
_HEADER = re.compile(rb"(?:From |[!-9;-~]+:)")
_SUFFIXES = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".eml": "eml",
    ".mbox": "mbox",
    ".mbx": "mbox",
    ".tar": "tar",
}
_SHORT = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}
_PACKED = (".gz", ".zst", ".xz", ".bz2")


def kind_of(name: str, head: bytes) -> str:
    """The format of a file that begins with `head`: a name of `formats.READERS`, or `text`.

    A name alone makes nothing of bytes that are not like it: only text can be in a format
    that is told from the name.
    """
    begins = _BEGINNING.match(head)
    if begins is not None:
        return str(begins.lastgroup)
    kind = _SUFFIXES.get(suffix(name), "text")
    if kind == "tar" and not head.strip(b"\0"):
        return "tar"  # one without members
    if kind == "text" and _HTML.match(head[:1_024]):
        return "html"
    if kind == "text" and _MBOX.match(head):
        return "mbox"
    if kind in ("eml", "mbox") and not _HEADER.match(head):
        return "text"
    return "text" if kind == "tar" or b"\0" in head[:1_024] else kind


def suffix(name: str) -> str:
    """The ending of a name, in small letters, with its dot."""
    return os.path.splitext(name)[1].lower()


def unpacked_name(name: str) -> str:
    """What a compressed file is called without compression."""
    base, ending = os.path.splitext(name)
    if ending.lower() in _PACKED:
        return base
    return base + _SHORT.get(ending.lower(), ending)
