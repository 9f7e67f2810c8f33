"""A `str` whose characters stay in shared memory: many processes read one copy of a text.

CPython keeps a string as a header and, right behind it, its characters in the narrowest of
four widths (`Include/cpython/unicodeobject.h`; PEP 393). Here the header is a page of the
process's own, the characters are pages of a file in memory mapped next to it. Such a string
is never freed. An interpreter that lays its strings out otherwise is known by its header
sizes, and then the text is decoded as usual.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from collections.abc import Mapping
from typing import Any

CODECS: Mapping[str, str] = {
    "ascii": "latin-1",
    "latin": "latin-1",
    "two": f"utf-16-{sys.byteorder[0]}e",
    "four": f"utf-32-{sys.byteorder[0]}e",
}
"""How the characters of each layout are written. With 'surrogatepass', any `str` can be."""
WIDTHS: Mapping[str, int] = {"ascii": 1, "latin": 1, "two": 2, "four": 4}

_SAMPLES = {"ascii": "a", "latin": "\xe9", "two": "\u0100", "four": "\U00010000"}
_HEADERS = {"ascii": (40, 48), "latin": (56, 72), "two": (56, 72), "four": (56, 72)}
_REFERENCES = 1 << 29
_AT_COUNT, _AT_TYPE, _AT_LENGTH, _AT_HASH, _AT_REST = 0, 8, 16, 24, 40
_POINTER = ctypes.sizeof(ctypes.c_void_p)
_READ, _WRITE, _SHARED, _PRIVATE, _FIXED, _ANONYMOUS = 1, 2, 1, 2, 0x10, 0x20


def mapped(fd: int, layout: str, size: int, start: int = 0, *, part: bool = False) -> str:
    """The text in the file `fd`: from byte `start` on, `size` bytes of characters in the width
    of `layout`. `part`: it may not be all that there is.

    The file has at least one more character behind it, a zero at its end. It may be closed
    afterwards.
    """
    if not size:
        return ""
    if _usable() and not start and not part:
        return _mapped(fd, layout, size)
    with mmap.mmap(fd, start + size, prot=mmap.PROT_READ) as data, memoryview(data) as view:
        if _usable() and _is_narrowest(view[start:], layout):
            return _mapped_part(fd, layout, size, start)
        return str(view[start:], CODECS[layout], "surrogatepass")


def _is_narrowest(data: memoryview, layout: str) -> bool:
    """Whether some character needs a layout as wide: two strings that are laid out unlike each
    other are not equal, whatever is in them."""
    if layout == "ascii":
        return True
    most = {"latin": "\x7f", "two": "\xff", "four": "\uffff"}[layout]
    step = WIDTHS[layout] << 14
    pieces = (data[at : at + step] for at in range(0, len(data), step))
    return any(max(str(one, CODECS[layout], "surrogatepass")) > most for one in pieces)


def _usable() -> bool:
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        return False
    if set(sys.abiflags) & {"d", "t"}:  # built for debugging, or without the lock: other headers
        return False
    return all(_header_bytes(layout) in known for layout, known in _HEADERS.items())


def _header_bytes(layout: str) -> int:
    sample = _SAMPLES[layout] * 3
    return sys.getsizeof(sample) - 4 * WIDTHS[layout]


class _Apart(str):
    """A string whose characters are not behind its header: those of all subclasses are."""

    __slots__ = ()


def _mapped_part(fd: int, layout: str, size: int, start: int) -> str:
    """Such a string that begins in the middle of a page: its header is elsewhere, and has the
    address of the characters as its last field."""
    libc = _library()
    first = start - start % mmap.PAGESIZE
    length, width = start - first + size + WIDTHS[layout], WIDTHS[layout]
    own = _READ | _WRITE
    at = _placed(libc, None, length, own, _PRIVATE, fd, first) + start - first
    ctypes.memset(at + size, 0, width)  # in a page of our own: the file stays as it is
    libc.mprotect(at + first - start, length, _READ)
    sample, bytes_ = _Apart(_SAMPLES[layout] * 3), _header_bytes("latin") + _POINTER
    text = libc.malloc(bytes_)  # never freed
    if not text:
        raise MemoryError("no room for a context")
    ctypes.memmove(text, id(sample), bytes_)
    fields = (
        (_AT_COUNT, _REFERENCES),
        (_AT_TYPE, id(str)),
        (_AT_LENGTH, size // width),
        (_AT_HASH, -1),
    )
    for offset, value in fields:
        ctypes.c_ssize_t.from_address(text + offset).value = value
    ctypes.memset(text + _AT_REST, 0, bytes_ - _AT_REST)
    ctypes.c_size_t.from_address(text + bytes_ - _POINTER).value = at
    made: Any = ctypes.cast(text, ctypes.py_object).value
    return made  # type: ignore[no-any-return]


def _library() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = libc.malloc.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc


def _mapped(fd: int, layout: str, size: int) -> str:
    page, header = mmap.PAGESIZE, _header_bytes(layout)
    libc = _library()
    characters = size + WIDTHS[layout]  # the zero at the end is one of them
    start = _placed(libc, None, page + characters, _READ | _WRITE, _PRIVATE | _ANONYMOUS, -1)
    _placed(libc, start + page, characters, _READ, _SHARED | _FIXED, fd)
    text, sample = start + page - header, _SAMPLES[layout] * 3
    ctypes.memmove(text, id(sample), header)
    for at, value in ((_AT_COUNT, _REFERENCES), (_AT_LENGTH, size // WIDTHS[layout])):
        ctypes.c_ssize_t.from_address(text + at).value = value
    ctypes.c_ssize_t.from_address(text + _AT_HASH).value = -1
    ctypes.memset(text + _AT_REST, 0, header - _AT_REST)  # other forms of it that were kept
    made: Any = ctypes.cast(text, ctypes.py_object).value
    return str(made)


def _placed(
    libc: ctypes.CDLL, where: int | None, size: int, access: int, kind: int, fd: int, first: int = 0
) -> int:
    found = libc.mmap(where, size, access, kind, fd, first)
    if found in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(f"no room for a context: {os.strerror(ctypes.get_errno())}")
    return int(found)
