"""The look ahead as the REPL sees it: it rewrites cells, and is called by what it put there."""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from ..channel import Channel
from .effects import Scans
from .plan import Plan, Shared, Site
from .pool import Pool
from .rewrite import Rewriter
from .sources import Sources
from .values import AHEAD

MOST_NOTES = 3
MOST_BARREN = 3
"""After so many looks ahead in a row that found nothing, a place is left alone."""


class Ahead:
    """Sends the calls of loops ahead of the code that makes them.

    It is also the road of all calls from cells to the host.
    """

    def __init__(self, channel: Channel, namespace: dict[str, Any]) -> None:
        self._pool, self._namespace = Pool(channel), namespace
        self._cells: list[str] = []
        self._sites: list[Site] = []
        self._carriers: set[str] = set()
        self._shared: Shared | None = None
        self._busy = False

    def call(self, name: str, args: list[Any]) -> Any:
        """Has the host run `name`; see `Channel.call`. Any thread may."""
        return self._pool.call(name, args)

    def start(self, models: Iterable[Callable[..., Any]], offered: Iterable[Any]) -> None:
        """From now on cells are rewritten: `models` are what calls models in the REPL,
        `offered` its other functions."""
        calls = {id(one): one for one in models}
        self._carriers = {one.__name__ for one in calls.values()}
        self._shared = Shared(
            self._pool,
            Sources(self._cells),
            Scans(),
            calls,
            {id(one): one for one in offered if callable(one)},
            self._carriers,
            self._namespace,
        )
        setattr(builtins, AHEAD, self)

    def rewrite(self, tree: ast.Module, code: str, cell: str) -> None:
        """Puts looks ahead into a cell, before each loop that may call a model."""
        self._cells.append(cell)
        if any(word in code for word in self._carriers):
            Rewriter(self._carriers, self._sites, cell).rewrite(tree)

    def __call__(self, number: int, given: Any = None) -> Any:
        """Looks ahead from site `number`, whose loop goes over `given`; gives `given`."""
        other = threading.current_thread() is not threading.main_thread()
        watched = sys.gettrace() is not None or asyncio._get_running_loop() is not None
        if self._busy or other or watched:
            return given
        self._busy = True
        try:
            with self._pool.channel.guard:
                self._look(self._sites[number], sys._getframe(1), given)
        finally:
            self._busy = False
        return given

    def _look(self, site: Site, frame: FrameType, given: Any) -> None:
        pool, shared = self._pool, self._shared
        assert shared is not None
        pool.plans = [
            plan
            for plan in pool.plans
            if plan.is_running() and not (plan.site is site and plan.is_at(frame))
        ]
        if site.barren >= MOST_BARREN or any(plan.is_covering for plan in pool.plans):
            return
        with contextlib.suppress(Exception):  # whatever breaks the scout must not break the cell
            plan = Plan(site, frame, given, shared)
            pool.plans.append(plan)
            plan.first()
            site.barren = 0 if plan.is_of_use else site.barren + 1
            if not plan.is_of_use:
                pool.plans.remove(plan)

    def end_cell(self) -> list[str]:
        """The cell is over: what the model should know of it."""
        notes = [site.note() for site in self._sites if site.used > 1]
        for site in self._sites:
            site.used = site.barren = 0
        self._pool.end_cell()
        return notes[:MOST_NOTES]

    def renew(self, channel: Channel) -> None:
        """This process goes on over another channel: replies to the old one will not come."""
        self._pool.renew(channel)
