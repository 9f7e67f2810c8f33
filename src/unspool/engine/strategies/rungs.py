"""The ways to answer a question, from which a run climbs down when one fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from unspool.context.source import Context
from unspool.engine.cells import Reply
from unspool.engine.cells import parse as parse_code
from unspool.engine.parts import Parts
from unspool.engine.strategies import steps
from unspool.engine.strategies.grounds import follows
from unspool.engine.strategies.hops import in_paragraphs
from unspool.engine.strategies.pieces import programme
from unspool.engine.strategies.questions import asked, one_answer, overview
from unspool.packs.pack import Pack
from unspool.packs.reading import load
from unspool.profiles import Profile
from unspool.replies import FinalText, spoken
from unspool.schema.items import text_of
from unspool.spec import RunSpec
from unspool.types import Observation, Way

WAYS: list[Way] = ["direct", "rlm", "guided", "mapreduce"]
"""As a run climbs down."""
NOT_IN_TEXT = "NOT IN TEXT"
_FENCED = re.compile(r"\A\s*```[ \t]*\n(.*?)\n?[ \t]*```\s*\Z", re.S)
"""A text in a block of no language."""
CHARS_PER_TOKEN = 3
"""On the safe side, where it is to fit."""
SAMPLED, SAMPLED_CHARS = 20, 1_000
"""Of a list of texts, and of each of them, to see how they are written."""
READ_SHARE = 0.75
"""Of what a model reads well, for a text that it is to read at once."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to answer."""

    name: Way
    pack: Pack
    read: Callable[[str], Reply] = parse_code
    """What a reply asks for."""
    facts: tuple[str, ...] = ()
    """What is so besides, for the parts of the pack."""
    schema: Mapping[str, Any] | None = None
    """What a reply is held to, where the server can."""
    schema_again: Mapping[str, Any] | None = None
    """The same after a reply that was, word for word, one before it; None: as it was."""
    first: tuple[str, ...] = ()
    """Cells before the first reply; what they show goes into the opening."""
    programme: tuple[str, ...] = ()
    """Cells in the place of replies: the root model is not asked at all."""
    turns: int | None = None
    """How many it has at most; None: as many as there are."""
    stumbles: int | None = None
    """How many turns in a row may come to nothing before it is given up; None: any number."""
    text: str = ""
    """In the place of what the context is: the context itself."""
    holds: Callable[[Observation], bool] = lambda seen: True
    """Whether an answer counts."""
    says: Callable[[str], str] = str.strip
    """What the reply after the last turn says, which is to be in plain words."""
    until: int | None = None
    """The turn after which it was left, where it has been taken before; None: it goes on."""

    def left(self, turn: int, *, begun: int, stumbles: int, last: bool) -> str:
        """Why it is given up after that turn, where it had begun after the turn `begun` and the
        last `stumbles` came to nothing; empty: it is not. The `last` rung has nowhere to go."""
        if self.turns is not None and turn - begun >= self.turns:
            return "no answer that holds"
        if last or (self.until is not None and turn < self.until):
            return ""
        if self.stumbles is not None and stumbles >= self.stumbles:
            return f"{stumbles} turns in a row came to nothing"
        return "" if self.until is None else "so it was done before"


def ladder(spec: RunSpec, context: Context, parts: Parts) -> list[Rung]:
    """The ways to go, the first first. A mode that the user has chosen is the only one."""
    profile = parts.profile_of(parts.root)
    made: Mapping[Way, Callable[[], list[Rung]]] = {
        "direct": lambda: [_direct(spec, context, parts)],
        "rlm": lambda: [Rung("rlm", parts.pack, stumbles=_patience(profile))],
        "guided": lambda: _guided(spec, context, parts),
        "mapreduce": lambda: [_pieces(spec, parts)],
    }
    taken = parts.memory.record.ways(spec.run_id)
    if spec.mode == "auto":
        order = _order(profile, asks=spec.max_depth > spec.depth)
        if overview(spec.question) and "mapreduce" in order:  # no step reads all of a text
            order = [way for way in order if way != "guided"]
        if _fits(context, profile) and not parts.tools.offered:
            order = ["direct", *order]
        if taken:
            now = list(taken)[-1]
            order = [now, *(way for way in order if WAYS.index(way) > WAYS.index(now))]
    else:
        order = [spec.mode]
    # A run that goes on takes the same ways up to where it was, whatever is known of its model
    # by now: what was said on each was said to what was asked there.
    over = {way: turn for way, turn in taken.items() if way != order[0]}
    rungs = [(rung, over.get(way)) for way in (*over, *order) for rung in made[way]()]
    return [replace(rung, until=until) for rung, until in rungs]


def _order(profile: Profile, *, asks: bool) -> list[Way]:
    """The ways for one model over a long text. `asks`: models may be called."""
    order = WAYS[WAYS.index(profile.strategy) :]
    if profile.strategy == "rlm" and _patience(profile) is None:
        order = ["rlm"]
    if not asks and "mapreduce" in order:
        order = order[:-1] or ["guided"]
    return order


def _patience(profile: Profile) -> int | None:
    """Of models that stumble: of others each turn may be the one that gets there."""
    codes = 1.0 if profile.codes is None else profile.codes
    return 3 if profile.pack in ("small", "tiny") or codes < 0.9 else None


def _fits(context: Context, profile: Profile) -> bool:
    """Whether a text is read at once as well as by code: well within what was measured."""
    reads = min(profile.effective_tokens.values(), default=0) * READ_SHARE
    return 0 < context.chars <= reads * CHARS_PER_TOKEN


def _direct(spec: RunSpec, context: Context, parts: Parts) -> Rung:
    text = text_of(context.in_memory())

    def read(reply: str) -> Reply:
        said = _FENCED.sub(r"\1", spoken(reply)).strip()
        if NOT_IN_TEXT in said.upper() or not said:
            return Reply(hint=NOT_IN_TEXT)
        written = parse_code(said).final if said.startswith("FINAL") else None
        return Reply(final=written or FinalText(said, None))

    def holds(seen: Observation) -> bool:
        said = str(seen.answer.value) if seen.answer else ""
        return follows(said, text, spec.question)

    only = spec.mode == "direct"
    return Rung(
        "direct",
        _pack("direct", parts),
        read,
        turns=2 if spec.schema is not None else 1,
        text=text,
        holds=(lambda seen: True) if only else holds,
    )


def _guided(spec: RunSpec, context: Context, parts: Parts) -> list[Rung]:
    asks, calls = asked(spec.question), spec.max_depth > spec.depth
    hops = calls and _of_hops(spec, context)
    begin, at_once = steps.operations(calls=calls), steps.at_once(spec.question, hops=hops)
    chosen = Rung(
        "guided",
        _pack("guided", parts),
        steps.read,
        facts=(f"asks-{asks}",),
        schema=steps.schema(asks, labels=calls),
        schema_again=steps.schema(asks, labels=calls, looks=False),
        first=(begin, steps.first_look(spec.question)),
        stumbles=3,
        says=steps.said,
    )
    if not (calls and spec.limits.turns > 1):
        return [chosen]
    first = [Rung("guided", chosen.pack, programme=(begin, at_once))] if at_once else []
    split = [_split(spec.question, () if first else (begin,), parts)] if hops else []
    return [*first, *split, chosen]


def _of_hops(spec: RunSpec, context: Context) -> bool:
    """Whether a question may be one of several steps over prose. What one means that goes on
    from earlier ones is not in it."""
    return not spec.earlier and one_answer(spec.question) and in_paragraphs(_sample(context))


def _split(question: str, first: tuple[str, ...], parts: Parts) -> Rung:
    read = partial(steps.split, question=question)
    return Rung("guided", _pack("split", parts), read, first=first, turns=1, says=_unread)


def _sample(context: Context) -> str:
    """Some of a text, or of the texts of a list."""
    value = context.value
    if isinstance(value, (list, tuple)):
        return "\n".join(one[:SAMPLED_CHARS] for one in value[:SAMPLED] if isinstance(one, str))
    return "\n".join(context.ends(SAMPLED * SAMPLED_CHARS))


def _unread(_reply: str) -> str:
    """What a model says of a text of which it has seen nothing."""
    return ""


def _pieces(spec: RunSpec, parts: Parts) -> Rung:
    piece_chars = parts.profile_of(parts.sub).piece_chars
    return Rung("mapreduce", parts.pack, programme=programme(spec, piece_chars))


def _pack(name: str, parts: Parts) -> Pack:
    """The prompts of a way, asked as hot as those of the root model: a second opinion is asked
    at another temperature than the first."""
    return replace(load(name), temperature=parts.pack.temperature)
