"""Which encoding a text is in: a file says the same whatever its length."""

from __future__ import annotations

from pathlib import Path

import pytest

from unspool.loaders.decode import decode
from unspool.loaders.files import text_file

PLAIN = b"a line of plain text\n" * 8
BROKEN = {
    "cut within its only character": (PLAIN + "€".encode()[:2], True),
    "cut within a long one": (PLAIN + "😀".encode()[:3], True),
    "cut behind one letter": ("café ünï\n".encode() * 9 + b"\xc3", True),
    "broken in many places": ("Это другой язык\n".encode() + b"\xff\n", True),
    "one letter of Windows-1252 at its end": (PLAIN + b"caf\xe9", False),
    "words of Windows-1252": (b"caf\xe9 na\xefve \x93so\x94\n", False),
}


@pytest.mark.parametrize("times", [1, 30_000], ids=["short", "long"])
@pytest.mark.parametrize("whole_bytes", [1 << 30, 1_000], ids=["read whole", "in places"])
@pytest.mark.parametrize(("data", "is_utf8"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_text_is_in_the_encoding_that_most_of_it_is_in(
    tmp_path: Path, data: bytes, is_utf8: bool, times: int, whole_bytes: int
) -> None:
    repeated = times > 1 and not data.startswith(PLAIN)
    data *= times if repeated else 1
    data = PLAIN * (0 if repeated else times) + data
    (tmp_path / "a.txt").write_bytes(data)
    context = text_file(tmp_path / "a.txt", whole_bytes=whole_bytes)
    expected = is_utf8 or (times > 1 and not repeated)
    assert ("Windows-1252" in " ".join(context.notes)) != expected
    text, note = decode(data, "it")
    assert text == data.decode("utf-8" if expected else "cp1252", "replace")
    assert ("Windows-1252" in note) != expected
