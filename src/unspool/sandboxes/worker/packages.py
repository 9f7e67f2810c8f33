"""The packages that a REPL was given: imported before it is forked, read while it runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def import_all(names: Sequence[str], folders: Sequence[str]) -> str:
    """Imports packages from these folders; gives why one cannot be, or an empty text.

    What else lies in the folders cannot be imported afterwards.
    """
    before = list(sys.path)
    sys.path += folders
    try:
        for name in names:
            __import__(name)
    except BaseException as failed:  # a package's import may do anything, exiting too
        return f"the package {name!r} cannot be imported: {type(failed).__name__}: {failed}"
    finally:
        sys.path[:] = before
    return ""


def readable(folders: Sequence[str]) -> list[str]:
    """The files of all packages that were imported from these folders, and of no other:
    beside them may lie what no cell is to read."""
    if not folders:
        return []
    found: dict[str, None] = {}
    for name, module in list(sys.modules.items()):
        if "." in name:
            continue
        file = getattr(module, "__file__", None)
        for place in getattr(module, "__path__", None) or ([file] if file else []):
            place = os.path.abspath(place)
            if os.path.dirname(place) in folders:
                found.update(dict.fromkeys((place, f"{place}.libs")))
    return list(found)
