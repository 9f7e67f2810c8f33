"""Compressed files and archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from .found import Inner, Text, Unreadable, seekable
from .kinds import unpacked_name

MOST_MEMBERS = 200_000
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


def tar(file: BinaryIO, name: str) -> Iterator[Inner]:
    """The regular files in a tar archive, in their order; links are left out."""
    count = 0
    with tarfile.open(fileobj=file, mode="r|") as archive:
        for member in archive:
            count = _counted(count)
            opened = archive.extractfile(member) if member.isreg() else None
            if opened is not None:
                file = cast(BinaryIO, opened)
                yield Inner(member.name, file, member.name, size=member.size)
            archive.members = []  # type: ignore[attr-defined, unused-ignore]  # they are kept for ever


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
