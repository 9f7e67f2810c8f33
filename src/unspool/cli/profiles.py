"""`unspool profiles`: what is known of models."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from unspool.cli.output import visible
from unspool.config import from_environment
from unspool.errors import ConfigurationError
from unspool.profiles import profile_of
from unspool.profiles.reading import known


def profiles(options: argparse.Namespace) -> int:
    """Carries out `list` or `show`; gives the exit code."""
    own = from_environment().profile_folder
    for line in _list(own) if options.action == "list" else _show(options.name, own):
        print(line)
    return 0


def _list(own: Path) -> Iterator[str]:
    found = known(own)
    width = max(map(len, found))
    pack = max(len(one.pack) for one in found.values())
    for name, one in sorted(found.items()):
        measured = "measured" if one.effective_tokens else "not measured"
        whose = ", own" if (own / f"{name}.toml").exists() else ""
        models = visible(", ".join(one.models))
        yield f"{name:<{width}}  {one.pack:<{pack}}  {models}  ({measured}{whose})"


def _show(name: str, own: Path) -> Iterator[str]:
    """The profile of that name, else the one that a model of that name has."""
    profile = known(own).get(name) or profile_of(name, own)
    if profile.name == "unknown":
        raise ConfigurationError(
            f"no profile is called {name!r} or holds for such a model: it is asked with the pack"
            f" {profile.pack!r}. `unspool calibrate {name}` measures it."
        )
    yield f"profile {profile.name}"
    yield visible(profile.as_toml()).rstrip("\n")
    yield f"# text for one sub-call, from these: {profile.piece_chars:,} characters"
