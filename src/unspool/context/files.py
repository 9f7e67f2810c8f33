"""Which files a run is about, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath


@dataclass(frozen=True, slots=True)
class Files:
    """Files, folders, globs and `repository@revision`, and which files of them to take.

    Patterns are those of `.gitignore`: `*.py` at any depth, `/docs/*.md` from the top,
    `tests/` for a folder; `!` takes back what those before it say. A file is taken if `include`
    has it, or is empty, and `exclude` has not. They choose among what is found in folders,
    archives and repositories; a file that is named itself is always taken.
    """

    paths: str | PathLike[str] | Sequence[str | PathLike[str]] | bytes
    """Bytes are one file that is in memory: an archive, say."""
    include: str | Sequence[str] = ()
    exclude: str | Sequence[str] = ()
    ignored: bool = False
    """Takes hidden files, too, and what `.gitignore` leaves out."""
    max_file_bytes: int = 256 << 20
    """A file among several that is larger is left out, and named."""

    @property
    def names(self) -> tuple[str, ...]:
        """The paths, each as text; none of bytes."""
        if isinstance(self.paths, bytes):
            return ()
        if isinstance(self.paths, (str, PathLike)):
            return (fspath(self.paths),)
        return tuple(fspath(path) for path in self.paths)
