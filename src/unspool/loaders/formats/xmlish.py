"""XML from strangers: no entities of its own, and names without their namespaces."""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

from .found import LONGEST_PIECE, Meter, Unreadable

_ENTITY = re.compile(rb"<!\s*ENTITY", re.I)


class Package:
    """The parts of a zip archive by name, counted as they are read."""

    def __init__(self, archive: zipfile.ZipFile, meter: Meter) -> None:
        self._archive, self._meter = archive, meter
        self.names = frozenset(archive.namelist())

    def read(self, name: str) -> bytes:
        """One part.

        Raises:
            Unreadable: there is none of this name, or it is encrypted.
        """
        pieces, size = [], 0
        try:
            with self._archive.open(name) as part:
                while piece := part.read(LONGEST_PIECE):
                    self._meter.add(len(piece))
                    size += len(piece)
                    self._meter.check(size)
                    pieces.append(piece)
        except KeyError as missing:
            raise Unreadable(f"it lacks its part {name!r}") from missing
        except RuntimeError as encrypted:
            raise Unreadable("it is encrypted") from encrypted
        return b"".join(pieces)

    def xml(self, name: str) -> ElementTree.Element:
        """One part, parsed."""
        return parsed(self.read(name))

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """The parts that a part names: by id, the kind of each and its name."""
        folder, base = posixpath.split(name)
        rels = posixpath.join(folder, "_rels", f"{base}.rels")
        if rels not in self.names:
            return {}
        found = {}
        for one in self.xml(rels):
            target = one.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            kind = one.get("Type", "").rpartition("/")[2]
            found[one.get("Id", "")] = (kind, posixpath.normpath(path))
        return found


def parsed(data: bytes) -> ElementTree.Element:
    """The root of a document.

    Raises:
        Unreadable: it is no XML, or defines entities.
    """
    if _ENTITY.search(data):
        raise Unreadable("it defines XML entities, which no honest file of this kind does")
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError as broken:
        raise Unreadable(f"its XML is damaged ({broken})") from broken


def local(element: ElementTree.Element) -> str:
    """Its name, without the namespace."""
    tag: object = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: ElementTree.Element, name: str) -> str:
    """An attribute, whatever its namespace; empty when there is none."""
    return next((v for k, v in element.items() if k.rpartition("}")[2] == name), "")


def every(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """All elements of that name below `element`, in their order."""
    return (one for one in element.iter() if local(one) == name)
