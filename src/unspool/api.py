"""`RLM`: the one place that knows both the engine and its adapters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Unpack

from unspool.answers import Out, kept_in, out_of
from unspool.budget import Limits
from unspool.config import from_environment
from unspool.context.source import Context
from unspool.ending import to_its_end
from unspool.engine.parts import Parts
from unspool.engine.run import Run
from unspool.errors import ConfigurationError, ModelError
from unspool.events import Event, RunEnded
from unspool.given import (
    Also,
    Caching,
    How,
    Isolation,
    check_choices,
    default_model,
    each_depth,
    name_of,
    schema_given,
    split,
)
from unspool.journal.journal import Journal
from unspool.journals import (
    Setup,
    Task,
    begun,
    forked,
    recorded_too,
    replayed,
    resumed,
    warn_of_pack,
)
from unspool.ledger import Ledger
from unspool.models.prices import Prices
from unspool.opinions.panel import answered
from unspool.opinions.poll import Poll
from unspool.origins import origin_of
from unspool.packs.reading import absolute
from unspool.parsing import load as load_context
from unspool.ports import Model, Sandbox
from unspool.record import OnDifference
from unspool.recorded import context_of, first_of_its_kind
from unspool.replays import Silent, replay
from unspool.sandboxes.packages import located
from unspool.session import HeldSandbox, Session
from unspool.shared import Shared
from unspool.spec import RunSpec
from unspool.suiting import suited
from unspool.tools import Tools
from unspool.types import Mode, Result, Usage
from unspool.underway import Stream, UnderWay
from unspool.wiring import Wiring

_SHARED = Shared()


class RLM:
    """A Recursive Language Model: `run` answers a question over a context of any length.

    `model` writes the code, `sub_model` (by default the same) answers its sub-calls. Each is
    `provider/name`, the bare name of a model at `base_url`, or an object with
    `unspool.ports.Model`'s methods. Without a model and without a key, the embedded model
    answers, and a warning says so. `prices` gives USD per million tokens (input, output
    and optionally input from a cache and into one) by model name. `pack` names the prompts to
    use, or is the TOML file that has them; `coder:-batching,-schema` leaves parts of them out;
    by default they are what the model's profile says. `retries` is how often a request is sent
    again when its server is overloaded, out of reach or cuts the connection. `isolation="none"`
    lets the model's code do whatever this user may; without it a run is refused where the
    machine cannot confine. `sandbox` is where that code runs: `process`, `monty`, `docker`, the
    name of one that an installed package adds, or an object with `unspool.ports.Sandbox`'s
    methods, which is then the caller's to close; by default what suits this system.

    Runs are recorded in the file `journal`: by default one in the user's folder for data
    (`UNSPOOL_HOME`); False records nothing. With `keep_contexts=False` it has contexts by
    their hash alone. `cache` says among which sub-calls those that are the same are made once:
    none (`off`), those of one run with its child runs (`run`), or `all` in the journal.

    `tools` are functions of yours that the model's code may call, by the names it calls them
    by: a coroutine function runs on unspool's own event loop, any other on a thread; what it
    returns and raises arrives in the cell. `packages` can be imported there as well, where
    they are installed here; of the files on this machine their own become readable.
    `child_model` writes the code of child runs (by default `model` does): one, or one for
    each depth, of which the last serves all that are deeper. With `early`, each statement of
    a reply runs as soon as it is complete, while the rest of it is still being written.
    `verify` and `samples` are those of all its runs that are not given others: see `run`.

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
        journal: str | Path | bool | None = None,
        keep_contexts: bool = True,
        cache: Caching = "run",
        mode: Mode = "auto",
        verify: bool = False,
        samples: int = 1,
    ) -> None:
        settings = from_environment()
        if model is None:
            model = default_model(settings, base_url)
        check_choices(max_depth, isolation, cache, mode)
        self._poll = Poll().given(samples, verify)
        wiring = Wiring(settings, _SHARED.http, _SHARED.gates, base_url, api_key, prices, retries)
        self._root, self._sub, *children = wiring.tree(model, sub_model, *each_depth(child_model))
        self._children = tuple(children)
        self._tools = Tools.of(tools or {})
        self._packages = located(packages)
        self._sandbox = _SHARED.sandboxes.find(
            sandbox, settings, confined=isolation != "none", packages=self._packages
        )
        _SHARED.warm(self._sandbox)
        self._models = {one.name: one for one in (self._root, self._sub, *self._children)}
        self._journal = _SHARED.journals.find(journal, settings, keep_contexts=keep_contexts)
        self._insists = journal is not None
        self._profiles, self._packs = suited(self._models, pack, settings)
        self._setup = Setup(
            models=tuple(map(name_of, (model, sub_model or model, *each_depth(child_model)))),
            base_url=base_url,
            max_depth=max_depth,
            limits=limits or Limits(),
            prices=prices,
            pack=pack and absolute(pack),
            packs={name: one.recorded for name, one in self._packs.items()},
            retries=retries,
            isolation=isolation,
            tools=self._tools.offered,
            packages=self._packages.names,
            sandbox=name_of(sandbox),
            early=early,
            cache=cache,
            mode=mode,
        )

    def __repr__(self) -> str:
        return f"RLM({self._root.name!r}, sub_model={self._sub.name!r})"

    def run(
        self,
        question: str,
        context: Any,
        schema: Any = None,
        *,
        verify: bool | None = None,
        samples: int | None = None,
        out: Out = None,
    ) -> Result:
        """Answers `question` about `context`, and waits for it; works in a notebook too.

        `context` is text, bytes, a `Path`, or the name of what exists: a file, a folder, a
        glob, `repository@revision`; `Files` says besides which files to take; or a list of
        paths, a data frame, messages or other JSON-like data. `schema` is what the answer has to
        be: a type (`int`, `list[str]`, a dataclass, a pydantic model), a dict of field names
        and types, or a JSON schema; an answer that does not fit is sent back to the model,
        and one of a complete run is a value of that type. A limit ends the run with the best
        answer so far and a `status` that says which; it does not raise. Ctrl-C ends the
        run, then raises KeyboardInterrupt. The file `out` has the answer, as far as it has come,
        after each cell: text as it is, anything else as JSON.

        With `verify`, the question has a second run that knows nothing of the first, within the
        same limits; where they come to different answers, a third decides. `samples` is how
        many runs begin in the same way, at the same time: the answer that most of them come to
        counts. `result.verified` and `result.opinions` say what they came to.

        Raises:
            ContextError: the context cannot be read, or is empty.
            ConfigurationError: the question is empty, `schema` is none, or `out` cannot be
                written.
            ModelError, SandboxError: before anything was achieved.
        """
        also: Also = {"verify": verify, "samples": samples, "out": out}
        return self._start(self._new(question, context, schema, **also)).result()

    async def arun(
        self, question: str, context: Any, schema: Any = None, **also: Unpack[Also]
    ) -> Result:
        """`run`, awaited. Cancelling it ends the run and all its requests."""
        task = await asyncio.to_thread(self._new, question, context, schema, **also)
        return await self._start(task).aresult()

    def stream(
        self, question: str, context: Any, schema: Any = None, **also: Unpack[Also]
    ) -> Stream:
        """Starts a `run` and gives its events as they happen, `for` or `async for`."""
        return self._stream(self._new(question, context, schema, **also))

    astream = stream

    def completion(self, prompt: str | Sequence[Mapping[str, Any]]) -> Result:
        """Answers a prompt of any length, given as a text or a list of messages.

        A drop-in for a model's own completion: the prompt is put where the model reads it by
        code. A text is never taken for the name of a file.
        """
        return self._start(self._new(*split(prompt))).result()

    async def acompletion(self, prompt: str | Sequence[Mapping[str, Any]]) -> Result:
        """`completion`, awaited."""
        return await self._start(self._new(*split(prompt))).aresult()

    def resume(
        self,
        run_id: str,
        context: Any = None,
        *,
        on_difference: OnDifference = "stop",
        out: Out = None,
    ) -> Result:
        """Goes on with a run that was cut short, by whatever, within the limits of this object.

        The cells are run again with the replies that were recorded: nothing is paid for twice
        but requests that were in flight. `result.recorded` is what was paid before. A run that
        is complete comes back as it is. `out` is as of `run`. `context` is needed only where the
        journal has neither its text nor the name of its file. `on_difference` says what to do
        where the context, or what cells come to, is not as recorded: `stop` raises, `record`
        goes on as recorded, `anew` goes on from what is so now.

        Raises:
            JournalError: there is no such run, it is under way, or cannot be read.
            ReplayDiffers: a cell came to something else than was recorded.
            ContextError: the context is another one now, or cannot be had.
        """
        if self._kept.row(run_id).goes_on:
            session, result = self._conversation(run_id, context, on_difference)
            session.close()
            return result
        return self._start(self._resumed(run_id, context, on_difference, out)).result()

    async def aresume(self, run_id: str, context: Any = None, **how: Unpack[How]) -> Result:
        """`resume`, awaited."""
        return await asyncio.to_thread(self.resume, run_id, context, **how)

    def fork(
        self,
        run_id: str,
        turn: int,
        context: Any = None,
        *,
        on_difference: OnDifference = "stop",
    ) -> Result:
        """A new run that begins as the recorded one did, and from `turn` on (counted from 1)
        is one of this object: of its models, pack and limits. Raises what `resume` does."""
        return self._start(self._forked(run_id, turn, context, on_difference)).result()

    def session(
        self,
        context: Any = None,
        *,
        resume: str | None = None,
        on_difference: OnDifference = "stop",
    ) -> Session:
        """A conversation over `context`: `session.ask(question)`, again and again, over the
        same variables. `resume` names a run of an earlier conversation, which goes on where
        that run ends; the runs up to it are run again with the replies that were recorded.

        Raises: what `run` and `resume` do.
        """
        if self._poll:
            raise ConfigurationError(
                "verify= and samples= are for runs on their own: a second run of a question finds"
                " none of the variables that a conversation goes on from."
            )
        if resume is not None:
            return self._conversation(resume, context, on_difference)[0]
        return self._session(Task("", self._loaded(context), origin=origin_of(context)))

    def _session(self, first: Task) -> Session:
        held = HeldSandbox(self._sandbox, first.context, _SHARED.loop.submit)
        return Session(self._start, self._new, held, first)

    def _conversation(
        self, run_id: str, context: Any, on_difference: OnDifference
    ) -> tuple[Session, Result]:
        """The session that a run is part of, brought to the end of that run."""
        journal, given = self._kept, None if context is None else self._loaded(context)
        row = journal.row(run_id)
        whole = context_of(journal, row, given, on_difference)
        origin = json.loads(row.origin)
        session = self._session(Task("", whole, session=row.session, origin=origin))
        try:
            for one in journal.before(row):
                with suppress(ModelError):  # it had failed then, too, and left what it left
                    session.again(replayed(one, journal.past(one), whole, on_difference))
            task = resumed(journal, row.id, whole, on_difference, self._root.name)
            if task.ended is not None:
                task = replayed(row, journal.past(row), whole, on_difference)
            return session, session.again(task)
        except BaseException:
            session.close()
            raise

    def stream_resume(self, run_id: str, context: Any = None, **how: Unpack[How]) -> Stream:
        """`resume`, with its events as they happen, those that are told again among them."""
        first_of_its_kind(self._kept.row(run_id))
        on_difference, out = how.get("on_difference", "stop"), how.get("out")
        return self._stream(self._resumed(run_id, context, on_difference, out))

    def stream_fork(
        self,
        run_id: str,
        turn: int,
        context: Any = None,
        *,
        on_difference: OnDifference = "stop",
    ) -> Stream:
        """`fork`, with its events as they happen."""
        return self._stream(self._forked(run_id, turn, context, on_difference))

    @classmethod
    def replay(
        cls,
        run: str | Path,
        journal: str | Path | None = None,
        context: Any = None,
        *,
        on_difference: OnDifference = "stop",
        isolation: Isolation = "confined",
    ) -> Result:
        """Makes a recorded run again from its record alone, for debugging and for tests.

        `run` is its name in the journal, or the file (`.json`) that `unspool export` wrote.
        Neither models nor keys nor tools are needed, nothing is paid and nothing is recorded:
        the cells run again, in the sandbox, on the replies that were recorded. A call that is
        not in the record fails, which the result's `error` tells.

        Raises:
            JournalError: there is no such run, or it is damaged.
            ReplayDiffers: a cell came to something else than was recorded.
            ContextError: the context was not kept, or is another one.
        """
        return cls.stream_replay(
            run, journal, context, on_difference=on_difference, isolation=isolation
        ).result()

    @classmethod
    def stream_replay(
        cls,
        run: str | Path,
        journal: str | Path | None = None,
        context: Any = None,
        *,
        on_difference: OnDifference = "stop",
        isolation: Isolation = "confined",
    ) -> Stream:
        """`replay`, with its events as they happen."""
        given = None if context is None else load_context(context)
        found = _SHARED.journals.find(journal, from_environment())
        again = replay(run, found, given, on_difference)
        rlm = cls(
            again.root,
            sub_model=again.sub,
            child_model=again.children or None,
            isolation=isolation,
            **again.options,
        )
        rlm._tools = again.tools
        rlm._packs |= again.packs
        return rlm._stream(again.task)

    def _stream(self, task: Task) -> Stream:
        return Stream(_SHARED.loop, partial(self._run, task))

    def _start(self, task: Task, listen: Callable[[Event], None] = lambda event: None) -> UnderWay:
        return UnderWay(_SHARED.loop, partial(self._run, task), listen)

    def _new(self, question: str, source: Any, schema: Any = None, **also: Unpack[Also]) -> Task:
        if not question.strip():
            raise ConfigurationError("the question is empty: say what you want to know.")
        poll = self._poll.given(also.get("samples"), also.get("verify"))
        form = None if schema is None else schema_given(schema)
        out, origin = out_of(also.get("out"), source), origin_of(source)
        return Task(question, self._loaded(source), form, poll, origin=origin, out=out)

    def _resumed(self, run_id: str, context: Any, on: OnDifference, out: Out = None) -> Task:
        given = None if context is None else self._loaded(context)
        task = resumed(self._kept, run_id, given, on, self._root.name)
        return replace(task, out=out_of(out, context))

    def _forked(self, run_id: str, turn: int, context: Any, on_difference: OnDifference) -> Task:
        given = None if context is None else self._loaded(context)
        task = forked(self._kept, run_id, turn, given, on_difference)
        return replace(task, poll=self._poll)

    @property
    def _kept(self) -> Journal:
        if self._journal is None:
            raise ConfigurationError("journal=False: without a journal there is nothing recorded.")
        return self._journal

    def _loaded(self, context: Any) -> Context:
        return load_context(context, confined=self._setup.isolation != "none")

    async def _run(
        self, task: Task, listen: Callable[[Event], None], stop: asyncio.Event, in_pieces: bool
    ) -> Result:
        with kept_in(task.out, task.run_id, listen) as heard:
            return await self._made(task, heard, stop, in_pieces)

    async def _made(
        self, task: Task, listen: Callable[[Event], None], stop: asyncio.Event, in_pieces: bool
    ) -> Result:
        if task.ended is not None:
            listen(RunEnded(run_id=task.run_id, at_s=task.ended.seconds, result=task.ended))
            return task.ended
        task = begun(self._journal, task, self._root.name, self._setup, insists=self._insists)
        warn_of_pack(task, str(self._packs[self._root.name]))
        record, recording = task.record, task.recording
        spec = RunSpec(
            task.question,
            task.run_id,
            self._setup.limits,
            self._setup.max_depth,
            schema=task.schema,
            seed=task.seed,
            earlier=task.earlier,
            first_cell=task.first_cell,
            mode=self._setup.mode,
        )
        memory = partial(task.memory, self._setup.cache, self._journal)
        root, sub, models, children = self._root, self._sub, self._models, self._children
        if task.offline:
            models = {name: Silent(name, task.run_id) for name in models}
            root, sub, children = models[root.name], models[sub.name], ()
        parts = Parts(
            root=root,
            sub=sub,
            models=models,
            sandbox=task.sandbox or self._sandbox,
            packs=self._packs,
            profiles=self._profiles,
            listen=listen if recording is None else recorded_too(recording, listen),
            stop=stop,
            stream=in_pieces,
            early=self._setup.early,
            children=children,
            tools=self._tools,
            packages=self._packages.names,
            memory=memory(),
        )
        ledger = Ledger(
            spec.limits,
            tree_id=spec.run_id,
            earlier=Usage() if task.offline else record.usage,
            elapsed_s=0.0 if task.offline else record.elapsed_s,
        )
        try:
            return await answered(
                spec,
                parts,
                ledger,
                poll=task.poll,
                make=lambda spec, parts, ledger: Run(spec, task.context, parts, ledger).result(),
                memory=memory,
            )
        finally:
            _SHARED.spent += ledger.spent
            if recording is not None:
                await to_its_end(recording.aclose())
