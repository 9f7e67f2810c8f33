"""How long a server asks to wait, and what it says is too much."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from unspool.errors import ContextTooLong, ModelError, ModelRefused, ModelUnavailable
from unspool.models.refusals import Asked, refusal, retry_after_s

ASKED = Asked("http://127.0.0.1:9/v1", "m", None)
NOW_S = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, 30.0),
        ({"Retry-After": "Tue, 14 Nov 2000 22:13:50 GMT"}, 0.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "1m30s"}, 90.0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
    ],
)
def test_retry_after_is_seconds_milliseconds_or_a_date(
    headers: Mapping[str, str], wait_s: float | None
) -> None:
    assert retry_after_s(headers, NOW_S) == wait_s


@pytest.mark.parametrize(
    ("status", "said", "error"),
    [
        (429, "Tokens per minute limit exceeded - too many tokens processed.", ModelUnavailable),
        (429, "Too many tokens, please wait before trying again.", ModelUnavailable),
        (429, "Request too large for m on tokens per min: Limit 10, Requested 20", ContextTooLong),
        (400, "too many input tokens", ContextTooLong),
        (422, "`inputs` tokens + `max_new_tokens` must be <= 4097", ContextTooLong),
        (400, "Cannot truncate prompt with n_keep (9000) >= n_ctx (4096)", ContextTooLong),
        (
            400,
            "'max_tokens' is too large: 320. This model's maximum context length is 9",
            None,
        ),
    ],
)
def test_a_prompt_that_is_too_long_is_told_from_too_much_in_a_minute(
    status: int, said: str, error: type[ModelError] | None
) -> None:
    body = json.dumps({"error": {"message": said}}).encode()
    assert type(refusal(ASKED, status, {"Retry-After": "3"}, body)) is (error or ModelRefused)
