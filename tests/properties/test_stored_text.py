"""A text in its file is like the `str` of the same content."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool.context import stored

TEXTS = st.text(st.sampled_from("ab\n\u00e9\u4e2d\U0001f600"), max_size=80)
ENCODINGS = st.sampled_from(["utf-8", "utf-16-le", "latin-1"])


@given(TEXTS, ENCODINGS, st.integers(0, 90), st.integers(0, 90), st.integers(0, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stored_text_is_like_its_str(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    encoding: str,
    low: int,
    high: int,
    ahead: int,
) -> None:
    monkeypatch.setattr(stored, "PIECE_BYTES", 7)
    data = text.encode(encoding, "replace")
    same = data.decode(encoding)
    path = tmp_path / "text"
    path.write_bytes(b"x" * ahead + data)
    found = stored.StoredText(str(path), ahead, ahead + len(data), encoding)
    assert len(found) == len(same)
    assert found[low:high] == same[low:high]
    assert found.count("a", low, high) == same.count("a", low, high)
    assert found.rfind("\n", low, high) == same.rfind("\n", low, high)
    for needle in ("a", "\n", "ab", same[low : low + 9] or "b"):
        assert found.find(needle, low, high) == same.find(needle, low, high)
