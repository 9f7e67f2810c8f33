"""Bytes to text."""

from __future__ import annotations

import codecs

from unspool.errors import ContextError

SNIFF_BYTES = 8_192
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ANY_MARK = tuple(mark for mark, _ in _MARKS)
_NOT_CONTROLS = bytes([*b"\t\n\v\f\r\x1b", *range(32, 256)])
_PLAIN = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


def encoding_of_mark(data: bytes) -> tuple[str, int]:
    """The encoding that a byte-order mark at the start of `data` tells, as one without a mark,
    and how long the mark is; an empty text without a mark."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _PLAIN.get(mark, encoding), len(mark)
    return "", 0


def is_binary(data: bytes) -> bool:
    """Whether `data` is no text in any encoding, by its start: it has NULs and no byte-order
    mark, and is not UTF-8 with a few NULs in it, as logs have them after a crash."""
    head = data[:SNIFF_BYTES]
    if b"\0" not in head or head.startswith(_ANY_MARK):
        return False
    nulls = head.count(b"\0")
    if nulls * 50 > len(head):
        return True
    controls = len(head.translate(None, _NOT_CONTROLS)) - nulls
    return controls * 50 > len(head) or not _is_utf8(head)


def _is_utf8(head: bytes) -> bool:
    """Whether the beginning of a text, cut off anywhere, is UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def decode(data: bytes, name: str) -> tuple[str, str]:
    """The text in `data`, line ends kept, and a note where it was not plain UTF-8 (else empty).

    Raises:
        ContextError: it is binary.
    """
    if data.startswith(_ANY_MARK):
        encoding = next(encoding for mark, encoding in _MARKS if data.startswith(mark))
        return data.decode(encoding, "replace"), ""
    if is_binary(data):
        raise ContextError(
            f"{name} is a binary file ({len(data):,} bytes), not text: give text, or turn it into"
            " text first."
        )
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    text = data.decode("utf-8", "replace")
    broken = text.count("\N{REPLACEMENT CHARACTER}")
    if broken * 1_000 < len(text) or mostly_utf8(text, broken):
        return text, f"{name}: {broken:,} bytes that are not UTF-8 were replaced."
    return data.decode("cp1252", "replace"), f"{name} is not UTF-8; it was read as Windows-1252."


def mostly_utf8(text: str, broken: int) -> bool:
    """Whether of what is not ASCII in a text decoded as UTF-8, more is valid than broken:
    by chance, text in another encoding hardly ever has such sequences."""
    others = len(text) - len(text.encode("ascii", "ignore"))
    return others - broken > broken
