"""Fields of a request that a server does not take, by what it says of them."""

from __future__ import annotations

import re
from collections.abc import Set
from dataclasses import replace

from unspool.errors import ContextTooLong, ModelRefused
from unspool.types import Request

_SAID_OF = frozenset({400, 422})
_NOT_TAKEN = re.compile(
    r"unsupported|not (?:be )?(?:support|permit|allow|accept)|only the default|deprecated", re.I
)
_TEMPERATURE, _MAX_TOKENS, _ITS_NAME = "temperature", "max_tokens", "max_completion_tokens"


def field_refused(refused: ModelRefused, request: Request) -> str:
    """The field of `request` that a refusal says is not taken; empty where it says of none.
    Servers of models that reason take no temperature, and know `max_tokens` by another name."""
    said = str(refused)
    if refused.status not in _SAID_OF or isinstance(refused, ContextTooLong):
        return ""
    if request.max_tokens is not None and _ITS_NAME in said and _NOT_TAKEN.search(said):
        return _MAX_TOKENS
    if request.temperature is not None and _TEMPERATURE in said and _NOT_TAKEN.search(said):
        return _TEMPERATURE
    return ""


def without(request: Request, untaken: Set[str]) -> Request:
    """`request` as a server is asked that did not take these fields."""
    if _TEMPERATURE in untaken:
        request = replace(request, temperature=None)
    if _MAX_TOKENS in untaken and request.max_tokens is not None:
        extra = {_ITS_NAME: request.max_tokens, **request.extra}
        request = replace(request, max_tokens=None, extra=extra)
    return request
