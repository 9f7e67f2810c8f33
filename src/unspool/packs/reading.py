"""Packs by name: those that come with unspool, the user's own, and TOML files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

from unspool import tables
from unspool.errors import ConfigurationError
from unspool.packs.pack import FACTS, SETTINGS, TEXTS, Pack, Part, Place

SHIPPED = Path(__file__).parent / "data"
FILLED = ("question", "context", "turn", "turns", "piece_chars")
FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "family": str,
    **dict.fromkeys(TEXTS, (str, list)),
    "examples": list,
    **SETTINGS,
}
REQUIRED = ("family", "system", "opening", "extract")
PART: Mapping[str, type | tuple[type, ...]] = {
    "part": str,
    "text": str,
    "needs": (str, list),
    "unless": (str, list),
}
EXAMPLE: Mapping[str, type | tuple[type, ...]] = {
    "part": str,
    "role": str,
    "content": str,
    "needs": (str, list),
    "unless": (str, list),
}


def load(given: str, own: Path | None = None) -> Pack:
    """The pack that is meant: `NAME`, of those in the folder `own` or those that come with
    unspool, or the path of a TOML file; behind a colon, parts to switch off:
    `coder:-batching,-schema`.

    Raises:
        ConfigurationError: there is none, its file has a fault, or it has no such part.
    """
    name, off = _switches(given)
    if not off:
        return _named(name, own)
    switches = [switch.strip() for switch in off.split(",")]
    if not all(switch.startswith("-") for switch in switches):
        raise ConfigurationError(
            f"pack={given!r}: behind the colon, each part to switch off has a - before its name."
        )
    return _named(name, own).without(*(switch[1:] for switch in switches))


def absolute(given: str) -> str:
    """The same pack from whatever folder it is asked for."""
    name, off = _switches(given)
    return f"{Path(name).expanduser().absolute()}{off and f':{off}'}" if is_file(name) else given


def is_file(given: str) -> bool:
    """Whether a file is meant, and not a name."""
    name, _ = _switches(given)
    return name.endswith(".toml") or os.sep in name


def known(own: Path | None = None) -> dict[str, Path]:
    """The files of all packs that have a name; the user's own come first."""
    files = sorted(SHIPPED.glob("*.toml"))
    if own is not None and own.is_dir():
        files += sorted(own.glob("*.toml"))
    return {path.stem: path for path in files}


def read(path: Path) -> Pack:
    """The pack in a file.

    Raises:
        ConfigurationError: the file has a fault; the message says which.
    """
    where = f"the pack {path}"
    data = tables.read(path)
    tables.check(data, FIELDS, where, required=REQUIRED)
    settings = {name: data[name] for name in SETTINGS if name in data}
    for name, value in settings.items():
        if isinstance(value, (int, float)) and not 0 <= value < float("inf"):
            raise ConfigurationError(f"{where}: {name!r} has to be 0 or more, not {value}.")
    if not 0.1 <= (share := settings.get("history_share", 1)) <= 1:
        raise ConfigurationError(f"{where}: 'history_share' is from 0.1 to 1, not {share}.")
    if "stop" in settings:
        settings["stop"] = tables.texts(settings["stop"], f"{where}: 'stop'")
    parts = tuple(_parts(data, where))
    pack = Pack(path.stem, data["family"].strip(), parts, **settings)
    _check_needs(pack, where)
    fault = pack.fault()
    if fault:
        raise ConfigurationError(f"{where}: {fault}.")
    return pack


@cache
def _shipped(name: str) -> Pack:
    return read(SHIPPED / f"{name}.toml")


def _named(name: str, own: Path | None) -> Pack:
    if is_file(name):
        return read(Path(name).expanduser())
    files = known(own)
    if name not in files:
        where = "" if own is None else f" Your own are looked for as {own}{os.sep}NAME.toml."
        raise ConfigurationError(
            f"no pack is called {name!r}; there are: {', '.join(sorted(files))}.{where}"
        )
    return _shipped(name) if files[name].parent == SHIPPED else read(files[name])


def _switches(given: str) -> tuple[str, str]:
    """What is given before the colon, and what switches parts off behind it."""
    head, mark, tail = given.rpartition(":")
    return (head, tail) if mark and tail.startswith("-") else (given, "")


def _parts(data: Mapping[str, Any], where: str) -> Iterator[Part]:
    for place in TEXTS:
        given = data.get(place, [])
        rows = [{"part": place, "text": given}] if isinstance(given, str) else given
        for number, row in enumerate(rows, 1):
            yield _part(row, place, f"{where}, {place} {number}")
    for number, row in enumerate(data.get("examples", ()), 1):
        yield _example(row, f"{where}, example {number}")


def _part(row: Any, place: Place, where: str) -> Part:
    _is_table(row, where)
    tables.check(row, PART, where, required=("part", "text"))
    _check_filled(row["text"], where)
    return Part(_part_name(row["part"], where), place, row["text"], *_when(row, where))


def _example(row: Any, where: str) -> Part:
    _is_table(row, where)
    tables.check(row, EXAMPLE, where, required=("role", "content"))
    if row["role"] not in ("user", "assistant"):
        raise ConfigurationError(f"{where}: 'role' has to be user or assistant.")
    place = cast(Place, f"example_{row['role']}")
    name = _part_name(row.get("part", "example"), where)
    return Part(name, place, row["content"], *_when(row, where))


def _when(row: Any, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a part needs to be there, and what leaves it out."""
    needs, unless = (
        tables.texts(row.get(name, ()), f"{where}: {name!r}") for name in ("needs", "unless")
    )
    return needs, unless


def _is_table(row: Any, where: str) -> None:
    if not isinstance(row, dict):
        raise ConfigurationError(f"{where} has to be a table with 'part' and 'text'.")


def _part_name(name: str, where: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ConfigurationError(
            f"{where}: a part's name has small letters, digits and _ alone, not {name!r:.60}."
        )
    return name


def _check_filled(text: str, where: str) -> None:
    for found in re.findall(r"\$\{?([A-Za-z_]\w*)", text):
        if found not in FILLED:
            raise ConfigurationError(
                f"{where}: nothing is filled in for ${found}; there are:"
                f" {', '.join(f'${name}' for name in FILLED)}."
            )


def _check_needs(pack: Pack, where: str) -> None:
    before = set(FACTS)
    for part in pack.parts:
        for name in (*part.needs, *part.unless):
            if name not in before:
                raise ConfigurationError(
                    f"{where}: the part {part.name!r} is said to need or exclude {name!r}, which is"
                    f" neither a part before it nor one of {', '.join(FACTS)}."
                )
        before.add(part.name)
