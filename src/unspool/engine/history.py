"""The messages that the root model sees: they grow at the end alone while they fit its window."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.context.describe import describe
from unspool.context.source import Context
from unspool.engine.long.messages import Messages
from unspool.engine.long.short import Exchange, clip
from unspool.engine.long.shown import offers
from unspool.engine.parts import Parts
from unspool.engine.strategies.rungs import Rung
from unspool.spec import RunSpec
from unspool.types import Completion, Message, Observation, Request, Usage

REPEATED = (
    "You have written exactly this before. Finish, if the output shows the answer, or"
    " do something else: search for other words."
)
LEFT = "Left for this run and all its sub-calls: {}. Come to an answer before it is used up."
CUT = "Your reply was longer than it may be, and its end is missing: write shorter ones."
UNSTUCK = 0.8
"""Temperature after a repeated reply, where it is 0 and nothing else is asked for: else the same
would come for ever."""


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
        self._schema, self._schema_again = rung.schema, rung.schema_again
        self._turns = spec.limits.turns
        self._replies: set[str] = set()
        self._reply = Completion("", Usage(), "")
        self.repeated = 0
        """How many of the last replies were, word for word, one before them."""
        self._values = {"question": spec.question, "turns": str(self._turns)}
        joined = getattr(parts.sandbox, "joins_documents", False)
        told = rung.text or describe(context, pack.preview_chars, joined=joined)
        offered = offers(spec, parts, codes=not rung.text)
        lines = [told, *spec.earlier, *offered, *([shown] if shown else [])]
        described = {**self._values, "context": "\n".join(lines)}
        opening = Message("user", pack.fill(pack.opening, described))
        new = (Message("system", pack.system), *pack.examples, opening)
        recorded = parts.memory.record.opening(spec.run_id) if first_of_all else ()
        self.messages = Messages(
            recorded or new,
            window_tokens=parts.profile_of(parts.root).window_tokens,
            share=pack.history_share,
            reply_tokens=pack.max_tokens,
        )
        """What is sent, and how it is made shorter."""
        self.opening = (recorded or new)[-1].content
        """The first message: the question, and what the context is."""

    def request(self) -> Request:
        """What to send to the root model now."""
        pack = self._pack
        again = self._schema_again if self.repeated else None
        stuck = self.repeated > (1 if again else 0) and pack.temperature == 0
        return Request(
            self.messages.now,
            max_tokens=pack.max_tokens,
            temperature=UNSTUCK if stuck else pack.temperature,
            stop=pack.stop,
            schema=again or self._schema,
        )

    def replied(self, reply: Completion) -> None:
        """The model has said this; `add` tells what came of it."""
        self._reply = reply
        self.repeated = self.repeated + 1 if reply.text.strip() in self._replies else 0
        self._replies.add(reply.text.strip())

    def add(
        self, output: str, seen: Sequence[Observation], *, turn: int, left: str, before: str | None
    ) -> str:
        """Appends the reply and what came of it; gives the message that the model is shown.

        `left` says what is left of the limits of which little is; `before` is what the model
        was shown when this was run before, word for word.
        """
        pack, reply = self._pack, self._reply
        values = {**self._values, "turn": str(turn + 1)}
        last = turn + 1 >= self._turns
        output = clip(output, self.messages.room(pack.output_chars + pack.error_chars))
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
        self.messages.add(Exchange(turn, reply.text, output, shown, tuple(seen)), reply)
        return shown

    def extract(self) -> Request:
        """Asks for the answer in plain words, when there are no turns left."""
        text = self._pack.fill(self._pack.extract, self._values)
        *earlier, last = self.messages.now
        final = Message("user", f"{last.content}\n\n{text}")
        return Request((*earlier, final), max_tokens=self._pack.max_tokens, temperature=0.0)
