"""How a scripted server understands requests and words its answers."""

from __future__ import annotations

import json
from typing import Any, Protocol

from unspool.testing.connection import HttpRequest
from unspool.testing.render import Wire, bounded, render
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Usage


class Dialect(Protocol):
    """One wire format, from the server's side."""

    @property
    def root(self) -> str:
        """What a base URL ends in."""
        ...

    def serves(self, path: str) -> bool:
        """Whether models are asked at `path`, its query included."""
        ...

    def key_problem(self, request: HttpRequest, key: str | None) -> Reply | None:
        """The refusal of a request that does not bring `key`; None: it does."""
        ...

    def parse(self, request: HttpRequest) -> tuple[ChatRequest, Reply | None]:
        """What is asked, and the refusal where it is asked wrongly."""
        ...

    def bounded(self, request: ChatRequest, reply: Reply) -> Reply:
        """`reply` within what the request allows."""
        ...

    def render(self, request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
        """`reply` as bytes."""
        ...


class ChatDialect:
    """Chat completions, as OpenAI-compatible servers speak them."""

    root = "/v1"

    def serves(self, path: str) -> bool:
        """See `Dialect`, also for what follows."""
        return path.partition("?")[0].endswith("/chat/completions")

    def key_problem(self, request: HttpRequest, key: str | None) -> Reply | None:
        return bearer_problem(request, key)

    def parse(self, request: HttpRequest) -> tuple[ChatRequest, Reply | None]:
        body = body_of(request)
        if body is None:
            return ChatRequest({}, request.headers), no_object()
        return ChatRequest(body, request.headers), None

    def bounded(self, request: ChatRequest, reply: Reply) -> Reply:
        return bounded(request, reply)

    def render(self, request: ChatRequest, reply: Reply, usage: Usage) -> Wire:
        return render(request, reply, usage)


def body_of(request: HttpRequest) -> dict[str, Any] | None:
    """The JSON object that a request holds; None where it holds none."""
    try:
        body: Any = json.loads(request.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def no_object() -> Reply:
    """The refusal of a body that is no JSON object."""
    return Reply("the request's body is not a JSON object", status=400)


def bearer_problem(request: HttpRequest, key: str | None) -> Reply | None:
    """The refusal of a request whose `Authorization` is not `key`."""
    given = request.headers.get("authorization", "")
    if key is None or given == f"Bearer {key}":
        return None
    message = f"Incorrect API key provided: {given.removeprefix('Bearer ')}."
    return Reply(message, status=401, error_code="invalid_api_key")
