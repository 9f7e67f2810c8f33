"""Bytes to text."""

from __future__ import annotations

import codecs

from unspool.errors import ContextError

SNIFF_BYTES = 8_192
FEW_BROKEN = 1_000
"""One broken character in so many is a fault of the file, more may be another encoding."""
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
    if looks_utf8(len(text), not_ascii(text), broken, is_cut=is_cut(data[-4:])):
        return text, f"{name}: {broken:,} bytes that are not UTF-8 were replaced."
    return data.decode("cp1252", "replace"), f"{name} is not UTF-8; it was read as Windows-1252."


def looks_utf8(chars: int, others: int, broken: int, *, is_cut: bool) -> bool:
    """Whether a text that has broken characters is UTF-8 all the same: they are few, or of what
    is not ASCII (`others`, with the broken ones), more is valid than broken; by chance, text in
    another encoding hardly ever has such sequences. `is_cut`: the last one is no fault of it."""
    if is_cut:
        broken -= 1
    return not broken or broken * FEW_BROKEN < chars or others - broken > broken


def not_ascii(text: str) -> int:
    """How many characters are not ASCII."""
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))


def is_cut(end: bytes) -> bool:
    """Whether a text ends within a character: with two bytes of it or more, for a single one
    may be a letter of another encoding."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(end)
    return len(decoder.getstate()[0]) > 1
