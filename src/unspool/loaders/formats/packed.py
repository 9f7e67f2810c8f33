"""Compressed files and archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from .found import Inner, Link, Text, Unreadable, seekable
from .kinds import unpacked_name

MOST_MEMBERS = 200_000
MOST_HOPS = 40
"""From link to link; more are a loop."""
BROKEN = (EOFError, zlib.error, lzma.LZMAError, tarfile.ReadError)
"""What reading raises where a compressed file or an archive is cut off or damaged."""


def gz(file: BinaryIO, name: str) -> Iterator[Inner]:
    """What a gzip file unpacks to."""
    yield _unpacked(gzip.GzipFile(fileobj=file), name)


def bz(file: BinaryIO, name: str) -> Iterator[Inner]:
    """What a bzip2 file unpacks to."""
    yield _unpacked(bz2.BZ2File(file), name)


def xz(file: BinaryIO, name: str) -> Iterator[Inner]:
    """What an xz file unpacks to."""
    yield _unpacked(lzma.LZMAFile(file), name)  # noqa: SIM115


def zst(file: BinaryIO, name: str) -> Iterator[Inner]:
    """What a Zstandard file unpacks to."""
    yield _unpacked(_zstd().ZstdFile(file), name)


def _unpacked(stream: Any, name: str) -> Inner:
    return Inner("", cast(BinaryIO, stream), unpacked_name(name))


def _zstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from backports import zstd
    return zstd


def tar(file: BinaryIO, name: str) -> Iterator[Inner | Link]:
    """The regular files in a tar archive, in their order, then the links."""
    count, links = 0, _Links()
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for member in archive:
                count = _counted(count)
                if member.islnk():
                    links.add(member.name, member.linkname)
                elif member.issym():
                    links.add(member.name, member.linkname, from_its_folder=True)
                opened = archive.extractfile(member) if member.isreg() else None
                if opened is not None:
                    links.files[_plain(member.name)] = member.name
                    file = cast(BinaryIO, opened)
                    yield Inner(member.name, file, member.name, size=member.size)
                archive.members = []  # type: ignore[attr-defined, unused-ignore]  # kept for ever
    except BROKEN:
        yield from links.found()
        raise
    yield from links.found()


class _Links:
    """The links of an archive, which may lead to what comes later, and to each other."""

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        """Each file's name as it stands in the archive, by what it comes to."""
        self._links: dict[str, tuple[str, str]] = {}

    def add(self, name: str, target: str, *, from_its_folder: bool = False) -> None:
        """A link; a symbolic one leads on from the folder that it is in."""
        if from_its_folder:
            target = posixpath.join(posixpath.dirname(name), target)
        self._links[_plain(name)] = name, _plain(target)

    def found(self) -> Iterator[Link]:
        """Each with the file that it leads to in the end, if it does."""
        for name, target in self._links.values():
            for _ in range(MOST_HOPS):
                if target in self.files or target not in self._links:
                    break
                target = self._links[target][1]
            if target in self.files:
                yield Link(name, self.files[target])
            elif target.startswith(("/", "../")) or target == "..":
                yield Link(name, "", "a link that leads out of the archive")
            else:
                yield Link(name, "", "a link to what is no file in the archive")


def _plain(name: str) -> str:
    return posixpath.normpath(name)


def members(archive: zipfile.ZipFile) -> Iterator[Inner | Text]:
    """The files in a zip archive, in their order; of one that is encrypted, the name alone."""
    count = 0
    for info in archive.infolist():
        count = _counted(count)
        if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16):
            continue
        if info.flag_bits & 1:
            yield Inner(info.filename, cast(BinaryIO, _Encrypted()), info.filename)
            continue
        try:
            opened = archive.open(info)
        except (zipfile.BadZipFile, NotImplementedError) as broken:
            yield Inner(info.filename, cast(BinaryIO, _Encrypted(str(broken))), info.filename)
            continue
        with opened:
            file = cast(BinaryIO, opened)
            yield Inner(info.filename, file, info.filename, size=info.file_size)


class _Encrypted:
    """A member that cannot be opened: it says why when it is read."""

    def __init__(self, why: str = "it is encrypted") -> None:
        self._why = why

    def read(self, size: int = -1) -> bytes:
        """Says why not."""
        raise Unreadable(self._why)

    def seekable(self) -> bool:
        """It is not."""
        return False


def opened_zip(file: BinaryIO) -> zipfile.ZipFile:
    """The archive in `file`.

    Raises:
        Unreadable: it is damaged.
    """
    try:
        return zipfile.ZipFile(seekable(file))
    except zipfile.BadZipFile as broken:
        raise Unreadable(f"it is damaged or cut off ({broken})") from broken


def _counted(count: int) -> int:
    if count >= MOST_MEMBERS:
        raise Unreadable(f"it has more than {MOST_MEMBERS:,} members")
    return count + 1
