"""A `str` whose characters stay in shared memory: many processes read one copy of a text.

CPython keeps a string as a header and, right behind it, its characters in the narrowest of
four widths (`Include/cpython/unicodeobject.h`; PEP 393). Here the header is a page of the
process's own, the characters are pages of a file in memory mapped next to it. Such a string
is never freed. An interpreter that lays its strings out otherwise is known by its header
sizes, and then the text is decoded as usual.
"""

from __future__ import annotations

import contextlib
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
_AT_COUNT, _AT_LENGTH, _AT_HASH, _AT_REST = 0, 16, 24, 40
_READ, _WRITE, _SHARED, _PRIVATE, _FIXED, _ANONYMOUS = 1, 2, 1, 2, 0x10, 0x20


def mapped(fd: int, layout: str, size: int) -> str:
    """The text in the file `fd`, `size` bytes of characters in the width of `layout`.

    The file has zeros for at least one more character. It may be closed afterwards.
    """
    if _usable() and size:
        return _mapped(fd, layout, size)
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) if size else contextlib.nullcontext(b"") as data:
        return str(memoryview(data), CODECS[layout], "surrogatepass")


def _usable() -> bool:
    if sys.platform != "linux" or sys.implementation.name != "cpython":
        return False
    if set(sys.abiflags) & {"d", "t"}:  # built for debugging, or without the lock: other headers
        return False
    return all(_header_bytes(layout) in known for layout, known in _HEADERS.items())


def _header_bytes(layout: str) -> int:
    sample = _SAMPLES[layout] * 3
    return sys.getsizeof(sample) - 4 * WIDTHS[layout]


def _mapped(fd: int, layout: str, size: int) -> str:
    page, header = mmap.PAGESIZE, _header_bytes(layout)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
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
    libc: ctypes.CDLL, where: int | None, size: int, access: int, kind: int, fd: int
) -> int:
    found = libc.mmap(where, size, access, kind, fd, 0)
    if found in (None, ctypes.c_void_p(-1).value):
        raise MemoryError(f"no room for a context: {os.strerror(ctypes.get_errno())}")
    return int(found)
