"""How values are shown: as JSON, on a terminal, in a line."""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from unspool.plain import plain

if TYPE_CHECKING:
    from unspool.events import WayTaken
    from unspool.types import Usage, Way

WAYS: dict[Way, str] = {
    "direct": "the model reads the text at once",
    "rlm": "the model writes code",
    "guided": "the model chooses steps",
    "mapreduce": "each piece is read, and the notes combined",
}

_UNSEEN = re.compile(
    "[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What a terminal would carry out or hide: control characters, and those that change the
direction of writing or are not seen at all."""


def visible(text: str) -> str:
    """`text` with what a terminal would carry out or hide as escapes; lines stay lines."""
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def head(text: str, chars: int) -> str:
    """The beginning of a text, in one line."""
    line = visible(" ".join(text[: 4 * chars].split()))
    return line if len(line) <= chars and len(text) <= 4 * chars else f"{line[: chars - 3]}..."


def cost(calls: int, microusd: int, unpriced: int) -> str:
    """USD; `?` where no call had a known price, and a `+` where some had none."""
    if calls and unpriced == calls:
        return "?"
    return f"${microusd / 1e6:.4f}{'+' if unpriced else ''}"


def dollars(usage: Usage) -> str:
    """The same of what was spent."""
    return cost(usage.calls, usage.microusd, usage.unpriced_calls)


def bill(usage: Usage) -> str:
    """Calls, tokens and cost."""
    calls = f"{usage.calls:,} call{'' if usage.calls == 1 else 's'}"
    return f"{calls}, {usage.tokens:,} tokens, {dollars(usage)}"


def when(started: float) -> str:
    """A time in this machine's zone, to the minute; of one that no calendar has, `?`."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(started))
    except (ValueError, OverflowError, OSError):
        return "?"


def size(count: int) -> str:
    """So many bytes."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def taken(event: WayTaken) -> str:
    """Which way to answer is tried, and why the one before it was left."""
    why = f"; the one before was left: {event.why}" if event.why else ""
    return f"way {event.way}: {WAYS[event.way]}{why}"


def as_text(answer: Any) -> str:
    """An answer as it is printed."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, (list, tuple, dict, set, frozenset)):
        return as_json(answer)
    return str(answer)


def as_json(value: Any) -> str:
    """`value` as JSON, in what stdout can show."""
    ascii_only = "utf" not in (sys.stdout.encoding or "").lower()
    return json.dumps(plain(value), ensure_ascii=ascii_only, indent=2)
