"""The files in docs/packs.md are a pack and a profile as unspool reads them."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from unspool.packs.pack import SETTINGS
from unspool.packs.reading import load
from unspool.profiles import Profile
from unspool.profiles.reading import read

DOC = Path(__file__).parents[2] / "docs" / "packs.md"


def test_the_files_in_the_documentation_use_every_field(tmp_path: Path) -> None:
    found = re.findall(r"^(````?)toml\n(.*?)^\1\n", DOC.read_text("utf-8"), re.M | re.S)
    pack, profile = (text for _, text in found)
    (tmp_path / "pack.toml").write_text(pack)
    (tmp_path / "profile.toml").write_text(profile)
    made, known = load(str(tmp_path / "pack.toml")), read(tmp_path / "profile.toml")
    assert len(made.examples) == 2
    assert all(re.search(rf"^{name} = ", pack, re.M) for name in ("family", *SETTINGS))
    assert all(one.name in profile for one in dataclasses.fields(Profile) if one.name != "name")
    assert known.piece_chars == 12_000
