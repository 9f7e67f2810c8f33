"""Models behind an OpenAI-compatible `/chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from unspool.errors import ConfigurationError, ModelRefused, ModelUnavailable
from unspool.models.chat_reply import (
    BROKEN_FINISHES,
    Finish,
    Pricer,
    code_of,
    cost_of,
    finish_of,
    mended,
    reasoning_of,
    text_of,
    tool_arguments,
    usage_of,
)
from unspool.models.http import Endpoint, HttpPool, HttpReply, HttpStream
from unspool.models.providers import Quirks
from unspool.models.rates import tell
from unspool.models.refusals import Asked, error_in_reply, garbage, json_or_none, refusal
from unspool.models.sse import SseParser
from unspool.models.structured import refused_schema, response_format
from unspool.types import Completion, OnText, Request, Usage

_JSON = json.JSONEncoder(ensure_ascii=False)


class ChatModel:
    """One model of an OpenAI-compatible server.

    `name` is what reports call it, `model` what the server calls it. `base_url` ends before
    `/chat/completions`. `extra` is added to every request's body and `headers` to its
    headers. `timeout_s` bounds the server's silence, not the whole reply. `pricer` gives the
    cost of a usage; without one, calls count as unpriced unless the server bills them itself.
    A server that reports no usage is charged an estimate, about four characters a token. The
    pool is shared: `aclose` leaves it open.

    Raises:
        ConfigurationError: `base_url` or `api_key` cannot be one.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        base_url: str,
        http: HttpPool,
        api_key: str | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        quirks: Quirks | None = None,
        timeout_s: float = 600.0,
        pricer: Pricer | None = None,
    ) -> None:
        key = _checked_key(api_key)
        sent = {"Content-Type": "application/json", "User-Agent": "unspool"}
        if key:
            sent["Authorization"] = f"Bearer {key}"
        url = _checked_url(base_url)
        self._name = name
        self._http = http
        self._endpoint = Endpoint(f"{url}/chat/completions", sent | dict(headers or {}), timeout_s)
        self._asked = Asked(self._endpoint.shown, model, key)
        self._extra = dict(extra or {})
        self._quirks = quirks or Quirks()
        self._pricer = pricer
        self._unheld: set[str] = set()

    def __repr__(self) -> str:
        return f"ChatModel({self._name!r}, {self._asked!r})"

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    @property
    def address(self) -> str:
        """Where it is served, without what is secret in it."""
        return self._endpoint.shown

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        """Answers `request`; with `on_text`, the reply is streamed and handed over in pieces.

        Cancelling the call closes its connection. Where the server does not take the
        request's schema, it is asked once more without, and with that schema never again.

        Raises:
            ModelUnavailable: overload, time-out, no or a cut connection, a broken reply.
            ModelRefused: a wrong key, model, address or parameter, or no credit.
            ContextTooLong: the request does not fit in the model's window.
            ConfigurationError: `extra` holds what JSON cannot.
        """
        if request.schema is not None:
            return await self._held(request, request.schema, on_text)
        body = self._body(request, streamed=on_text is not None)
        prompt_chars = sum(len(message.content) for message in request.messages)
        if on_text is not None:
            return await self._streamed(body, request, prompt_chars, on_text=on_text)
        return self._read(await self._http.post(self._endpoint, body), request, prompt_chars)

    async def _held(
        self, request: Request, schema: Mapping[str, Any], on_text: OnText | None
    ) -> Completion:
        free, mark = replace(request, schema=None), _JSON.encode(schema)
        if not self._quirks.json_schema or mark in self._unheld:
            return await self.complete(free, on_text)
        extra = {"response_format": response_format(schema)} | dict(request.extra)
        try:
            return await self.complete(replace(free, extra=extra), on_text)
        except ModelRefused as refused:
            if not refused_schema(refused):
                raise
            self._unheld.add(mark)
            return await self.complete(free, on_text)

    def price(self, usage: Usage) -> int | None:
        """See `unspool.ports.Priced`."""
        return None if self._pricer is None else self._pricer(usage)

    async def aclose(self) -> None:
        """Does nothing: the connections are the pool's."""

    def _body(self, request: Request, *, streamed: bool) -> bytes:
        quirks = self._quirks
        fields: dict[str, Any] = {
            "model": self._asked.model,
            "messages": [{"role": m.role, "content": m.content} for m in request.messages],
        }
        if request.max_tokens is not None:
            fields[quirks.max_tokens_field] = request.max_tokens
        if request.temperature is not None and "temperature" not in quirks.refused:
            fields["temperature"] = request.temperature
        if request.stop and "stop" not in quirks.refused:
            fields["stop"] = list(request.stop)
        if streamed:
            fields["stream"] = True
            if quirks.stream_usage:
                fields["stream_options"] = {"include_usage": True}
        try:
            text = _JSON.encode(fields | self._extra | dict(request.extra))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{self!r}: `extra` is not JSON: {error}") from error
        return mended(text).encode()

    def _read(self, reply: HttpReply, request: Request, prompt_chars: int) -> Completion:
        tell(reply.headers)
        if reply.status != 200:
            raise refusal(self._asked, reply.status, reply.headers, reply.body)
        draft, value = _Draft(self._asked), json_or_none(reply.body)
        if not isinstance(value, dict) or not draft.add(value, "message"):
            raise garbage(self._asked, reply.body)
        return self._completion(draft, request, prompt_chars)

    async def _streamed(
        self, body: bytes, request: Request, prompt_chars: int, *, on_text: OnText
    ) -> Completion:
        async with self._http.stream(self._endpoint, body) as stream:
            kind = stream.headers.get("Content-Type", "")
            if stream.status != 200 or "json" in kind or "html" in kind:
                completion = self._read(await stream.read(), request, prompt_chars)
                on_text(completion.text)
                return completion
            tell(stream.headers)
            draft = _Draft(self._asked)
            try:
                await self._events(draft, stream, on_text)
            except ModelUnavailable as cut:
                if not (request.partial and draft.pieces):
                    raise
                text, usage = mended("".join(draft.pieces)), Usage(lost_calls=cut.lost_calls)
                return Completion(text, usage, draft.model, finish="cut")
            return self._completion(draft, request, prompt_chars)

    async def _events(self, draft: _Draft, stream: HttpStream, on_text: OnText) -> None:
        parser = SseParser()
        try:
            async for chunk in stream.chunks():
                if draft.add_events(parser.feed(chunk), on_text):
                    await stream.drain()
                    return
        except ModelUnavailable:
            if not draft.finished:
                raise
        if draft.add_events(parser.end(), on_text) or draft.finished:
            return
        raise ModelUnavailable(
            f"{self._asked!r}: the reply was cut before its end.", status=200, lost_calls=1
        )

    def _completion(self, draft: _Draft, request: Request, prompt_chars: int) -> Completion:
        text = mended("".join(draft.pieces)) or code_of(draft.arguments)
        if "stop" in self._quirks.refused:
            text = _before(text, request.stop)
        reasoning = mended("".join(draft.reasoning))
        usage = usage_of(
            draft.told, prompt_chars=prompt_chars, reply_chars=len(text) + len(reasoning)
        )
        return Completion(
            text=text,
            usage=self._priced(usage, draft.told),
            model=draft.model,
            finish=draft.finish,
            reasoning=reasoning,
        )

    def _priced(self, usage: Usage, told: Mapping[str, Any]) -> Usage:
        cost = cost_of(told, usage, self._pricer)
        if cost is None:
            return replace(usage, unpriced_calls=1)
        return replace(usage, microusd=cost)


@dataclass(slots=True)
class _Draft:
    """A reply that is being put together from one body or many events."""

    asked: Asked
    pieces: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    arguments: dict[int, str] = field(default_factory=dict)
    told: dict[str, Any] = field(default_factory=dict)
    finish: Finish = "stop"
    finished: bool = False
    model: str = ""

    def __post_init__(self) -> None:
        self.model = self.asked.model

    def add_events(self, events: list[str], on_text: OnText) -> bool:
        """Takes in the data of events; True when `[DONE]` was among them."""
        for data in events:
            if data.strip() == "[DONE]":
                return True
            if not data.strip():
                continue
            value = json_or_none(data)
            if not isinstance(value, dict):
                raise garbage(self.asked, data.encode())
            before = len(self.pieces)
            self.add(value, "delta")
            for piece in self.pieces[before:]:
                on_text(mended(piece))
        return False

    def add(self, body: Mapping[str, Any], key: str) -> bool:
        """Takes in one body or event; False when it has no choice."""
        if body.get("error") or body.get("object") == "error":
            raise error_in_reply(self.asked, body.get("error") or body)
        for name in ("usage", "timings", "x_groq"):
            if body.get(name):
                self.told[name] = body[name]
        if isinstance(body.get("model"), str) and body["model"]:
            self.model = body["model"]
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return False
        message = choice.get(key) or choice.get("message")
        if isinstance(message, dict):
            self._add_message(message)
        self._add_finish(choice)
        return True

    def _add_message(self, message: Mapping[str, Any]) -> None:
        if text := text_of(message):
            self.pieces.append(text)
        if reasoning := reasoning_of(message):
            self.reasoning.append(reasoning)
        for index, text in tool_arguments(message).items():
            self.arguments[index] = self.arguments.get(index, "") + text

    def _add_finish(self, choice: Mapping[str, Any]) -> None:
        reason = choice.get("finish_reason")
        if choice.get("error") or reason in BROKEN_FINISHES:
            raise error_in_reply(self.asked, choice.get("error") or f"finish_reason {reason}")
        if reason:
            self.finish, self.finished = finish_of(reason), True


def _before(text: str, stops: tuple[str, ...]) -> str:
    ends = [end for end in (text.find(stop) for stop in stops if stop) if end >= 0]
    return text[: min(ends)] if ends else text


def _checked_url(base_url: str) -> str:
    url = base_url.strip().rstrip("/").removesuffix("/chat/completions")
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest or any(c.isspace() for c in rest):
        raise ConfigurationError(
            f"base_url is {Asked('', '', None).redacted(base_url)!r}: it has to be an address "
            "such as https://host/v1"
        )
    return url


def _checked_key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key has characters that no key has: is it the key?")
    return key or None
