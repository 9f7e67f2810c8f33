"""The default sandbox: a real CPython in a process of its own, confined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unspool.context.parts import chosen, part
from unspool.context.source import Context
from unspool.errors import SandboxError
from unspool.ports import CallDoor
from unspool.sandboxes.memory import SharedContext, SharedContexts
from unspool.sandboxes.packages import Packages
from unspool.sandboxes.repl import ProcessRepl
from unspool.sandboxes.starter import Starter
from unspool.sandboxes.worker.records import Chosen, Part
from unspool.sandboxes.zygote import Zygote
from unspool.spec import ReplSpec

LAYERS = (
    *(f"{name} namespace" for name in ("user", "pid", "mount", "network", "ipc", "uts")),
    "limits",
    "landlock",
    "seccomp",
)
"""What can hold a REPL on Linux, outermost first. Without the last two it is refused."""
DELEGATING = ("rlm_query", "rlm_query_batched")
"""Calls whose arguments may be parts of the context."""


class ProcessSandbox:
    """REPLs forked from one warm interpreter. Use it on one event loop only.

    A REPL is confined (see `worker.confine`), or where that is impossible refused;
    `confined=False` is the caller's own decision to do without. `packages` are imported in
    that interpreter, and every REPL has them.
    """

    def __init__(self, *, confined: bool = True, packages: Packages | None = None) -> None:
        self._packages = packages or Packages()
        self._zygote = Zygote(self._packages, confined=confined)
        self._confined = confined
        self._contexts = SharedContexts()
        self._checked: str | None = None

    async def check(self) -> str:
        """See `unspool.ports.Sandbox`. A REPL is opened for it, once."""
        if self._checked is None:
            repl = await self.open(Context("?"), _no_calls, ReplSpec())
            self._checked = _described(repl.layers)
            await repl.aclose()
        return self._checked

    async def open(self, context: Context, door: CallDoor, spec: ReplSpec) -> ProcessRepl:
        """See `unspool.ports.Sandbox`."""
        self._zygote.warm()
        return await start_repl(
            self._zygote,
            context,
            door,
            spec,
            confined=self._confined,
            folders=self._packages.folders,
            contexts=self._contexts,
        )

    def forked(self) -> None:
        """Begins anew in a process that was forked off: the REPLs are its parent's."""
        self._zygote.forget()
        self._zygote = Zygote(self._packages, confined=self._confined)

    def warm(self) -> None:
        """Starts the interpreter that REPLs are forked from, so that the first need not wait."""
        self._zygote.warm()

    async def aclose(self) -> None:
        """Ends the interpreter and every REPL that is still open."""
        self._zygote.close()


async def start_repl(
    starter: Starter,
    context: Context,
    door: CallDoor,
    spec: ReplSpec,
    *,
    confined: bool,
    folders: Sequence[str] = (),
    contexts: SharedContexts | None = None,
) -> ProcessRepl:
    """Puts `context` into shared memory, and starts a worker over it.

    `confined`: it confines itself, and can read `folders` besides what Python needs. `contexts`
    are those that are open: a part of one shares its memory.

    Raises:
        SandboxError: it cannot be started.
    """
    try:
        shared = await (SharedContext if contexts is None else contexts).of(context)
    except OSError as failed:
        raise SandboxError(f"there is no memory for the context: {failed}") from failed
    repl = ProcessRepl(starter, shared, _with_parts(door, context), spec)
    repl.opening = {
        "op": "open",
        "kind": shared.kind,
        "layout": shared.layout,
        "start": shared.start,
        "is_part": shared.is_part,
        "spans": shared.spans,
        "bytes": shared.bytes,
        "mapped_bytes": shared.mapped_bytes,
        "parts": spec.children,
        "memory_bytes": spec.memory_bytes,
        "output_chars": spec.output_chars,
        "documents": [[d.name, d.start, d.chars, d.metadata] for d in context.documents],
        "is_text": context.is_text,
        "first_line": context.first_line,
        "question": spec.question,
        "nearest": spec.nearest,
        "ahead": spec.ahead,
        "seed": spec.seed,
        "tools": [[tool.name, tool.signature, tool.doc] for tool in spec.tools],
        "confined": confined,
        "folders": folders,
    }
    try:
        await repl.start()
    except BaseException:
        await repl.aclose()
        raise
    return repl


def _with_parts(door: CallDoor, context: Context) -> CallDoor:
    """Hands calls on; what is said to be a part of the context is one from there on."""

    def whole(value: Any) -> Any:
        if type(value) is list:
            return [whole(one) for one in value]
        if type(value) not in (Part, Chosen):
            return value
        try:
            if type(value) is Chosen:
                return chosen(context, value.runs)
            return part(context, *value)
        except ValueError as wrong:
            raise SandboxError(str(wrong)) from wrong

    async def call(name: str, args: Sequence[Any]) -> Any:
        return await door(name, [whole(arg) for arg in args] if name in DELEGATING else args)

    return call


async def _no_calls(name: str, args: object) -> None:
    raise SandboxError(f"{name} cannot be called here")


def _described(layers: Sequence[str]) -> str:
    own = "a process of its own with a clean environment"
    return f"{own}, confined by {', '.join(layers)}" if layers else f"{own}, NOT confined"
