"""Texts of contexts for code of this process, the same as cells have them."""

from __future__ import annotations

import os
import weakref
from typing import Any

from unspool.context.source import Context
from unspool.context.text import FileText
from unspool.sandboxes.worker.text.big import BigText
from unspool.sandboxes.worker.text.source import Source


def opened(context: Context) -> Any:
    """What `context` holds: plain Python, or a `BigText` of a long file in UTF-8, which is
    closed when nobody has it any more.

    Raises:
        ContextError: its file cannot be read any more, or is too long and not in UTF-8.
    """
    value = context.value
    if not isinstance(value, FileText) or value.is_whole or value.encoding != "utf-8":
        return context.in_memory()
    fd = value.open()
    source = Source(fd, value.start, value.size)
    weakref.finalize(source, os.close, fd)
    return BigText(source)
