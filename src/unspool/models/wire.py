"""One call over the wire, whatever format the server speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from unspool.errors import ConfigurationError, ModelRefused, ModelUnavailable
from unspool.models.addresses import checked_url
from unspool.models.chat_reply import Finish, code_of, mended
from unspool.models.http import Endpoint, HttpPool, HttpReply, HttpStream
from unspool.models.prices import NOTHING, Pricer, Written
from unspool.models.rates import tell
from unspool.models.refusals import Asked, declined, garbage, json_or_none, refusal
from unspool.models.sse import SseParser
from unspool.models.stops import Until, before
from unspool.models.structured import refused_schema
from unspool.models.untaken import field_refused, without
from unspool.types import Completion, OnText, Request, Usage

_JSON = json.JSONEncoder(ensure_ascii=False)


@dataclass(slots=True)
class Draft:
    """A reply that is being put together from one body or many events."""

    asked: Asked
    pieces: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    arguments: dict[int, str] = field(default_factory=dict)
    """Of tool calls, by their place: some models write their code into one."""
    told: dict[str, Any] = field(default_factory=dict)
    """What the server said about the usage, as it said it."""
    finish: Finish = "stop"
    finished: bool = False
    """Whether the server has said how the reply ended."""
    model: str = ""
    refused: str = ""
    """Why the model or a filter declined to answer; empty: it did not."""

    def __post_init__(self) -> None:
        self.model = self.asked.model

    def ended(self, finish: Finish) -> None:
        """Notes that the reply is whole, and how it ended."""
        self.finish, self.finished = finish, True


@dataclass(frozen=True, slots=True)
class Counted:
    """What one reply has used, and what is special about its price."""

    usage: Usage
    billed_microusd: int | None = None
    """What the server charged, where it says so."""
    written: Written = NOTHING


class Format(Protocol):
    """How servers of one kind are asked, and how they answer."""

    def path(self, model: str, *, streamed: bool) -> str:
        """What follows the base URL."""
        ...

    def headers(self, key: str | None) -> Mapping[str, str]:
        """The headers that the format wants, the key's among them."""
        ...

    def fields(self, model: str, request: Request, *, streamed: bool) -> dict[str, Any]:
        """The request's body, without its `extra` and its schema."""
        ...

    def held(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The fields that hold a reply to a schema; None: servers of the kind cannot."""
        ...

    def streams_by_itself(self, request: Request) -> bool:
        """Whether a reply is streamed though nobody watches: it could be long, and a silent
        connection that long is cut on its way."""
        ...

    def add(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        """Takes in a whole body; False when it is no reply."""
        ...

    def add_event(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        """Takes in one event of a stream; True when it was the last."""
        ...

    def counted(self, told: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Counted:
        """The usage that the server told, estimated where it told none."""
        ...


class WireModel:
    """One model of a server that speaks `format`.

    `name` is what reports call it, `model` what the server calls it. `extra` is added to every
    request's body, field by field, and `headers` to its headers. `timeout_s` bounds the
    server's silence, not the whole reply. `pricer` gives the cost of a usage; without one,
    calls count as unpriced unless the server bills them itself. A server that reports no usage
    is charged an estimate, about four characters a token. The pool is shared: `aclose` leaves
    it open.

    Raises:
        ConfigurationError: `base_url` or `api_key` cannot be one.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str,
        format: Format,
        base_url: str,
        http: HttpPool,
        api_key: str | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
        pricer: Pricer | None = None,
    ) -> None:
        key, url = checked_key(api_key), checked_url(base_url)
        sent = {"Content-Type": "application/json", "User-Agent": "unspool"}
        sent |= dict(format.headers(key)) | dict(headers or {})
        self._name = name
        self._http = http
        self._format = format
        whole, streamed = (url + format.path(model, streamed=one) for one in (False, True))
        self._endpoint = Endpoint(whole, sent, timeout_s)
        self._streaming = Endpoint(streamed, sent, timeout_s)
        self._asked = Asked(self._endpoint.shown, model, key)
        self._extra = dict(extra or {})
        self._pricer = pricer
        self._unheld: set[str] = set()
        self._untaken: set[str] = set()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name!r}, {self._asked!r})"

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
        request's schema, it is asked once more without, and with that schema never again; so
        with a temperature, or a bound on the reply that it knows by another name.

        Raises:
            ModelUnavailable: overload, time-out, no or a cut connection, a broken reply.
            ModelRefused: a wrong key, model, address or parameter, or no credit.
            ModelDeclined: the model or a filter will not answer this, and said nothing else.
            ContextTooLong: the request does not fit in the model's window.
            ConfigurationError: `extra` holds what JSON cannot.
        """
        if request.schema is not None:
            return await self._held(request, request.schema, on_text)
        while True:
            asked = without(request, self._untaken)
            try:
                return await self._once(asked, on_text)
            except ModelRefused as refused:
                field = field_refused(refused, asked)
                if not field:
                    raise
                self._untaken.add(field)

    async def _once(self, request: Request, on_text: OnText | None) -> Completion:
        if on_text is None and self._format.streams_by_itself(request):
            on_text = unwatched
        body = self._body(request, streamed=on_text is not None)
        if on_text is not None:
            return await self._streamed(body, request, on_text)
        return self._read(await self._http.post(self._endpoint, body), request)

    async def _held(
        self, request: Request, schema: Mapping[str, Any], on_text: OnText | None
    ) -> Completion:
        free, mark = replace(request, schema=None), _JSON.encode(schema)
        fields = self._format.held(schema)
        if fields is None or mark in self._unheld:
            return await self.complete(free, on_text)
        try:
            held = replace(free, extra=merged(fields, request.extra))
            return await self.complete(held, on_text)
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
        asked = replace(request, extra=merged(self._extra, request.extra))
        fields = self._format.fields(self._asked.model, asked, streamed=streamed)
        try:
            text = _JSON.encode(fields)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"{self!r}: `extra` is not JSON: {error}") from error
        return mended(text).encode()

    def _read(self, reply: HttpReply, request: Request) -> Completion:
        tell(reply.headers)
        if reply.status != 200:
            raise refusal(self._asked, reply.status, reply.headers, reply.body)
        draft, value = Draft(self._asked), json_or_none(reply.body)
        if not isinstance(value, dict) or not self._format.add(draft, value):
            raise garbage(self._asked, reply.body)
        return self._completion(draft, request)

    async def _streamed(self, body: bytes, request: Request, on_text: OnText) -> Completion:
        async with self._http.stream(self._streaming, body) as stream:
            kind = stream.headers.get("Content-Type", "")
            if stream.status != 200 or "json" in kind or "html" in kind:
                completion = self._read(await stream.read(), request)
                on_text(completion.text)
                return completion
            tell(stream.headers)
            draft, until = Draft(self._asked), Until(on_text, request.stop)
            try:
                await self._events(draft, stream, until if request.stop else on_text)
            except ModelUnavailable as cut:
                if not (request.partial and draft.pieces):
                    raise
                text, usage = mended("".join(draft.pieces)), Usage(lost_calls=cut.lost_calls)
                until.end()
                return Completion(before(text, request.stop), usage, draft.model, finish="cut")
            until.end()
            return self._completion(draft, request)

    async def _events(self, draft: Draft, stream: HttpStream, on_text: OnText) -> None:
        parser = SseParser()
        try:
            async for chunk in stream.chunks():
                if self._add_events(draft, parser.feed(chunk), on_text):
                    await stream.drain()
                    return
            if self._add_events(draft, parser.end(), on_text):
                return
        except ModelUnavailable:
            if not draft.finished:
                raise
        if draft.finished:  # what was cut stands behind the reply
            return
        raise ModelUnavailable(
            f"{self._asked!r}: the reply was cut before its end.", status=200, lost_calls=1
        )

    def _add_events(self, draft: Draft, events: list[str], on_text: OnText) -> bool:
        """Takes in the data of events; True when nothing more is to come."""
        for data in events:
            if data.strip() == "[DONE]":
                return True
            if not data.strip():
                continue
            value = json_or_none(data)
            if not isinstance(value, dict):
                raise garbage(self._asked, data.encode())
            before = len(draft.pieces)
            last = self._format.add_event(draft, value)
            for piece in draft.pieces[before:]:
                on_text(mended(piece))
            if last:
                return True
        return False

    def _completion(self, draft: Draft, request: Request) -> Completion:
        text = mended("".join(draft.pieces)) or code_of(draft.arguments)
        if draft.refused and not text:
            raise declined(self._asked, draft.refused)
        text = before(text, request.stop)
        reasoning = mended("".join(draft.reasoning))
        counted = self._format.counted(
            draft.told, prompt_chars=request.chars, reply_chars=len(text) + len(reasoning)
        )
        return Completion(
            text=text,
            usage=self._priced(counted),
            model=draft.model,
            finish=draft.finish,
            reasoning=reasoning,
        )

    def _priced(self, counted: Counted) -> Usage:
        usage, cost = counted.usage, counted.billed_microusd
        if cost is None and self._pricer is not None:
            cost = self._pricer(usage, counted.written)
        if cost is None:
            return replace(usage, unpriced_calls=1)
        return replace(usage, microusd=cost)


def merged(fields: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`fields` with `more`, objects field by field; where both have a value, that of `more`."""
    whole = dict(fields)
    for name, value in more.items():
        here = whole.get(name)
        both = isinstance(here, Mapping) and isinstance(value, Mapping)
        whole[name] = merged(here, value) if both else value  # type: ignore[arg-type]
    return whole


def checked_key(api_key: str | None) -> str | None:
    """The key without what a file may have put around it; None: there is none.

    Raises:
        ConfigurationError: it cannot be one.
    """
    key = (api_key or "").strip()
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the API key has characters that no key has: is it the key?")
    return key or None


def unwatched(text: str) -> None:
    """Nobody listens to the pieces."""
