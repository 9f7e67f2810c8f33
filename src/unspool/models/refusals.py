"""From a server's "no" to the error that says whether it heals and what to do."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from unspool.errors import (
    ContextTooLong,
    ModelDeclined,
    ModelError,
    ModelRefused,
    ModelUnavailable,
)
from unspool.models.rates import seconds_until

_SHOWN_CHARS = 400
_GARBAGE_CHARS = 100
_SECRET_CHARS = 4
_HEALING = frozenset({408, 409, 425, 429})
_NO_CREDIT = frozenset(
    {
        "billing_hard_limit_reached",
        "billing_not_active",
        "exceeded_current_quota_error",
        "insufficient_quota",
    }
)
_DECLINED = frozenset(
    {
        "bio_policy",
        "content_filter",
        "content_policy_violation",
        "data_inspection_failed",
        "invalid_prompt",
        "misalignment_policy_violation",
    }
)
_TOO_LONG = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|maximum prompt length"
    r"|maximum model length|max_model_len|context (?:size|length|window|limit)|prompt is too long"
    r"|prompt too long|request too large|reduce the length|input token count"
    r"|inputs?`? must have (?:less|fewer)|too many (?:input )?tokens|input is too long"
    r"|`inputs` tokens \+ `max_new_tokens`|>= n_ctx|string_above_max_length"
    r"|exceeded model token limit|range of input length|prompt exceeds max length",
    re.IGNORECASE,
)
_TOO_LONG_AT_ONCE = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum context length|request too large",
    re.IGNORECASE,
)
"""The same, of a server that says it as it says that too much is asked in a minute."""
_REPLY_TOO_LONG = re.compile(r"max_(?:completion_)?tokens['`\"]? is too large", re.IGNORECASE)
_SPELLED = re.compile(r"(?:[\d.]+(?:ms|[hms]))+")
"""A time as some servers write it: `1m30s`."""
_LOOKS_SECRET = re.compile(
    r"\b(?:(?:sk|gsk|csk|xai|nvapi|hf)[-_][\w*.-]{8,}|AIza[\w*.-]{20,})", re.IGNORECASE
)
_CREDIT_GONE = re.compile(r"credit balance is too low", re.IGNORECASE)
_WRONG_KEY = re.compile(r"API_KEY_INVALID|API key not valid", re.IGNORECASE)
_STATUSES = {
    "authentication_error": 401,
    "invalid_api_key": 401,
    "invalid_request_error": 400,
    "model_not_found": 404,
    "permission_error": 403,
}
"""Of errors without a number, what is known not to heal."""
_OTHER_WORDS = "Ask in other words, leave out what it objects to, or use another model."
_NO_USE = "It says that asking again is of no use."
_REMEDIES: Mapping[int, str] = {
    400: "The request has a field or value that this server does not take.",
    401: "Check the key: pass api_key=, or set the provider's variable (OPENAI_API_KEY ...).",
    402: "The account has no credit left.",
    403: "The key is not allowed to use this model.",
    404: "Check the model's name, and that base_url is right (most end in /v1).",
    405: "Check base_url: most end in /v1.",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked for what: the words that errors begin with."""

    url: str
    model: str
    key: str | None

    def redacted(self, text: str) -> str:
        """`text` without the key, or anything that looks like one."""
        if self.key and len(self.key) >= _SECRET_CHARS:
            text = text.replace(self.key, "[key]")
        return _LOOKS_SECRET.sub("[key]", text)

    def shortened(self, text: str) -> str:
        """`text` on one line, without keys, cut at 400 characters."""
        line = " ".join(self.redacted(text).split())
        return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + " [...]"

    def __repr__(self) -> str:
        return f"{self.model!r} at {self.url}"


def refusal(asked: Asked, status: int, headers: Mapping[str, str], body: bytes) -> ModelError:
    """The error for a response whose status is not 200."""
    value = json_or_none(body)
    message, codes = _parts(value) if value is not None else (_plain(body), frozenset())
    said = asked.shortened(message) or "no explanation"
    text = f"{asked!r} answered {status}: {said}"
    if 300 <= status < 400:
        target = asked.shortened(headers.get("Location", "elsewhere"))
        return ModelRefused(f"{text}. It moved to {target}: change base_url.", status=status)
    if status == 413 or _is_too_long(status, " ".join((*codes, message))):
        return ContextTooLong(
            f"{text}. Ask with a shorter prompt, or a model with a longer window.", status=status
        )
    if codes & _NO_CREDIT or _CREDIT_GONE.search(message):
        return ModelRefused(f"{text}. {_REMEDIES[402]}", status=status)
    if codes & _DECLINED:
        return ModelDeclined(f"{text}. {_OTHER_WORDS}", status=status)
    heals = status in _HEALING or status >= 500
    if {"true": True, "false": False}.get(_header(headers, "x-should-retry"), heals):
        wait_s = retry_after_s(headers, time.time())
        if wait_s is None:
            wait_s = _retry_info_s(value)
        return ModelUnavailable(text, status=status, retry_after_s=wait_s)
    remedy = _NO_USE if heals else _REMEDIES.get(status, _REMEDIES[400])
    if status == 400 and _WRONG_KEY.search(message):
        remedy = _REMEDIES[401]
    if status == 401 and not asked.key:
        remedy = f"No key was given. {remedy}"
    return ModelRefused(f"{text}. {remedy}", status=status)


def _is_too_long(status: int, said: str) -> bool:
    """Whether that is of one prompt, and not of many tokens in a minute, or of the reply."""
    words = _TOO_LONG_AT_ONCE if status == 429 else _TOO_LONG
    return bool(words.search(said)) and not _REPLY_TOO_LONG.search(said)


def declined(asked: Asked, said: str) -> ModelDeclined:
    """The error for a reply that is a refusal, and holds nothing else."""
    text = f"{asked!r} declined to answer: {asked.shortened(said)}. {_OTHER_WORDS}"
    return ModelDeclined(text, status=200, lost_calls=1)


def error_in_reply(asked: Asked, error: Any) -> ModelError:
    """The error for an `error` object in a response whose status is 200."""
    code = str(error.get("code")) if isinstance(error, dict) else ""
    names = {code, str(error.get("type"))} if isinstance(error, dict) else set()
    named = next((_STATUSES[name] for name in names if name in _STATUSES), 503)
    status = int(code) if code.isdecimal() and 300 <= int(code) < 600 else named
    failed = refusal(asked, status, {}, json.dumps({"error": error}).encode())
    failed.lost_calls = 1  # it began to answer
    return failed


def error_named(asked: Asked, name: str, said: object, statuses: Mapping[str, int]) -> ModelError:
    """The error for one that a reply tells by its name: `statuses` has the status that it would
    have had, had it come at once, else 400."""
    error = {"message": f"{name}: {said or ''}", "type": name, "code": statuses.get(name, 400)}
    return error_in_reply(asked, error)


def garbage(asked: Asked, body: bytes) -> ModelError:
    """The error for a response with status 200 that is no chat completion."""
    text = _plain(body)
    if text.lstrip()[:1] == "<":
        return ModelRefused(
            f"{asked!r} answered with a web page. Check base_url: most end in /v1.",
            status=200,
            lost_calls=1,
        )
    shown = asked.shortened(text)[:_GARBAGE_CHARS] or "nothing"
    return ModelUnavailable(
        f"{asked!r} answered what is no chat completion: {shown}", status=200, lost_calls=1
    )


def broken(asked: Asked, said: str) -> ModelUnavailable:
    """The error for a reply that came to nothing, and may come to something another time."""
    text = f"{asked!r} sent no reply: {asked.shortened(said)}"
    return ModelUnavailable(text, status=200, lost_calls=1)


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """The seconds that a server asks to wait, or None. `now_s` is seconds since 1970."""
    milliseconds = _number(_header(headers, "retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = _header(headers, "retry-after")
    seconds = _number(value)
    if seconds is None and _SPELLED.fullmatch(value):
        seconds = seconds_until(value, now_s)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_s)
    except (ValueError, OverflowError, TypeError):
        return None


def _header(headers: Mapping[str, str], wanted: str) -> str:
    """A header's value, whatever the case of its name; empty where there is none."""
    return next((v.strip() for name, v in headers.items() if name.lower() == wanted), "")


def _retry_info_s(value: Any) -> float | None:
    """The seconds that the details of Google's errors ask to wait: `{"retryDelay": "34s"}`."""
    if isinstance(value, list) and value:
        value = value[0]
    error = value.get("error") if isinstance(value, dict) else None
    details = error.get("details") if isinstance(error, dict) else None
    for detail in details if isinstance(details, list) else ():
        delay = detail.get("retryDelay") if isinstance(detail, dict) else None
        if isinstance(delay, str) and delay.endswith("s"):
            return _number(delay[:-1])
    return None


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def json_or_none(body: bytes | str) -> Any:
    """The JSON value in `body`; None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _plain(body: bytes) -> str:
    return body[:4000].decode(errors="replace")


def _parts(value: Any) -> tuple[str, frozenset[str]]:
    """The message and the codes of an error, in any of the shapes that servers use."""
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return str(value), frozenset()
    inner = value.get("error", value)
    if not isinstance(inner, dict):
        inner = value | {"message": inner}
    codes = frozenset(str(inner[name]) for name in ("code", "type") if inner.get(name))
    message = inner.get("message") or inner.get("detail") or inner
    more = inner.get("metadata")
    if isinstance(more, dict) and more.get("raw"):
        message = f"{message}: {more['raw']}"
    return _said(message), codes


def _said(message: Any) -> str:
    """A message that is no string: a list of complaints, without the input they quote."""
    if isinstance(message, dict) and "detail" in message:
        message = message["detail"]
    if isinstance(message, list):
        return "; ".join(_said(item) for item in message)
    if isinstance(message, dict) and "msg" in message:
        where = ".".join(str(step) for step in message.get("loc") or ())
        return f"{where}: {message['msg']}"
    return message if isinstance(message, str) else json.dumps(message)
