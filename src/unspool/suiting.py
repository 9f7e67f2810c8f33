"""What is known of models, and the prompts that suit them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from unspool.config import Settings
from unspool.errors import ConfigurationError
from unspool.models.capacity import own_rows, row_of
from unspool.packs.pack import OF_A_MODE, Pack
from unspool.packs.reading import load
from unspool.profiles import Profile, profile_of


def suited(
    models: Iterable[str], pack: str | None, settings: Settings
) -> tuple[dict[str, Profile], dict[str, Pack]]:
    """What is known of each model, and its prompts: `pack`, which is then what it is asked with
    first, or what its profile says.

    Raises:
        ConfigurationError: there is no such pack, it is one of a mode, or a file of the user's
            has a fault.
    """
    mode = OF_A_MODE.get(pack.partition(":")[0]) if pack is not None else None
    if mode is not None:
        raise ConfigurationError(f"the prompts {pack!r} are those of a mode: give mode={mode!r}.")
    rows = own_rows(settings.capacity_file)
    profiles = {
        name: _sized(profile_of(name, settings.profile_folder), row_of(name, rows))
        for name in models
    }
    own = settings.pack_folder
    if pack is not None:
        coding = {name: replace(one, strategy="rlm") for name, one in profiles.items()}
        return coding, dict.fromkeys(profiles, load(pack, own))
    return profiles, {name: _pack_of(profile, own) for name, profile in profiles.items()}


def _sized(profile: Profile, row: Mapping[str, int]) -> Profile:
    """`profile` with what is known of a model's window and longest reply, where it has not."""
    return replace(
        profile,
        window_tokens=profile.window_tokens or row.get("window"),
        output_tokens=profile.output_tokens or row.get("output"),
    )


def _pack_of(profile: Profile, own: Path) -> Pack:
    try:
        return load(profile.pack, own)
    except ConfigurationError as wrong:
        raise ConfigurationError(f"by the profile {profile.name!r}: {wrong}") from wrong
