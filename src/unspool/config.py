"""The only reader of the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from unspool.errors import ConfigurationError

DEFAULT_LOCAL = "local/qwen2.5-coder-1.5b"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says. Keys are never shown."""

    home: Path
    """Where models and the journal are kept: `UNSPOOL_HOME`, or the user's folder for data."""
    journal: str | None = None
    """`UNSPOOL_JOURNAL`: the journal's file when none is named; `off`: none."""
    model: str | None = None
    """`UNSPOOL_MODEL`: the model when none is named."""
    base_url: str | None = None
    """`OPENAI_BASE_URL`: where bare model names are looked for when no address is given."""
    docker_host: str | None = None
    """`DOCKER_HOST`: where a Docker engine listens."""
    docker_image: str | None = None
    """`UNSPOOL_DOCKER_IMAGE`: what `sandbox="docker"` makes containers of."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The environment, for keys and addresses by the names of their variables."""

    @property
    def model_folder(self) -> Path:
        """Where the files of embedded models are."""
        return self.home / "models"

    @property
    def pack_folder(self) -> Path:
        """Where the user's own packs are."""
        return self.home / "packs"

    @property
    def profile_folder(self) -> Path:
        """Where the user's own profiles are."""
        return self.home / "profiles"

    @property
    def capacity_file(self) -> Path:
        """What the user knows about how much models read and write, if there is such a file."""
        return self.home / "capacity.toml"

    @property
    def own_journal(self) -> Path:
        """The user's own journal, unless `journal` says otherwise."""
        return self.home / "journal.db"

    def key(self, variable: str) -> str | None:
        """A key from its variable; None when it is not set or empty."""
        return self.variables.get(variable, "").strip() or None

    def address(self, variable: str | None) -> str | None:
        """An address from the variable of that name; None when it is not set or empty."""
        return None if variable is None else self.key(variable)

    def journal_file(self, given: str | Path | None = None) -> Path | None:
        """Where runs are recorded: in the file that is given, or the user's own; None: nowhere."""
        usual = self.journal or str(self.own_journal)
        if given is None and usual == "off":
            return None
        return Path(usual if given is None else given).expanduser().absolute()

    def default_model(self) -> str:
        """The model when none is named.

        Raises:
            ConfigurationError: a key is set but `UNSPOOL_MODEL` is not: whose model it is
                to be costs money, so it is not guessed.
        """
        if self.model:
            return self.model
        if self.key("OPENAI_API_KEY"):
            raise ConfigurationError(
                "no model was named: OPENAI_API_KEY is set, so say which one to use, as"
                " 'openai/NAME', or set UNSPOOL_MODEL; or ask for the embedded one,"
                f" {DEFAULT_LOCAL!r}."
            )
        return DEFAULT_LOCAL


def from_environment(variables: Mapping[str, str] | None = None) -> Settings:
    """Reads the environment as it is now."""
    env = os.environ if variables is None else variables
    home = env.get("UNSPOOL_HOME")
    return Settings(
        home=Path(home).expanduser() if home else _data_folder(env),
        journal=env.get("UNSPOOL_JOURNAL") or None,
        model=env.get("UNSPOOL_MODEL") or None,
        base_url=env.get("OPENAI_BASE_URL") or None,
        docker_host=env.get("DOCKER_HOST") or None,
        docker_image=env.get("UNSPOOL_DOCKER_IMAGE") or None,
        variables=dict(env),
    )


def _data_folder(env: Mapping[str, str]) -> Path:
    if env.get("XDG_DATA_HOME"):
        return Path(env["XDG_DATA_HOME"], "unspool")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "unspool"
    return Path.home() / ".local" / "share" / "unspool"
