"""Where a context can be read again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unspool.context.files import Files
from unspool.context.source import Context
from unspool.loaders.sources import names_files


def origin_of(source: Any) -> Mapping[str, Any]:
    """Where a context can be read again; empty when it is in memory alone, or came by a pipe."""
    origin = _named(source)
    return {} if any(map(_is_pipe, origin.get("paths", ()))) else origin


def _is_pipe(path: str) -> bool:
    try:
        return Path(path).is_fifo()
    except (OSError, ValueError):  # no path at all: whoever reads it tells
        return False


def _named(source: Any) -> Mapping[str, Any]:
    if isinstance(source, Context):
        return source.origin
    if isinstance(source, Files) and source.names:
        return {
            "paths": [str(Path(name).absolute()) for name in source.names],
            "chosen": [source.include, source.exclude, source.ignored, source.max_file_bytes],
        }
    if isinstance(source, Path) or (isinstance(source, str) and names_files(source)):
        return {"paths": [str(Path(source).absolute())]}
    if isinstance(source, (list, tuple)) and source and all(isinstance(s, Path) for s in source):
        return {"paths": [str(path.absolute()) for path in source]}
    return {}
