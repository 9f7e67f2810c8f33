"""What every loader must do, as tests that its author runs.

    from unspool.testing.loader_contract import LoaderContract

    class TestMine(LoaderContract):
        name = "plan.dwg"

        def make(self):
            return my_package.load

        def sample(self):
            return Path("tests/plan.dwg").read_bytes()

pytest collects the class as it is; no plug-in is needed.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping
from typing import Any

from unspool.ports import Loader

CUTS, NOISES = 12, 12

Found = list[tuple[str, str, Mapping[str, Any]]]


class LoaderContract:
    """Subclass it, give `make`, `sample` and `name`."""

    name = "sample"
    """What the sample is called, with its ending."""

    def make(self) -> Loader:
        """The loader."""
        raise NotImplementedError

    def sample(self) -> bytes:
        """A small file of the format, with some text in it."""
        raise NotImplementedError

    def test_a_good_file_gives_texts_under_names_of_their_own(self) -> None:
        found = self._loaded(self.sample())
        assert all(isinstance(name, str) and isinstance(text, str) for name, text, _ in found)
        assert any(text.strip() for _, text, _ in found), "no text at all"
        names = [name for name, _, _ in found]
        assert len(set(names)) == len(names), f"a name comes twice: {names}"

    def test_metadata_is_what_json_has(self) -> None:
        for _, _, metadata in self._loaded(self.sample()):
            assert json.loads(json.dumps(metadata)) == dict(metadata)

    def test_texts_can_be_sent(self) -> None:
        for name, text, _ in self._loaded(self.sample()):
            assert name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == name
            assert text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass") == text

    def test_the_same_file_gives_the_same_each_time(self) -> None:
        assert self._loaded(self.sample()) == self._loaded(self.sample())

    def test_the_file_is_left_open(self) -> None:
        file = io.BytesIO(self.sample())
        list(self.make()(file, self.name))
        assert not file.closed, "it is the caller's to close"

    def test_a_file_that_is_cut_off_ends_in_an_exception_or_less_text(self) -> None:
        sample = self.sample()
        for cut in range(CUTS):
            self._survived(sample[: len(sample) * cut // CUTS])

    def test_noise_in_a_file_ends_in_an_exception_or_text(self) -> None:
        sample, noise = self.sample(), random.Random(1)
        for _ in range(NOISES):
            broken = bytearray(sample)
            for _ in range(1 + len(sample) // 50):
                broken[noise.randrange(len(broken))] = noise.randrange(256)
            self._survived(bytes(broken))

    def _loaded(self, data: bytes) -> Found:
        return [
            (name, text, dict(metadata))
            for name, text, metadata in self.make()(io.BytesIO(data), self.name)
        ]

    def _survived(self, data: bytes) -> None:
        """It may raise any exception, but none that ends more than the file."""
        try:
            found = self._loaded(data)
        except Exception:
            return
        assert all(isinstance(text, str) for _, text, _ in found)
