"""The models that unspool can serve by itself: names, files and where to find them."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from unspool.errors import UnknownModel


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One model file, known by its hash."""

    name: str
    """What follows `local/` in a model string."""
    file: str
    """The name of the file, in the hub's repository and on disk."""
    size_bytes: int
    """The exact size of the file."""
    sha256: str
    """In hexadecimal: the one thing that decides whether a file is accepted."""
    repository: str
    """The official repository on the hub."""
    packages: str
    """The stem of the index packages that carry the same bytes: `STEM-part1`, ..."""
    packages_version: str
    """The version of those packages."""
    parts: int
    """How many packages there are."""
    licence: str
    """SPDX name of the model's licence."""
    context_tokens: int
    """The longest window that the model was made for."""
    token_bytes: int
    """Memory that one token of the window takes, in bytes."""


def known_models() -> tuple[LocalModel, ...]:
    """All models of the catalogue, the default one first."""
    text = files(__package__).joinpath("catalog.toml").read_text(encoding="utf-8")
    return tuple(LocalModel(name=name, **row) for name, row in tomllib.loads(text).items())


def find(name: str) -> LocalModel:
    """The model called `name`; the prefix `local/` may be left out.

    Raises:
        UnknownModel: the catalogue has no such name; the message lists those it has.
    """
    models = {model.name: model for model in known_models()}
    model = models.get(name.removeprefix("local/"))
    if model is None:
        raise UnknownModel(
            f"There is no local model {name!r}. Known: {', '.join(sorted(models))}. "
            "For a model of your own, serve it and give its address as base_url."
        )
    return model
