"""A text that stays in its file, for looking at parts of it in the host."""

from __future__ import annotations

import bisect
import codecs
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

PIECE_BYTES = 1 << 20
PIECES_KEPT = 8


class StoredText:
    """What of `str` is needed to find passages: length, slices, `find`, `rfind`, `count`.

    The file is gone through once, to learn where which characters are; afterwards pieces are
    read when they are needed. Positions are characters, broken bytes U+FFFD.
    """

    def __init__(self, path: str, start: int, end: int, encoding: str) -> None:
        self._path, self._encoding = path, encoding
        self._places: list[int] = []
        self._bytes: list[int] = []
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        chars, at = 0, start
        with open(path, "rb") as file:
            file.seek(start)
            while at < end:
                self._places.append(chars)
                self._bytes.append(at - len(decoder.getstate()[0]))
                data = file.read(min(PIECE_BYTES, end - at))
                if not data:
                    break
                at += len(data)
                chars += len(decoder.decode(data, final=at >= end))
        self._bytes.append(at)
        self._places.append(chars)
        self._piece = lru_cache(PIECES_KEPT)(self._read)

    def __len__(self) -> int:
        return self._places[-1]

    def __getitem__(self, at: slice) -> str:
        start, stop, _ = at.indices(len(self))
        return "".join(piece for _, piece in self._pieces(start, stop))

    def count(self, text: str, start: int = 0, stop: int | None = None) -> int:
        """How often a character occurs between two places."""
        return sum(piece.count(text) for _, piece in self._pieces(start, self._stop(stop)))

    def find(self, text: str, start: int = 0, stop: int | None = None) -> int:
        """See `str.find`."""
        before = ""
        for place, piece in self._pieces(start, self._stop(stop)):
            found = (before + piece).find(text)
            if found >= 0:
                return place - len(before) + found
            before = (before + piece)[-(len(text) - 1) :] if len(text) > 1 else ""
        return -1

    def rfind(self, text: str, start: int = 0, stop: int | None = None) -> int:
        """See `str.rfind`, for one character."""
        for place, piece in self._pieces(start, self._stop(stop), back=True):
            found = piece.rfind(text)
            if found >= 0:
                return place + found
        return -1

    def _stop(self, stop: int | None) -> int:
        return len(self) if stop is None else min(stop, len(self))

    def _pieces(self, start: int, stop: int, *, back: bool = False) -> Iterator[tuple[int, str]]:
        """What is between two places, in parts, each with its place."""
        first = max(0, bisect.bisect_right(self._places, start) - 1)
        last = bisect.bisect_left(self._places, stop)
        numbers = range(first, min(last, len(self._places) - 1))
        for number in reversed(numbers) if back else numbers:
            place = self._places[number]
            low = max(0, start - place)
            yield place + low, self._piece(number)[low : max(low, stop - place)]

    def _read(self, number: int) -> str:
        size = self._places[number + 1] - self._places[number]
        with open(self._path, "rb") as file:
            file.seek(self._bytes[number])
            data = file.read(self._bytes[number + 1] - self._bytes[number] + 4)
        return data.decode(self._encoding, "replace")[:size]


def text_of(value: Any) -> Any:
    """The whole of a value that is one text: as it is, or where it lies in a file, read where
    that is short."""
    if issubclass(type(value), str):
        return value
    if hasattr(value, "pieces"):
        if getattr(value, "is_whole", True):
            return "".join(value.pieces())
        return StoredText(value.path, value.start, value.size, value.encoding)
    text = getattr(value, "text", value)
    return text() if callable(text) else text


def is_text(value: Any) -> bool:
    """Whether a context's value is one text, in memory or not."""
    return isinstance(value, str) or any(hasattr(value, it) for it in ("rfind", "pieces", "text"))
