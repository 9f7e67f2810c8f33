"""Cleaning up that is not left half done."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Waits until `work` has ended, however often the one who waits is cancelled meanwhile.

    A run inside of another is cancelled more than once: by its own end, and by its parent's.
    Cancelled, it raises CancelledError, but only afterwards.
    """
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancels `task` and waits until it has ended; what it raises is let go."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
