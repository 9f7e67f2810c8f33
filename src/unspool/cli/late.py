"""Commands whose modules are imported when they are called."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module


def late(home: str) -> Callable[[argparse.Namespace], int]:
    """What carries out a command: `module.function` of this package."""
    module, _, function = home.partition(".")

    def call(options: argparse.Namespace) -> int:
        return int(getattr(import_module(f"unspool.cli.{module}"), function)(options))

    return call
