"""The curve of accuracy by length, as text and as a PNG, without any library."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

from unspool.calibrate.curve import Point

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 44, 64
_BAR = 20
_INK, _GREY, _LIGHT = (32, 32, 32), (120, 120, 120), (224, 224, 224)
_COLOURS = ((31, 119, 180), (214, 96, 30), (44, 140, 60), (150, 60, 160), (180, 40, 60))
_GLYPHS = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447",
    "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25563", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216",
    "4": "55711", "5": "74616", "6": "34757", "7": "71244", "8": "75757", "9": "75716",
    "%": "51245", "_": "00007", "-": "00700", ".": "00002", ",": "00024", "/": "11244",
    ":": "02020", "(": "12221", ")": "42224",
}  # fmt: skip
"""Five rows of three dots each, an octal digit a row."""

Colour = tuple[int, int, int]


def lines(curves: Mapping[str, Sequence[Point]]) -> list[str]:
    """The curves as lines of text: a bar for each length."""
    told = []
    for kind, points in curves.items():
        told.append(f"{kind}: right answers by tokens of text")
        for point in points:
            bar = "#" * round(point.accuracy * _BAR)
            told.append(
                f"  {point.read:>9,}  {bar:<{_BAR}}  {point.accuracy:4.0%}"
                f"  ({point.right:g} of {point.of})"
            )
    return told


def png(curves: Mapping[str, Sequence[Point]], title: str) -> bytes:
    """The curves as an image: tokens from left to right, doubling; accuracy upwards."""
    canvas = _Canvas(WIDTH, HEIGHT)
    reads = [point.read for points in curves.values() for point in points] or [1]
    first, last = math.log2(max(1, min(reads))), math.log2(max(2, *reads))
    scale = (WIDTH - LEFT - RIGHT) / max(last - first, 1.0)

    def across(tokens: int) -> int:
        return LEFT + round((math.log2(max(tokens, 1)) - first) * scale)

    def upwards(share: float) -> int:
        return HEIGHT - BOTTOM - round(share * (HEIGHT - TOP - BOTTOM))

    for tenth in range(0, 11, 2):
        y = upwards(tenth / 10)
        canvas.line((LEFT, y), (WIDTH - RIGHT, y), _LIGHT)
        canvas.text(f"{tenth * 10}%", LEFT - 8, y - 5, _GREY, align=-1)
    for tokens in sorted({point.tokens for points in curves.values() for point in points}):
        near = [p.read for points in curves.values() for p in points if p.tokens == tokens]
        x = across(sum(near) // len(near))
        canvas.line((x, HEIGHT - BOTTOM), (x, HEIGHT - BOTTOM + 5), _GREY)
        canvas.text(_short(sum(near) // len(near)), x, HEIGHT - BOTTOM + 10, _GREY, align=0)
    canvas.line((LEFT, TOP), (LEFT, HEIGHT - BOTTOM), _GREY)
    canvas.line((LEFT, HEIGHT - BOTTOM), (WIDTH - RIGHT, HEIGHT - BOTTOM), _GREY)
    canvas.text(title, LEFT, 14, _INK)
    canvas.text("tokens of text", WIDTH - RIGHT, HEIGHT - 34, _GREY, align=-1)
    x = LEFT
    for number, (kind, points) in enumerate(curves.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(across(point.read), upwards(point.accuracy)) for point in points]
        for one, other in pairwise(places):
            canvas.line(one, other, colour, thick=2)
        for place in places:
            canvas.dot(place, colour)
        canvas.dot((x + 4, HEIGHT - 16), colour)
        x = canvas.text(kind, x + 14, HEIGHT - 21, colour) + 24
    return canvas.png()


def _short(tokens: int) -> str:
    return f"{tokens / 1000:.3g}K" if tokens >= 1_000 else str(tokens)


class _Canvas:
    """White paper, and what is drawn on it."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._rows = [bytearray(b"\xff" * 3 * width) for _ in range(height)]

    def line(
        self, one: tuple[int, int], other: tuple[int, int], colour: Colour, *, thick: int = 1
    ) -> None:
        steps = max(abs(other[0] - one[0]), abs(other[1] - one[1]), 1)
        for step in range(steps + 1):
            x = one[0] + round((other[0] - one[0]) * step / steps)
            y = one[1] + round((other[1] - one[1]) * step / steps)
            self._fill(x, y, thick, thick, colour)

    def dot(self, place: tuple[int, int], colour: Colour) -> None:
        self._fill(place[0] - 3, place[1] - 3, 7, 7, colour)

    def text(self, text: str, x: int, y: int, colour: Colour, *, align: int = 1) -> int:
        """Writes from x on (align 1), up to it (-1) or around it (0); gives where it ends."""
        width = 8 * len(text)
        x -= {1: 0, 0: width // 2, -1: width}[align]
        for character in text.upper():
            for row, dots in enumerate(_GLYPHS.get(character, "00000")):
                for column in range(3):
                    if int(dots, 8) & (4 >> column):
                        self._fill(x + 2 * column, y + 2 * row, 2, 2, colour)
            x += 8
        return x

    def png(self) -> bytes:
        header = struct.pack(">IIBBBBB", self._width, self._height, 8, 2, 0, 0, 0)
        pixels = b"".join(b"\0" + row for row in self._rows)
        parts = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)

    def _fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        left, right = max(x, 0), min(x + width, self._width)
        for row in self._rows[max(y, 0) : max(min(y + height, self._height), 0)]:
            if right > left:
                row[3 * left : 3 * right] = bytes(colour) * (right - left)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
