"""`RLM`: the one place that knows both the engine and its adapters."""

from __future__ import annotations

import asyncio
import os
import queue
import secrets
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, get_args

from unspool.budget import Limits
from unspool.config import DEFAULT_LOCAL, Settings, from_environment
from unspool.context.source import Context
from unspool.engine.packs import load as load_pack
from unspool.engine.parts import Parts
from unspool.engine.run import Run
from unspool.errors import ConfigurationError
from unspool.events import Event
from unspool.ledger import Ledger
from unspool.loaders.sources import load as load_context
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.ports import Model, Sandbox
from unspool.runtimes.thread import LoopThread
from unspool.sandboxes.packages import located
from unspool.sandboxes.worker.shapes import ShapeError, build, schema_of
from unspool.sandboxing import Sandboxes
from unspool.schema.faults import BadSchema
from unspool.schema.value import Schema
from unspool.spec import RunSpec
from unspool.tools import Tools
from unspool.types import Result, Usage
from unspool.wiring import Prices, Wiring, pack_for

Isolation = Literal["confined", "none"]

SHORT_PROMPT_CHARS = 4_000
"""A prompt up to this long is shown to the model whole; of a longer one it is told."""

CONNECTIONS = 1_024


class _Shared:
    """What all runs of the process share: one loop, its connections, a warm interpreter."""

    def __init__(self) -> None:
        self.loop = LoopThread()
        self.http = HttpPool(limit=CONNECTIONS)
        self.gates = Gates()
        self.spent = Usage()
        """By all runs of the process that have ended."""
        self.sandboxes = Sandboxes()
        self._close_at_exit()
        self._warming = False
        self._warmer: threading.Thread | None = None
        if sys.platform != "win32":
            os.register_at_fork(before=self._before_fork, after_in_child=self._forked)

    def _before_fork(self) -> None:
        """An import that is under way would be locked in the child for ever."""
        if self._warmer is not None:
            self._warmer.join()

    def _forked(self) -> None:
        self._warming = False
        self.http = HttpPool(limit=CONNECTIONS)
        self.gates.forked()
        self.sandboxes.forked()
        self._close_at_exit()

    def _close_at_exit(self) -> None:
        for part in (self.sandboxes, self.http):
            self.loop.at_exit(part.aclose)

    def warm(self, sandbox: Sandbox) -> None:
        """Starts on what the first run would have to wait for, while nobody waits."""
        begin = getattr(sandbox, "warm", None)
        if begin is not None:
            self.loop.call(begin)
        if not self._warming:
            self._warming = True
            self._warmer = threading.Thread(target=self.http.warm, name="unspool-warm", daemon=True)
            self._warmer.start()


_SHARED = _Shared()


class RLM:
    """A Recursive Language Model: `run` answers a question over a context of any length.

    `model` writes the code, `sub_model` (by default the same) answers its sub-calls. Each is
    `provider/name`, the bare name of a model at `base_url`, or an object with
    `unspool.ports.Model`'s methods. Without a model and without a key, the embedded model
    answers, and a warning says so. `prices` gives USD per million tokens (input, output
    and optionally cached input) by model name. `pack` names the prompts to use; by default
    they are chosen by the model's name. `retries` is how often a request is sent again when
    its server is overloaded, out of reach or cuts the connection. `isolation="none"` lets the
    model's code do whatever this user may; without it a run is refused where the machine
    cannot confine. `sandbox` is where that code runs: `process`, `monty`, `docker`, the name
    of one that an installed package adds, or an object with `unspool.ports.Sandbox`'s
    methods, which is then the caller's to close; by default what suits this system.

    `tools` are functions of yours that the model's code may call, by the names it calls them
    by: a coroutine function runs on unspool's own event loop, any other on a thread; what it
    returns and raises arrives in the cell. `packages` can be imported there as well, where
    they are installed here; of the files on this machine their own become readable.
    `child_model` writes the code of child runs (by default `model` does): one, or one for
    each depth, of which the last serves all that are deeper. With `early`, each statement of
    a reply runs as soon as it is complete, while the rest of it is still being written.

    One object may serve any number of runs at the same time, from any threads.

    Raises:
        UnknownModel: no such provider, pack or model.
        ConfigurationError: a key is missing, or arguments do not fit together.
    """

    # More parameters than elsewhere: each is one choice of the user's, and given by its name.
    def __init__(  # noqa: PLR0913
        self,
        model: str | Model | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        sub_model: str | Model | None = None,
        max_depth: int = 1,
        limits: Limits | None = None,
        prices: Prices | None = None,
        pack: str | None = None,
        retries: int = 5,
        isolation: Isolation = "confined",
        tools: Mapping[str, Callable[..., Any]] | None = None,
        packages: Sequence[str] = (),
        child_model: str | Model | Sequence[str | Model] | None = None,
        sandbox: str | Sandbox | None = None,
        early: bool = False,
    ) -> None:
        settings = from_environment()
        if model is None:
            model = _default_model(settings, base_url)
        if max_depth < 0:
            raise ConfigurationError(f"max_depth={max_depth}: give 0 or more")

        wiring = Wiring(
            settings,
            _SHARED.http,
            _SHARED.gates,
            base_url=base_url,
            api_key=api_key,
            prices=prices,
            retries=retries,
        )
        self._root = wiring.model(model)
        self._sub = self._root
        if sub_model is not None:
            self._sub = wiring.beside(model, sub_model).model(sub_model)
        self._children = tuple(
            wiring.beside(model, one).model(one) for one in _each_depth(child_model)
        )
        self._tools = Tools.of(tools or {})
        self._packages = located(packages)
        if isolation not in get_args(Isolation):
            raise ConfigurationError(f"isolation={isolation!r}: give 'confined' or 'none'")
        self._sandbox = _SHARED.sandboxes.find(
            sandbox, settings, confined=isolation != "none", packages=self._packages
        )
        _SHARED.warm(self._sandbox)
        self._max_depth, self._early = max_depth, early
        self._limits = limits or Limits()
        self._models = {one.name: one for one in (self._root, self._sub, *self._children)}
        self._packs = {name: load_pack(pack or pack_for(name)) for name in self._models}

    def __repr__(self) -> str:
        return f"RLM({self._root.name!r}, sub_model={self._sub.name!r})"

    def run(self, question: str, context: Any, schema: Any = None) -> Result:
        """Answers `question` about `context`, and waits for it; works in a notebook too.

        `context` is text, bytes, a `Path` (or the name of an existing file or folder), a
        list of paths, messages or other JSON-like data. `schema` is what the answer has to
        be: a type (`int`, `list[str]`, a dataclass, a pydantic model), a dict of field names
        and types, or a JSON schema; an answer that does not fit is sent back to the model,
        and one of a complete run is a value of that type. A limit ends the run with the best
        answer so far and a `status` that says which; it does not raise. Ctrl-C ends the
        run, then raises KeyboardInterrupt.

        Raises:
            ContextError: the context cannot be read, or is empty.
            ConfigurationError: the question is empty, or `schema` is none.
            ModelError, SandboxError: before anything was achieved.
        """
        return _UnderWay(self, question, load_context(context), schema=schema).result()

    async def arun(self, question: str, context: Any, schema: Any = None) -> Result:
        """`run`, awaited. Cancelling it ends the run and all its requests."""
        return await _UnderWay(self, question, load_context(context), schema=schema).aresult()

    def stream(self, question: str, context: Any, schema: Any = None) -> Stream:
        """Starts a run and gives its events as they happen."""
        return Stream(self, question, load_context(context), schema)

    def astream(self, question: str, context: Any, schema: Any = None) -> Stream:
        """The same for `async for`."""
        return self.stream(question, context, schema)

    def completion(self, prompt: str | Sequence[Mapping[str, Any]]) -> Result:
        """Answers a prompt of any length, given as a text or a list of messages.

        A drop-in for a model's own completion: the prompt is put where the model reads it by
        code. A text is never taken for the name of a file.
        """
        question, context = _split(prompt)
        return _UnderWay(self, question, context).result()

    async def acompletion(self, prompt: str | Sequence[Mapping[str, Any]]) -> Result:
        """`completion`, awaited."""
        question, context = _split(prompt)
        return await _UnderWay(self, question, context).aresult()

    async def _run(
        self,
        question: str,
        context: Context,
        listen: Callable[[Event], None],
        stop: asyncio.Event,
        in_pieces: bool,
        schema: Schema | None,
    ) -> Result:
        limits, depth = self._limits, self._max_depth
        spec = RunSpec(question, secrets.token_hex(6), limits, depth, schema=schema)
        parts = Parts(
            root=self._root,
            sub=self._sub,
            models=self._models,
            sandbox=self._sandbox,
            packs=self._packs,
            listen=listen,
            stop=stop,
            stream=in_pieces,
            early=self._early,
            children=self._children,
            tools=self._tools,
            packages=self._packages.names,
        )
        ledger = Ledger(self._limits, tree_id=spec.run_id)
        try:
            return await Run(spec, context, parts, ledger).result()
        finally:
            _SHARED.spent += ledger.spent


class _UnderWay:
    """A run that has been started on the package's loop."""

    def __init__(
        self,
        rlm: RLM,
        question: str,
        context: Context,
        listen: Callable[[Event], None] = lambda event: None,
        *,
        in_pieces: bool = False,
        schema: Any = None,
    ) -> None:
        if not question.strip():
            raise ConfigurationError("the question is empty: say what you want to know.")
        self._stop = asyncio.Event()
        form = None if schema is None else _schema(schema)
        work = rlm._run(question, context, listen, self._stop, in_pieces, form)
        self._outcome = _SHARED.loop.submit(work)

    def stop(self) -> None:
        """Ends the run soon, with the best answer so far. May be called from anywhere."""
        _SHARED.loop.call(self._stop.set)

    def result(self) -> Result:
        """Waits for the end."""
        try:
            return self._outcome.result()
        except KeyboardInterrupt:
            self.stop()
            self._outcome.result()
            raise

    async def aresult(self) -> Result:
        """Waits for the end without holding up the loop; being cancelled ends the run."""
        return await asyncio.wrap_future(self._outcome)


class Stream(_UnderWay):
    """A run under way: iterate over it for its events, with `for` or `async for`.

    The last event is `RunEnded`, which has the result. `stop` ends the run early; its best
    answer so far is in the result, whose status is then `cancelled`.
    """

    def __init__(self, rlm: RLM, question: str, context: Context, schema: Any = None) -> None:
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        super().__init__(rlm, question, context, self._events.put, in_pieces=True, schema=schema)
        self._outcome.add_done_callback(lambda _: self._events.put(None))

    def __iter__(self) -> Iterator[Event]:
        while (event := self._events.get()) is not None:
            yield event
        self._events.put(None)  # for whoever iterates again
        self._outcome.result()

    async def __aiter__(self) -> AsyncIterator[Event]:
        try:
            while (event := await self._next()) is not None:
                yield event
        except asyncio.CancelledError:
            self._outcome.cancel()
            raise
        except GeneratorExit:  # the loop was left early
            self.stop()
            raise
        self._events.put(None)  # for whoever iterates again
        self._outcome.result()

    async def _next(self) -> Event | None:
        try:
            return self._events.get_nowait()
        except queue.Empty:
            return await asyncio.to_thread(self._events.get)


def _schema(given: Any) -> Schema:
    try:
        return Schema.of_json(schema_of(given), partial(build, given), trusted=True)
    except (ShapeError, BadSchema) as wrong:
        raise ConfigurationError(f"schema={given!r:.100}: {wrong}.") from wrong


def _each_depth(given: str | Model | Sequence[str | Model] | None) -> Sequence[str | Model]:
    if given is None:
        return ()
    return given if isinstance(given, (list, tuple)) else (given,)


def _default_model(settings: Settings, base_url: str | None) -> str:
    if base_url:
        raise ConfigurationError("base_url needs a model: say what this server calls it.")
    model = settings.default_model()
    if model == DEFAULT_LOCAL:
        warnings.warn(
            f"no model was named and no key is set: the embedded model answers ({model})",
            stacklevel=3,
        )
    return model


def _split(prompt: str | Sequence[Mapping[str, Any]]) -> tuple[str, Context]:
    """The question to put, and the whole prompt as context."""
    if isinstance(prompt, str):
        question, data = prompt, Context(prompt)
    else:
        messages = [dict(message) for message in prompt]
        asked = [m.get("content") for m in messages if m.get("role") == "user"]
        question = str(asked[-1]) if asked else ""
        data = Context(messages)
    if len(question) > SHORT_PROMPT_CHARS:
        question = (
            "`context` holds a prompt that is too long to be shown. Find out what it asks for,"
            " which mostly stands at its beginning or its end, and do that."
        )
    return question, data
