"""A confined process that is no REPL: it runs a program of ours over what strangers wrote."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .confine import NotConfined, confine
from .namespaces import end_with_parent, enter, mount_scratch


class Located(importlib.abc.MetaPathFinder):
    """Finds packages where they are, without reading the folder around them."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = places

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `MetaPathFinder`."""
        place = self._places.get(fullname)
        if place is None:
            return None
        file = os.path.join(place, "__init__.py")
        if os.path.exists(file):
            return importlib.util.spec_from_file_location(
                fullname, file, submodule_search_locations=[place]
            )
        spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [place]
        return spec


def main(fd: int, options: str) -> None:
    """Confines this process, then runs the program over the socket `fd`.

    `options` is JSON: whether to be `confined`, the `folder` that may be written to,
    `memory_bytes`, the `program` as a folder, a module in it and a function of that; the
    `packages` that may be imported, by name and place, and more `folders` to import from.
    """
    given = json.loads(options)
    folder, module, function = given["program"]
    end_with_parent()
    sys.path.insert(0, folder)
    program = getattr(importlib.import_module(module), function)
    sys.path.remove(folder)
    if given["confined"]:
        _confined(fd, given)
    sys.meta_path.append(Located(given["packages"]))
    sys.path += given["folders"]
    program(fd)


def _confined(fd: int, given: Mapping[str, Any]) -> None:
    if "mount namespace" in enter(fd):
        mount_scratch(given["folder"])
    os.chdir(given["folder"])
    packages = given["packages"].values()
    libraries = (f"{place}.libs" for place in packages)
    readable = [*packages, *libraries, *given["folders"], given["program"][0]]
    try:
        held = confine(
            given["folder"],
            memory_bytes=given["memory_bytes"],
            context_bytes=0,
            readable=[place for place in readable if os.path.isdir(place)],
        )
    except NotConfined as missing:
        os.write(fd, f"refused: {missing}".encode())
        os._exit(1)
    if held.listener is not None:  # nobody will ever allow a fork
        os.close(held.listener)
