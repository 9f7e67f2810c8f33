"""Profiles: which one a model has, what follows from it, and how they are written and read."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.errors import ConfigurationError
from unspool.packs.reading import known as known_packs
from unspool.profiles import Profile, profile_of
from unspool.profiles.reading import _best, known, read

LEAST = 'models = ["mine*"]\npack = "coder"\n'


@pytest.mark.parametrize(
    ("model", "name", "pack"),
    [
        ("openai/gpt-5", "gpt-5", "reasoning"),
        ("openai/gpt-5.5-mini", "gpt-5", "reasoning"),
        ("openai/gpt-5-chat-latest", "gpt-5-chat", "coder"),
        ("openai/gpt-5.1-chat-latest", "gpt-5-chat", "coder"),
        ("openai/o3-mini", "o-series", "reasoning"),
        ("o4-mini", "o-series", "reasoning"),
        ("openrouter/qwen/qwen3-coder", "qwen3-coder", "coder"),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "qwen3-coder", "coder"),
        ("Qwen/Qwen3-235B-A22B", "qwen3-thinking", "reasoning"),
        ("Qwen/Qwen3-235B-A22B-Instruct-2507", "qwen3-235b-instruct", "coder"),
        ("deepseek/deepseek-reasoner", "deepseek-r1", "reasoning"),
        ("google/gemini-2.5-flash-lite", "gemini-lite", "coder"),
        ("google/gemini-2.5-pro", "gemini-thinking", "reasoning"),
        ("google/gemini-2.0-flash", "gemini", "coder"),
        ("anthropic/claude-sonnet-4-5", "claude", "coder"),
        ("local/qwen2.5-coder-1.5b", "qwen2.5-coder-1.5b", "small"),
        ("local/qwen2.5-coder-0.5b", "qwen2.5-coder-0.5b", "small"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama", "coder"),
        ("meta-llama/Llama-3.1-8B-Instruct", "unknown", "small"),
        ("smollm2-0.36b", "unknown", "tiny"),
        ("mixtral-8x7b-32b", "unknown", "coder"),
        ("foo3-large", "unknown", "coder"),
        ("local/other", "unknown", "small"),
        ("root", "unknown", "coder"),
    ],
)
def test_each_model_has_the_profile_that_says_most_of_its_name(
    model: str, name: str, pack: str
) -> None:
    found = profile_of(model)
    assert (found.name, found.pack) == (name, pack)


def test_every_shipped_profile_has_a_pack_that_is_there() -> None:
    assert {one.pack for one in known().values()} <= set(known_packs())


def test_the_users_own_profiles_win(tmp_path: Path) -> None:
    (tmp_path / "any.toml").write_text('models = ["*"]\npack = "tiny"\nchunk_tokens = 777\n')
    (tmp_path / "mine.toml").write_text(LEAST)
    assert profile_of("openai/gpt-5", tmp_path).name == "any"
    assert profile_of("mine-2", tmp_path).name == "mine"
    assert profile_of("openai/gpt-5", tmp_path / "none").name == "gpt-5"


@pytest.mark.parametrize(
    ("figures", "chars"),
    [
        ({}, 100_000),
        ({"chunk_tokens": 50_000}, 200_000),
        ({"chunk_tokens": 777}, 3_100),
        ({"effective_tokens": {"needle": 9_000, "count": 1_000}}, 4_000),
        ({"effective_tokens": {"needle": 9_000, "count": 0}}, 36_000),
        ({"window_tokens": 8_000}, 16_000),
        ({"chunk_tokens": 1}, 4),
    ],
)
def test_a_sub_call_has_as_much_text_as_the_model_reads_well(
    figures: dict[str, int], chars: int
) -> None:
    profile = Profile("one", ("one",), "coder", **figures)  # type: ignore[arg-type]
    assert profile.piece_chars == chars


@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_a_star_stands_for_any_characters(pattern: str, model: str) -> None:
    like = re.escape(pattern).replace(r"\*", ".*")
    found = _best(model, [Profile("it", (pattern,), "coder")])
    assert (found is not None) == bool(re.fullmatch(like, model))


shares = st.none() | st.floats(0, 1)
counts = st.none() | st.integers(1, 2_000_000)


@given(
    st.builds(
        Profile,
        name=st.just("it"),
        models=st.lists(st.text(), min_size=1).map(tuple),
        pack=st.text(),
        window_tokens=counts,
        output_tokens=counts,
        effective_tokens=st.dictionaries(st.text(), st.integers(0, 10**7)),
        codes=shares,
        fences=shares,
        batches=shares,
        stops=shares,
        items_per_call=st.integers(1, 50),
        chunk_tokens=counts,
        strategy=st.sampled_from(["rlm", "guided", "mapreduce"]),
        measured=st.text(),
    )
)
def test_a_profile_that_was_written_is_read_as_it_was(profile: Profile) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "it.toml")
        path.write_text(profile.as_toml(), encoding="utf-8")
        assert read(path) == profile


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("models = []\npack = 'coder'", "'models' names no model"),
        ("models = [1]\npack = 'coder'", "'models': each has to be a text"),
        (LEAST + "items_per_call = 0", "'items_per_call' has to be 1 or more, not 0"),
        (LEAST + "stops = 1.5", "'stops' has to be a share from 0 to 1, not 1.5"),
        (LEAST + "strategy = 'guess'", "'strategy' has to be one of rlm, guided, mapreduce"),
        (LEAST + "[effective_tokens]\nneedle = 1.5", "'needle' has to be a whole number"),
        (LEAST + "window = 9", "no field is called 'window'"),
        (LEAST.partition("\n")[0], "the field 'pack' is missing"),
    ],
)
def test_a_fault_in_a_file_is_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=f"{re.escape(str(path))}.*{message}"):
        read(path)
