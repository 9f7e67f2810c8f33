"""One REPL: it takes cells from the host, runs them, and tells what came of them."""

from __future__ import annotations

import ast
import builtins
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter
from types import FrameType
from typing import Any

from . import documents, show, wire
from .advice import instead
from .ahead import pure
from .ahead.front import Ahead
from .capture import Roll, Stream
from .chance import Chance
from .channel import Channel
from .checkpoint import Checkpoints
from .clock import Clock
from .confine import NotConfined, confine
from .cutting import Cutter
from .execute import Executor, explain, fresh_main
from .growth import Growth
from .hints import looked_for
from .joined import Joined
from .offers import offered
from .packages import readable
from .remains import Remains, is_alone
from .search import Searcher
from .text import patterns
from .text.big import BigText
from .text.places import Changing, Places, named
from .text.source import Source
from .textmap import mapped
from .tools import (
    Ending,
    LLMError,
    ToolError,
    defer_signals,
    model_calls,
    no_input,
    renew_pool,
    wide_pools,
)

NEAREST_LINES = 5
NOTE_CHARS = 4_000
INDEX = ".words"
"""The index of the context's words: in the REPL's own folder, which is in memory and lasts as
long as the REPL; nothing of the user's can be written to from here."""
CHANGED = (
    "The file of `context` was changed meanwhile: positions that you have may be those of other"
    " text now. Look again where it matters."
)


class Nature:
    """What the machine tells a cell unasked: the time, and what is random.

    It takes the place of Python's own functions as soon as it is made, in this process and
    those that are forked from it.
    """

    def __init__(self) -> None:
        self.clock, self.chance = Clock(), Chance()
        pure.add_inert((*self.clock.install(), *self.chance.install()))


class Session:
    """The namespace of a run, and the loop that serves it."""

    def __init__(
        self,
        sock: socket.socket,
        context_fd: int,
        lifeline: socket.socket,
        namespaces: Sequence[str],
        nature: Nature,
    ) -> None:
        self._channel, self._clock = Channel(sock), nature.clock
        opening = self._channel.command()
        self._pools = wide_pools()
        whole = _bound(context_fd, opening)
        self._source = whole.extent.source if type(whole) is BigText else None
        self._layers = self._confined(opening, namespaces, lifeline)
        self._checkpoints = Checkpoints(lifeline, self._channel.hang_up, nature.chance)
        self._namespace = fresh_main().__dict__
        self._ending = Ending(self._namespace)
        self._growth = Growth()
        self._told: list[tuple[str, str]] | None = None
        self._ahead = Ahead(self._channel, self._namespace)
        self._own = self._offer(whole, opening)
        awaitable = (name for name, one in self._own.items() if hasattr(one, "aio"))
        self._remains = Remains(self._namespace, self._own, vars(builtins))
        self._executor = Executor(self._namespace, frozenset(awaitable), self._met)
        self._hidden = frozenset((*self._own, "answer"))
        self._builtins = dict(vars(builtins))
        self._builtins_named = False
        self._in_cell = False
        self._keep_chars = opening["output_chars"] // 2
        self._stdout, self._stderr = Stream(1), Stream(2)
        self._signal = defer_signals(self._channel)
        nature.chance.begin(opening["seed"])

    def _confined(
        self, opening: Mapping[str, Any], namespaces: Sequence[str], lifeline: socket.socket
    ) -> list[str]:
        """Puts on what holds the cells; ends the process where that cannot be done."""
        if not opening["confined"]:
            lifeline.send(b"filter")
            return []
        size, memory = opening["mapped_bytes"], opening["memory_bytes"]
        try:
            confinement = confine(
                os.getcwd(),
                memory_bytes=memory,
                context_bytes=size,
                readable=readable(opening["folders"]),
            )
        except NotConfined as missing:
            self._channel.send({"op": "refused", "why": str(missing)})
            os._exit(1)
        listener = [] if confinement.listener is None else [confinement.listener]
        socket.send_fds(lifeline, [b"filter"], listener)
        for fd in listener:
            os.close(fd)
        return [*namespaces, *confinement.layers]

    def _offer(self, whole: Any, opening: Mapping[str, Any]) -> dict[str, Any]:
        """Puts what the model may use into the namespace; gives it as a mapping too."""
        context, told = whole, opening["documents"]
        table = [(name, start) for name, start, *_ in told]
        if told and not opening["is_text"]:
            context = documents.opened(whole, told)
        if context is not whole or type(whole) is BigText:
            pure.knows(patterns.install())
        if type(whole) is Joined:
            whole, table = context, []
        self._search = Searcher(
            whole,
            table,
            question=opening["question"],
            index=os.path.join(os.getcwd(), INDEX),
            first_line=opening["first_line"],
            making=self._channel.unhurried,
        )
        self._shows_nearest = bool(opening["nearest"])
        change = Places(context) if opening["parts"] else named
        calls = model_calls(Changing(self._ahead, change))
        own: dict[str, Any] = {
            "context": context,
            "question": opening["question"],
            "search": self._search.search,
            "chunks": Cutter(whole, table).chunks,
            "SHOW_VARS": self._show_vars,
            "FINAL": self._ending.FINAL,
            "FINAL_VAR": self._ending.FINAL_VAR,
            "LLMError": LLMError,
            "ToolError": ToolError,
            **calls,
            **offered(self._channel, opening["tools"]),
        }
        if opening["ahead"]:
            self._ahead.start(calls.values(), own.values())
        self._namespace.update(own)
        builtins.input = no_input
        return own

    def serve(self) -> None:
        """Runs cells until the host closes the socket."""
        self._channel.send({"op": "ready", "layers": self._layers})
        while True:
            command = self._channel.command()
            if command["op"] == "checkpoint":
                self._keep(command["after"])
                continue
            if command["op"] == "restore":
                self._namespace.update(wire.decode(command["left"]))
                continue
            number, code = command["number"], command["code"]
            self._clock.begin(command.get("clock"))
            try:
                self._serves(command.get("question"))
                self._recalls(command.get("history"))
                self._send_done(self._run(number, code))
            except Exception as broken:  # a cell has broken what its report is made with
                self._send_done(_report(number, error=self._explained(broken)))

    def _serves(self, question: str | None) -> None:
        """Begins with another question, if it is one."""
        if question is None or question == self._own["question"]:
            return
        self._own["question"] = self._namespace["question"] = question
        self._ending = Ending(self._namespace)
        for name in ("FINAL", "FINAL_VAR"):
            self._own[name] = self._namespace[name] = getattr(self._ending, name)
        self._search.ask(question)

    def _recalls(self, told: Sequence[Sequence[str]] | None) -> None:
        """Binds `history`, unless a cell has made a variable of that name."""
        if told is not None and self._namespace.get("history", self._told) is self._told:
            self._told = self._namespace["history"] = [(role, text) for role, text in told]

    def _keep(self, after: int) -> None:
        """Has a second process keep the state of this one, or is that process, much later."""
        link = self._checkpoints.take(after)
        if link is None:
            return
        self._channel.reopen(link)
        self._growth.forget()
        self._ahead.renew(self._channel)
        self._executor.renew()
        self._search.renew()
        for pool in self._pools:
            renew_pool(pool)
        self._channel.send({"op": "ready", "layers": self._layers})

    def _met(self, tree: ast.Module, code: str, name: str) -> None:
        """A cell is about to run, and this is its tree."""
        self._remains.read(tree)
        self._ahead.rewrite(tree, code, name)

    def _send_done(self, report: dict[str, Any]) -> None:
        try:
            self._channel.send(report)
        except wire.WireError as too_long:
            self._growth.forget()
            note = f"`answer` cannot leave the REPL: {too_long}. Make it smaller."
            self._channel.send({**report, "answer": None, "notes": [*report["notes"], note]})

    def _run(self, number: int, code: str) -> dict[str, Any]:
        self._ending.reopen()
        self._remains.forget()
        alone = is_alone()
        out, err = self._capture()
        started = perf_counter()
        value, error = self._execute(code, f"<cell {number}>")
        seconds = perf_counter() - started
        self._restore_builtins(code)
        nearest = self._nearest(code, "".join((*out.parts()[:2], *value[:2])), error)
        advice = self._ending.advice(), nearest, instead(code, error, self._own["context"])
        notes = [note for note in (*self._restored(), *advice) if note]
        notes += self._ahead.end_cell()
        if self._source is not None and self._source.has_changed():
            notes.append(CHANGED)
        answer = self._answer(notes)
        return _report(
            number,
            stdout=out.parts(),
            stderr=err.parts(),
            value=value,
            error=error,
            notes=[note[:NOTE_CHARS] for note in notes],
            names=show.variables(self._namespace, self._hidden),
            answer=answer,
            left=self._remains.left() if alone and is_alone() else None,
            seconds=seconds,
            clock=self._clock.end(),
        )

    def _execute(self, code: str, name: str) -> tuple[show.Parts, str]:
        """The value of the last expression and the traceback, either of them empty.

        An interrupt may come at any point of this; it ends here.
        """
        nothing = ("", "", 0)
        try:
            self._in_cell = True
            try:
                value = self._executor.run(code, name)
                return (nothing if value is None else show.bounded_repr(value)), ""
            except SystemExit as left:
                sys.stderr.write(f"sys.exit({left.code!r}) ended the cell; the run goes on\n")
                return nothing, ""
            except BaseException as error:  # whatever a model's code raises is its own affair
                return nothing, self._explained(error)
            finally:
                self._in_cell = False
                sys.settrace(None)
        except KeyboardInterrupt:  # a second interrupt, while the first was being explained
            return nothing, "KeyboardInterrupt"

    def _explained(self, error: BaseException) -> str:
        head, tail, cut = show.clip(explain(error), 6_000, 14_000)
        return f"{head}\n... {cut:,} characters left out ...\n{tail}" if cut else head

    def _answer(self, notes: list[str]) -> dict[str, Any] | None:
        found = self._ending.read()
        if found is None:
            return None
        try:
            news, after = self._growth.news(found[0])
            return {"value": wire.encode(news), "after": after, "ready": found[1]}
        except Exception as failed:  # a value of the model's own class may raise anything
            why = _said(failed)
            notes.append(f"The answer cannot leave the REPL ({why}): make it plain data.")
            return None

    def _nearest(self, code: str, shown: str, error: str) -> str:
        """The lines nearest to what a cell looked for and did not find; empty otherwise."""
        if not self._shows_nearest:
            return ""
        words = looked_for(code, shown.strip(), error)
        return str(self._search.nearest(words, NEAREST_LINES)) if words else ""

    def _restored(self) -> list[str]:
        """Puts back what the cell rebound of ours."""
        lost = [n for n, value in self._own.items() if self._namespace.get(n) is not value]
        self._namespace.update({name: self._own[name] for name in lost})
        notes = [
            f"`{name}` has been put back as it was: use another name for your own." for name in lost
        ]
        if "print" in self._namespace:
            del self._namespace["print"]
            notes.append("`print` prints again: use another name for your own.")
        return notes

    def _restore_builtins(self, code: str) -> None:
        """Puts back what cells replaced, once one of them has so much as named the module.

        Comparing them all writes to the pages that they are on, each time anew after a
        checkpoint.
        """
        self._builtins_named |= "builtins" in code
        if not self._builtins_named:
            return
        for name, value in self._builtins.items():
            if vars(builtins).get(name) is not value:
                setattr(builtins, name, value)

    def _show_vars(self) -> str:
        """The variables that you made, with their types and sizes."""
        return "\n".join(show.variables(self._namespace, self._hidden)) or "No variables yet."

    def _capture(self) -> tuple[Roll, Roll]:
        """Has what is written from now on taken down anew."""
        self._stdout.roll, self._stderr.roll = out, err = (
            Roll(self._keep_chars),
            Roll(self._keep_chars),
        )
        sys.stdout = sys.__stdout__ = self._stdout  # type: ignore[misc, assignment]
        sys.stderr = sys.__stderr__ = self._stderr  # type: ignore[misc, assignment]
        self._channel.interrupted = False
        self._signal(signal.SIGINT, self._interrupted)
        return out, err

    def _interrupted(self, signum: int, frame: FrameType | None) -> None:
        if self._channel.guarded:
            self._channel.interrupted = True
        elif self._in_cell:
            raise KeyboardInterrupt


def _said(error: Exception) -> str:
    try:
        return str(error)[:300]
    except Exception:  # an exception of the model's own that cannot be printed
        return type(error).__name__


def _report(number: int, **found: Any) -> dict[str, Any]:
    """What the host is told of a cell; what is not given is empty."""
    nothing = ("", "", 0)
    empty: dict[str, Any] = {
        "op": "done",
        "number": number,
        "stdout": nothing,
        "stderr": nothing,
        "value": nothing,
        "error": "",
        "notes": [],
        "names": [],
        "answer": None,
        "left": None,
        "seconds": 0.0,
        "clock": [],
    }
    return empty | found


def _bound(fd: int, opening: Mapping[str, Any]) -> Any:
    """The context, from the shared memory or the file behind `fd`."""
    kind, start, size = opening["kind"], opening["start"], opening["bytes"]
    if kind == "file":
        source = Source(fd, start, start + size)
        if size <= source.sizes.window:
            text = source.text(0, size)
            os.close(fd)
            return text
        return BigText(source)
    try:
        text = mapped(fd, opening["layout"], size, start, part=opening["is_part"])
    finally:
        os.close(fd)
    if opening["spans"]:
        parts = Joined(text, opening["spans"])
        return str(parts) if opening["is_text"] else parts
    return text if kind == "text" else wire.decode(wire.loads(text))
