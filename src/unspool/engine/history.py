"""The messages that the root model sees: they grow at the end alone while they fit its window."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.context.describe import describe
from unspool.context.source import Context
from unspool.engine.long.messages import Messages
from unspool.engine.long.short import Exchange, clip
from unspool.engine.parts import Parts
from unspool.engine.strategies.rungs import Rung
from unspool.packs.pack import Pack
from unspool.spec import RunSpec
from unspool.types import Completion, Message, Observation, Request, Usage

REPEATED = (
    "You have written exactly this before. Finish, if the output shows the answer, or"
    " do something else: search for other words."
)
LEFT = "Left for this run and all its sub-calls: {}. Come to an answer before it is used up."
CUT = "Your reply was longer than it may be, and its end is missing: write shorter ones."
UNSTUCK = 0.8
"""Temperature after a repeated reply, where it is 0: else the same would come for ever."""


class History:
    """The conversation with the root model, from the opening on.

    It holds neither the context nor output that is not clipped.
    """

    def __init__(
        self,
        spec: RunSpec,
        context: Context,
        parts: Parts,
        rung: Rung,
        *,
        shown: str,
        first_of_all: bool,
    ) -> None:
        """`shown` is what the rung's first cells have shown; `first_of_all`:
        no other was before."""
        pack = self._pack = parts.told(rung.pack, spec, rung.facts)
        self._schema = rung.schema
        self._turns = spec.limits.turns
        self._replies: set[str] = set()
        self._reply = Completion("", Usage(), "")
        self.repeated = False
        """Whether the last reply was word for word as one before it."""
        self._values = {"question": spec.question, "turns": str(self._turns)}
        joined = getattr(parts.sandbox, "joins_documents", False)
        told = rung.text or describe(context, pack.preview_chars, joined=joined)
        lines = [told, *spec.earlier, *offers(spec, parts), *([shown] if shown else [])]
        described = {**self._values, "context": "\n".join(lines)}
        opening = Message("user", pack.fill(pack.opening, described))
        new = (Message("system", pack.system), *pack.examples, opening)
        recorded = parts.memory.record.opening(spec.run_id) if first_of_all else ()
        self._messages = Messages(
            recorded or new,
            window_tokens=parts.profile_of(parts.root).window_tokens,
            share=pack.history_share,
            reply_tokens=pack.max_tokens,
        )
        self.opening = (recorded or new)[-1].content
        """The first message: the question, and what the context is."""

    def request(self) -> Request:
        """What to send to the root model now."""
        pack = self._pack
        stuck = self.repeated and pack.temperature == 0
        return Request(
            self._messages.now,
            max_tokens=pack.max_tokens,
            temperature=UNSTUCK if stuck else pack.temperature,
            stop=pack.stop,
            schema=self._schema,
        )

    def replied(self, reply: Completion) -> None:
        """The model has said this; `add` tells what came of it."""
        self._reply = reply
        self.repeated = reply.text.strip() in self._replies
        self._replies.add(reply.text.strip())

    def add(
        self,
        output: str,
        seen: Sequence[Observation],
        *,
        turn: int,
        left: str = "",
        before: str | None = None,
    ) -> str:
        """Appends the reply and what came of it; gives the message that the model is shown.

        `left` says what is left of the limits of which little is; `before` is what the model
        was shown when this was run before, word for word.
        """
        pack, reply = self._pack, self._reply
        values = {**self._values, "turn": str(turn + 1)}
        last = turn + 1 >= self._turns
        output = clip(output, self._messages.room(pack.output_chars + pack.error_chars))
        parts = [
            output,
            CUT if reply.finish == "length" else "",
            REPEATED if self.repeated else "",
            LEFT.format(left) if left else "",
            pack.last_turn if last else "",
            pack.reminder,
        ]
        shown = "\n\n".join(
            pack.fill(part, values) if part != output else part for part in parts if part
        )
        shown = shown if before is None else before
        self._messages.add(Exchange(turn, reply.text, output, shown, tuple(seen)), reply)
        return shown

    def shrink(self) -> bool:
        """Makes it shorter, for it did not fit in the model's window; False when it cannot be."""
        return self._messages.shrink()

    def told(self) -> tuple[tuple[str, str], ...] | None:
        """All of it as role and text, from the question on; None as long as the model is shown
        all of it."""
        return self._messages.told()

    def extract(self) -> Request:
        """Asks for the answer in plain words, when there are no turns left."""
        text = self._pack.fill(self._pack.extract, self._values)
        *earlier, last = self._messages.now
        final = Message("user", f"{last.content}\n\n{text}")
        return Request((*earlier, final), max_tokens=self._pack.max_tokens, temperature=0.0)


def offers(spec: RunSpec, parts: Parts) -> list[str]:
    """What this run has besides what every run has: the user's functions and packages, and
    the form of its answer."""
    lines = []
    if parts.tools.offered:
        lines.append("In the REPL there are also these functions:")
        lines += [f"- {tool.line}" for tool in parts.tools.offered]
    if parts.packages:
        lines.append(f"These packages can be imported: {', '.join(parts.packages)}.")
    if spec.schema is not None:
        lines.append(f"The answer has to be a Python value of this form: {spec.schema.form}")
    return lines


def render(observations: Sequence[Observation], pack: Pack) -> str:
    """What the model is shown of its cells; every error is shown, whatever came before it."""
    room = pack.output_chars // max(1, len(observations))
    shown = [_render_one(one, room, pack.error_chars) for one in observations]
    if len(shown) == 1:
        return f"Output:\n{shown[0]}"
    return "\n".join(f"Output of block {n}:\n{text}" for n, text in enumerate(shown, 1))


def _render_one(one: Observation, room: int, error_room: int) -> str:
    printed = "".join((one.stdout.text, one.stderr.text and f"\n[stderr] {one.stderr.text}"))
    value = one.value.text
    if printed and value:
        printed, value = clip(printed, room // 2), clip(value, room // 2)
    parts = [clip(printed, room).strip("\n"), clip(value, room)]
    parts.append(clip(one.error, error_room, head_share=0.3))
    parts += [f"({note})" for note in one.notes]
    return "\n".join(part for part in parts if part) or "(no output: print what you want to see)"
