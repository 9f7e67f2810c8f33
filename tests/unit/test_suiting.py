"""What a run knows of its models before it asks them."""

from __future__ import annotations

from pathlib import Path

from unspool.config import Settings
from unspool.suiting import suited


def test_windows_are_those_of_the_profile_then_of_the_users_rows_then_of_ours(
    tmp_path: Path,
) -> None:
    (tmp_path / "capacity.toml").write_text(
        "[claude-opus-4-5]\noutput = 1000\n[mine]\nwindow = 10\n[yours]\nwindow = 20\n"
    )
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "yours.toml").write_text(
        'models = ["yours"]\npack = "coder"\nwindow_tokens = 5\n'
    )
    names = ("anthropic/claude-opus-4-5", "openai/gpt-5?service_tier=flex", "mine", "yours", "who")
    known, _ = suited(names, None, Settings(home=tmp_path))
    sizes = [(known[name].window_tokens, known[name].output_tokens) for name in names]
    assert sizes == [(200_000, 1000), (400_000, 128_000), (10, None), (5, None), (None, None)]
