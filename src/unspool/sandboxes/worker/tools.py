"""The functions that a model finds in the REPL, besides its own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import queue
import signal
import threading
import weakref
from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

from . import show
from .channel import CallFailed, Channel
from .shapes import build, schema_of

_OTHER_NAMES = {
    "prompt": "question",
    "question": "prompt",
    "prompts": "questions",
    "questions": "prompts",
}
THREADS = 256
"""Threads of a pool that was given no size: they wait for models, not for processors."""


class LLMError(RuntimeError):
    """A sub-call that failed; its text says why. In a batch it stands in the item's place."""


class Reply(str):
    """A model's answer inside a running event loop: text that may also be awaited."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, str]:
        return str(self)
        yield


class ToolError(RuntimeError):
    """A tool that failed in a way that Python has no name for; its text says how."""


class Road(Protocol):
    """How calls reach the host."""

    def call(self, name: str, args: list[Any]) -> Any:
        """See `Channel.call`."""
        ...


def model_calls(channel: Road) -> dict[str, Callable[..., Any]]:
    """`llm_query`, `rlm_query`, their batched forms and `ask_each`, over `channel`."""

    def ask(name: str, *args: Any) -> Any:
        try:
            return channel.call(name, list(args))
        except CallFailed as failed:
            raise LLMError(str(failed)) from None

    def llm_query(prompt: str, model: str | None = None, schema: Any = None) -> Any:
        """Asks a language model; it sees the prompt alone. Returns its answer as text, or with
        a `schema` (int, list[str], {"name": "str"}, a JSON schema) as a checked value."""
        answer = ask("llm_query", _prompt(prompt), model, *_form(schema))
        return _awaitable(_built(schema, answer))

    def llm_query_batched(
        prompts: list[str], model: str | None = None, schema: Any = None
    ) -> list[Any]:
        """Asks all prompts at the same time; answers in their order. Where one failed
        there is an LLMError in its place."""
        return _results(ask("llm_query_batched", _prompts(prompts), model, *_form(schema)), schema)

    def rlm_query(
        question: str, context: Any = None, schema: Any = None, model: str | None = None
    ) -> Any:
        """Like llm_query, for questions about a long `context`: it is read piece by piece."""
        answer = ask("rlm_query", _prompt(question), context, model, *_form(schema))
        return _awaitable(_built(schema, answer))

    def rlm_query_batched(
        questions: list[str],
        contexts: list[Any] | None = None,
        schema: Any = None,
        model: str | None = None,
    ) -> list[Any]:
        """rlm_query for each question, with the context of the same position, all at once."""
        texts = _prompts(questions)
        data = [None] * len(texts) if contexts is None else list(contexts)
        if len(data) != len(texts):
            raise ValueError(f"{len(texts)} prompts but {len(data)} contexts: give one for each")
        return _results(ask("rlm_query_batched", texts, data, model, *_form(schema)), schema)

    def ask_each(
        items: list[Any],
        question: str,
        schema: Any = None,
        model: str | None = None,
        per_call: int | None = None,
    ) -> list[Any]:
        """Asks the question of each item by itself; answers in their order, checked against
        `schema`. Where one failed there is an LLMError in its place. `per_call=10` puts ten
        items into one request: cheaper, where items are short and the question is easy."""
        return _results(
            ask("ask_each", _items(items), _prompt(question), model, per_call, *_form(schema)),
            schema,
        )

    calls = (llm_query, llm_query_batched, rlm_query, rlm_query_batched, ask_each)
    pool = call_pool()
    return {call.__name__: awaited_in(pool, _by_either_name(call)) for call in calls}


def _by_either_name(call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, which takes what is asked as `prompt=` and as `question=`: models know both."""

    own = call.__code__.co_varnames[: call.__code__.co_argcount]
    also = {other: name for name, other in _OTHER_NAMES.items() if name in own}

    @functools.wraps(call)
    def either(*args: Any, **named: Any) -> Any:
        for other in named.keys() & also.keys():
            named.setdefault(also[other], named.pop(other))
        return call(*args, **named)

    return either


def call_pool() -> concurrent.futures.Executor:
    """Threads that wait for calls which a cell awaits; they start when they are needed."""
    return concurrent.futures.ThreadPoolExecutor(THREADS, thread_name_prefix="calls")


def awaited_in(pool: concurrent.futures.Executor, call: Callable[..., Any]) -> Callable[..., Any]:
    """`call`, with `call.aio` that does the same on a thread and can be awaited."""

    async def aio(*args: Any, **kwargs: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, functools.partial(call, *args, **kwargs))

    call.aio = aio  # type: ignore[attr-defined]
    return call


def _awaitable(answer: Any) -> Any:
    if type(answer) is not str:
        return answer
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return answer
    return Reply(answer)


def _prompt(prompt: Any) -> str:
    if not isinstance(prompt, str):
        raise TypeError(f"a prompt is a str, not {type(prompt).__name__}: use str() or json.dumps")
    if not prompt.strip():
        raise ValueError("the prompt is empty")
    return str(prompt)


def _prompts(prompts: Any) -> list[str]:
    if isinstance(prompts, str):
        raise TypeError(
            "give a list of prompts; for a single one use the function without _batched"
        )
    return [_prompt(prompt) for prompt in prompts]


def _items(items: Any) -> list[Any]:
    if isinstance(items, (str, bytes, Mapping)):
        raise TypeError(f"items is a list, not a {type(items).__name__}")
    return list(items)


def _form(schema: Any) -> list[Any]:
    """What a call carries last, when there is a schema: it as JSON, for types cannot leave."""
    return [] if schema is None else [schema_of(schema)]


def _built(schema: Any, value: Any) -> Any:
    return value if schema is None else build(schema, value)


def _results(items: list[Any], schema: Any) -> list[Any]:
    return [_built(schema, item[0]) if len(item) == 1 else LLMError(item[1]) for item in items]


class Ending:
    """`answer`, `FINAL` and `FINAL_VAR`: how a model says what the answer is."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        namespace["answer"] = {"content": "", "ready": False}
        self._told = False

    def FINAL(self, *values: Any) -> None:
        """Ends the run: the value, of any type, is the answer."""
        if not values:
            raise TypeError("FINAL(value) needs the answer as its argument")
        content = values[0] if len(values) == 1 else values
        self._namespace["answer"] = {"content": content, "ready": True}

    def FINAL_VAR(self, name: Any) -> None:
        """Ends the run: the variable of that name holds the answer."""
        if not isinstance(name, str):
            self.FINAL(name)
        elif name.strip() in self._namespace:
            self.FINAL(self._namespace[name.strip()])
        else:
            known = ", ".join(show.variables(self._namespace, frozenset())[:30])
            raise NameError(f"there is no variable {name!r}; there are: {known}")

    def reopen(self) -> None:
        """The run went on: what was ready is a draft again."""
        answer = self._namespace.get("answer")
        if isinstance(answer, dict) and _is_true(answer.get("ready")):
            answer["ready"] = False

    def read(self) -> tuple[Any, bool] | None:
        """The content and whether it is ready; None while nothing was put there."""
        answer = self._namespace.get("answer")
        if not isinstance(answer, dict):
            return None if answer is None else (answer, False)
        content, ready = answer.get("content", ""), _is_true(answer.get("ready"))
        if not ready and (content is None or (isinstance(content, str) and not content)):
            return None
        return content, ready

    def advice(self) -> str:
        """What to tell a model that rebound `answer` to something else; empty otherwise."""
        answer = self._namespace.get("answer")
        if answer is None or isinstance(answer, dict) or self._told:
            return ""
        self._told = True
        return f"`answer` is now of type {type(answer).__name__}: to finish, call FINAL(answer)."


def _is_true(ready: Any) -> bool:
    if isinstance(ready, str):
        return ready.strip().lower() in ("true", "yes", "1")
    try:
        return bool(ready)
    except Exception:  # a numpy array, say: no truth, so not ready
        return False


def no_input(prompt: object = "") -> str:
    """Stands in for `input`."""
    raise EOFError("input() has nobody to ask here: take what you need from `context`")


def defer_signals(channel: Channel) -> Callable[[int, Any], Any]:
    """Makes handlers that cells install wait while the channel must not be disturbed.

    Gives the real `signal.signal`, for the REPL's own handlers.
    """
    real = signal.signal

    @functools.wraps(real)
    def install(number: int, handler: Any) -> Any:
        if not callable(handler):
            return real(number, handler)

        def handle(signum: int, frame: Any) -> None:
            if channel.guarded:
                channel.owed.append(lambda: handler(signum, frame))
            else:
                handler(signum, frame)

        return real(number, handle)

    signal.signal = install  # type: ignore[assignment]
    return real


def wide_pools() -> weakref.WeakSet[concurrent.futures.ThreadPoolExecutor]:
    """Thread pools that are given no size get `THREADS`, asyncio's own among them.

    Gives all pools that are made from now on.
    """
    pool, made = concurrent.futures.ThreadPoolExecutor, weakref.WeakSet[Any]()
    init = pool.__init__

    @functools.wraps(init)
    def wide(self: Any, max_workers: int | None = None, *args: Any, **kwargs: Any) -> None:
        init(self, max_workers or THREADS, *args, **kwargs)
        made.add(self)

    pool.__init__ = wide  # type: ignore[method-assign]
    return made


def renew_pool(pool: Any) -> None:
    """Lets a pool start new threads, in a fork that has none of those it counts on.

    These are attributes of CPython's own; a pool that has others stays as it is.
    """
    if hasattr(pool, "_idle_semaphore"):
        pool._threads = set()
        pool._work_queue = queue.SimpleQueue()
        pool._idle_semaphore = threading.Semaphore(0)
        pool._shutdown_lock = threading.Lock()
